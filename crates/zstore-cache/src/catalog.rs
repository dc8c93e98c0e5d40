//! The catalog: what is resident, found by blob and by key.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use zstore_core::{Key, Meta, Prefix, Timestamp, Version};
use zstore_format::{Content, Part, blob_id};
use zstore_policy::{Grant, Leaving, Ledger, Lookup, Policy, Reason, Refused, Reservation, Terms};

use crate::{
    name::BlobId,
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
}

/// Where the bytes of a resident are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a tier that shares its memory: here are the very bytes.
    Held(Bytes),
    /// In a blob of the tier that bears this stamp and has a header of so many bytes.
    Blob { stamp: u64, header_bytes: usize },
}

pub(crate) type Gone = Leaving<BlobId, Arc<Entry>>;
pub(crate) type Claim = Reservation<BlobId>;

/// A ledger of blobs, and an index of the blobs that may be in the tier for each key.
#[derive(Debug)]
pub(crate) struct Catalog {
    ledger: Ledger<BlobId, Arc<Entry>>,
    keys: HashMap<Key, Parts>,
}

/// What may be in the tier of one value.
#[derive(Debug, Default)]
struct Parts {
    /// Every part that is resident, reserved or leaving, with how often: a part may leave while its successor is
    /// written.
    counts: BTreeMap<Part, usize>,
    /// The value found no room as a whole, since something of it came to be here.
    whole_refused: bool,
}

impl Catalog {
    pub(crate) fn new(size_max: Option<u64>, overhead: u64, policy: Box<dyn Policy>) -> Self {
        Self { ledger: Ledger::new(size_max, policy).with_overhead(overhead), keys: HashMap::new() }
    }

    pub(crate) const fn ledger(&self) -> &Ledger<BlobId, Arc<Entry>> {
        &self.ledger
    }

    /// The blob of this id, if it is of any use, counted as a hit for the policy.
    pub(crate) fn probe(&mut self, id: &BlobId, now: Timestamp) -> Option<Arc<Entry>> {
        match self.ledger.probe(id, now.as_millis()) {
            Lookup::Fresh(entry) => Some(Arc::clone(entry)),
            Lookup::Stale(_) | Lookup::Absent => None,
        }
    }

    /// The blob of this id, if it is of any use, without the policy hearing of it.
    pub(crate) fn useful(&self, id: &BlobId, now: Timestamp) -> Option<Arc<Entry>> {
        let resident = self.ledger.peek(id)?;
        let useful = resident.expires.is_none_or(|expires| expires > now.as_millis());
        useful.then(|| Arc::clone(resident.record))
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
        let blocks = self.keys.get(key)?.counts.keys().filter(|part| **part != Part::Whole);
        let mut blocks = blocks.filter_map(|part| self.useful(&BlobId::new(key.clone(), *part), now));
        let first = blocks.next()?;
        if fresh(&first) { Some(first) } else { blocks.find(|entry| fresh(entry)).or(Some(first)) }
    }

