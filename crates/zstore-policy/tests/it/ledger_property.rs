//! Any sequence of moves by a caller that obeys, against the naive model and the simulated tier.

use proptest::collection::vec;
use proptest::prelude::*;
use zstore_policy::{Candidate, Lru, Policy, Slot};

use crate::op::{bounds, op, reopening};
use crate::policies::EVERY;
use crate::world::World;

/// A policy that keeps its members in order but has odd opinions: it names the middle, and every few times nobody at
/// all or a stranger, against its laws.
#[derive(Debug, Default)]
struct Fickle {
    held: Vec<Slot>,
    asked: usize,
}

impl Policy for Fickle {
    fn insert(&mut self, candidate: Candidate) {
        self.held.push(candidate.slot);
    }

    fn hit(&mut self, _: Slot) {}

    fn remove(&mut self, slot: Slot) {
        self.held.retain(|held| *held != slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.asked += 1;
        match self.asked % 5 {
            0 => None,
            1 => Some(Slot::new(1_000_000)),
            _ if self.held.is_empty() => None,
            _ => Some(self.held.remove(self.held.len() / 2)),
        }
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.held.iter().for_each(|slot| visit(*slot));
    }

    fn len(&self) -> usize {
        self.held.len()
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_of_moves_keeps_the_laws((bound, overhead) in bounds(), ops in vec(op(), 0..120)) {
        World::new(bound, overhead, Box::new(Lru::new()), true).run(&ops);
    }

    #[test]
    fn a_cache_reopened_past_its_bound_comes_back((bound, overhead) in bounds(), ops in reopening()) {
        World::new(bound, overhead, Box::new(Lru::new()), true).run(&ops);
    }

    #[test]
    fn every_policy_keeps_the_laws_of_its_ledger((bound, overhead) in bounds(), ops in vec(op(), 0..120)) {
        for (_, make) in EVERY {
            World::new(bound, overhead, make(), false).run(&ops);
        }
    }

    #[test]
    fn every_policy_comes_back_within_the_bound((bound, overhead) in bounds(), ops in reopening()) {
        for (_, make) in EVERY {
            World::new(bound, overhead, make(), false).run(&ops);
        }
    }

    #[test]
    fn a_policy_that_breaks_its_laws_cannot_break_the_ledgers((bound, overhead) in bounds(), ops in vec(op(), 0..120)) {
        World::new(bound, overhead, Box::<Fickle>::default(), false).run(&ops);
    }
}
