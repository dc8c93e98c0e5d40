//! The catalog: what is resident, found by blob and by key.

mod entry;
mod guests;
mod leaving;
mod parts;
mod shared;

pub(crate) use entry::{Entry, Place, Record};
pub(crate) use shared::Inherited;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use foldhash::quality::RandomState;
use zstore_core::{Key, Meta, Timestamp, Version};
use zstore_format::{Content, Part, Space, blob_id};
use zstore_policy::{Grant, Leaving, Ledger, Lookup, Policy, Reason, Refused, Reservation, Terms};

use crate::{
    name::{BlobId, Home},
    sharing::books::{Note, SharedBooks},
    watch::Moment,
};
use parts::Parts;

pub(crate) type Gone = Leaving<BlobId, Record>;
pub(crate) type Claim = Reservation<BlobId>;

/// A ledger of blobs, and an index of the blobs that may be in the tier for each key.
#[derive(Debug)]
pub(crate) struct Catalog {
    ledger: Ledger<BlobId, Record>,
    /// What is in nobody's list here is in the tier as a whole value that is resident, or not at all: see `wake`.
    keys: HashMap<Key, Parts, RandomState>,
    /// How many blobs there are of a value that are blocks of another size.
    strays: HashMap<Key, usize, RandomState>,
    /// How many values are resident and not listed.
    unlisted: usize,
    /// How many guests there are.
    guests: usize,
    /// What was read before it was known that it is this cache's own.
    early: Vec<BlobId>,
    /// The journal, if the tier is shared.
    books: Option<SharedBooks>,
    /// Where blobs lie: this cache's own, then those of others whose blobs are in the books.
    spaces: Vec<Space>,
}

impl Catalog {
    pub(crate) fn new(size_max: Option<u64>, overhead: u64, own: Space, policy: Box<dyn Policy>) -> Self {
        let ledger = Ledger::new(size_max, policy).with_overhead(overhead);
        Self {
            ledger,
            keys: HashMap::default(),
            strays: HashMap::default(),
            unlisted: 0,
            guests: 0,
            early: Vec::new(),
            books: None,
            spaces: vec![own],
        }
    }

    pub(crate) const fn ledger(&self) -> &Ledger<BlobId, Record> {
        &self.ledger
    }

    /// The blob of this id, if it is of any use, counted as a hit for the policy.
    pub(crate) fn probe(&mut self, id: &BlobId, now: Timestamp) -> Option<Arc<Entry>> {
        match self.ledger.probe(id, now.as_millis()) {
            Lookup::Fresh(record @ Record { entry: Some(entry), .. }) => {
                if let (Some(books), Some(seat)) = (&self.books, record.seat()) {
                    books.touched(seat);
                }
                Some(Arc::clone(entry))
            }
            Lookup::Fresh(_) | Lookup::Stale(_) => None,
            Lookup::Absent => self.guest(id, now),
        }
    }

    /// The blob of this id, if it is of any use, without the policy hearing of it.
    pub(crate) fn useful(&self, id: &BlobId, now: Timestamp) -> Option<Arc<Entry>> {
        let Some(resident) = self.ledger.peek(id) else { return self.guest(id, now) };
        let useful = resident.expires.is_none_or(|expires| expires > now.as_millis());
        resident.record.entry.clone().filter(|_| useful)
    }

    /// The blocks among `indices` of the value that `meta` tells of.
    pub(crate) fn blocks(&mut self, meta: &Meta, indices: &BTreeSet<u64>, now: Timestamp) -> Vec<(u64, Arc<Entry>)> {
        let useful = |index: &u64| Some((*index, self.probe(&BlobId::block(meta.key.clone(), *index), now)?));
        let mut blocks: Vec<(u64, Arc<Entry>)> = indices.iter().filter_map(useful).collect();
        blocks.retain(|(_, entry)| entry.content.meta().is_some_and(|own| own.is_same_value(meta)));
        blocks
    }

    /// A block of the value that tells what the value is: a fresh one if there is one.
    pub(crate) fn any_block(&self, key: &Key, now: Timestamp, fresh: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        let blocks = self.parts_of(key).filter(|part| *part != Part::Whole);
        let mut blocks = blocks.filter_map(|part| self.useful(&BlobId::new(key.clone(), part), now));
        let first = blocks.next()?;
        if fresh(&first) { Some(first) } else { blocks.find(|entry| fresh(entry)).or(Some(first)) }
    }

