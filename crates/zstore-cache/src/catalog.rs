//! The catalog: what is resident, found by blob and by key.

mod shared;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use zstore_core::{Key, Meta, Prefix, Timestamp, Version};
use zstore_directory::Pass;
use zstore_format::{Content, Part, Space, blob_id};
use zstore_policy::{Grant, Leaving, Ledger, Lookup, Policy, Reason, Refused, Reservation, Terms};

use crate::{
    name::{BlobId, Home},
    sharing::books::{Note, SharedBooks},
    watch::{Mark, Moment},
};

/// What is kept of a resident.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    /// When the fetch began: the source held these bytes at that time or later.
    pub(crate) fetched: Timestamp,
    /// When the source was last asked and still held them.
    pub(crate) validated: Mark,
    pub(crate) place: Place,
}

impl Entry {
    /// Whether a source that was asked at `asked` knows at least as much as this.
    fn is_older_than(&self, asked: Moment) -> bool {
        asked.may_follow(self.validated.get())
    }

    const fn is_absence(&self) -> bool {
        matches!(self.content, Content::Absent(_))
    }
}

/// Where the bytes of a resident are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a tier that shares its memory: here are the very bytes.
    Held(Bytes),
    /// In a blob of the tier that bears this stamp and has a header of so many bytes.
    Blob { stamp: u64, header_bytes: usize },
}

/// What the ledger keeps beside a resident.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// What its blob says; not known if it is only known from an index, or was perhaps written over since.
    entry: Option<Arc<Entry>>,
    /// What it is called in the journal of a directory that is shared.
    seat: Option<u32>,
    fetched: Timestamp,
    is_absence: bool,
}

/// A blob of another cache that shares the directory: it takes no room of this one's.
#[derive(Debug)]
struct Guest {
    entry: Arc<Entry>,
    weight: u64,
    expires: Option<Timestamp>,
}

/// What is known of so many blobs of others; it can be had again from the blobs.
const GUESTS_MAX: usize = 1 << 16;

pub(crate) type Gone = Leaving<BlobId, Record>;
pub(crate) type Claim = Reservation<BlobId>;

