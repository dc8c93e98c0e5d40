//! A caller that obeys, over a simulated tier: it moves the real ledger and the naive one together and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use zstore_policy::{Leaving, Ledger, Lookup, Policy, Reason, Refused, Reservation, Resident, Terms, Tick};

use crate::model::Model;
use crate::op::Op;

/// A record is the serial of its bytes.
type Gone = Leaving<u8, u64>;

/// A reservation the caller holds.
struct Open {
    reservation: Reservation<u8>,
    serial: u64,
    /// Serials that must leave before writing: the caller's own note, taken from the grant.
    due: BTreeSet<u64>,
    started: bool,
    /// Something was recovered since, or the bound set anew, so the bound may be passed through no fault of this
    /// claim.
    rebound: bool,
}

/// Everything outstanding at one instant.
pub(crate) struct World {
    ledger: Ledger<u8, u64>,
    model: Model,
    /// The bytes really held, by serial.
    tier: BTreeMap<u64, u64>,
    open: Vec<Open>,
    leaving: Vec<(Gone, u64)>,
    /// Serials of the stranded, in order.
    stranded: Vec<u64>,
    now: Tick,
    serial: u64,
}

impl World {
    /// `lru` says that victims must be the least recent.
    pub(crate) fn new(bound: Option<u64>, overhead: u64, policy: Box<dyn Policy>, lru: bool) -> Self {
        Self {
            ledger: Ledger::new(bound, policy).with_overhead(overhead),
            model: Model::new(bound, overhead, lru),
            tier: BTreeMap::new(),
            open: Vec::new(),
            leaving: Vec::new(),
            stranded: Vec::new(),
            now: 100,
            serial: 0,
        }
    }

