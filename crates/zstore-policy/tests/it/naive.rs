//! Policies so naive that they can be believed: a list, scanned. Each as its file in the crate describes it.

use zstore_policy::{Candidate, Policy, Slot};

/// A resident.
#[derive(Debug, Clone)]
struct Held {
    slot: Slot,
    weight: u64,
    cost: u64,
    hits: u64,
    priority: u128,
}

/// What distinguishes the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Lru,
    Fifo,
    Sieve,
    Gdsf,
}

/// One list for all of them.
#[derive(Debug)]
pub(crate) struct Naive {
    rule: Rule,
    /// In order of coming; LRU and GDSF, of last use.
    list: Vec<Held>,
    /// SIEVE: where the hand is.
    hand: usize,
    /// GDSF: the priority of the last victim.
    floor: u128,
}

impl Naive {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, list: Vec::new(), hand: 0, floor: 0 }
    }

    fn position(&self, slot: Slot) -> Option<usize> {
        self.list.iter().position(|held| held.slot == slot)
    }

    fn take(&mut self, at: usize) -> Slot {
        if at < self.hand {
            self.hand -= 1;
        }
        self.list.remove(at).slot
    }

    /// At the end of the list, with the priority of now.
    fn use_now(&mut self, mut held: Held) {
        let worth = u128::from(held.hits + 1) * u128::from(held.cost) * (1 << 40) / u128::from(held.weight.max(1));
        held.priority = self.floor + worth;
        self.list.push(held);
    }

    fn victim_at(&mut self) -> usize {
        match self.rule {
            Rule::Lru | Rule::Fifo => 0,
            Rule::Sieve => loop {
                self.hand %= self.list.len();
                if self.list[self.hand].hits == 0 {
                    break self.hand;
                }
                self.list[self.hand].hits = 0;
                self.hand += 1;
            },
            Rule::Gdsf => {
                let least = self.list.iter().map(|held| held.priority).min();
                self.list.iter().position(|held| Some(held.priority) == least).unwrap()
            }
        }
    }
}

impl Policy for Naive {
    fn insert(&mut self, candidate: Candidate) {
        let Candidate { slot, weight, cost, .. } = candidate;
        // The hand that has passed the newest goes on with the oldest, not with a newcomer.
        if self.hand == self.list.len() {
            self.hand = 0;
        }
        self.use_now(Held { slot, weight, cost, hits: 0, priority: 0 });
    }

    fn hit(&mut self, slot: Slot) {
        let Some(at) = self.position(slot) else { return };
        self.list[at].hits += 1;
        if matches!(self.rule, Rule::Lru | Rule::Gdsf) {
            let held = self.list.remove(at);
            self.use_now(held);
        }
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(at) = self.position(slot) {
            self.take(at);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        if self.list.is_empty() {
            return None;
        }
        let at = self.victim_at();
        self.floor = self.list[at].priority;
        Some(self.take(at))
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.list.iter().for_each(|held| visit(held.slot));
    }

    fn len(&self) -> usize {
        self.list.len()
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
