//! Guests: blobs of other caches that share the directory, known by their headers, in nobody's books here.

use std::sync::Arc;

use zstore_core::{Key, Timestamp};
use zstore_directory::Pass;
use zstore_policy::Reason;

use super::{Catalog, Entry, Gone};
use crate::name::BlobId;

/// A blob of another cache that shares the directory: it takes no room of this one's.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) entry: Arc<Entry>,
    pub(super) weight: u64,
    pub(super) expires: Option<Timestamp>,
}

/// What is known of so many blobs of others; it can be had again from the blobs.
const GUESTS_MAX: usize = 1 << 16;

impl Catalog {
    pub(super) fn guest(&self, id: &BlobId, now: Timestamp) -> Option<Arc<Entry>> {
        if self.guests == 0 {
            return None;
        }
        let guest = self.keys.get(&id.key)?.guests.get(&id.part())?;
        let useful = guest.expires.is_none_or(|expires| expires > now);
        useful.then(|| Arc::clone(&guest.entry))
    }

    /// What is known of a guest of that weight, which is none.
    pub(super) fn take_guest(&mut self, id: &BlobId, weight: u64) -> Option<Arc<Entry>> {
        let guest = self.keys.get(&id.key)?.guests.get(&id.part()).filter(|guest| guest.weight == weight)?;
        let entry = Arc::clone(&guest.entry);
        self.forget_guest(id);
        Some(entry)
    }

    /// A blob was found by its name, and read as far as its header: it weighs so much. Answers what leaves the books
    /// because that blob is another's: the bytes of it are gone.
    pub(crate) fn meet(
        &mut self,
        id: &BlobId,
        entry: Arc<Entry>,
        weight: u64,
        expires: Option<Timestamp>,
        state: Pass,
    ) -> Option<Gone> {
        self.confirm(&id.key, Some(state));
        let mut gone = None;
        match self.ledger.peek(id).map(|resident| resident.weight) {
            Some(own) if own == weight => {
                if let Some(record) = self.ledger.record_mut(id) {
                    record.entry = Some(entry);
                }
                self.ledger.renew(id, expires.map(Timestamp::as_millis));
                return None;
            }
            Some(_) => gone = self.leave(id, Reason::Invalidated),
            None => {}
        }
        if self.guests >= GUESTS_MAX {
            self.forget_all_guests();
        }
        let parts = self.keys.entry(id.key.clone()).or_default();
        parts.state = Some(state);
        if parts.guests.insert(id.part(), Guest { entry, weight, expires }).is_none() {
            self.guests += 1;
        }
        gone
    }

    /// Whether `entry` is known of a blob of another cache.
    pub(crate) fn is_guest(&self, id: &BlobId, entry: &Arc<Entry>) -> bool {
        let guest = self.keys.get(&id.key).and_then(|parts| parts.guests.get(&id.part()));
        guest.is_some_and(|guest| Arc::ptr_eq(&guest.entry, entry))
    }

    pub(super) fn forget_guest(&mut self, id: &BlobId) {
        let guest = self.keys.get_mut(&id.key).and_then(|parts| parts.guests.remove(&id.part()));
        if guest.is_some() {
            self.guests -= 1;
            self.drop_if_empty(&id.key);
        }
    }

    pub(super) fn forget_guests(&mut self, key: &Key) {
        if let Some(parts) = self.keys.get_mut(key) {
            self.guests -= std::mem::take(&mut parts.guests).len();
            self.drop_if_empty(key);
        }
    }

    pub(super) fn forget_all_guests(&mut self) {
        for parts in self.keys.values_mut() {
            parts.guests.clear();
        }
        self.keys.retain(|_, parts| !parts.counts.is_empty());
        self.guests = 0;
    }
}
