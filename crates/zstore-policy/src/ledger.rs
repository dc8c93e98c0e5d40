//! The [`Ledger`]: residency, weight and staleness of a bounded cache.
//!
//! ```text
//!            reserve                    commit
//!   absent ----------> reserved -------------------> resident <--- recover
//!                       |    |                          |
//!                 abort |    | spoil                    | leave, or a victim of reserve or trim
//!                       v    v                          v
//!                  (room given back)  leaving <---------+
//!                                     |     ^
//!                                left |     | take_stranded
//!                                     v     |
//!                            (room given    stranded  <--- strand
//!                                  back)
//! ```

mod audit;
mod balance;
mod claim;
mod hashed;
mod leaving;
mod lookup;
mod table;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use self::balance::{Balance, Claim};
pub use self::claim::{Grant, Refused, Reservation};
pub use self::hashed::{Hashed, KeyHasher};
pub use self::leaving::{Leaving, Reason, Tally};
pub use self::lookup::{Lookup, Resident, Terms, Tick};

use self::claim::ClaimId;
use self::table::{Held, Table};
use crate::policy::{Candidate, Policy, Slot};

/// Residency, weight and staleness of a cache bounded in bytes.
///
/// `K` names a resident and should be cheap to clone; `R` is whatever the caller keeps beside it. The ledger does no
/// work on bytes: it answers with what the caller must do ([`Leaving`]), and is told when that was done.
///
/// # Laws
///
/// - **L1 Budget.** `charged() + promised() <= weight_max` at every instant, unless [`recover`](Self::recover) went
///   past the bound or a caller [set](Self::set_weight_max) it lower; past it, nothing but they makes that sum grow.
///   `ledger/balance.rs` has the argument.
/// - **L2 Exclusive room.** A reservation's room is its own from the moment it is granted: free room taken then, and
///   the room of its own victims as they leave. No two reservations count on the same bytes.
/// - **L3 Pay before writing.** Nothing may be written under a reservation before every one of *its* leavings was
///   passed to [`left`](Self::left); [`is_paid`](Self::is_paid) says so. That someone else's left is not enough. If the
///   caller obeys, the tier never holds more than `charged()`.
/// - **L4 Bytes, not intentions.** Weight is given back when bytes are gone (`left`) or were never written
///   ([`abort`](Self::abort)), never when something goes out of service. What is lost or stranded stays charged.
/// - **L5 A refusal changes nothing.** Neither does a commit, a recovery or a renewal that was not accepted.
/// - **L6 The expired go first**, those stale for longest ahead, then whom the policy names; and no more than needed.
/// - **L7 Staleness.** A resident is stale from `expires` on (`expires <= now`) and is then never answered as fresh.
/// - **L8 One resident a key.** A second commit or recovery of a resident key is not accepted.
/// - **L9 The policy sees residents only.** It is told of each once, and of hits on the fresh; and it is asked whether
///   to admit a candidate for whom others than the expired would have to leave. One that breaks its own laws costs
///   hits, never the budget.
/// - **L10 Determinism.** The same calls, with a policy that is deterministic, give the same answers in the same order.
///
/// # Cost
///
/// A probe is a hash lookup and the policy's `hit`. Residents that never expire are in no ordered structure. Memory
/// is one table entry (`K`, `R` and about 20 bytes) and about 8 bytes in an index of slots for each resident, besides
/// the policy's.
pub struct Ledger<K, R> {
    table: Table<K, R>,
    balance: Balance,
    policy: Box<dyn Policy>,
    /// Kept for a retry; charged like all that leaves.
    stranded: Vec<Leaving<K, R>>,
    tally: Tally,
    weight_max: Option<u64>,
    /// The serial of the next claim.
    serial: u64,
}

impl<K: Hash + Eq + Clone, R> Ledger<K, R> {
    /// An empty ledger of at most `weight_max` bytes (`None`: no bound), whose victims `policy` chooses.
    ///
    /// The policy should hold nothing yet.
    pub fn new(weight_max: Option<u64>, mut policy: Box<dyn Policy>) -> Self {
        policy.set_capacity(weight_max);
        Self {
            table: Table::new(),
            balance: Balance::new(weight_max.unwrap_or(u64::MAX)),
            policy,
            stranded: Vec::new(),
            tally: Tally::default(),
            weight_max,
            serial: 0,
        }
    }

