//! A cache of keys over a ledger, for traces: what is missed is admitted at once, if the policy lets it in.

use std::sync::{Arc, Mutex};

use zstore_policy::{Candidate, Grant, Ledger, Lookup, Policy, Refused, Slot, Terms};

/// Counts its hits.
#[derive(Debug)]
pub(crate) struct Cache {
    ledger: Ledger<u64, ()>,
    pub(crate) hits: u64,
    pub(crate) hit_bytes: u64,
}

impl Cache {
    pub(crate) fn new(weight_max: u64, policy: impl Policy + 'static) -> Self {
        Self { ledger: Ledger::new(Some(weight_max), Box::new(policy)), hits: 0, hit_bytes: 0 }
    }

    /// Reads a key of this weight. Whether it was a hit.
    pub(crate) fn get(&mut self, key: u64, weight: u64) -> bool {
        if self.ledger.probe(&key, 0) == Lookup::Fresh(&()) {
            self.hits += 1;
            self.hit_bytes += weight;
            return true;
        }
        let terms = Terms { id: key, ..Terms::default() };
        match self.ledger.reserve(key, weight, terms, 0) {
            Ok(Grant { reservation, leaving }) => {
                leaving.into_iter().for_each(|leaving| self.ledger.left(leaving));
                self.ledger.commit(reservation, ()).unwrap();
            }
            Err(refused) => assert_ne!(refused, Refused::NoRoom),
        }
        assert!(self.ledger.charged() <= self.ledger.weight_max().unwrap());
        false
    }

    /// Reads keys of weight 1, one after the other.
    pub(crate) fn get_all(&mut self, keys: impl IntoIterator<Item = u64>) {
        keys.into_iter().for_each(|key| _ = self.get(key, 1));
    }

    /// How many of these are resident.
    pub(crate) fn holds(&self, keys: impl IntoIterator<Item = u64>) -> usize {
        keys.into_iter().filter(|key| self.ledger.peek(key).is_some()).count()
    }
}

/// A policy that can be looked at while a ledger owns it.
#[derive(Debug)]
pub(crate) struct Shared<P>(pub(crate) Arc<Mutex<P>>);

impl<P: Policy> Policy for Shared<P> {
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        self.0.lock().unwrap().set_capacity(weight_max);
    }

    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        self.0.lock().unwrap().admit(candidate, needed)
    }

    fn insert(&mut self, candidate: Candidate) {
        self.0.lock().unwrap().insert(candidate);
    }

    fn hit(&mut self, slot: Slot) {
        self.0.lock().unwrap().hit(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.0.lock().unwrap().remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.0.lock().unwrap().victim()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.0.lock().unwrap().for_each_held(visit);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn check(&self) -> Result<(), String> {
        self.0.lock().unwrap().check()
    }
}
