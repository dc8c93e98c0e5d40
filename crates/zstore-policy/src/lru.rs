//! Least recently used, exact.
//!
//! The algorithm is as old as paging: L. A. Belady, "A study of replacement algorithms for a virtual-storage
//! computer", IBM Systems Journal 5(2), 1966, measures it, and R. L. Mattson, J. Gecsei, D. R. Slutz and I. L.
//! Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970, gives it its stack form:
//! a list in order of last use, where a use moves to one end and whoever is at the other end leaves. Weight and cost
//! play no part.
//!
//! What to know before choosing it: one scan longer than the cache empties it, and a loop longer than the cache never
//! hits. Windows and time series, which come back to what they just read, suit it.

use crate::policy::{Candidate, Policy, Slot};

/// Evicts whoever was used least recently.
///
/// # Cost
///
/// Every call is a relinking in a table by slot: nothing is hashed, and nothing allocated but the table. 8 bytes for
/// each slot up to the highest that was ever held.
///
/// # Examples
///
/// ```
/// use zstore_policy::{Candidate, Lru, Policy, Slot};
///
/// let mut lru = Lru::new();
/// for index in 0..3 {
///     lru.insert(Candidate { slot: Slot::new(index), id: 0, weight: 1, cost: 1 });
/// }
/// lru.hit(Slot::new(0));
/// assert_eq!(lru.victim(), Some(Slot::new(1)));
/// ```
#[derive(Clone, Debug)]
pub struct Lru {
    /// A ring. Its first link is nobody: the least recent comes after it, the most recent before. The others belong to
    /// the slots, in their order; that of one who is not held leads to itself.
    ring: Vec<Link>,
    len: usize,
}

/// The places in the ring of one's neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    before: u32,
    after: u32,
}

impl Link {
    const fn to_itself(place: u32) -> Self {
        Self { before: place, after: place }
    }
}

/// The place of nobody.
const END: u32 = 0;

impl Default for Lru {
    fn default() -> Self {
        Self { ring: vec![Link::to_itself(END)], len: 0 }
    }
}

impl Lru {
    /// A policy that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The place of a slot that is held.
    fn held(&self, slot: Slot) -> Option<u32> {
        let place = place_of(slot)?;
        self.ring.get(place as usize).filter(|link| **link != Link::to_itself(place)).map(|_| place)
    }

    /// Puts one who is not held last.
    fn link(&mut self, place: u32) {
        let last = std::mem::replace(&mut self.ring[END as usize].before, place);
        self.ring[last as usize].after = place;
        self.ring[place as usize] = Link { before: last, after: END };
        self.len += 1;
    }

    fn unlink(&mut self, place: u32) {
        let Link { before, after } = std::mem::replace(&mut self.ring[place as usize], Link::to_itself(place));
        self.ring[before as usize].after = after;
        self.ring[after as usize].before = before;
        self.len -= 1;
    }

    /// Who comes after that place.
    fn after(&self, place: u32) -> Option<(u32, Slot)> {
        let after = self.ring[place as usize].after;
        (after != END).then(|| (after, Slot::new(after - 1)))
    }
}

/// Where a slot lies in the ring; the last of all 2^32 slots has no place.
fn place_of(slot: Slot) -> Option<u32> {
    u32::try_from(slot.index()).ok()?.checked_add(1)
}

impl Policy for Lru {
    fn insert(&mut self, candidate: Candidate) {
        let Some(place) = place_of(candidate.slot) else { return };
        if self.held(candidate.slot).is_some() {
            self.unlink(place);
        }
        if let Ok(from) = u32::try_from(self.ring.len()) {
            self.ring.extend((from..=place).map(Link::to_itself));
        }
        self.link(place);
    }

    fn hit(&mut self, slot: Slot) {
        if let Some(place) = self.held(slot) {
            self.unlink(place);
            self.link(place);
        }
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(place) = self.held(slot) {
            self.unlink(place);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        let (place, slot) = self.after(END)?;
        self.unlink(place);
        Some(slot)
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        let mut place = END;
        while let Some((next, slot)) = self.after(place) {
            visit(slot);
            place = next;
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn check(&self) -> Result<(), String> {
        let (mut walked, mut place) = (0, END);
        while let Some((next, slot)) = self.after(place) {
            walked += 1;
            if walked > self.len || self.ring[next as usize].before != place {
                return Err(format!("lru: {slot:?} is in the ring and does not lead back"));
            }
            place = next;
        }
        let linked = (0..).zip(&self.ring).skip(1).filter(|(place, link)| **link != Link::to_itself(*place)).count();
        if (walked, linked) == (self.len, self.len) && self.ring[END as usize].before == place {
            Ok(())
        } else {
            Err(format!("lru: the ring has {walked} slots, {linked} are linked, {} are counted", self.len))
        }
    }
}

#[cfg(test)]
mod tests {
    //! Each fault a recount is there to find, planted.

    use super::*;

    /// `check` complains about a ring of three in which this was done.
    fn convicts(plant: impl FnOnce(&mut Lru)) {
        let mut lru = Lru::new();
        for index in 0..3 {
            lru.insert(Candidate { slot: Slot::new(index), id: 0, weight: 1, cost: 1 });
        }
        lru.hit(Slot::new(1));
        lru.check().unwrap();
        plant(&mut lru);
        assert!(lru.check().is_err(), "{lru:?}");
    }

    #[test]
    fn finds_a_link_that_does_not_lead_back() {
        convicts(|lru| lru.ring[3].before = 2);
    }

    #[test]
    fn finds_a_slot_that_is_counted_and_not_linked() {
        convicts(|lru| lru.len += 1);
    }

    #[test]
    fn finds_a_slot_that_is_linked_and_not_in_the_ring() {
        convicts(|lru| lru.ring.push(Link { before: 1, after: 2 }));
    }

    #[test]
    fn finds_an_end_that_is_not_the_last() {
        convicts(|lru| lru.ring[END as usize].before = 3);
    }

    #[test]
    fn finds_a_ring_without_an_end() {
        convicts(|lru| lru.ring[2].after = 1);
    }
}
