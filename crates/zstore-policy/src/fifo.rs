//! First in, first out.
//!
//! L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966,
//! measures it beside the others. Whoever came first leaves first; hits, weight and cost play no part.
//!
//! What to know before choosing it: a hit changes nothing, so hits are as cheap as can be, and what is asked for every
//! minute leaves as soon as what was asked for once. It suits data that is read in order and not again. More room can
//! mean fewer hits (L. A. Belady, R. A. Nelson and G. S. Shedler, CACM 12(6), 1969).

use crate::policy::{Candidate, Policy, Slot};
use crate::queues::Queues;

const ALL: usize = 0;

/// Evicts whoever came first.
///
/// # Cost
///
/// Every call is constant, `hit` nothing at all; about 40 bytes a slot.
///
/// # Examples
///
/// ```
/// use zstore_policy::{Candidate, Fifo, Policy, Slot};
///
/// let mut fifo = Fifo::new();
/// for index in 0..3 {
///     fifo.insert(Candidate { slot: Slot::new(index), id: 0, weight: 1, cost: 1 });
/// }
/// fifo.hit(Slot::new(0));
/// assert_eq!(fifo.victim(), Some(Slot::new(0)));
/// ```
#[derive(Debug)]
pub struct Fifo {
    /// The first in front.
    queue: Queues<(), 1>,
}

impl Fifo {
    /// A policy that holds nothing yet.
    pub fn new() -> Self {
        Self { queue: Queues::new() }
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Fifo {
    fn insert(&mut self, candidate: Candidate) {
        self.queue.push_back(ALL, candidate.slot, candidate.weight, ());
    }

    fn hit(&mut self, _: Slot) {}

    fn remove(&mut self, slot: Slot) {
        self.queue.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        let victim = self.queue.front(ALL)?;
        self.queue.remove(victim);
        Some(victim)
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.queue.iter(ALL).for_each(visit);
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn check(&self) -> Result<(), String> {
        self.queue.check().map_err(|wrong| format!("fifo: {wrong}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recount_finds_a_fault_of_the_queue() {
        let mut fifo = Fifo::new();
        fifo.check().unwrap();
        fifo.queue.miscount();
        assert!(fifo.check().is_err());
    }
}
