//! GreedyDual-Size-Frequency: whoever saves least for its bytes leaves.
//!
//! L. Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy", HP Labs
//! HPL-98-69, 1998, after P. Cao and S. Irani, "Cost-Aware WWW Proxy Caching Algorithms", USITS 1997. Each resident
//! has a priority:
//!
//! ```text
//! priority = floor + frequency * cost / weight
//! ```
//!
//! set when it comes and at each hit. The least leaves, and the floor rises to its priority; so whoever is not asked
//! for any more is overtaken by newcomers, however popular it was.
//!
//! What to know before choosing it: with costs that are all alike it keeps many small values rather than a few large
//! ones, which is best in hits and worst in bytes. Say what a miss costs: [`Gdsf::for_object_hits`],
//! [`Gdsf::for_byte_hits`], [`Gdsf::for_latency`], or your own. It admits everybody: one huge value flushes many small
//! ones, and is itself the next to leave.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::policy::{Candidate, Policy, Slot};

/// Priorities are counted in 2^-40 of a unit of cost a byte, so that values of up to a tebibyte are told apart at a
/// cost of 1.
const FRACTION_BITS: u32 = 40;
/// When the floor passes this, all priorities are lowered by it. A priority is less than 2^120 above a floor (16 bits
/// of frequency, 64 of cost, 40 of fraction), so nothing overflows; and the floor rises so far so rarely that
/// lowering costs nothing a call.
const FLOOR_MAX: u128 = 1 << 126;

type Cost = Box<dyn Fn(&Candidate) -> u64 + Send>;

/// Evicts whoever saves least for its bytes.
///
/// # Cost
///
/// Every call is logarithmic; about 120 bytes a resident.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use zstore_policy::{Candidate, Gdsf, Policy, Slot};
///
/// // A miss costs 30 ms and then 10 ns a byte.
/// let mut gdsf = Gdsf::for_latency(Duration::from_millis(30), 100_000_000);
/// gdsf.insert(Candidate { slot: Slot::new(0), id: 0, weight: 1_000, cost: 1 });
/// gdsf.insert(Candidate { slot: Slot::new(1), id: 1, weight: 2_000, cost: 1 });
/// assert_eq!(gdsf.victim(), Some(Slot::new(1)), "as slow to fetch, nearly, and twice as heavy");
/// ```
pub struct Gdsf {
    /// By slot.
    held: Vec<Option<Held>>,
    /// Exactly the held, the next to leave first. Among equals, whoever was asked for longer ago.
    order: BTreeSet<(u128, u64, Slot)>,
    /// The priority of the last victim: everybody's is as high at least.
    floor: u128,
    /// The next access's number.
    access: u64,
    cost: Cost,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    weight: u64,
    cost: u64,
    /// Beyond its maximum, more hits add nothing.
    frequency: u16,
    priority: u128,
    accessed: u64,
}

impl Held {
    /// What it adds to the floor. What weighs nothing counts as a byte.
    fn worth(&self) -> u128 {
        let worth = u128::from(self.frequency) * u128::from(self.cost);
        (worth << FRACTION_BITS) / u128::from(self.weight.max(1))
    }
}

impl Gdsf {
    /// A miss costs what its [`Candidate::cost`] says.
    pub fn new() -> Self {
        Self::with_cost(|candidate| candidate.cost)
    }

    /// A miss costs what `cost` says of a candidate, in any unit. It should be a plain function of the candidate:
    /// laws P5 and P6 bind it as well.
    pub fn with_cost(cost: impl Fn(&Candidate) -> u64 + Send + 'static) -> Self {
        Self { held: Vec::new(), order: BTreeSet::new(), floor: 0, access: 0, cost: Box::new(cost) }
    }

    /// Every miss costs the same: as many hits as possible, from many small values.
    pub fn for_object_hits() -> Self {
        Self::with_cost(|_| 1)
    }

    /// A miss costs its bytes: as many bytes from the cache as possible. Weight then cancels out, and frequency,
    /// ageing, decides alone.
    pub fn for_byte_hits() -> Self {
        Self::with_cost(|candidate| candidate.weight)
    }

    /// A miss costs the time it takes: a round trip, then its bytes at a bandwidth (of at least 1).
    pub fn for_latency(round_trip: Duration, bytes_per_second: u64) -> Self {
        let bandwidth = u128::from(bytes_per_second.max(1));
        Self::with_cost(move |candidate| {
            let transfer_ns = u128::from(candidate.weight) * 1_000_000_000 / bandwidth;
            u64::try_from(round_trip.as_nanos().saturating_add(transfer_ns)).unwrap_or(u64::MAX)
        })
    }

    fn held_mut(&mut self, slot: Slot) -> Option<&mut Held> {
        self.held.get_mut(slot.index())?.as_mut()
    }

