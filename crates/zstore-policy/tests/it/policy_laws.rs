//! The laws of `Policy`, one table for every policy in this crate; and the simple ones against naive lists.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use zstore_policy::{Candidate, Policy, Slot};

use crate::bare::{Answer, Bare, obeys};
use crate::naive::{Naive, Rule};
use crate::op::{PolicyOp, policy_op};
use crate::policies::{EVERY, Make};

fn candidate(slot: u32) -> Candidate {
    Candidate { slot: Slot::new(slot), id: u64::from(slot), weight: 1, cost: 1 }
}

fn ops() -> impl Strategy<Value = Vec<PolicyOp>> {
    vec(policy_op(), 0..200)
}

/// The same answers as a naive list, to the last of those who are left.
fn agrees(make: Make, rule: Rule, ops: &[PolicyOp]) {
    let mut real = Bare::new(make());
    let mut naive = Bare::new(Box::new(Naive::new(rule)));
    for op in ops.iter().filter(|op| is_small(op)) {
        assert_eq!(real.call(op), naive.call(op), "{op:?}");
    }
    assert_eq!(real.drain(), naive.drain());
}

/// A naive list adds up in 128 bits what the real one must keep from overflowing.
fn is_small(op: &PolicyOp) -> bool {
    !matches!(op, PolicyOp::Insert { cost: u64::MAX, .. })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_policy_obeys_its_laws(ops in ops()) {
        for (_, make) in EVERY {
            obeys(make, &ops);
        }
    }

    #[test]
    fn the_simple_policies_are_their_naive_lists(ops in ops()) {
        let simple =
            [("lru", Rule::Lru), ("fifo", Rule::Fifo), ("sieve", Rule::Sieve), ("gdsf", Rule::Gdsf)];
        for (name, rule) in simple {
            let (_, make) = EVERY.into_iter().find(|(known, _)| *known == name).unwrap();
            agrees(make, rule, &ops);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two hundred calls neither age a sketch nor move a window.
    #[test]
    fn every_policy_obeys_its_laws_for_long(ops in vec(policy_op(), 2_000)) {
        for (_, make) in EVERY {
            let mut bare = Bare::new(make());
            ops.iter().for_each(|op| _ = bare.step(op));
        }
    }
}

#[test]
fn p1_a_removed_slot_is_never_a_victim() {
    for (name, make) in EVERY {
        let mut policy = make();
        (0..3).for_each(|slot| policy.insert(candidate(slot)));
        policy.remove(Slot::new(1));
        assert_eq!(policy.len(), 2);
        let named: Vec<_> = std::iter::from_fn(|| policy.victim()).collect();
        assert!(named.len() == 2 && !named.contains(&Slot::new(1)), "{name}: {named:?}");
    }
}

#[test]
fn p2_every_member_is_named_once_and_then_nobody() {
    for (name, make) in EVERY {
        let mut policy = make();
        (0..100).for_each(|slot| policy.insert(candidate(slot)));
        let named: Vec<_> = std::iter::from_fn(|| policy.victim()).take(101).collect();
        assert_eq!(BTreeSet::from_iter(&named).len(), 100, "{name}");
        assert!(named.len() == 100 && policy.is_empty(), "{name}");
        assert_eq!(policy.victim(), None);
    }
}

#[test]
fn p6_a_slot_inserted_twice_against_the_rules_is_held_once() {
    for (name, make) in EVERY {
        let mut policy = make();
        for slot in [0, 1, 0] {
            policy.insert(candidate(slot));
        }
        policy.check().unwrap();
        assert_eq!(policy.len(), 2, "{name}");
    }
}

#[test]
fn p6_many_newcomers_leave_nothing_behind_but_what_is_bounded() {
    for (name, make) in EVERY {
        let mut policy = make();
        policy.set_capacity(Some(64));
        for id in 0..100_000_u32 {
            let slot = Slot::new(id % 64);
            if id >= 64 {
                let newcomer = Candidate { slot, id: u64::from(id), weight: 1, cost: 1 };
                if !policy.admit(&newcomer, 1) {
                    continue;
                }
                policy.victim();
                policy.remove(slot);
            }
            policy.insert(Candidate { id: u64::from(id), ..candidate(id % 64) });
        }
        policy.check().unwrap();
        assert!(policy.len() <= 64, "{name}");
    }
}

#[test]
fn p7_a_question_holds_nobody_and_forgets_nobody() {
    for (name, make) in EVERY {
        let mut bare = Bare::new(make());
        bare.step(&PolicyOp::Capacity { weight_max: Some(1_000) });
        for slot in 0..10 {
            bare.step(&PolicyOp::Insert { slot, id: slot.into(), weight: 100, cost: 1 });
        }
        for needed in [1, 100, 1_000, u64::MAX] {
            // `step` compares whom it holds.
            let answer = bare.step(&PolicyOp::Admit { id: 77, weight: 100, needed });
            assert_ne!(answer, Answer::Nothing, "{name}");
        }
        assert_eq!(bare.order().len(), 10, "{name}");
    }
}

/// Notes what it was told, so that a forwarder that swallows a call is seen.
#[derive(Debug, Default)]
struct Told(Vec<String>);

impl Policy for Told {
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        self.0.push(format!("capacity {weight_max:?}"));
    }

    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        self.0.push(format!("admit {} for {needed}", candidate.slot.index()));
        false
    }

    fn insert(&mut self, candidate: Candidate) {
        self.0.push(format!("insert {}", candidate.slot.index()));
    }

    fn hit(&mut self, slot: Slot) {
        self.0.push(format!("hit {}", slot.index()));
    }

    fn remove(&mut self, slot: Slot) {
        self.0.push(format!("remove {}", slot.index()));
    }

    fn victim(&mut self) -> Option<Slot> {
        self.0.push("victim".to_owned());
        Some(Slot::new(5))
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        visit(Slot::new(8));
    }

    fn len(&self) -> usize {
        6
    }

    fn is_empty(&self) -> bool {
        true
    }

    fn check(&self) -> Result<(), String> {
        Err("told".to_owned())
    }
}

#[test]
fn a_boxed_policy_forwards_every_call() {
    let mut boxed = Box::new(Told::default());
    {
        let policy: &mut dyn Policy = &mut boxed;
        policy.set_capacity(Some(3));
        assert!(!policy.admit(&candidate(4), 7));
        let mut held = Vec::new();
        policy.for_each_held(&mut |slot| held.push(slot));
        assert_eq!(held, [Slot::new(8)]);
        policy.insert(candidate(1));
        policy.hit(Slot::new(2));
        policy.remove(Slot::new(3));
        assert_eq!(policy.victim(), Some(Slot::new(5)));
        assert_eq!((policy.len(), policy.is_empty()), (6, true));
        assert_eq!(policy.check(), Err("told".to_owned()));
    }
    assert_eq!(boxed.0, ["capacity Some(3)", "admit 4 for 7", "insert 1", "hit 2", "remove 3", "victim"]);
}
