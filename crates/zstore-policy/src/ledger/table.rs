//! Who is in which slot, found by key and by age.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::hash::Hash;

use hashbrown::HashTable;

use super::balance::Claim;
use super::claim::ClaimId;
use super::hashed::KeyHasher;
use super::lookup::{Resident, Tick};
use crate::policy::Slot;

/// What a slot is used for.
pub(super) enum Entry<K, R> {
    /// Nothing: the slot may be handed out.
    Vacant,
    /// A reservation that is neither committed nor given back.
    Claimed(Claim),
    /// A value in service.
    Held(Held<K, R>),
    /// A value out of service whose weight is still charged.
    Departed(Departed),
}

/// A resident.
pub(super) struct Held<K, R> {
    pub(super) key: K,
    pub(super) record: R,
    /// In bytes.
    pub(super) weight: u64,
    /// Stale from this tick on, the last of all being never: an `Option` would take twice as much of every resident.
    expires: Tick,
}

impl<K, R> Held<K, R> {
    pub(super) fn new(key: K, record: R, weight: u64, expires: Option<Tick>) -> Self {
        Self { key, record, weight, expires: expires.unwrap_or(Tick::MAX) }
    }

    pub(super) fn expires(&self) -> Option<Tick> {
        (self.expires < Tick::MAX).then_some(self.expires)
    }
}

/// What is left of one that leaves: the caller has the rest.
pub(super) struct Departed {
    /// In bytes.
    pub(super) weight: u64,
    /// The claim that gets its room.
    pub(super) owner: Option<ClaimId>,
}

/// Slots, and the two ways to find a resident's.
pub(super) struct Table<K, R> {
    pub(super) entries: Vec<Entry<K, R>>,
    /// Exactly the vacant slots; the last is handed out first, so that the table stays short.
    pub(super) vacant: Vec<Slot>,
    /// Exactly the residents, by the hashes of their keys, which are in `entries` alone. It is never iterated: no
    /// answer shows the seed of the hasher.
    pub(super) keys: HashTable<Slot>,
    hasher: KeyHasher,
    /// Exactly the residents that expire, the earliest first.
    pub(super) expiries: BTreeSet<(Tick, Slot)>,
}