    /// Gives a resident the priority it has from this access on.
    fn place(&mut self, slot: Slot) {
        let (floor, access) = (self.floor, self.access);
        if let Some(held) = self.held_mut(slot) {
            held.priority = floor + held.worth();
            held.accessed = access;
            let entry = (held.priority, access, slot);
            self.order.insert(entry);
            self.access += 1;
        }
    }

    fn take(&mut self, slot: Slot) -> Option<Held> {
        let held = self.held.get_mut(slot.index())?.take()?;
        self.order.remove(&(held.priority, held.accessed, slot));
        Some(held)
    }

    /// Lowers every priority by the floor, which changes no order.
    fn lower(&mut self) {
        let floor = std::mem::take(&mut self.floor);
        for held in self.held.iter_mut().flatten() {
            held.priority -= floor;
        }
        let order = std::mem::take(&mut self.order);
        self.order = order.into_iter().map(|(priority, access, slot)| (priority - floor, access, slot)).collect();
    }
}

impl Default for Gdsf {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Gdsf {
    fn insert(&mut self, candidate: Candidate) {
        let Candidate { slot, weight, .. } = candidate;
        self.take(slot);
        if self.held.len() <= slot.index() {
            self.held.resize(slot.index() + 1, None);
        }
        let cost = (self.cost)(&candidate);
        self.held[slot.index()] = Some(Held { weight, cost, frequency: 1, priority: 0, accessed: 0 });
        self.place(slot);
    }

    fn hit(&mut self, slot: Slot) {
        if let Some(mut held) = self.take(slot) {
            held.frequency = held.frequency.saturating_add(1);
            self.held[slot.index()] = Some(held);
            self.place(slot);
        }
    }

    fn remove(&mut self, slot: Slot) {
        self.take(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        let (priority, _, slot) = *self.order.first()?;
        self.take(slot);
        self.floor = priority;
        if self.floor > FLOOR_MAX {
            self.lower();
        }
        Some(slot)
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.order.iter().for_each(|(_, _, slot)| visit(*slot));
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn check(&self) -> Result<(), String> {
        let held = self.held.iter().flatten().count();
        if held != self.order.len() {
            return Err(format!("gdsf: {held} slots are held, {} in order", self.order.len()));
        }
        for (priority, access, slot) in &self.order {
            let held = self.held.get(slot.index()).and_then(Option::as_ref);
            let sound = held.is_some_and(|held| (held.priority, held.accessed) == (*priority, *access));
            if !sound || *priority < self.floor || *access >= self.access {
                return Err(format!("gdsf: {slot:?} stands at {priority}, floor {}: {held:?}", self.floor));
            }
        }
        let most = self.held.iter().flatten().find(|held| held.priority > self.floor + held.worth());
        most.map_or(Ok(()), |held| Err(format!("gdsf: {held:?} has more than floor {} allows", self.floor)))
    }
}

impl fmt::Debug for Gdsf {
    /// The sums, not the residents: there may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gdsf").field("len", &self.order.len()).field("floor", &self.floor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(slot: u32) -> Candidate {
        Candidate { slot: Slot::new(slot), id: 0, weight: u64::from(slot % 3), cost: u64::MAX - u64::from(slot) }
    }

    /// Who leaves over many turns, from a floor near the point where priorities are lowered, or from the ground.
    fn played(floor: u128) -> Vec<Slot> {
        let mut gdsf = Gdsf { floor, ..Gdsf::new() };
        (0..5).for_each(|slot| gdsf.insert(candidate(slot)));
        let mut lowered = false;
        let victims = (5..5_000)
            .map(|turn| {
                gdsf.hit(Slot::new(turn % 7));
                let victim = gdsf.victim().unwrap();
                gdsf.check().unwrap();
                lowered |= gdsf.floor < floor;
                gdsf.insert(candidate(turn));
                victim
            })
            .collect();
        assert_eq!(lowered, floor > 0);
        victims
    }

    #[test]
    fn priorities_are_lowered_before_they_overflow_and_keep_their_order() {
        assert_eq!(played(FLOOR_MAX - 1), played(0));
    }

    #[test]
    fn a_recount_finds_each_fault() {
        let convicts = |plant: fn(&mut Gdsf)| {
            let mut gdsf = Gdsf::new();
            (0..3).for_each(|slot| gdsf.insert(candidate(slot)));
            gdsf.check().unwrap();
            plant(&mut gdsf);
            assert!(gdsf.check().is_err());
        };
        convicts(|gdsf| _ = gdsf.order.pop_first());
        convicts(|gdsf| gdsf.held[1] = None);
        convicts(|gdsf| gdsf.floor = u128::MAX >> 1);
        convicts(|gdsf| gdsf.held.iter_mut().flatten().for_each(|held| held.frequency = 0));
        convicts(|gdsf| gdsf.held.iter_mut().flatten().for_each(|held| held.accessed += 1));
        convicts(|gdsf| gdsf.access = 0);
    }
}
