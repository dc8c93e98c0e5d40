//! What W-TinyLFU does that LRU does not.

use std::sync::{Arc, Mutex};

use zstore_policy::{Candidate, Policy, Slot, WTinyLfu};

use crate::cache::{Cache, Shared};
use crate::traces::Rng;

/// Of 1,000 bytes, so that the window has 10 and main 990; full of `count` ids from 0 of this weight.
fn filled(count: u32, weight: u64) -> WTinyLfu {
    let mut policy = WTinyLfu::new();
    policy.set_capacity(Some(1_000));
    (0..count).for_each(|id| policy.insert(candidate(id, weight)));
    policy
}

fn candidate(id: u32, weight: u64) -> Candidate {
    Candidate { slot: Slot::new(id), id: id.into(), weight, cost: 1 }
}

fn hit(policy: &mut WTinyLfu, id: u32, times: usize) {
    (0..times).for_each(|_| policy.hit(Slot::new(id)));
}

/// How often it is refused before it is admitted.
fn refusals(policy: &mut WTinyLfu, candidate: Candidate, needed: u64) -> usize {
    (0..100).take_while(|_| !policy.admit(&candidate, needed)).count()
}

#[test]
fn a_candidate_must_be_asked_for_more_often_than_whom_it_displaces() {
    for hits in 0..6 {
        let mut policy = filled(10, 100);
        hit(&mut policy, 0, hits);
        (1..10).for_each(|id| hit(&mut policy, id, 9));
        // Having come counts as one; asked for as often is not enough. One that was hit is protected: the order is the
        // same here.
        assert_eq!(refusals(&mut policy, candidate(50, 100), 100), hits + 1, "{hits} hits");
    }
}

#[test]
fn a_candidate_must_beat_all_those_together_whom_it_displaces() {
    for displaced in 1..5 {
        let mut policy = filled(10, 100);
        (0..10).for_each(|id| hit(&mut policy, id, 2));
        let large = candidate(50, 100 * displaced);
        assert_eq!(refusals(&mut policy, large, 100 * displaced), 3 * displaced as usize, "{displaced} displaced");
        assert_eq!(policy.len(), 10);
    }
}

#[test]
fn a_frequent_small_set_survives_one_huge_candidate() {
    let mut cache = Cache::new(1_000, WTinyLfu::new());
    (0..5).for_each(|_| cache.get_all(0..900));
    (0..3).for_each(|_| _ = cache.get(9_999, 900));
    assert_eq!((cache.holds(0..900), cache.holds([9_999])), (900, 0));
}

#[test]
fn the_oldest_of_the_window_leaves_unless_it_beats_the_oldest_of_main() {
    // 0 to 989 are in main; 990 to 999 in the window.
    let mut policy = filled(1_000, 1);
    hit(&mut policy, 991, 1);
    hit(&mut policy, 990, 1);
    // Those hit are the newest of the window now, so 992 contends first, and loses a draw.
    let victims: Vec<_> = (0..10)
        .map(|turn| {
            let newcomer = candidate(2_000 + turn, 1);
            assert!(policy.admit(&newcomer, 1));
            let victim = policy.victim().unwrap();
            policy.insert(newcomer);
            victim.index()
        })
        .collect();
    // 991 and 990 were asked for twice, as 0 and 1 were not.
    assert_eq!(victims, [992, 993, 994, 995, 996, 997, 998, 999, 0, 1]);
    assert_eq!(policy.len(), 1_000);
    policy.check().unwrap();
}

#[test]
fn what_main_has_free_need_not_be_won() {
    let mut policy = filled(985, 1);
    policy.insert(candidate(985, 6));
    policy.insert(candidate(986, 4));
    hit(&mut policy, 985, 1);
    hit(&mut policy, 986, 1);
    // Main has 985 of 990, the window 10 of 10.
    assert!(policy.admit(&candidate(987, 6), 1));
    // 5 of its 6 are free, so that 985, asked for twice, must beat one of those who were asked for once, and not two.
    assert_eq!(policy.victim(), Some(Slot::new(0)));
}