impl<K: Hash + Eq, R> Table<K, R> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacant: Vec::new(),
            keys: HashTable::new(),
            hasher: KeyHasher::default(),
            expiries: BTreeSet::new(),
        }
    }

    /// Makes room at once for so many residents more.
    pub(super) fn expect(&mut self, more: usize) {
        self.entries.reserve(more.saturating_sub(self.vacant.len()));
        let Self { entries, hasher, keys, .. } = self;
        keys.reserve(more, |slot| hash_of_held(hasher, entries, *slot));
    }

    /// The slot the next entry will have; `None` once all 2^32 are taken.
    pub(super) fn next_slot(&self) -> Option<Slot> {
        match self.vacant.last() {
            Some(slot) => Some(*slot),
            None => u32::try_from(self.entries.len()).ok().map(Slot::new),
        }
    }

    /// Fills the slot that [`next_slot`](Self::next_slot) named.
    fn occupy(&mut self, slot: Slot, entry: Entry<K, R>) {
        self.vacant.pop();
        match self.entries.get_mut(slot.index()) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
    }

    pub(super) fn claim(&mut self, slot: Slot, claim: Claim) {
        self.occupy(slot, Entry::Claimed(claim));
    }

    /// The claim with this id, if it still lives.
    pub(super) fn claim_of(&self, id: ClaimId) -> Option<&Claim> {
        match self.entries.get(id.slot.index()) {
            Some(Entry::Claimed(claim)) if claim.serial == id.serial => Some(claim),
            _ => None,
        }
    }

    /// The same, to be paid.
    pub(super) fn claim_mut(&mut self, id: ClaimId) -> Option<&mut Claim> {
        match self.entries.get_mut(id.slot.index()) {
            Some(Entry::Claimed(claim)) if claim.serial == id.serial => Some(claim),
            _ => None,
        }
    }

    pub(super) fn hasher(&self) -> KeyHasher {
        self.hasher.clone()
    }

    /// The hash under which a key is looked for.
    pub(super) fn hash_of<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_of(key)
    }

    /// Puts a resident, whose key has this hash, in a slot that was vacant or claimed. The key is not resident.
    pub(super) fn hold(&mut self, slot: Slot, held: Held<K, R>, hash: u64) {
        if let Some(expires) = held.expires() {
            self.expiries.insert((expires, slot));
        }
        match self.entries.get(slot.index()) {
            Some(Entry::Claimed(_)) => self.entries[slot.index()] = Entry::Held(held),
            _ => self.occupy(slot, Entry::Held(held)),
        }
        let Self { entries, hasher, keys, .. } = self;
        keys.insert_unique(hash, slot, |slot| hash_of_held(hasher, entries, *slot));
    }

    /// Takes a resident out of service; its slot stays taken until [`vacate`](Self::vacate).
    pub(super) fn depart(&mut self, slot: Slot, owner: Option<ClaimId>) -> Option<Held<K, R>> {
        let weight = self.held(slot)?.weight;
        let departed = Entry::Departed(Departed { weight, owner });
        let Entry::Held(held) = std::mem::replace(self.entries.get_mut(slot.index())?, departed) else {
            return None;
        };
        let hash = self.hash_of(&held.key);
        if let Ok(found) = self.keys.find_entry(hash, |other| *other == slot) {
            found.remove();
        }
        if let Some(expires) = held.expires() {
            self.expiries.remove(&(expires, slot));
        }
        Some(held)
    }

    /// A claim that was written under becomes a departed one of this weight.
    pub(super) fn spoil(&mut self, slot: Slot, weight: u64) {
        if let Some(entry) = self.entries.get_mut(slot.index()) {
            let owner = None;
            *entry = Entry::Departed(Departed { weight, owner });
        }
    }

    pub(super) fn departed(&self, slot: Slot) -> Option<&Departed> {
        match self.entries.get(slot.index()) {
            Some(Entry::Departed(departed)) => Some(departed),
            _ => None,
        }
    }

    /// Frees a claimed or departed slot.
    pub(super) fn vacate(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.get_mut(slot.index()) {
            *entry = Entry::Vacant;
            self.vacant.push(slot);
        }
    }

    pub(super) fn held(&self, slot: Slot) -> Option<&Held<K, R>> {
        match self.entries.get(slot.index()) {
            Some(Entry::Held(held)) => Some(held),
            _ => None,
        }
    }

    pub(super) fn held_mut(&mut self, slot: Slot) -> Option<&mut Held<K, R>> {
        match self.entries.get_mut(slot.index()) {
            Some(Entry::Held(held)) => Some(held),
            _ => None,
        }
    }

    pub(super) fn slot_of<Q>(&self, key: &Q) -> Option<Slot>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key, self.hash_of(key))
    }

    /// The same for a key whose hash is known.
    pub(super) fn find<Q>(&self, key: &Q, hash: u64) -> Option<Slot>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let is_it = |slot: &Slot| self.held(*slot).is_some_and(|held| held.key.borrow() == key);
        self.keys.find(hash, is_it).copied()
    }

    pub(super) fn renew(&mut self, slot: Slot, expires: Option<Tick>) -> bool {
        let Some(held) = self.held_mut(slot) else {
            return false;
        };
        let before = held.expires();
        held.expires = expires.unwrap_or(Tick::MAX);
        let after = held.expires();
        if let Some(tick) = before {
            self.expiries.remove(&(tick, slot));
        }
        if let Some(tick) = after {
            self.expiries.insert((tick, slot));
        }
        true
    }

    /// The resident that has been stale for longest.
    pub(super) fn first_stale(&self, now: Tick) -> Option<Slot> {
        match self.expiries.first() {
            Some((expires, slot)) if *expires <= now => Some(*slot),
            _ => None,
        }
    }

    /// The weight of the stale in bytes; no more of them are counted than it takes to reach `enough`.
    pub(super) fn weight_stale(&self, now: Tick, enough: u64) -> u64 {
        let mut weight = 0_u64;
        for (_, slot) in self.expiries.iter().take_while(|(expires, _)| *expires <= now) {
            if weight >= enough {
                break;
            }
            weight = weight.saturating_add(self.held(*slot).map_or(0, |held| held.weight));
        }
        weight
    }

    /// Residents in the order of their slots.
    pub(super) fn residents(&self) -> impl Iterator<Item = (Slot, &Held<K, R>)> {
        // A table never has more than 2^32 entries, so the range is never the shorter of the two.
        (0..=u32::MAX).zip(&self.entries).filter_map(|(index, entry)| match entry {
            Entry::Held(held) => Some((Slot::new(index), held)),
            _ => None,
        })
    }
}

/// The hash of the key of a resident.
fn hash_of_held<K: Hash, R>(hasher: &KeyHasher, entries: &[Entry<K, R>], slot: Slot) -> u64 {
    match entries.get(slot.index()) {
        Some(Entry::Held(held)) => hasher.hash_of(&held.key),
        // Nobody else is in the index.
        _ => 0,
    }
}

impl<K, R> Held<K, R> {
    /// As a caller sees it.
    pub(super) fn resident(&self) -> Resident<'_, R> {
        Resident { record: &self.record, weight: self.weight, expires: self.expires() }
    }
}