    /// Everything that is resident of a value, with its weight.
    pub(crate) fn of_key(&self, key: &Key) -> Vec<(Arc<Entry>, u64)> {
        let parts = self.keys.get(key);
        let residents = self.parts_of(key).filter_map(|part| match self.ledger.peek(&BlobId::new(key.clone(), part)) {
            Some(resident) => Some((resident.record.entry.clone()?, resident.weight)),
            None => {
                parts.and_then(|parts| parts.guests.get(&part)).map(|guest| (Arc::clone(&guest.entry), guest.weight))
            }
        });
        residents.collect()
    }

    /// The source held this version at `validated`: what is resident of it is as young as that.
    pub(crate) fn renew(
        &mut self,
        key: &Key,
        version: &Version,
        validated: Moment,
        expires: impl Fn(&Content) -> Option<Timestamp>,
    ) {
        let parts: Vec<Part> = self.parts_of(key).collect();
        for id in parts.into_iter().map(|part| BlobId::new(key.clone(), part)) {
            let guest = self.keys.get_mut(key).and_then(|parts| parts.guests.get_mut(&id.part()));
            let resident = self.ledger.peek(&id).map(|resident| resident.record.entry.clone());
            let Some(entry) = resident.unwrap_or_else(|| guest.as_ref().map(|guest| Arc::clone(&guest.entry))) else {
                continue;
            };
            if entry.is_older_than(validated) && entry.content.meta().is_some_and(|own| own.version.matches(version)) {
                entry.validated.set(validated);
                let expires = expires(&entry.content);
                if let Some(guest) = guest {
                    guest.expires = expires;
                }
                self.ledger.renew(&id, expires.map(Timestamp::as_millis));
            }
        }
    }

    /// Whether `entry` is still the resident of `id`.
    pub(crate) fn is_resident(&self, id: &BlobId, entry: &Arc<Entry>) -> bool {
        let held = self.ledger.peek(id).and_then(|resident| resident.record.entry.as_ref());
        held.is_some_and(|held| Arc::ptr_eq(held, entry))
    }