    /// Makes every move, and audits after each.
    pub(crate) fn run(&mut self, ops: &[Op]) {
        for op in ops {
            let before = self.ledger.charged() + self.ledger.promised();
            self.step(op);
            self.audit();
            let total = self.ledger.charged() + self.ledger.promised();
            let allowed = self.model.bound().max(before);
            let recovery = matches!(op, Op::Recover { .. });
            assert!(recovery || total <= allowed, "{op:?}: {before} became {total}");
        }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Advance { by } => self.now += by,
            Op::Probe { key } => self.probe(*key),
            Op::Reserve { key, weight, life } => self.reserve(*key, *weight, *life),
            Op::Start { nth } => self.start(*nth),
            Op::Commit { nth } => self.commit(*nth),
            Op::Abort { nth } => self.abort(*nth),
            Op::Spoil { nth } => self.spoil(*nth),
            Op::Leave { key, reason } => self.leave(*key, *reason),
            Op::LeaveWhere { odd, reason } => self.leave_where(*odd, *reason),
            Op::Expire => self.expire(),
            Op::Left { nth } => self.left(*nth),
            Op::Strand { nth } => self.strand(*nth),
            Op::Retry => self.retry(),
            Op::Recover { key, weight, life } => self.recover(*key, *weight, *life),
            Op::Trim => self.trim(),
            Op::Bound { room } => self.set_bound(*room),
            Op::Renew { key, life } => self.renew(*key, *life),
        }
    }

    fn audit(&self) {
        self.ledger.check().unwrap();
        assert_eq!(self.ledger.charged(), self.model.charged());
        assert_eq!(self.ledger.promised(), self.model.promised());
        assert_eq!(self.ledger.resident_weight(), self.model.resident_weight());
        assert_eq!(self.ledger.len(), self.model.residents.len());
        assert_eq!(self.ledger.is_empty(), self.model.residents.is_empty());
        for (reason, count) in Reason::ALL.into_iter().zip(self.model.tally) {
            assert_eq!(self.ledger.tally().of(reason), count, "{reason:?}");
        }
        for resident in &self.model.residents {
            let seen = self.ledger.peek(&resident.key).unwrap();
            let expected = Resident { record: &resident.serial, weight: resident.weight, expires: resident.expires };
            assert_eq!(seen, expected);
            assert_eq!(self.tier.get(&resident.serial), Some(&resident.weight));
        }
        let told = self.ledger.iter().filter(|(key, resident)| self.ledger.peek(*key) == Some(*resident)).count();
        assert_eq!(told, self.model.residents.len(), "somebody is missing or told of wrongly");
        let order: Vec<u8> = self.ledger.in_order().into_iter().map(|(key, _)| *key).collect();
        let resident = self.model.residents.iter().map(|resident| resident.key);
        if self.model.lru {
            assert_eq!(order, Vec::from_iter(resident));
        } else {
            assert_eq!(BTreeSet::from_iter(order.iter().copied()), BTreeSet::from_iter(resident));
            assert_eq!(order.len(), self.model.residents.len(), "somebody is told of twice");
        }
        let held: u64 = self.tier.values().sum();
        assert!(held <= self.ledger.charged(), "the tier holds {held} bytes");
    }

    fn probe(&mut self, key: u8) {
        let seen = self.ledger.probe(&key, self.now);
        let Some(resident) = self.model.find(key) else {
            assert_eq!(seen, Lookup::Absent);
            return;
        };
        if resident.expires.is_some_and(|expires| expires <= self.now) {
            assert_eq!(seen, Lookup::Stale(&resident.serial));
        } else {
            assert_eq!(seen, Lookup::Fresh(&resident.serial));
            self.model.hit(key);
        }
    }

    fn reserve(&mut self, key: u8, weight: u64, life: Option<u64>) {
        let expected = self.model.needed(weight);
        let expires = life.map(|life| self.now + life);
        let terms = Terms { expires, id: u64::from(key), cost: 1 };
        let granted = self.ledger.reserve(key, weight, terms, self.now);
        let (needed, grant) = match (expected, granted) {
            (Ok(needed), Err(Refused::NotAdmitted)) => {
                let asked = needed > self.model.weight_stale(self.now);
                return assert!(asked && !self.model.lru, "refused, although no one else would have to leave");
            }
            (Err(expected), Err(refused)) => return assert_eq!(refused, expected),
            (Ok(needed), Ok(grant)) => (needed, grant),
            (expected, granted) => panic!("expected {expected:?}, got {granted:?}"),
        };
        let serial = self.next_serial();
        self.model.claim(serial, weight);
        let due = self.take(needed..=needed, Some(serial), grant.leaving);
        self.open.push(Open { reservation: grant.reservation, serial, due, started: false, rebound: false });
    }

    fn start(&mut self, nth: usize) {
        if let Some(at) = nth_of(nth, self.open.len()) {
            self.start_at(at);
        }
    }

    /// Begins to write, as an obedient caller: by its own note of who is due. Answers whether it may.
    fn start_at(&mut self, at: usize) -> bool {
        let open = &mut self.open[at];
        let paid = open.due.is_empty();
        assert_eq!(self.ledger.is_paid(&open.reservation), paid);
        if paid && !open.started {
            open.started = true;
            self.tier.insert(open.serial, open.reservation.weight);
            let held: u64 = self.tier.values().sum();
            let within = held <= self.model.bound() && self.model.total() <= self.model.bound();
            assert!(within || open.rebound, "writing began with {held} bytes in the tier");
        }
        paid
    }

    fn commit(&mut self, nth: usize) {
        let Some(at) = nth_of(nth, self.open.len()) else {
            return;
        };
        let paid = self.start_at(at);
        let mut open = self.open.remove(at);
        let key = open.reservation.key;
        let expires = open.reservation.terms.expires;
        match self.ledger.commit(open.reservation, open.serial) {
            Ok(()) => {
                assert!(paid, "committed with {:?} still due", open.due);
                assert!(self.model.find(key).is_none(), "{key} was resident already");
                self.model.commit(key, open.serial, expires);
            }
            Err(reservation) => {
                assert!(!paid || self.model.find(key).is_some());
                open.reservation = reservation;
                self.open.push(open);
            }
        }
    }

    fn abort(&mut self, nth: usize) {
        let Some(at) = nth_of(nth, self.open.len()) else {
            return;
        };
        if self.open[at].started {
            return self.spoil(nth);
        }
        let open = self.open.remove(at);
        self.ledger.abort(open.reservation);
        self.model.abort(open.serial);
    }

    fn spoil(&mut self, nth: usize) {
        let Some(at) = nth_of(nth, self.open.len()) else {
            return;
        };
        let open = self.open.remove(at);
        let gone = self.ledger.spoil(open.reservation);
        let weight = self.model.spoil(open.serial);
        assert_eq!((gone.weight, gone.reason, gone.record), (weight, Reason::Spoiled, None));
        self.leaving.push((gone, open.serial));
    }

    fn leave(&mut self, key: u8, reason: Reason) {
        let gone = self.ledger.leave(&key, reason);
        assert_eq!(gone.is_some(), self.model.find(key).is_some());
        self.depart(reason, gone.into_iter().collect());
    }

    fn leave_where(&mut self, odd: bool, reason: Reason) {
        let chosen = |key: &u8| (key % 2 == 1) == odd;
        let gone = self.ledger.leave_where(reason, chosen);
        self.depart(reason, gone);
        assert!(!self.model.residents.iter().any(|resident| chosen(&resident.key)));
    }

    fn expire(&mut self) {
        let gone = self.ledger.expire(self.now);
        self.depart(Reason::Expired, gone);
        let fresh = |expires: Option<Tick>| expires.is_none_or(|expires| expires > self.now);
        assert!(self.model.residents.iter().all(|resident| fresh(resident.expires)));
    }

    fn left(&mut self, nth: usize) {
        let Some(at) = nth_of(nth, self.leaving.len()) else {
            return;
        };
        let (gone, serial) = self.leaving.remove(at);
        self.tier.remove(&serial);
        self.ledger.left(gone);
        self.model.left(serial);
        for open in &mut self.open {
            open.due.remove(&serial);
        }
    }

    fn strand(&mut self, nth: usize) {
        if let Some(at) = nth_of(nth, self.leaving.len()) {
            let (gone, serial) = self.leaving.remove(at);
            self.ledger.strand(gone);
            self.model.set_stranded(serial, true);
            self.stranded.push(serial);
        }
    }

    fn retry(&mut self) {
        let taken = self.ledger.take_stranded();
        let serials = std::mem::take(&mut self.stranded);
        assert_eq!(taken.len(), serials.len());
        for (gone, serial) in taken.into_iter().zip(serials) {
            assert!(gone.record.is_none_or(|record| record == serial));
            self.model.set_stranded(serial, false);
            self.leaving.push((gone, serial));
        }
    }

    fn recover(&mut self, key: u8, weight: u64, life: Option<u64>) {
        let serial = self.next_serial();
        let expires = life.map(|life| self.now + life);
        let terms = Terms { expires, id: u64::from(key), cost: 1 };
        match self.ledger.recover(key, weight, serial, terms) {
            Ok(()) => {
                assert!(self.model.find(key).is_none(), "{key} was resident already");
                self.model.admit(key, serial, weight, expires);
                self.tier.insert(serial, weight);
                self.open.iter_mut().for_each(|open| open.rebound = true);
            }
            Err(back) => {
                assert_eq!(back, (key, serial));
                assert!(self.model.find(key).is_some());
            }
        }
    }

    fn trim(&mut self) {
        let excess = self.model.excess();
        let least = excess.min(self.model.resident_weight());
        // A claim that waits for a stranded victim may count twice, but nobody leaves within the bound.
        let most = match self.stranded.is_empty() {
            true => excess,
            false => self.model.total().saturating_sub(self.model.bound()),
        };
        let gone = self.ledger.trim(self.now);
        self.take(least..=most.max(least), None, gone);
        assert!(self.model.excess() == 0 || self.model.residents.is_empty());
    }

    fn set_bound(&mut self, room: u64) {
        let bound = room + self.model.overhead();
        self.ledger.set_weight_max(Some(bound));
        assert_eq!(self.ledger.weight_max(), Some(bound));
        self.model.set_bound(bound);
        self.open.iter_mut().for_each(|open| open.rebound = true);
    }

    fn renew(&mut self, key: u8, life: Option<u64>) {
        let expires = life.map(|life| self.now + life);
        let renewed = self.ledger.renew(&key, expires);
        let resident = self.model.residents.iter_mut().find(|resident| resident.key == key);
        assert_eq!(renewed, resident.is_some());
        if let Some(resident) = resident {
            resident.expires = expires;
        }
    }

    /// Takes over what left to make room; answers the serials.
    fn take(&mut self, needed: RangeInclusive<u64>, owner: Option<u64>, gone: Vec<Gone>) -> BTreeSet<u64> {
        let told: Vec<_> = gone.iter().map(|gone| (gone.key, gone.reason)).collect();
        self.model.made_room(needed, self.now, owner, &told);
        self.keep(gone)
    }

    /// Takes over what left for a reason of the caller's.
    fn depart(&mut self, reason: Reason, gone: Vec<Gone>) {
        for gone in &gone {
            assert_eq!(gone.reason, reason);
            self.model.depart(gone.key, reason, None);
        }
        self.keep(gone);
    }

    fn keep(&mut self, gone: Vec<Gone>) -> BTreeSet<u64> {
        let mut serials = BTreeSet::new();
        for gone in gone {
            let serial = gone.record.expect("a resident has a record");
            assert_eq!(self.tier.get(&serial), Some(&gone.weight));
            serials.insert(serial);
            self.leaving.push((gone, serial));
        }
        serials
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

fn nth_of(nth: usize, count: usize) -> Option<usize> {
    nth.checked_rem(count)
}
