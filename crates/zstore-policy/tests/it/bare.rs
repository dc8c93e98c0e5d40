//! A policy without a ledger: its caller, and the set of those it should hold beside it.

use std::collections::BTreeMap;

use zstore_policy::{Candidate, Policy, Slot};

use crate::op::PolicyOp;
use crate::policies::Make;

/// What a call answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Nothing,
    Admitted(bool),
    /// By the name its caller has for it.
    Victim(Option<u32>),
}

/// Calls a policy and knows whom it holds.
#[derive(Debug)]
pub(crate) struct Bare {
    pub(crate) policy: Box<dyn Policy>,
    /// Names and slots of the held.
    held: BTreeMap<u32, Slot>,
    /// The slot a name gets when it comes. By default a name is the number of its slot.
    slot_of: fn(name: u32, coming: u32) -> Slot,
    /// How many have come.
    come: u32,
}

impl Bare {
    pub(crate) fn new(policy: Box<dyn Policy>) -> Self {
        Self { policy, held: BTreeMap::new(), slot_of: |name, _| Slot::new(name), come: 0 }
    }

    /// A caller that has other slots for the same names.
    pub(crate) fn with_slots(self, slot_of: fn(name: u32, coming: u32) -> Slot) -> Self {
        Self { slot_of, ..self }
    }

    /// Makes a call, if the trait allows it, and audits: P1, P2, P7, P8.
    pub(crate) fn step(&mut self, op: &PolicyOp) -> Answer {
        let answer = self.call(op);
        self.audit();
        answer
    }

    /// Makes a call, if the trait allows it.
    pub(crate) fn call(&mut self, op: &PolicyOp) -> Answer {
        match *op {
            PolicyOp::Capacity { weight_max } => {
                self.policy.set_capacity(weight_max);
                Answer::Nothing
            }
            PolicyOp::Admit { id, weight, needed } => {
                let candidate = Candidate { slot: Slot::new(99), id, weight, cost: 1 };
                let admitted = self.policy.admit(&candidate, needed);
                assert!(admitted || !self.held.is_empty(), "refused, although there is nobody");
                Answer::Admitted(admitted)
            }
            PolicyOp::Insert { slot: name, id, weight, cost } => {
                if !self.held.contains_key(&name) {
                    let slot = (self.slot_of)(name, self.come);
                    self.come += 1;
                    self.policy.insert(Candidate { slot, id, weight, cost });
                    self.held.insert(name, slot);
                }
                Answer::Nothing
            }
            PolicyOp::Hit { slot: name } => {
                if let Some(slot) = self.held.get(&name) {
                    self.policy.hit(*slot);
                }
                Answer::Nothing
            }
            PolicyOp::Remove { slot: name } => {
                if let Some(slot) = self.held.remove(&name) {
                    self.policy.remove(slot);
                }
                Answer::Nothing
            }
            PolicyOp::Victim => Answer::Victim(self.victim()),
        }
    }

    /// Calls about those who are not held.
    pub(crate) fn strangers(&mut self) {
        for name in 0..20 {
            if !self.held.contains_key(&name) {
                self.policy.hit(Slot::new(name));
                self.policy.remove(Slot::new(name));
            }
        }
        self.policy.hit(Slot::new(u32::MAX));
        self.policy.remove(Slot::new(u32::MAX));
    }

    /// Whom the policy holds by its own account, in its order.
    pub(crate) fn order(&self) -> Vec<u32> {
        let mut order = Vec::new();
        self.policy.for_each_held(&mut |slot| order.push(self.name(slot)));
        order
    }

    /// Everybody who is left, as they leave.
    pub(crate) fn drain(&mut self) -> Vec<u32> {
        let drained = std::iter::from_fn(|| self.victim()).collect();
        self.audit();
        drained
    }

    fn victim(&mut self) -> Option<u32> {
        let victim = self.policy.victim().map(|slot| self.name(slot));
        match victim {
            Some(name) => _ = self.held.remove(&name),
            None => assert!(self.held.is_empty(), "nobody named among {:?}", self.held),
        }
        victim
    }

    fn name(&self, slot: Slot) -> u32 {
        let found = self.held.iter().find(|(_, held)| **held == slot);
        *found.unwrap_or_else(|| panic!("{slot:?} is not held")).0
    }

    fn audit(&self) {
        self.policy.check().unwrap();
        assert_eq!(self.policy.len(), self.held.len());
        assert_eq!(self.policy.is_empty(), self.held.is_empty());
        let mut order = self.order();
        order.sort_unstable();
        assert_eq!(order, Vec::from_iter(self.held.keys().copied()), "P8");
    }
}

/// Makes these calls on several of a kind and compares: the laws P1 to P5, P7 and P8, and that the order a policy tells
/// of is that in which it lets go.
pub(crate) fn obeys(make: Make, ops: &[PolicyOp]) {
    let mut bare = Bare::new(make());
    // P5: another one gives the same answers; its hash tables have other seeds.
    let mut again = Bare::new(make());
    // P3: one that hears of strangers before every call answers as if it did not.
    let mut visited = Bare::new(make());
    // P4: what a slot is called and who had it before play no part.
    let mut renamed = Bare::new(make()).with_slots(|name, _| Slot::new(40 - name));
    let mut fresh = Bare::new(make()).with_slots(|_, coming| Slot::new(coming));
    for op in ops {
        let answer = bare.step(op);
        assert_eq!(again.call(op), answer, "P5: {op:?}");
        visited.strangers();
        assert_eq!(visited.call(op), answer, "P3: {op:?}");
        assert_eq!(renamed.call(op), answer, "P4: {op:?}");
        assert_eq!(fresh.call(op), answer, "P4: {op:?}");
    }
    let order = bare.order();
    assert_eq!(bare.drain(), order, "the order is not that in which they leave");
    assert_eq!(fresh.drain(), order);
}