/// A ledger of blobs, and an index of the blobs that may be in the tier for each key.
#[derive(Debug)]
pub(crate) struct Catalog {
    ledger: Ledger<BlobId, Record>,
    /// What is in nobody's list here is in the tier as a whole value that is resident, or not at all: see `wake`.
    keys: HashMap<Key, Parts, RandomState>,
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

/// What may be in the tier of one value.
#[derive(Debug, Default)]
struct Parts {
    /// Every part that is resident, reserved or leaving, with how often: a part may leave while its successor is
    /// written.
    counts: BTreeMap<Part, usize>,
    /// Blobs of others.
    guests: BTreeMap<Part, Guest>,
    /// As far as writes change it, the value is known in this state.
    state: Option<Pass>,
    /// The value found no room as a whole, since something of it came to be here.
    whole_refused: bool,
}

impl Catalog {
    pub(crate) fn new(size_max: Option<u64>, overhead: u64, own: Space, policy: Box<dyn Policy>) -> Self {
        let ledger = Ledger::new(size_max, policy).with_overhead(overhead);
        Self {
            ledger,
            keys: HashMap::default(),
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
            Lookup::Fresh(Record { entry: Some(entry), seat, .. }) => {
                if let (Some(books), Some(seat)) = (&self.books, seat) {
                    books.touched(*seat);
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

    fn guest(&self, id: &BlobId, now: Timestamp) -> Option<Arc<Entry>> {
        if self.guests == 0 {
            return None;
        }
        let guest = self.keys.get(&id.key)?.guests.get(&id.part)?;
        let useful = guest.expires.is_none_or(|expires| expires > now);
        useful.then(|| Arc::clone(&guest.entry))
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
            let guest = self.keys.get_mut(key).and_then(|parts| parts.guests.get_mut(&id.part));
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
        self.ledger.commit(claim, Record { entry: Some(Arc::new(entry)), seat, fetched, is_absence })?;
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
        gone.record = seat.map(|seat| Record { entry: None, seat: Some(seat), fetched, is_absence: false });
        gone
    }

    pub(crate) fn leave(&mut self, id: &BlobId, reason: Reason) -> Option<Gone> {
        let gone = self.ledger.leave(id, reason);
        gone.iter().for_each(|gone| self.put_down_leaving(gone));
        gone
    }

    fn put_down_leaving(&mut self, gone: &Gone) {
        self.wake_leaving(&gone.key);
        let Some((books, record)) = self.books.as_ref().zip(gone.record.as_ref()) else { return };
        if let Some(seat) = record.seat {
            let Record { fetched, is_absence, .. } = *record;
            books.leaving(seat, Note { id: gone.key.clone(), weight: gone.weight, fetched, is_absence });
        }
    }

    fn put_down_gone(&self, seat: Option<u32>) {
        if let (Some(books), Some(seat)) = (&self.books, seat) {
            books.gone(seat);
        }
    }

    /// Takes every blob of `key` out of service. Answers those, and all other parts that may be in the tier because
    /// they are leaving on behalf of others.
    pub(crate) fn leave_key(&mut self, key: &Key, reason: Reason) -> (Vec<Gone>, Vec<Part>) {
        self.forget_guests(key);
        let mut parts: Vec<Part> = self.parts_of(key).collect();
        let gone = self.leave_parts(key, &parts, reason, |_, _| true);
        parts.retain(|part| gone.iter().all(|gone| gone.key.part != *part));
        (gone, parts)
    }

    /// Takes the blobs of a key out of service that cannot stand beside `content`: those of another version of the
    /// value, what a whole value makes needless, and what does not last, for it may be of another version unseen.
    pub(crate) fn leave_beside(&mut self, content: &Content, part: Part, lasts: impl Fn(&Entry) -> bool) -> Vec<Gone> {
        let key = content.key();
        let parts: Vec<Part> = self.parts_of(key).collect();
        let (own, own_part) = (content.extent(), part);
        // What is not known is asked for its version before it is served.
        self.leave_parts(key, &parts, Reason::Replaced, |part, entry| {
            match (content, entry.map(|entry| &entry.content)) {
                (Content::Block(meta, _), Some(Content::Block(other, at))) => {
                    own == *at || !meta.is_same_value(other) || !entry.is_some_and(&lasts)
                }
                (Content::Block(..), None) => part == Part::Whole || part == own_part,
                _ => true,
            }
        })
    }

    /// Takes the blobs of a value out of service that are older than `asked` and not of the version that the source
    /// had then; none was, if it had no such value. What may be of that version is kept if it `stays`, which is told
    /// too whether it is that very version for sure.
    pub(crate) fn leave_outdated(
        &mut self,
        key: &Key,
        found: Option<&Meta>,
        asked: Moment,
        stays: impl Fn(&Entry, bool) -> bool,
    ) -> Vec<Gone> {
        let parts: Vec<Part> = self.parts_of(key).collect();
        self.leave_parts(key, &parts, Reason::Replaced, |_, entry| {
            // What is not known is asked for its version before it is served.
            let Some(entry) = entry else { return found.is_none() };
            let same = entry.content.meta().zip(found).is_some_and(|(own, found)| {
                own.is_same_value(found) && stays(entry, own.version.matches(&found.version))
            });
            !same && entry.is_older_than(asked)
        })
    }

    fn leave_parts(
        &mut self,
        key: &Key,
        parts: &[Part],
        reason: Reason,
        leaves: impl Fn(Part, Option<&Entry>) -> bool,
    ) -> Vec<Gone> {
        if let Some(own) = self.keys.get_mut(key) {
            let before = own.guests.len();
            own.guests.retain(|part, guest| !leaves(*part, Some(&guest.entry)));
            self.guests -= before - own.guests.len();
        }
        let ids = parts.iter().map(|part| BlobId::new(key.clone(), *part));
        let gone: Vec<Gone> = ids
            .filter_map(|id| {
                let resident = self.ledger.peek(&id);
                let leaves = resident.is_some_and(|resident| leaves(id.part, resident.record.entry.as_deref()));
                if leaves { self.leave(&id, reason) } else { None }
            })
            .collect();
        self.drop_if_empty(key);
        gone
    }

    /// Takes every blob out of service whose key is chosen.
    pub(crate) fn leave_where(&mut self, reason: Reason, mut chosen: impl FnMut(&Key) -> bool) -> Vec<Gone> {
        if self.guests > 0 {
            let hosts = self.keys.iter().filter(|(key, parts)| !parts.guests.is_empty() && chosen(key));
            let hosts: Vec<Key> = hosts.map(|(key, _)| key.clone()).collect();
            hosts.iter().for_each(|key| self.forget_guests(key));
        }
        // Blocks of another size are of the same values.
        let own = self.spaces[0].digest();
        let is_own = |home: Home| home == Home::OWN || self.space(home).digest() == own;
        let homes: Vec<Home> = (0..).map(Home).take(self.spaces.len()).filter(|home| is_own(*home)).collect();
        let gone = self.ledger.leave_where(reason, |id| homes.contains(&id.home) && chosen(&id.key));
        gone.iter().for_each(|gone| self.put_down_leaving(gone));
        gone
    }

    /// Takes every blob below a prefix out of service. Answers those, and the keys of others that may be in the tier
    /// because they are leaving or being written.
    pub(crate) fn leave_below(&mut self, prefix: &Prefix, reason: Reason) -> (Vec<Gone>, Vec<Key>) {
        let held = |key: &Key, part: Part| self.ledger.peek(&BlobId::new(key.clone(), part)).is_some();
        let under_way = |(key, parts): &(&Key, &Parts)| {
            prefix.holds(key) && parts.counts.iter().any(|(part, count)| *count > usize::from(held(key, *part)))
        };
        let mut others: Vec<Key> = self.keys.iter().filter(under_way).map(|(key, _)| key.clone()).collect();
        // The same calls in the same order every time, so that what goes wrong can be seen again.
        others.sort();
        (self.leave_where(reason, |key| prefix.holds(key)), others)
    }

    pub(crate) fn left(&mut self, gone: Gone) {
        self.strike(&gone.key.clone());
        self.put_down_gone(gone.record.as_ref().and_then(|record| record.seat));
        self.ledger.left(gone);
    }

    pub(crate) fn strand(&mut self, gone: Gone) {
        self.ledger.strand(gone);
    }

    pub(crate) fn take_stranded(&mut self) -> Vec<Gone> {
        self.ledger.take_stranded()
    }

    /// A blob found in the tier on opening.
    pub(crate) fn recover(&mut self, id: BlobId, weight: u64, entry: Entry, expires: Option<Timestamp>) -> bool {
        self.wake(&id.key);
        let terms = terms(&id, expires);
        let (fetched, is_absence) = (entry.fetched, entry.is_absence());
        let record = Record { entry: Some(Arc::new(entry)), seat: None, fetched, is_absence };
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
                Some(parts) if parts.counts.contains_key(&id.part) => {}
                None if id.part == Part::Whole => unlisted += 1,
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

    /// Every part of a value that is resident, reserved, leaving, or a guest.
    fn parts_of(&self, key: &Key) -> impl Iterator<Item = Part> {
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
    fn wake(&mut self, key: &Key) {
        if self.unlisted > 0 && !self.keys.contains_key(key) {
            let id = BlobId::whole(key.clone());
            if self.ledger.peek(&id).is_some() {
                self.unlisted -= 1;
                self.note(id);
            }
        }
    }

    /// The same of one that is resident no more.
    fn wake_leaving(&mut self, id: &BlobId) {
        if self.unlisted > 0 && id.home == Home::OWN && !self.keys.contains_key(&id.key) {
            self.unlisted -= 1;
            self.note(id.clone());
        }
    }

    fn note(&mut self, id: BlobId) {
        if id.home == Home::OWN {
            *self.keys.entry(id.key).or_default().counts.entry(id.part).or_default() += 1;
        }
    }

    fn strike(&mut self, id: &BlobId) {
        if id.home != Home::OWN {
            return;
        }
        let Some(Parts { counts, .. }) = self.keys.get_mut(&id.key) else { return };
        if let Some(count) = counts.get_mut(&id.part) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&id.part);
            }
        }
        self.drop_if_empty(&id.key);
    }

    fn drop_if_empty(&mut self, key: &Key) {
        if self.keys.get(key).is_some_and(|parts| parts.counts.is_empty() && parts.guests.is_empty()) {
            self.keys.remove(key);
        }
    }
}

/// What a blob is resident with.
fn terms(id: &BlobId, expires: Option<Timestamp>) -> Terms {
    Terms { expires: expires.map(Timestamp::as_millis), id: blob_id(&id.key, id.part), cost: 1 }
}