#[test]
fn those_hit_in_main_are_protected_until_others_need_their_place() {
    let mut policy = filled(10, 100);
    // Main is 990: 792 for the protected, which is seven of these.
    (0..8).for_each(|id| hit(&mut policy, id, 1));
    let victims: Vec<usize> = std::iter::from_fn(|| policy.victim()).map(Slot::index).collect();
    assert_eq!(victims, [8, 9, 0, 1, 2, 3, 4, 5, 6, 7]);
    // 0 was pushed out by 7 and is on probation, so a newcomer that beats it is behind it.
    let mut policy = filled(10, 100);
    (0..8).for_each(|id| hit(&mut policy, id, 1));
    hit(&mut policy, 0, 1);
    let victims: Vec<usize> = std::iter::from_fn(|| policy.victim()).map(Slot::index).collect();
    assert_eq!(victims, [8, 9, 1, 2, 3, 4, 5, 6, 7, 0]);
}

#[test]
fn as_many_are_protected_as_just_fit() {
    let mut policy = filled(10, 99);
    // 8 of 99 are the 792 there are for them.
    (0..8).for_each(|id| hit(&mut policy, id, 1));
    policy.insert(candidate(10, 11));
    let victims: Vec<usize> = std::iter::from_fn(|| policy.victim()).map(Slot::index).collect();
    assert_eq!(victims, [8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn the_window_hands_on_its_oldest_while_there_is_room() {
    let mut policy = filled(30, 1);
    hit(&mut policy, 0, 1);
    hit(&mut policy, 20, 1);
    // 1 to 19 are on probation, 0 is protected, and 20 is the newest of the window.
    let victims: Vec<usize> = std::iter::from_fn(|| policy.victim()).map(Slot::index).collect();
    assert_eq!(victims, Vec::from_iter((1..20).chain([0]).chain(21..30).chain([20])));
}

#[test]
fn one_too_heavy_for_the_window_drives_nobody_out_of_it() {
    let mut policy = filled(5, 1);
    policy.insert(candidate(5, 500));
    let victims: Vec<usize> = std::iter::from_fn(|| policy.victim()).map(Slot::index).collect();
    assert_eq!(victims, [5, 0, 1, 2, 3, 4]);
}

#[test]
fn one_too_heavy_to_be_protected_does_not_push_the_others_out() {
    let mut policy = filled(5, 10);
    policy.insert(candidate(5, 900));
    (0..5).for_each(|id| hit(&mut policy, id, 1));
    hit(&mut policy, 5, 1);
    assert_eq!(policy.victim(), Some(Slot::new(5)));
}

#[test]
fn a_scan_does_not_flush_what_is_asked_for_again_and_again() {
    let mut cache = Cache::new(100, WTinyLfu::new());
    (0..4).for_each(|_| cache.get_all(0..90));
    cache.get_all(1_000..1_500);
    assert_eq!(cache.holds(0..90), 90);
}

#[test]
fn the_past_fades_so_that_new_favourites_come_in() {
    let mut cache = Cache::new(100, WTinyLfu::new());
    (0..20).for_each(|_| cache.get_all(0..100));
    assert_eq!(cache.holds(0..100), 100);
    (0..60).for_each(|_| cache.get_all(500..600));
    assert!(cache.holds(500..600) > 90, "{} of the new", cache.holds(500..600));
}

/// Each key is read five times soon after it came and never again: only the recent matter.
fn moving_on(reads: u64) -> Vec<u64> {
    let mut rng = Rng::new(7);
    (0..reads).map(|at| 1_000_000 + (at / 5 + 120).saturating_sub(rng.below(120))).collect()
}

#[test]
fn the_window_grows_where_work_moves_on_and_earns_hits_by_it() {
    let policy = Arc::new(Mutex::new(WTinyLfu::new()));
    let mut cache = Cache::new(200, Shared(Arc::clone(&policy)));
    assert_eq!(policy.lock().unwrap().window_max(), 2);

    let trace = moving_on(400_000);
    let (learning, learnt) = trace.split_at(trace.len() / 2);
    cache.get_all(learning[..20_000].iter().copied());
    let at_first = cache.hits;
    cache.get_all(learning[20_000..].iter().copied());
    let wide = policy.lock().unwrap().window_max();
    let before = cache.hits;
    cache.get_all(learnt[..20_000].iter().copied());
    let at_last = cache.hits - before;
    assert!(wide > 60, "the window has {wide} of 200");
    assert!(at_last > at_first, "{at_first} hits at first, {at_last} once it had learnt");
}