    /// Everything that is resident of a value, with its weight.
    pub(crate) fn of_key(&self, key: &Key) -> Vec<(Arc<Entry>, u64)> {
        let residents = self.parts_of(key).filter_map(|part| self.ledger.peek(&BlobId::new(key.clone(), part)));
        residents.map(|resident| (Arc::clone(resident.record), resident.weight)).collect()
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
            let Some(resident) = self.ledger.peek(&id) else { continue };
            let entry = resident.record;
            if entry.is_older_than(validated) && entry.content.meta().is_some_and(|own| own.version.matches(version)) {
                entry.validated.set(validated);
                let expires = expires(&entry.content).map(Timestamp::as_millis);
                self.ledger.renew(&id, expires);
            }
        }
    }

    /// Whether `entry` is still the resident of `id`.
    pub(crate) fn is_resident(&self, id: &BlobId, entry: &Arc<Entry>) -> bool {
        self.ledger.peek(id).is_some_and(|resident| Arc::ptr_eq(resident.record, entry))
    }

    pub(crate) fn reserve(
        &mut self,
        id: BlobId,
        weight: u64,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Grant<BlobId, Arc<Entry>>, Refused> {
        let grant = self.ledger.reserve(id.clone(), weight, terms(&id, expires), now.as_millis())?;
        self.note(id);
        Ok(grant)
    }

    /// Room in bytes that nobody has a claim on.
    pub(crate) fn free(&self) -> u64 {
        let taken = self.ledger.charged().saturating_add(self.ledger.promised());
        self.ledger.weight_max().map_or(u64::MAX, |max| max.saturating_sub(taken))
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

    pub(crate) fn commit(&mut self, claim: Claim, entry: Entry) -> Result<(), Claim> {
        self.ledger.commit(claim, Arc::new(entry))
    }

    pub(crate) fn abort(&mut self, claim: Claim) {
        self.strike(&claim.key.clone());
        self.ledger.abort(claim);
    }

    pub(crate) fn spoil(&mut self, claim: Claim) -> Gone {
        self.ledger.spoil(claim)
    }

    pub(crate) fn leave(&mut self, id: &BlobId, reason: Reason) -> Option<Gone> {
        self.ledger.leave(id, reason)
    }

    /// Takes every blob of `key` out of service. Answers those, and all other parts that may be in the tier because
    /// they are leaving on behalf of others.
    pub(crate) fn leave_key(&mut self, key: &Key, reason: Reason) -> (Vec<Gone>, Vec<Part>) {
        let mut parts: Vec<Part> = self.parts_of(key).collect();
        let gone = self.leave_parts(key, &parts, reason, |_| true);
        parts.retain(|part| gone.iter().all(|gone| gone.key.part != *part));
        (gone, parts)
    }

    /// Takes the blobs of a key out of service that cannot stand beside `content`: those of another version of the
    /// value, what a whole value makes needless, and what does not last, for it may be of another version unseen.
    pub(crate) fn leave_beside(&mut self, content: &Content, lasts: impl Fn(&Entry) -> bool) -> Vec<Gone> {
        let key = content.key();
        let parts: Vec<Part> = self.parts_of(key).collect();
        self.leave_parts(key, &parts, Reason::Replaced, |entry| match (content, &entry.content) {
            (Content::Block(meta, extent), Content::Block(other, at)) => {
                extent == at || !meta.is_same_value(other) || !lasts(entry)
            }
            _ => true,
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
        self.leave_parts(key, &parts, Reason::Replaced, |entry| {
            let same = entry.content.meta().zip(found).is_some_and(|(own, found)| {
                own.is_same_value(found) && stays(entry, own.version.matches(&found.version))
            });
            !same && entry.is_older_than(asked)
        })
    }

    fn leave_parts(&mut self, key: &Key, parts: &[Part], reason: Reason, leaves: impl Fn(&Entry) -> bool) -> Vec<Gone> {
        let ids = parts.iter().map(|part| BlobId::new(key.clone(), *part));
        ids.filter_map(|id| {
            let leaves = self.ledger.peek(&id).is_some_and(|resident| leaves(resident.record));
            if leaves { self.ledger.leave(&id, reason) } else { None }
        })
        .collect()
    }

    /// Takes every blob out of service whose key is chosen.
    pub(crate) fn leave_where(&mut self, reason: Reason, mut chosen: impl FnMut(&Key) -> bool) -> Vec<Gone> {
        self.ledger.leave_where(reason, |id| chosen(&id.key))
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
        let terms = terms(&id, expires);
        let recovered = self.ledger.recover(id.clone(), weight, Arc::new(entry), terms).is_ok();
        if recovered {
            self.note(id);
        }
        recovered
    }

    /// What is too much after recovery.
    pub(crate) fn trim(&mut self, now: Timestamp) -> Vec<Gone> {
        let mut gone = self.ledger.expire(now.as_millis());
        gone.extend(self.ledger.trim(now.as_millis()));
        gone
    }

    /// How many values or absences something is resident of.
    pub(crate) fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Recounts what the ledger keeps, and looks for every resident in the index of keys.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.ledger.check()?;
        let missing = self
            .ledger
            .iter()
            .find(|(id, _)| !self.keys.get(&id.key).is_some_and(|parts| parts.counts.contains_key(&id.part)));
        missing.map_or(Ok(()), |(id, _)| Err(format!("{id:?} is resident but not in the index of keys")))
    }

    /// The value found no room as a whole. That is remembered as long as anything of it is here.
    pub(crate) fn refuse_whole(&mut self, key: &Key) {
        if let Some(parts) = self.keys.get_mut(key) {
            parts.whole_refused = true;
        }
    }

    /// Whether the value found no room as a whole.
    pub(crate) fn is_too_large_whole(&self, key: &Key) -> bool {
        self.keys.get(key).is_some_and(|parts| parts.whole_refused)
    }

    /// Every part of a value that is resident, reserved or leaving.
    fn parts_of(&self, key: &Key) -> impl Iterator<Item = Part> {
        self.keys.get(key).into_iter().flat_map(|parts| parts.counts.keys().copied())
    }

    fn note(&mut self, id: BlobId) {
        *self.keys.entry(id.key).or_default().counts.entry(id.part).or_default() += 1;
    }

    fn strike(&mut self, id: &BlobId) {
        let Some(Parts { counts, .. }) = self.keys.get_mut(&id.key) else { return };
        if let Some(count) = counts.get_mut(&id.part) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&id.part);
            }
        }
        if counts.is_empty() {
            self.keys.remove(&id.key);
        }
    }
}

/// What a blob is resident with.
fn terms(id: &BlobId, expires: Option<Timestamp>) -> Terms {
    Terms { expires: expires.map(Timestamp::as_millis), id: blob_id(&id.key, id.part), cost: 1 }
}
