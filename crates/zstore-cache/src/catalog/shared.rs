//! The catalog of a tier that others share: what is known only from an index, and blobs of others.

use std::sync::Arc;

use zstore_core::{Key, Timestamp};
use zstore_directory::Pass;
use zstore_format::{Part, Space, blob_id};
use zstore_policy::{Hashed, KeyHasher, Reason, Terms};

use super::{Catalog, Entry, Gone, Record, parts::Parts};
use crate::{
    name::{BlobId, Home},
    sharing::books::{Note, SharedBooks},
};

/// A blob that an index tells of, with all that can be found out of it without the catalog.
pub(crate) struct Inherited {
    id: Hashed<BlobId>,
    /// What the policy knows it by.
    policy_id: u64,
    weight: u64,
    fetched: Timestamp,
    is_absence: bool,
    pub(crate) seat: u32,
    expires: Option<Timestamp>,
}

impl Inherited {
    pub(crate) fn new(note: Note, seat: u32, expires: Option<Timestamp>, hasher: &KeyHasher) -> Self {
        let policy_id = blob_id(&note.id.key, note.id.part());
        Self::known_as(policy_id, note, seat, expires, hasher)
    }

    /// One that the index told what the policy knows it by.
    pub(crate) fn known_as(
        policy_id: u64,
        note: Note,
        seat: u32,
        expires: Option<Timestamp>,
        hasher: &KeyHasher,
    ) -> Self {
        let Note { id, weight, fetched, is_absence } = note;
        Self { id: hasher.hash(id), policy_id, weight, fetched, is_absence, seat, expires }
    }

    pub(crate) const fn id(&self) -> &BlobId {
        self.id.key()
    }

    pub(crate) fn into_note(self) -> Note {
        let Self { id, weight, fetched, is_absence, .. } = self;
        Note { id: id.into_key(), weight, fetched, is_absence }
    }

    pub(crate) fn note(&self) -> Note {
        let Self { id, weight, fetched, is_absence, .. } = self;
        Note { id: id.key().clone(), weight: *weight, fetched: *fetched, is_absence: *is_absence }
    }
}

impl Catalog {
    /// From now on what happens is put down in these books.
    pub(crate) fn keep(&mut self, books: SharedBooks) {
        self.books = Some(books);
    }

    /// The room of this cache in bytes, and how much of it is taken by what is not known by name.
    pub(crate) fn set_room(&mut self, room: u64, unknown: u64) {
        self.ledger.set_overhead(unknown);
        self.ledger.set_weight_max(Some(room));
    }

    /// Bytes of all that is known by name.
    pub(crate) fn known(&self) -> u64 {
        self.ledger.resident_weight()
    }

    /// Another bound on the room.
    pub(crate) fn set_room_max(&mut self, room: u64) {
        self.ledger.set_weight_max(Some(room));
    }

    pub(crate) fn space(&self, home: Home) -> Space {
        // Homes are made here only, one for each space.
        self.spaces.get(usize::from(home.0)).copied().unwrap_or(self.spaces[0])
    }