    /// Charges a fixed weight in bytes besides the residents, for marker files and the like. To be said before anything
    /// is admitted.
    ///
    /// An overhead above `weight_max` leaves no room for anything, and is charged all the same.
    pub fn with_overhead(mut self, weight: u64) -> Self {
        self.set_overhead(weight);
        self
    }

    /// Charges another fixed weight besides the residents from now on: what is known to be there and not yet by name,
    /// say. As with [`recover`](Self::recover), the bound may be passed by it.
    pub fn set_overhead(&mut self, weight: u64) {
        self.balance.set_overhead(weight);
        self.size_policy();
    }

    /// Sets another bound. Whoever is too much under a lower one leaves as room is claimed, or by [`trim`](Self::trim).
    pub fn set_weight_max(&mut self, weight_max: Option<u64>) {
        if weight_max != self.weight_max {
            self.weight_max = weight_max;
            self.balance.set_bound(weight_max.unwrap_or(u64::MAX));
            self.size_policy();
        }
    }

    fn size_policy(&mut self) {
        let room = self.weight_max.map(|max| max.saturating_sub(self.balance.overhead));
        self.policy.set_capacity(room);
    }

    /// Looks a key up to serve it, and tells the policy of a hit when the answer is [`Lookup::Fresh`].
    pub fn probe<Q>(&mut self, key: &Q, now: Tick) -> Lookup<'_, R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Some(slot) = self.table.slot_of(key) else {
            return Lookup::Absent;
        };
        match self.table.held(slot) {
            Some(held) if held.expires().is_some_and(|expires| expires <= now) => Lookup::Stale(&held.record),
            Some(held) => {
                self.policy.hit(slot);
                Lookup::Fresh(&held.record)
            }
            None => Lookup::Absent,
        }
    }

    /// What the caller keeps beside a resident, to be changed.
    pub fn record_mut<Q>(&mut self, key: &Q) -> Option<&mut R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let slot = self.table.slot_of(key)?;
        self.table.held_mut(slot).map(|held| &mut held.record)
    }

    /// Looks a key up without the policy hearing of it.
    pub fn peek<Q>(&self, key: &Q) -> Option<Resident<'_, R>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let held = self.table.held(self.table.slot_of(key)?)?;
        Some(held.resident())
    }

    /// Claims room for a value of `weight` bytes, before any of it is written.
    ///
    /// What must leave for it goes out of service at once and is handed back in [`Grant::leaving`]: law L3 says what
    /// to do with it. `key` need not be absent: a resident of the same key is not replaced by this (see
    /// [`leave`](Self::leave)), though it may be among the victims. `terms` are what the value will be resident with
    /// once committed.
    ///
    /// # Errors
    ///
    /// [`Refused::TooLarge`] when the value can never fit, [`Refused::NoRoom`] when evicting everybody would not be
    /// enough at the moment, [`Refused::NotAdmitted`] when the policy would rather keep who is there. Nobody has left
    /// then.
    ///
    /// # Cost
    ///
    /// Logarithmic in the residents for each that leaves. A refusal by the policy has looked at the stale who would
    /// have left.
    pub fn reserve(&mut self, key: K, weight: u64, terms: Terms, now: Tick) -> Result<Grant<K, R>, Refused> {
        if weight > self.balance.room_max() {
            return Err(Refused::TooLarge);
        }
        let credit = weight.min(self.balance.free());
        let needed = (weight - credit).saturating_add(self.balance.excess());
        if needed > self.balance.resident {
            return Err(Refused::NoRoom);
        }
        let slot = self.table.next_slot().ok_or(Refused::NoRoom)?;
        let unexpired = needed - needed.min(self.table.weight_stale(now, needed));
        let candidate = Candidate { slot, id: terms.id, weight, cost: terms.cost };
        if unexpired > 0 && !self.policy.admit(&candidate, unexpired) {
            return Err(Refused::NotAdmitted);
        }
        let serial = self.serial;
        self.serial += 1;
        let mut claim = Claim { serial, weight, credit, unpaid: 0 };
        self.table.claim(slot, claim);

        let id = ClaimId { slot, serial };
        let leaving = self.make_room(needed, now, Some(id));
        claim.unpaid = leaving.len();
        if let Some(kept) = self.table.claim_mut(id) {
            *kept = claim;
        }
        self.balance.open(&claim);
        let reservation = Reservation { key, weight, terms, claim: id };
        Ok(Grant { reservation, leaving })
    }

    /// Whether every leaving of this reservation has left, so that writing under it may begin.
    pub fn is_paid(&self, reservation: &Reservation<K>) -> bool {
        self.table.claim_of(reservation.claim).is_some_and(Claim::is_paid)
    }

    /// The bytes are written: the value is resident from now on.
    ///
    /// # Errors
    ///
    /// The reservation comes back, unchanged and still charged, when its key is already resident, or when it is not
    /// paid (a caller's bug: see [`is_paid`](Self::is_paid)). Bytes were written, so [`spoil`](Self::spoil) it.
    pub fn commit(&mut self, reservation: Reservation<K>, record: R) -> Result<(), Reservation<K>> {
        let hash = self.table.hash_of(&reservation.key);
        let claim = match self.table.claim_of(reservation.claim) {
            Some(claim) if claim.is_paid() && self.table.find(&reservation.key, hash).is_none() => *claim,
            _ => return Err(reservation),
        };
        self.balance.commit(&claim);
        let terms = reservation.terms;
        let held = Held::new(reservation.key, record, claim.weight, terms.expires);
        self.admit(reservation.claim.slot, held, terms, hash);
        Ok(())
    }

    /// Nothing was written: the room is given back, paid or not. What was leaving for it still leaves, for everybody.
    pub fn abort(&mut self, reservation: Reservation<K>) {
        if let Some(claim) = self.table.claim_of(reservation.claim).copied() {
            self.table.vacate(reservation.claim.slot);
            self.balance.abort(&claim);
        }
    }

    /// Something may have been written, and it will not be committed: its room stays charged until the bytes are gone.
    ///
    /// Of a reservation that is not paid, only the room it already has is charged: law L3 says that nothing was
    /// written.
    pub fn spoil(&mut self, reservation: Reservation<K>) -> Leaving<K, R> {
        let slot = reservation.claim.slot;
        let mut weight = 0;
        if let Some(claim) = self.table.claim_of(reservation.claim).copied() {
            weight = claim.credit;
            self.table.spoil(slot, weight);
            self.balance.spoil(&claim);
            self.tally.count(Reason::Spoiled);
        }
        Leaving { key: reservation.key, weight, reason: Reason::Spoiled, record: None, slot }
    }

    /// Takes a resident out of service; `None` when there is none. Its weight stays charged until [`left`](Self::left).
    pub fn leave<Q>(&mut self, key: &Q, reason: Reason) -> Option<Leaving<K, R>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let slot = self.table.slot_of(key)?;
        self.policy.remove(slot);
        self.depart(slot, reason, None)
    }

    /// Takes every resident out of service whose key is chosen.
    ///
    /// # Cost
    ///
    /// Linear in the residents.
    pub fn leave_where(&mut self, reason: Reason, mut chosen: impl FnMut(&K) -> bool) -> Vec<Leaving<K, R>> {
        let slots: Vec<Slot> =
            self.table.residents().filter(|(_, held)| chosen(&held.key)).map(|(slot, _)| slot).collect();
        let mut leaving = Vec::with_capacity(slots.len());
        for slot in slots {
            self.policy.remove(slot);
            leaving.extend(self.depart(slot, reason, None));
        }
        leaving
    }

    /// Takes every resident out of service that is stale at `now`, whether or not room is needed.
    pub fn expire(&mut self, now: Tick) -> Vec<Leaving<K, R>> {
        let mut leaving = Vec::new();
        while let Some(slot) = self.table.first_stale(now) {
            self.policy.remove(slot);
            let Some(gone) = self.depart(slot, Reason::Expired, None) else { break };
            leaving.push(gone);
        }
        leaving
    }

    /// Its bytes are gone: its weight is given back, to the reservation it left for if that still lives.
    pub fn left(&mut self, leaving: Leaving<K, R>) {
        let Some(departed) = self.table.departed(leaving.slot) else {
            return;
        };
        let (weight, owner) = (departed.weight, departed.owner);
        self.table.vacate(leaving.slot);
        let claim = owner.and_then(|id| self.table.claim_mut(id));
        self.balance.left(weight, claim);
    }

    /// Its bytes could not be removed: it stays charged, and is kept for a retry.
    ///
    /// A reservation it was leaving for stays unpaid until a retry succeeds; the usual answer is to
    /// [`abort`](Self::abort) that reservation, which gives back what did leave.
    pub fn strand(&mut self, leaving: Leaving<K, R>) {
        if let Some(departed) = self.table.departed(leaving.slot) {
            self.balance.strand(departed.weight);
            self.stranded.push(leaving);
        }
    }

    /// Everything stranded, in the order in which it was, for another attempt. It stays charged.
    pub fn take_stranded(&mut self) -> Vec<Leaving<K, R>> {
        let taken = std::mem::take(&mut self.stranded);
        for departed in taken.iter().map(|leaving| self.table.departed(leaving.slot)) {
            self.balance.retry(departed.map_or(0, |departed| departed.weight));
        }
        taken
    }

    /// A resident found on reopening: its bytes are there, so there is nothing to reserve, and it may exceed the bound.
    ///
    /// The policy takes it for the newest: recover the least recent first. Recover everything, then
    /// [`trim`](Self::trim) and let those leave, before the first [`reserve`](Self::reserve): a claim granted earlier
    /// rests on room that the tier does not have.
    ///
    /// # Errors
    ///
    /// Key and record come back when the key is already resident (or the weights no longer add up to a `u64`).
    pub fn recover(&mut self, key: K, weight: u64, record: R, terms: Terms) -> Result<(), (K, R)> {
        let hashed = self.table.hasher().hash(key);
        self.recover_hashed(hashed, weight, record, terms)
    }

    /// The same of a key that was hashed by this ledger's [`hasher`](Self::hasher), by another thread perhaps: the key
    /// itself is not looked at, unless it is there already.
    ///
    /// # Errors
    /// As [`recover`](Self::recover).
    pub fn recover_hashed(&mut self, key: Hashed<K>, weight: u64, record: R, terms: Terms) -> Result<(), (K, R)> {
        let Hashed { key, hash } = key;
        debug_assert_eq!(hash, self.table.hash_of(&key), "hashed by the hasher of another ledger");
        let slot = match self.table.next_slot() {
            Some(slot) if self.table.find(&key, hash).is_none() => slot,
            _ => return Err((key, record)),
        };
        if !self.balance.recover(weight) {
            return Err((key, record));
        }
        let held = Held::new(key, record, weight, terms.expires);
        self.admit(slot, held, terms, hash);
        Ok(())
    }

    /// Hashes keys for [`recover_hashed`](Self::recover_hashed), wherever the ledger is.
    pub fn hasher(&self) -> KeyHasher {
        self.table.hasher()
    }

    /// So many residents are about to be recovered: room for what is kept of them is made at once.
    ///
    /// # Cost
    ///
    /// Linear in the residents there are. Without it the tables grow as residents come, which is as right and slower.
    pub fn expect(&mut self, more: usize) {
        self.table.expect(more);
    }

    /// Comes back within the bound after [`recover`](Self::recover): the expired first, then the policy's victims.
    ///
    /// Counts on what is leaving already, so calling it twice takes nobody twice; what is stranded counts as staying.
    pub fn trim(&mut self, now: Tick) -> Vec<Leaving<K, R>> {
        self.make_room(self.balance.excess_settled(), now, None)
    }

    /// Sets anew when a resident goes stale; `false` when the key is not resident. The policy does not hear of it.
    pub fn renew<Q>(&mut self, key: &Q, expires: Option<Tick>) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.table.slot_of(key) {
            Some(slot) => self.table.renew(slot, expires),
            None => false,
        }
    }

    /// The bytes the tier may hold at this instant: overhead, residents, all that is leaving or stranded, and every
    /// paid reservation. Exact but for paid reservations whose writing has not begun.
    pub fn charged(&self) -> u64 {
        self.balance.charged()
    }

    /// Room in bytes that unpaid reservations hold: nothing is written in it yet, and nobody else may have it.
    pub fn promised(&self) -> u64 {
        self.balance.promised
    }

    /// Bytes that are reserved, promised or leaving: room that may be free, or resident and able to leave, before
    /// long. What is stranded is not among them.
    pub fn in_motion(&self) -> u64 {
        self.balance.leaving.saturating_add(self.balance.reserved).saturating_add(self.balance.promised)
    }

    /// The weight of the residents alone, in bytes.
    pub fn resident_weight(&self) -> u64 {
        self.balance.resident
    }

    /// How many residents there are, fresh or stale.
    pub fn len(&self) -> usize {
        self.table.keys.len()
    }

    /// Whether nothing is resident. Something may still be leaving or reserved.
    pub fn is_empty(&self) -> bool {
        self.table.keys.is_empty()
    }

    /// The bound, in bytes; `None` is no bound.
    pub fn weight_max(&self) -> Option<u64> {
        self.weight_max
    }

    /// Every resident, in no order that means anything, the same for the same calls.
    pub fn iter(&self) -> impl Iterator<Item = (&K, Resident<'_, R>)> {
        self.table.residents().map(|(_, held)| (&held.key, held.resident()))
    }

    /// Every resident, first to leave first as nearly as the policy can tell. Recovered in this order, they keep their
    /// standing.
    ///
    /// # Cost
    ///
    /// Linear in the residents, and one allocation.
    pub fn in_order(&self) -> Vec<(&K, Resident<'_, R>)> {
        let mut due = vec![true; self.table.entries.len()];
        let mut order = Vec::with_capacity(self.len());
        let mut visit = |slot: Slot| {
            if let Some(held) = self.table.held(slot)
                && std::mem::take(&mut due[slot.index()])
            {
                order.push((&held.key, held.resident()));
            }
        };
        self.policy.for_each_held(&mut visit);
        // Whom a lawless policy forgot is not lost.
        self.table.residents().for_each(|(slot, _)| visit(slot));
        order
    }

    /// How many have gone out of service, by reason.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Makes a value resident whose weight is accounted for already, and whose key has this hash.
    fn admit(&mut self, slot: Slot, held: Held<K, R>, terms: Terms, hash: u64) {
        let weight = held.weight;
        self.table.hold(slot, held, hash);
        self.policy.insert(Candidate { slot, id: terms.id, weight, cost: terms.cost });
    }

    /// Takes residents of `needed` bytes or a little more out of service (L6), or everybody if that is not enough.
    fn make_room(&mut self, needed: u64, now: Tick, owner: Option<ClaimId>) -> Vec<Leaving<K, R>> {
        let mut leaving = Vec::new();
        let mut weight = 0_u64;
        while weight < needed {
            let gone = if let Some(slot) = self.table.first_stale(now) {
                self.policy.remove(slot);
                self.depart(slot, Reason::Expired, owner)
            } else if let Some(slot) = self.victim() {
                self.depart(slot, Reason::Evicted, owner)
            } else {
                None
            };
            let Some(gone) = gone else { break };
            weight = weight.saturating_add(gone.weight);
            leaving.push(gone);
        }
        leaving
    }

    /// Whom the policy names; or, where it names nobody or a stranger against its laws, the first resident there is.
    fn victim(&mut self) -> Option<Slot> {
        let named = self.policy.victim();
        if let Some(slot) = named.filter(|slot| self.table.held(*slot).is_some()) {
            return Some(slot);
        }
        let (slot, _) = self.table.residents().next()?;
        self.policy.remove(slot);
        Some(slot)
    }

    /// Takes a resident out of service that the policy has forgotten already.
    fn depart(&mut self, slot: Slot, reason: Reason, owner: Option<ClaimId>) -> Option<Leaving<K, R>> {
        let held = self.table.depart(slot, owner)?;
        self.balance.depart(held.weight);
        self.tally.count(reason);
        Some(Leaving { key: held.key, weight: held.weight, reason, record: Some(held.record), slot })
    }
}

impl<K, R> fmt::Debug for Ledger<K, R> {
    /// The books, not the residents: there may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("balance", &self.balance)
            .field("len", &self.table.keys.len())
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}