    pub(crate) fn reserve(
        &mut self,
        id: BlobId,
        weight: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Grant<BlobId, Record>, Refused> {
        self.wake(&id.key);
        let reserved = self.ledger.reserve(id.clone(), weight, terms(&id, expires), now.as_millis());
        match &reserved {
            Ok(grant) => {
                self.note(id);
                grant.leaving.iter().for_each(|gone| self.put_down_leaving(gone));
            }
            Err(_) => self.drop_if_empty(&id.key),
        }
        reserved
    }

    /// Room in bytes that nobody has a claim on.
    pub(crate) fn free(&self) -> u64 {
        let taken = self.ledger.charged().saturating_add(self.ledger.promised());
        self.ledger.weight_max().map_or(u64::MAX, |max| max.saturating_sub(taken))
    }

    /// Whether more is here or on its way than there is room for.
    pub(crate) fn is_over(&self) -> bool {
        let taken = self.ledger.charged().saturating_add(self.ledger.promised());
        self.ledger.weight_max().is_some_and(|max| taken > max)
    }

    /// Whether some of the room is reserved or being vacated, so that there may be more before long.
    pub(crate) fn is_in_motion(&self) -> bool {
        self.ledger.in_motion() > 0
    }

    /// What the residents of a key weigh in bytes.
    pub(crate) fn weight_of(&self, key: &Key) -> u64 {
        let residents = self.parts_of(key).filter_map(|part| self.ledger.peek(&BlobId::new(key.clone(), part)));
        residents.map(|resident| resident.weight).sum()
    }

    /// Takes residents of `needed` bytes or a little more out of service: the expired, then those that come first in
    /// `order`, which is filled anew with whom the policy names first of those that may `leave`. None, and nobody but
    /// the expired has left, if that is not enough.
    pub(crate) fn vacate(
        &mut self,
        needed: u64,
        order: &mut VecDeque<BlobId>,
        now: Timestamp,
        leaves: impl Fn(&BlobId) -> bool,
    ) -> (Vec<Gone>, bool) {
        let mut gone = self.ledger.expire(now.as_millis());
        let expired = gone.iter().fold(0, |sum: u64, gone| sum.saturating_add(gone.weight));
        let needed = needed.saturating_sub(expired);
        let mut chosen = self.first_to_leave(needed, order, &leaves);
        if chosen.is_none() {
            *order = self.ledger.in_order().into_iter().map(|(id, _)| id).filter(|id| leaves(id)).cloned().collect();
            chosen = self.first_to_leave(needed, order, &leaves);
        }
        let enough = chosen.is_some();
        gone.extend(chosen.into_iter().flatten().filter_map(|id| self.ledger.leave(&id, Reason::Evicted)));
        gone.iter().for_each(|gone| self.put_down_leaving(gone));
        (gone, enough)
    }

    /// Takes out of `order` those that come first, residents of `needed` bytes at least; none if all are not enough.
    fn first_to_leave(
        &self,
        needed: u64,
        order: &mut VecDeque<BlobId>,
        leaves: impl Fn(&BlobId) -> bool,
    ) -> Option<Vec<BlobId>> {
        let (mut chosen, mut weight) = (Vec::new(), 0_u64);
        while weight < needed {
            let id = order.pop_front()?;
            // Since the order was taken, another blob may have come under a name.
            if let Some(resident) = self.ledger.peek(&id).filter(|_| leaves(&id)) {
                weight = weight.saturating_add(resident.weight);
                chosen.push(id);
            }
        }
        Some(chosen)
    }

    /// A blob is about to be written under a claim. Answers its seat in the journal, if the tier is shared.
    pub(crate) fn announce(&self, claim: &Claim, entry: &Entry) -> Option<u32> {
        let note = Note {
            id: claim.key.clone(),
            weight: claim.weight,
            fetched: entry.fetched,
            is_absence: entry.is_absence(),
        };
        self.books.as_ref().map(|books| books.put(note, self.space(claim.key.home), false))
    }

    pub(crate) fn commit(&mut self, claim: Claim, entry: Entry, seat: Option<u32>) -> Result<(), Claim> {
        let id = claim.key.clone();
        let (fetched, is_absence) = (entry.fetched, entry.is_absence());
        self.ledger.commit(claim, Record::new(Some(Arc::new(entry)), seat, fetched, is_absence))?;
        if let (Some(books), Some(seat)) = (&self.books, seat) {
            books.landed(seat);
        }
        self.forget_guest(&id);
        Ok(())
    }

    pub(crate) fn abort(&mut self, claim: Claim, seat: Option<u32>) {
        self.strike(&claim.key.clone());
        self.put_down_gone(seat);
        self.ledger.abort(claim);
    }

    pub(crate) fn spoil(&mut self, claim: Claim, seat: Option<u32>) -> Gone {
        let mut gone = self.ledger.spoil(claim);
        let fetched = Timestamp::from_millis(0);
        gone.record = seat.map(|seat| Record::new(None, Some(seat), fetched, false));
        gone
    }

    /// A blob found in the tier on opening.
    pub(crate) fn recover(&mut self, id: BlobId, weight: u64, entry: Entry, expires: Option<Timestamp>) -> bool {
        self.wake(&id.key);
        let terms = terms(&id, expires);
        let (fetched, is_absence) = (entry.fetched, entry.is_absence());
        let record = Record::new(Some(Arc::new(entry)), None, fetched, is_absence);
        let recovered = self.ledger.recover(id.clone(), weight, record, terms).is_ok();
        if recovered {
            self.note(id);
        }
        recovered
    }

    /// What is too much after recovery.
    pub(crate) fn trim(&mut self, now: Timestamp) -> Vec<Gone> {
        let mut gone = self.ledger.expire(now.as_millis());
        gone.extend(self.ledger.trim(now.as_millis()));
        gone.iter().for_each(|gone| self.put_down_leaving(gone));
        gone
    }

    /// How many values or absences something is resident of.
    pub(crate) fn keys(&self) -> u64 {
        (self.keys.len() + self.unlisted) as u64
    }

    /// Recounts what the ledger keeps, and looks for every resident in the index of keys.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.ledger.check()?;
        let mut unlisted = 0;
        for (id, _) in self.ledger.iter().filter(|(id, _)| id.home == Home::OWN) {
            match self.keys.get(&id.key) {
                Some(parts) if parts.counts.contains_key(&id.part()) => {}
                None if id.part() == Part::Whole => unlisted += 1,
                _ => return Err(format!("{id:?} is resident but not in the index of keys")),
            }
        }
        if unlisted == self.unlisted {
            Ok(())
        } else {
            Err(format!("{unlisted} whole values are not in the index of keys, not {}", self.unlisted))
        }
    }

    /// The value found no room as a whole. That is remembered as long as anything of it is here.
    pub(crate) fn refuse_whole(&mut self, key: &Key) {
        self.wake(key);
        if let Some(parts) = self.keys.get_mut(key) {
            parts.whole_refused = true;
        }
    }

    /// Whether the value found no room as a whole.
    pub(crate) fn is_too_large_whole(&self, key: &Key) -> bool {
        self.keys.get(key).is_some_and(|parts| parts.whole_refused)
    }
}

/// What a blob is resident with.
fn terms(id: &BlobId, expires: Option<Timestamp>) -> Terms {
    Terms { expires: expires.map(Timestamp::as_millis), id: blob_id(&id.key, id.part()), cost: 1 }
}
