//! What GDSF weighs up.

use std::time::Duration;

use zstore_policy::{Candidate, Gdsf, Policy, Slot};

fn candidate(slot: u32, weight: u64, cost: u64) -> Candidate {
    Candidate { slot: Slot::new(slot), id: slot.into(), weight, cost }
}

/// Who leaves first, of candidates with these weights and costs, the first in slot 0.
fn order(mut gdsf: Gdsf, candidates: &[(u64, u64)]) -> Vec<usize> {
    for (slot, (weight, cost)) in (0..).zip(candidates) {
        gdsf.insert(candidate(slot, *weight, *cost));
    }
    gdsf.check().unwrap();
    std::iter::from_fn(|| gdsf.victim()).map(Slot::index).collect()
}

#[test]
fn whoever_costs_least_for_its_bytes_leaves_first() {
    assert_eq!(order(Gdsf::new(), &[(4, 8), (2, 2), (1, 3), (8, 4)]), [3, 1, 0, 2]);
}

#[test]
fn for_object_hits_the_heaviest_leaves_first_whatever_it_cost() {
    assert_eq!(order(Gdsf::for_object_hits(), &[(2, 9), (4, 99), (1, 0)]), [1, 0, 2]);
}

#[test]
fn for_byte_hits_weight_does_not_matter() {
    let mut gdsf = Gdsf::for_byte_hits();
    (0..3).for_each(|slot| gdsf.insert(candidate(slot, 10 - u64::from(slot), 1)));
    gdsf.hit(Slot::new(0));
    assert_eq!(std::iter::from_fn(|| gdsf.victim()).map(Slot::index).collect::<Vec<_>>(), [1, 2, 0]);
}

#[test]
fn latency_is_a_round_trip_and_the_bytes_at_a_bandwidth() {
    // 10 ms and 1 µs a byte. Per byte: 1 kB costs 11 µs, 10 kB 2 µs, 1 MB 1.01 µs.
    let gdsf = || Gdsf::for_latency(Duration::from_millis(10), 1_000_000);
    assert_eq!(order(gdsf(), &[(10_000, 1), (1_000, 1), (1_000_000, 1)]), [2, 0, 1]);
    // Two hits make 10 kB dearer than that, and five more dearer than 1 kB.
    let mut gdsf = gdsf();
    gdsf.insert(candidate(0, 10_000, 1));
    gdsf.insert(candidate(1, 1_000, 1));
    (0..5).for_each(|_| gdsf.hit(Slot::new(0)));
    assert_eq!(gdsf.victim(), Some(Slot::new(1)));
    // Asked for twice, 1 MB is worth 2.02 µs a byte: just more than 10 kB.
    let mut gdsf = Gdsf::for_latency(Duration::from_millis(10), 1_000_000);
    gdsf.insert(candidate(0, 1_000_000, 1));
    gdsf.insert(candidate(1, 10_000, 1));
    gdsf.hit(Slot::new(0));
    assert_eq!(gdsf.victim(), Some(Slot::new(1)));
}

#[test]
fn a_bandwidth_of_zero_and_a_round_trip_without_end_are_survived() {
    assert_eq!(order(Gdsf::for_latency(Duration::MAX, 0), &[(1, 1), (2, 1), (0, 1)]), [1, 0, 2]);
}

#[test]
fn a_cost_of_ones_own_is_asked_once_a_candidate() {
    let by_id = Gdsf::with_cost(|candidate| 10 - candidate.id);
    assert_eq!(order(by_id, &[(1, 1), (1, 1), (1, 1)]), [2, 1, 0]);
}

#[test]
fn the_once_popular_is_overtaken_by_newcomers() {
    let mut gdsf = Gdsf::for_object_hits();
    gdsf.insert(candidate(0, 1, 1));
    (0..9).for_each(|_| gdsf.hit(Slot::new(0)));
    // Each newcomer lifts the floor by one when it leaves.
    let leaves = |gdsf: &mut Gdsf| {
        gdsf.insert(candidate(1, 1, 1));
        gdsf.victim().unwrap().index()
    };
    assert_eq!((0..9).map(|_| leaves(&mut gdsf)).collect::<Vec<_>>(), [1; 9]);
    assert_eq!(leaves(&mut gdsf), 0);
}

#[test]
fn hits_beyond_counting_and_the_highest_cost_are_survived() {
    let mut gdsf = Gdsf::new();
    gdsf.insert(candidate(0, 0, u64::MAX));
    gdsf.insert(candidate(1, 0, u64::MAX));
    (0..70_000).for_each(|_| gdsf.hit(Slot::new(0)));
    gdsf.check().unwrap();
    assert_eq!([gdsf.victim(), gdsf.victim()], [Some(Slot::new(1)), Some(Slot::new(0))]);
}
