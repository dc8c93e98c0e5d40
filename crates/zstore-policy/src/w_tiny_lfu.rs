//! W-TinyLFU: a window for newcomers, and a main part that one enters by being asked for more often.
//!
//! G. Einziger, R. Friedman and B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on
//! Storage 13(4), 2017; the size of the window climbs as in G. Einziger, O. Eytan, R. Friedman and B. Manes,
//! "Adaptive Software Cache Management", Middleware 2018; values of many sizes as in G. Einziger, O. Eytan, R.
//! Friedman and B. Manes, "Lightweight Robust Size Aware Cache Management", ACM Transactions on Storage 18(3), 2022.
//!
//! ```text
//!              window (1 % and up): LRU         main: segmented LRU
//!   insert --> [ newest ... oldest ] --contest--> [ probation 20 % ] --hit--> [ protected 80 % ]
//!                                                         ^--------- overflow ---------'
//! ```
//!
//! Newcomers enter the window. The oldest of a full window stays only if it was asked for more often, lately, than
//! all those of main together for whom there would be no room beside it ("aggregated victims"); else it leaves
//! itself. A candidate heavier than the whole window has its contest before it comes, against all it would displace,
//! and is refused if it loses. What was asked for how often lately a count-min sketch tells (`sketch.rs`), of
//! residents and strangers alike. The share of the window follows the hit ratio (`climber.rs`).
//!
//! What to know before choosing it: it is the best all-rounder of the fixed policies, strong where popularity is
//! skewed and under scans and loops. It learns: work that moves on (sliding windows, time series) wants a larger
//! window than it begins with, and samples of some ten accesses a resident are needed for each step towards that. A
//! counter ends at 15, so a value that would displace more than 15 others that were asked for lately never enters a
//! full cache. Cost plays no part.

use crate::climber::{Climber, WHOLE};
use crate::policy::{Candidate, Policy, Slot};
use crate::queues::Queues;
use crate::sketch::Sketch;

const WINDOW: usize = 0;
const PROBATION: usize = 1;
const PROTECTED: usize = 2;
/// The protected have so much of main.
const PROTECTED_PERCENT: u128 = 80;
/// A contest ends, lost, beyond so many opponents: those never asked for lately add nothing to the sum, and a call
/// must be short.
const OPPONENTS_MAX: usize = 256;

/// Evicts newcomers that are asked for less often than whom they would displace; else the least recent of main.
///
/// # Cost
///
/// Every call is constant, amortised, but a contest, which looks at 256 residents at most. About 65 bytes a slot.
///
/// # Examples
///
/// ```
/// use zstore_policy::{Candidate, Policy, Slot, WTinyLfu};
///
/// let mut policy = WTinyLfu::new();
/// policy.set_capacity(Some(100));
/// let popular = Candidate { slot: Slot::new(0), id: 7, weight: 100, cost: 1 };
/// policy.insert(popular);
/// policy.hit(popular.slot);
///
/// // Asked for once, against twice. At the third time it is admitted.
/// let newcomer = Candidate { slot: Slot::new(1), id: 8, ..popular };
/// assert!(!policy.admit(&newcomer, 100));
/// assert!(!policy.admit(&newcomer, 100));
/// assert!(policy.admit(&newcomer, 100));
/// ```
#[derive(Clone, Debug)]
pub struct WTinyLfu {
    /// Each from the least to the most recent; the value is the id.
    queues: Queues<u64, 3>,
    sketch: Sketch,
    climber: Climber,
    capacity: Option<u64>,
    /// The weight of the newcomer for whom room is being made: the window must have room for it.
    pending: u64,
}

impl WTinyLfu {
    /// A policy that holds nothing yet.
    pub fn new() -> Self {
        Self { queues: Queues::new(), sketch: Sketch::new(), climber: Climber::new(), capacity: None, pending: 0 }
    }

