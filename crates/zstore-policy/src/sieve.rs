//! SIEVE: first in, first out, but what was asked for since the hand last passed stays.
//!
//! Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson and K. V. Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key
//! Eviction Algorithm for Web Caches", NSDI 2024. Slots stand in the order in which they came and never move. A hit
//! marks. A hand goes from the oldest to the newest and around again, takes the mark from the marked, and evicts the
//! first unmarked; it stays where it is between evictions, so that newcomers are judged soon and the proven seldom.
//!
//! What to know before choosing it: it beats LRU where popularity is skewed and lasts (tiles, web objects), with hits
//! that only set a flag. Where work moves on (sliding windows, time series) the marked of yesterday stay and
//! newcomers leave before they are read again: measured at less than a hundredth of LRU's hits. A loop longer than
//! the cache never hits. Weight and cost play no part.

use crate::policy::{Candidate, Policy, Slot};
use crate::queues::Queues;

const ALL: usize = 0;

/// Evicts the first, from a moving hand on, that was not asked for since the hand last passed.
///
/// # Cost
///
/// Every call is constant; a step of the hand over a marked slot is paid by the hit that marked it. About 40 bytes a
/// slot.
///
/// # Examples
///
/// ```
/// use zstore_policy::{Candidate, Policy, Sieve, Slot};
///
/// let mut sieve = Sieve::new();
/// for index in 0..3 {
///     sieve.insert(Candidate { slot: Slot::new(index), id: 0, weight: 1, cost: 1 });
/// }
/// sieve.hit(Slot::new(0));
/// assert_eq!(sieve.victim(), Some(Slot::new(1)));
/// // The hand goes on from there; it has taken the mark from 0 and comes to 2 first.
/// assert_eq!(sieve.victim(), Some(Slot::new(2)));
/// ```
#[derive(Debug)]
pub struct Sieve {
    /// The oldest in front; the value is the mark.
    queue: Queues<bool, 1>,
    /// Who is judged next; the oldest if none.
    hand: Option<Slot>,
}

impl Sieve {
    /// A policy that holds nothing yet.
    pub fn new() -> Self {
        Self { queue: Queues::new(), hand: None }
    }

    /// Takes a slot out, the hand stepping aside.
    fn take(&mut self, slot: Slot) {
        if self.hand == Some(slot) {
            self.hand = self.queue.after(slot);
        }
        self.queue.remove(slot);
    }
}

impl Default for Sieve {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Sieve {
    fn insert(&mut self, candidate: Candidate) {
        self.take(candidate.slot);
        self.queue.push_back(ALL, candidate.slot, candidate.weight, false);
    }

    fn hit(&mut self, slot: Slot) {
        if let Some(marked) = self.queue.get_mut(slot) {
            *marked = true;
        }
    }

    fn remove(&mut self, slot: Slot) {
        self.take(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        loop {
            let slot = self.hand.or_else(|| self.queue.front(ALL))?;
            self.hand = Some(slot);
            match self.queue.get_mut(slot) {
                Some(marked) if *marked => {
                    *marked = false;
                    self.hand = self.queue.after(slot);
                }
                _ => {
                    self.take(slot);
                    return Some(slot);
                }
            }
        }
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        // One way around takes the unmarked, a second one the rest.
        let from = self.hand.or_else(|| self.queue.front(ALL));
        let ahead = || std::iter::successors(from, |slot| self.queue.after(*slot));
        let behind = || self.queue.iter(ALL).take_while(|slot| Some(*slot) != from);
        for round in [false, true] {
            let due = |slot: &Slot| self.queue.get(*slot) == Some(&round);
            ahead().chain(behind()).filter(due).for_each(&mut *visit);
        }
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn check(&self) -> Result<(), String> {
        self.queue.check().map_err(|wrong| format!("sieve: {wrong}"))?;
        match self.hand.filter(|hand| self.queue.line_of(*hand).is_none()) {
            Some(hand) => Err(format!("sieve: the hand is at {hand:?}, which is not held")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recount_finds_each_fault() {
        let mut sieve = Sieve::new();
        sieve.check().unwrap();
        sieve.queue.miscount();
        assert!(sieve.check().is_err());

        let mut sieve = Sieve::new();
        sieve.hand = Some(Slot::new(0));
        assert!(sieve.check().is_err(), "the hand is at nobody");
    }
}
