//! Least recently used, exact.
//!
//! The algorithm is as old as paging: L. A. Belady, "A study of replacement algorithms for a virtual-storage
//! computer", IBM Systems Journal 5(2), 1966, measures it, and R. L. Mattson, J. Gecsei, D. R. Slutz and I. L.
//! Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970, gives it its stack form:
//! a list in order of last use, where a use moves to one end and whoever is at the other end leaves. Weight and cost
//! play no part.
//!
//! What to know before choosing it: one scan longer than the cache empties it, and a loop longer than the cache never
//! hits. Windows and time series, which come back to what they just read, suit it.

use hashlink::LinkedHashSet;

use crate::policy::{Candidate, Policy, Slot};

/// Evicts whoever was used least recently.
///
/// # Cost
///
/// Every call is one hash lookup and a relinking; about 40 bytes a resident.
///
/// # Examples
///
/// ```
/// use zstore_policy::{Candidate, Lru, Policy, Slot};
///
/// let mut lru = Lru::new();
/// for index in 0..3 {
///     lru.insert(Candidate { slot: Slot::new(index), id: 0, weight: 1, cost: 1 });
/// }
/// lru.hit(Slot::new(0));
/// assert_eq!(lru.victim(), Some(Slot::new(1)));
/// ```
#[derive(Debug, Default)]
pub struct Lru {
    /// The least recent in front. Its hasher is seeded by the process, which no answer shows: order is by use alone.
    order: LinkedHashSet<Slot>,
}

impl Lru {
    /// A policy that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Policy for Lru {
    fn insert(&mut self, candidate: Candidate) {
        self.order.insert(candidate.slot);
    }

    fn hit(&mut self, slot: Slot) {
        self.order.to_back(&slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.order.remove(&slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.order.pop_front()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.order.iter().for_each(|slot| visit(*slot));
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn check(&self) -> Result<(), String> {
        // The list and the map are one structure of hashlink's: walking the first must find all of the second.
        let walked = self.order.iter().count();
        if walked != self.order.len() {
            return Err(format!("lru: the order has {walked} slots, the map {}", self.order.len()));
        }
        match self.order.iter().find(|slot| !self.order.contains(*slot)) {
            Some(slot) => Err(format!("lru: {slot:?} is in the order but not in the map")),
            None => Ok(()),
        }
    }
}
