//! S3-FIFO: three first-in-first-out queues, by bytes.
//!
//! J. Yang, Y. Zhang, Z. Qiu, Y. Yue and K. V. Rashmi, "FIFO Queues are All You Need for Cache Eviction", SOSP 2023.
//! Newcomers enter a *small* queue of a tenth of the room. Whoever was hit twice there goes on to the *main* queue;
//! everybody else leaves soon, and its id is kept in a *ghost* queue. An id that comes back while its ghost is there
//! enters main at once. Main gives everybody one more round for each hit, three at most.
//!
//! Differences from the paper, both for values of many sizes: queues are measured in bytes; and a candidate heavier
//! than the small queue, for which main would have to give way, is treated as if it had passed through small already:
//! at the first attempt it is refused and leaves a ghost, at the next it enters main.
//!
//! What to know before choosing it: it beats LRU where most values are asked for once and the rest again and again,
//! hits are cheap, and scans and loops do little harm. In a small cache on work that moves on (sliding windows, time
//! series) the small queue is too short to see a second hit, and it loses to LRU. Cost plays no part.

use hashlink::LinkedHashSet;

use crate::policy::{Candidate, Policy, Slot};
use crate::queues::Queues;

const SMALL: usize = 0;
const MAIN: usize = 1;
/// The small queue has one part in so many of the room.
const SMALL_PART: u128 = 10;
/// Hits in small that lead to main.
const HITS_TO_MAIN: u8 = 2;
/// More hits count no more.
const HITS_MAX: u8 = 3;
/// So many ghosts are kept however few are held: a cache of a few large values must remember beyond them.
const GHOSTS_MIN: usize = 16;

/// Evicts newcomers that nobody asks for again, then whoever has used up its hits.
///
/// # Cost
///
/// Every call is constant, amortised: a step of the main queue is paid by a hit. About 55 bytes a slot, and 30 a
/// ghost, of which there are as many as residents at most (or 16).
///
/// # Examples
///
/// ```
/// use zstore_policy::{Candidate, Policy, S3Fifo, Slot};
///
/// let mut policy = S3Fifo::new();
/// policy.set_capacity(Some(3));
/// for index in 0..3 {
///     policy.insert(Candidate { slot: Slot::new(index), id: index.into(), weight: 1, cost: 1 });
/// }
/// policy.hit(Slot::new(0));
/// policy.hit(Slot::new(0));
/// assert_eq!(policy.victim(), Some(Slot::new(1)));
/// ```
#[derive(Clone, Debug)]
pub struct S3Fifo {
    /// The first in front.
    queues: Queues<Seen, 2>,
    /// Ids of those who left small unproven, the first in front. Its hasher is seeded by the process, which no answer
    /// shows.
    ghosts: LinkedHashSet<u64>,
    capacity: Option<u64>,
}

/// What is known of a resident.
#[derive(Clone, Copy, Debug)]
struct Seen {
    id: u64,
    hits: u8,
}

impl S3Fifo {
    /// A policy that holds nothing yet.
    pub fn new() -> Self {
        Self { queues: Queues::new(), ghosts: LinkedHashSet::new(), capacity: None }
    }

    /// How many bytes small may have. Without a bound, what is held is the room there is.
    fn small_max(&self) -> u128 {
        self.capacity.map_or_else(|| self.queues.weight_total(), u128::from) / SMALL_PART
    }

    fn haunt(&mut self, id: u64) {
        self.ghosts.insert(id);
        while self.ghosts.len() > self.queues.len().max(GHOSTS_MIN) {
            self.ghosts.pop_front();
        }
    }

    /// Who leaves small; `None` if all who were left in it went to main.
    fn victim_of_small(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queues.front(SMALL) {
            let (weight, seen) = self.queues.remove(slot)?;
            if seen.hits < HITS_TO_MAIN {
                self.haunt(seen.id);
                return Some(slot);
            }
            self.queues.push_back(MAIN, slot, weight, Seen { hits: 0, ..seen });
        }
        None
    }

