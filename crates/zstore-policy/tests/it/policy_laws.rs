//! The laws of `Policy`, for every policy in this crate, and LRU against a naive list.

use proptest::collection::vec;
use proptest::prelude::*;
use zstore_policy::{Candidate, Lru, Policy, Slot};

use crate::op::{PolicyOp, policy_op};

/// Every policy of this crate: a new one is added here and is bound by every test below.
fn every() -> Vec<Box<dyn Policy>> {
    vec![Box::new(Lru::new())]
}

fn candidate(slot: u32) -> Candidate {
    Candidate { slot: Slot::new(slot), id: u64::from(slot), weight: 1, cost: 1 }
}

fn drained(policy: &mut dyn Policy) -> Vec<u32> {
    let mut slots = Vec::new();
    while let Some(slot) = policy.victim() {
        slots.push(u32::try_from(slot.index()).unwrap());
        assert!(slots.len() <= 1_000, "{policy:?} never ends");
    }
    slots
}

/// Makes the calls of any policy's caller and keeps the set of members beside it: P1, P2, P3.
fn keeps_membership(mut policy: Box<dyn Policy>, ops: &[PolicyOp]) {
    let mut held: Vec<Slot> = Vec::new();
    policy.set_capacity(Some(32));
    for op in ops {
        match op {
            PolicyOp::Insert { slot, id, weight } if !held.contains(&Slot::new(*slot)) => {
                let slot = Slot::new(*slot);
                policy.insert(Candidate { slot, id: *id, weight: *weight, cost: 1 });
                held.push(slot);
            }
            PolicyOp::Insert { .. } => {}
            PolicyOp::Hit { slot } => policy.hit(Slot::new(*slot)),
            PolicyOp::Remove { slot } => {
                policy.remove(Slot::new(*slot));
                held.retain(|held| *held != Slot::new(*slot));
            }
            PolicyOp::Victim => match policy.victim() {
                Some(victim) => {
                    assert!(held.contains(&victim), "{victim:?} is not held");
                    held.retain(|held| *held != victim);
                }
                None => assert!(held.is_empty(), "nobody named among {held:?}"),
            },
        }
        policy.check().unwrap();
        assert_eq!(policy.len(), held.len());
        assert_eq!(policy.is_empty(), held.is_empty());
    }
}

/// The same calls for LRU, who leaves being known: the front of a list in order of last use.
fn leaves_in_order_of_use(ops: &[PolicyOp]) {
    let mut lru = Lru::new();
    let mut order: Vec<Slot> = Vec::new();
    for op in ops {
        match op {
            PolicyOp::Insert { slot, .. } if !order.contains(&Slot::new(*slot)) => {
                lru.insert(candidate(*slot));
                order.push(Slot::new(*slot));
            }
            PolicyOp::Insert { .. } => {}
            PolicyOp::Hit { slot } => {
                lru.hit(Slot::new(*slot));
                if let Some(at) = order.iter().position(|held| held.index() == *slot as usize) {
                    let slot = order.remove(at);
                    order.push(slot);
                }
            }
            PolicyOp::Remove { slot } => {
                lru.remove(Slot::new(*slot));
                order.retain(|held| *held != Slot::new(*slot));
            }
            PolicyOp::Victim => {
                let expected = if order.is_empty() { None } else { Some(order.remove(0)) };
                assert_eq!(lru.victim(), expected);
            }
        }
        lru.check().unwrap();
    }
    let rest: Vec<Slot> = std::iter::from_fn(|| lru.victim()).collect();
    assert_eq!(rest, order);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_policy_holds_exactly_whom_it_was_given(ops in vec(policy_op(), 0..200)) {
        for policy in every() {
            keeps_membership(policy, &ops);
        }
    }

    #[test]
    fn lru_is_a_list_in_order_of_use(ops in vec(policy_op(), 0..200)) {
        leaves_in_order_of_use(&ops);
    }
}

#[test]
fn p1_a_removed_slot_is_never_a_victim() {
    for mut policy in every() {
        (0..3).for_each(|slot| policy.insert(candidate(slot)));
        policy.remove(Slot::new(1));
        assert_eq!(policy.len(), 2);
        assert!(!drained(&mut *policy).contains(&1), "{policy:?}");
    }
}

#[test]
fn p2_every_member_is_named_once_and_then_nobody() {
    for mut policy in every() {
        (0..100).for_each(|slot| policy.insert(candidate(slot)));
        let mut named = drained(&mut *policy);
        named.sort_unstable();
        assert_eq!(named, Vec::from_iter(0..100));
        assert!(policy.is_empty());
        assert_eq!(policy.victim(), None);
    }
}

#[test]
fn p3_strangers_change_nothing() {
    for mut policy in every() {
        policy.insert(candidate(0));
        policy.hit(Slot::new(9));
        policy.remove(Slot::new(9));
        assert_eq!(policy.len(), 1);
        policy.check().unwrap();
        assert_eq!(drained(&mut *policy), [0]);
    }
}

#[test]
fn p4_a_slot_used_again_is_a_newcomer() {
    let mut lru = Lru::new();
    lru.insert(candidate(0));
    lru.insert(candidate(1));
    lru.remove(Slot::new(0));
    lru.insert(candidate(0));
    assert_eq!(drained(&mut lru), [1, 0]);
}

#[test]
fn evicts_the_least_recent_when_asked() {
    let mut lru = Lru::new();
    (0..4).for_each(|slot| lru.insert(candidate(slot)));
    lru.hit(Slot::new(0));
    lru.hit(Slot::new(2));
    assert_eq!(drained(&mut lru), [1, 3, 0, 2]);
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