    /// All homes, each with its space.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = (Home, Space)> {
        self.spaces.iter().copied().zip(0..).map(|(space, at)| (Home(at), space))
    }

    /// The home of blobs of a space; none if there are too many.
    pub(crate) fn home(&mut self, space: Space) -> Option<Home> {
        let at = self.spaces.iter().position(|known| *known == space).unwrap_or(self.spaces.len());
        let home = u16::try_from(at).ok().filter(|at| *at < u16::MAX).map(Home)?;
        if at == self.spaces.len() {
            self.spaces.push(space);
        }
        Some(home)
    }

    /// The home of whole values of a namespace: they lie in one place, whatever its blocks are.
    pub(crate) fn home_of_wholes(&mut self, space: Space) -> Option<Home> {
        let first = self.spaces.iter().copied().find(|known| known.digest() == space.digest());
        self.home(first.unwrap_or(space))
    }

    /// Whether a blob of this name is reserved, leaving or could not be removed yet, and none is resident.
    pub(crate) fn is_under_way(&self, id: &BlobId) -> bool {
        let listed = self.keys.get(&id.key).is_some_and(|parts| parts.counts.contains_key(&id.part()));
        listed && self.ledger.peek(id).is_none()
    }

    /// An index tells of so many blobs: makes room for what is known of them.
    pub(crate) fn expect(&mut self, blobs: usize) {
        self.ledger.expect(blobs);
    }

    /// Hashes names of blobs for [`Inherited`].
    pub(crate) fn hasher(&self) -> KeyHasher {
        self.ledger.hasher()
    }

    /// A blob that an index tells of.
    ///
    /// # Errors
    /// It comes back if there is one of that name.
    pub(crate) fn take_over(&mut self, inherited: Inherited) -> Result<(), Note> {
        let Inherited { id: hashed, policy_id, weight, fetched, is_absence, seat, expires } = inherited;
        let id = hashed.key();
        let is_listed = id.home != Home::OWN || id.part() != Part::Whole || self.keys.contains_key(&id.key);
        if is_listed && id.home == Home::OWN {
            self.wake(&id.key);
        }
        let terms = Terms { expires: expires.map(Timestamp::as_millis), id: policy_id, cost: 1 };
        let guest = if self.guests > 0 { self.take_guest(id, weight) } else { None };
        let record = Record::new(guest, Some(seat), fetched, is_absence);
        let early = record.entry.is_some().then(|| id.clone());
        let listed = is_listed.then(|| id.clone());
        let recovered = self.ledger.recover_hashed(hashed, weight, record, terms);
        recovered.map_err(|(id, _)| Note { id, weight, fetched, is_absence })?;
        self.early.extend(early);
        match listed {
            Some(id) => self.note(id),
            None => self.unlisted += 1,
        }
        Ok(())
    }

    /// Tells the policy, and the books, of what was read before it was taken over.
    pub(crate) fn touch_early(&mut self) {
        for id in std::mem::take(&mut self.early) {
            self.probe(&id, Timestamp::from_millis(0));
        }
    }

    /// As far as writes change it, the value is in this state; nobody can tell if none. What is known of it from
    /// another one has to be looked for again before it is served.
    pub(crate) fn confirm(&mut self, key: &Key, state: Option<Pass>) {
        self.wake(key);
        let same = |parts: &&mut Parts| state.is_some() && parts.state == state;
        let Some(parts) = self.keys.get_mut(key).filter(|parts| !same(parts)) else { return };
        parts.state = state;
        self.guests -= parts.guests.len();
        parts.guests.clear();
        let ids: Vec<BlobId> = parts.counts.keys().map(|part| BlobId::new(key.clone(), *part)).collect();
        for id in &ids {
            if let Some(record) = self.ledger.record_mut(id) {
                record.entry = None;
            }
        }
        self.drop_if_empty(key);
    }

    /// Its blob is another one now: it has to be looked for again before it is served.
    pub(crate) fn doubt(&mut self, id: &BlobId, entry: &Arc<Entry>) {
        if self.is_resident(id, entry) {
            if let Some(record) = self.ledger.record_mut(id) {
                record.entry = None;
            }
        } else if self.is_guest(id, entry) {
            self.forget_guest(id);
        }
    }

    /// Its blob is not there any more: it leaves the books. None if it was a guest, or is not what is known.
    pub(crate) fn forget(&mut self, id: &BlobId, entry: &Arc<Entry>) -> Option<Gone> {
        if self.is_resident(id, entry) {
            return self.leave(id, Reason::Invalidated);
        }
        if self.is_guest(id, entry) {
            self.forget_guest(id);
        }
        None
    }

    /// What a blob in the books weighs, known or not.
    pub(crate) fn weight(&self, id: &BlobId) -> Option<u64> {
        self.ledger.peek(id).map(|resident| resident.weight)
    }

    /// Tells every resident that has a seat, who leaves first in front.
    pub(crate) fn for_each_seated(&self, tell: &mut dyn FnMut(u32, Note)) {
        for (id, resident) in self.ledger.in_order() {
            let Record { fetched, is_absence, .. } = *resident.record;
            if let Some(seat) = resident.record.seat() {
                tell(seat, Note { id: id.clone(), weight: resident.weight, fetched, is_absence });
            }
        }
    }

    /// Whether it is still the one that sat there.
    pub(crate) fn is_seated(&self, seat: u32, note: &Note) -> bool {
        let held = self.ledger.peek(&note.id).map(|resident| resident.record);
        held.is_some_and(|record| record.seat() == Some(seat) && record.fetched == note.fetched)
    }

    /// Where every blob in the books lies.
    pub(crate) fn names(&self) -> Vec<(BlobId, u64)> {
        self.ledger.iter().map(|(id, resident)| (id.clone(), resident.weight)).collect()
    }
}