    fn victim_of_main(&mut self) -> Option<Slot> {
        while let Some(slot) = self.queues.front(MAIN) {
            match self.queues.get_mut(slot) {
                Some(seen) if seen.hits > 0 => {
                    seen.hits -= 1;
                    self.queues.move_to_back(slot, MAIN);
                }
                _ => {
                    self.queues.remove(slot);
                    return Some(slot);
                }
            }
        }
        None
    }
}

impl Default for S3Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for S3Fifo {
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        self.capacity = weight_max;
    }

    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        let fits_small = u128::from(candidate.weight) <= self.small_max();
        let spares_main = u128::from(needed) <= self.queues.weight(SMALL) || self.queues.front(MAIN).is_none();
        let admitted = fits_small || spares_main || self.ghosts.contains(&candidate.id);
        if !admitted {
            self.haunt(candidate.id);
        }
        admitted
    }

    fn insert(&mut self, candidate: Candidate) {
        let Candidate { slot, id, weight, .. } = candidate;
        let line = if self.ghosts.remove(&id) { MAIN } else { SMALL };
        self.queues.push_back(line, slot, weight, Seen { id, hits: 0 });
    }

    fn hit(&mut self, slot: Slot) {
        if let Some(seen) = self.queues.get_mut(slot) {
            seen.hits = seen.hits.saturating_add(1).min(HITS_MAX);
        }
    }

    fn remove(&mut self, slot: Slot) {
        self.queues.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        let from_small = self.queues.weight(SMALL) >= self.small_max();
        let first = if from_small { self.victim_of_small() } else { self.victim_of_main() };
        // Main may be empty while small is short; and small may empty itself into main.
        first.or_else(|| self.victim_of_small()).or_else(|| self.victim_of_main())
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        let mut copy = self.clone();
        std::iter::from_fn(|| copy.victim()).for_each(visit);
    }

    fn len(&self) -> usize {
        self.queues.len()
    }

    fn check(&self) -> Result<(), String> {
        self.queues.check().map_err(|wrong| format!("s3-fifo: {wrong}"))?;
        let hits = |slot: Slot| self.queues.get(slot).map_or(0, |seen| seen.hits);
        if let Some(slot) =
            [SMALL, MAIN].into_iter().flat_map(|line| self.queues.iter(line)).find(|slot| hits(*slot) > HITS_MAX)
        {
            return Err(format!("s3-fifo: {slot:?} has {} hits", hits(slot)));
        }
        let walked = self.ghosts.iter().count();
        let ghosts = self.ghosts.len();
        if walked != ghosts || ghosts > self.queues.slots_max().max(GHOSTS_MIN) {
            return Err(format!(
                "s3-fifo: {walked} ghosts in order, {ghosts} by id, of {} slots",
                self.queues.slots_max()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recount_finds_each_fault() {
        let mut s3_fifo = S3Fifo::new();
        s3_fifo.check().unwrap();
        s3_fifo.queues.miscount();
        assert!(s3_fifo.check().is_err());

        let mut s3_fifo = S3Fifo::new();
        s3_fifo.queues.push_back(MAIN, Slot::new(0), 1, Seen { id: 0, hits: HITS_MAX });
        s3_fifo.check().unwrap();
        s3_fifo.queues.push_back(MAIN, Slot::new(1), 1, Seen { id: 1, hits: HITS_MAX + 1 });
        assert!(s3_fifo.check().is_err(), "more hits than count");

        let mut s3_fifo = S3Fifo::new();
        (0..16).for_each(|id| _ = s3_fifo.ghosts.insert(id));
        s3_fifo.check().unwrap();
        s3_fifo.ghosts.insert(16);
        assert!(s3_fifo.check().is_err(), "more ghosts than residents warrant");
    }
}
