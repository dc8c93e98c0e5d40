//! Parts: which blobs may be in the tier of a value. A whole value that is resident and alone needs no list of them.

use std::collections::BTreeMap;

use zstore_core::Key;
use zstore_directory::Pass;
use zstore_format::Part;

use super::{Catalog, guests::Guest};
use crate::name::{BlobId, Home};

/// What may be in the tier of one value.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Every part that is resident, reserved or leaving, with how often: a part may leave while its successor is
    /// written.
    pub(super) counts: BTreeMap<Part, usize>,
    /// Blobs of others.
    pub(super) guests: BTreeMap<Part, Guest>,
    /// As far as writes change it, the value is known in this state.
    pub(super) state: Option<Pass>,
    /// The value found no room as a whole, since something of it came to be here.
    pub(super) whole_refused: bool,
}

impl Catalog {
    /// Every part of a value that is resident, reserved, leaving, or a guest.
    pub(super) fn parts_of(&self, key: &Key) -> impl Iterator<Item = Part> {
        let listed = self.keys.get(key);
        let unlisted = listed.is_none() && self.ledger.peek(&BlobId::whole(key.clone())).is_some();
        let listed = listed.into_iter().flat_map(|parts| {
            let guests = parts.guests.keys().filter(|part| !parts.counts.contains_key(part));
            parts.counts.keys().chain(guests).copied()
        });
        listed.chain(unlisted.then_some(Part::Whole))
    }

    /// Lists a value that is only known from an index: to be called before anything else of it is listed. Most of what
    /// an index tells is never asked for, and is not worth a list of its own.
    pub(super) fn wake(&mut self, key: &Key) {
        if self.unlisted > 0 && !self.keys.contains_key(key) {
            let id = BlobId::whole(key.clone());
            if self.ledger.peek(&id).is_some() {
                self.unlisted -= 1;
                self.note(id);
            }
        }
    }

    /// The same of one that is resident no more.
    pub(super) fn wake_leaving(&mut self, id: &BlobId) {
        if self.unlisted > 0 && id.home == Home::OWN && !self.keys.contains_key(&id.key) {
            self.unlisted -= 1;
            self.note(id.clone());
        }
    }

    /// Whether it is of this namespace, and not found by the names of its blobs.
    fn is_stray(&self, id: &BlobId) -> bool {
        id.home != Home::OWN && self.space(id.home).digest() == self.space(Home::OWN).digest()
    }

    pub(super) fn note(&mut self, id: BlobId) {
        if self.is_stray(&id) {
            *self.strays.entry(id.key).or_default() += 1;
        } else if id.home == Home::OWN {
            let part = id.part();
            *self.keys.entry(id.key).or_default().counts.entry(part).or_default() += 1;
        }
    }

    pub(super) fn strike(&mut self, id: &BlobId) {
        if self.is_stray(id)
            && let Some(count) = self.strays.get_mut(&id.key)
        {
            *count -= 1;
            if *count == 0 {
                self.strays.remove(&id.key);
            }
        }
        if id.home != Home::OWN {
            return;
        }
        let Some(Parts { counts, .. }) = self.keys.get_mut(&id.key) else { return };
        if let Some(count) = counts.get_mut(&id.part()) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&id.part());
            }
        }
        self.drop_if_empty(&id.key);
    }

    pub(super) fn drop_if_empty(&mut self, key: &Key) {
        if self.keys.get(key).is_some_and(|parts| parts.counts.is_empty() && parts.guests.is_empty()) {
            self.keys.remove(key);
        }
    }
}