    /// How many bytes the window may have at the moment, for those who watch it adapt. Without a bound, what is held
    /// is the room there is.
    pub fn window_max(&self) -> u64 {
        let share = self.capacity() * u128::from(self.climber.share()) / u128::from(WHOLE);
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    fn capacity(&self) -> u128 {
        self.capacity.map_or_else(|| self.queues.weight_total(), u128::from)
    }

    fn main_max(&self) -> u128 {
        self.capacity() - u128::from(self.window_max()).min(self.capacity())
    }

    fn main_weight(&self) -> u128 {
        self.queues.weight(PROBATION) + self.queues.weight(PROTECTED)
    }

    /// Main in the order of leaving.
    fn main(&self) -> impl Iterator<Item = Slot> {
        self.queues.iter(PROBATION).chain(self.queues.iter(PROTECTED))
    }

    /// Whether a frequency is above that of all opponents together who are needed for so many bytes; and there are so
    /// many.
    fn beats(&self, frequency: u64, needed: u128, opponents: impl Iterator<Item = Slot>) -> bool {
        let (mut weight, mut sum) = (0_u128, 0);
        let mut opponents = opponents.take(OPPONENTS_MAX);
        while weight < needed {
            let Some(slot) = opponents.next() else { return false };
            weight += u128::from(self.queues.weight_of(slot));
            sum += self.queues.get(slot).map_or(0, |id| self.sketch.frequency(*id));
            if sum >= frequency {
                return false;
            }
        }
        true
    }

    /// Counts a miss of this id, and learns.
    fn miss(&mut self, id: u64) {
        self.sketch.increment(id);
        self.climber.miss();
        self.climber.climb(self.sketch.period());
    }

    /// Hands on to probation what the window has too much, as long as there is anything.
    fn settle_window(&mut self) {
        let window_max = u128::from(self.window_max());
        while self.queues.weight(WINDOW) > window_max
            && let Some(oldest) = self.queues.front(WINDOW)
        {
            self.queues.move_to_back(oldest, PROBATION);
        }
    }

    fn settle_protected(&mut self, protected_max: u128) {
        while self.queues.weight(PROTECTED) > protected_max
            && let Some(oldest) = self.queues.front(PROTECTED)
        {
            self.queues.move_to_back(oldest, PROBATION);
        }
    }

    /// Lets the oldest of a full window contend for main, until one has lost, or the window has room. Answers who
    /// leaves.
    fn contest(&mut self) -> Option<Slot> {
        while self.queues.weight(WINDOW) + u128::from(self.pending) > u128::from(self.window_max())
            && let Some(oldest) = self.queues.front(WINDOW)
        {
            let weight = u128::from(self.queues.weight_of(oldest));
            let free = self.main_max().saturating_sub(self.main_weight());
            if weight <= free {
                self.queues.move_to_back(oldest, PROBATION);
                continue;
            }
            let frequency = self.queues.get(oldest).map_or(0, |id| self.sketch.frequency(*id));
            if !self.beats(frequency, weight - free, self.main()) {
                return Some(oldest);
            }
            // The first of those it beat leaves; the others follow if that is not enough: main is too full then.
            let beaten = self.main().next();
            self.queues.move_to_back(oldest, PROBATION);
            return beaten;
        }
        None
    }
}

impl Default for WTinyLfu {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for WTinyLfu {
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        self.capacity = weight_max;
    }

    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        if candidate.weight <= self.window_max() || self.queues.len() == 0 {
            self.pending = candidate.weight.min(self.window_max());
            return true;
        }
        // This access counts as well.
        let frequency = self.sketch.frequency(candidate.id) + 1;
        let opponents = self.main().chain(self.queues.iter(WINDOW));
        let admitted = self.beats(frequency, needed.into(), opponents);
        if admitted {
            self.pending = 0;
        } else {
            self.miss(candidate.id);
        }
        admitted
    }

    fn insert(&mut self, candidate: Candidate) {
        let Candidate { slot, id, weight, .. } = candidate;
        self.pending = 0;
        let line = if weight <= self.window_max() { WINDOW } else { PROBATION };
        self.queues.push_back(line, slot, weight, id);
        self.sketch.grow(self.queues.len());
        self.miss(id);
        self.settle_window();
    }

    fn hit(&mut self, slot: Slot) {
        let (Some(line), Some(id)) = (self.queues.line_of(slot), self.queues.get(slot)) else { return };
        self.sketch.increment(*id);
        self.climber.hit();
        self.climber.climb(self.sketch.period());
        let protected_max = self.main_max() * PROTECTED_PERCENT / 100;
        // One that is heavier than all the protected may be would drive them all out, and itself.
        let fits = u128::from(self.queues.weight_of(slot)) <= protected_max;
        let line = match line {
            WINDOW => WINDOW,
            _ if fits => PROTECTED,
            _ => PROBATION,
        };
        self.queues.move_to_back(slot, line);
        self.settle_protected(protected_max);
    }

    fn remove(&mut self, slot: Slot) {
        self.queues.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        let lost = self.contest();
        let victim = lost.or_else(|| self.main().next()).or_else(|| self.queues.front(WINDOW))?;
        self.queues.remove(victim);
        Some(victim)
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        let mut copy = self.clone();
        std::iter::from_fn(|| copy.victim()).for_each(visit);
    }

    fn len(&self) -> usize {
        self.queues.len()
    }

    fn check(&self) -> Result<(), String> {
        let parts = [self.queues.check(), self.sketch.check(self.queues.slots_max()), self.climber.check()];
        parts.into_iter().collect::<Result<(), String>>().map_err(|wrong| format!("w-tiny-lfu: {wrong}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recount_finds_each_fault() {
        let mut w_tiny_lfu = WTinyLfu::new();
        w_tiny_lfu.check().unwrap();
        w_tiny_lfu.queues.miscount();
        assert!(w_tiny_lfu.check().is_err());

        let mut w_tiny_lfu = WTinyLfu::new();
        w_tiny_lfu.sketch.grow(1_000);
        assert!(w_tiny_lfu.check().is_err(), "more counters than residents warrant");
    }
}
