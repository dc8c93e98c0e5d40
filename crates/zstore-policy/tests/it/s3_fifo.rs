//! What S3-FIFO does that a simpler queue does not.

use zstore_policy::{Candidate, Policy, S3Fifo, Slot};

use crate::cache::Cache;

/// Of 100 bytes, so that small has 10; holds ids 0.. of weight 1, as many as said, all in small.
fn filled(count: u32) -> S3Fifo {
    let mut policy = S3Fifo::new();
    policy.set_capacity(Some(100));
    (0..count).for_each(|id| insert(&mut policy, id));
    policy
}

/// In a slot of the same number.
fn insert(policy: &mut S3Fifo, id: u32) {
    policy.insert(Candidate { slot: Slot::new(id), id: id.into(), weight: 1, cost: 1 });
}

fn hit(policy: &mut S3Fifo, id: u32, times: usize) {
    (0..times).for_each(|_| policy.hit(Slot::new(id)));
}

fn victims(policy: &mut S3Fifo, count: usize) -> Vec<usize> {
    std::iter::from_fn(|| policy.victim()).take(count).map(Slot::index).collect()
}

#[test]
fn one_hit_wonders_leave_before_whoever_was_hit_twice() {
    let mut policy = filled(30);
    hit(&mut policy, 0, 2);
    hit(&mut policy, 1, 1);
    hit(&mut policy, 2, 3);
    assert_eq!(victims(&mut policy, 3), [1, 3, 4]);
}

#[test]
fn main_is_left_alone_until_small_has_less_than_its_tenth() {
    let mut policy = filled(20);
    (0..10).for_each(|id| hit(&mut policy, id, 2));
    // 10 go to main, and 1 leaves; 9 are left in small, less than 10 of 100.
    assert_eq!(victims(&mut policy, 1), [10]);
    assert_eq!(victims(&mut policy, 2), [0, 1]);
    // 20 makes small as large as it may be: it gives way again.
    insert(&mut policy, 20);
    assert_eq!(victims(&mut policy, 2), [11, 2]);
}

#[test]
fn who_goes_to_main_leaves_its_hits_behind_and_gets_one_more_round_for_each_new_one() {
    let mut policy = filled(4);
    policy.set_capacity(Some(20));
    hit(&mut policy, 0, 3);
    hit(&mut policy, 1, 3);
    hit(&mut policy, 2, 3);
    assert_eq!(victims(&mut policy, 1), [3], "the others are in main now");
    hit(&mut policy, 0, 1);
    hit(&mut policy, 1, 9);
    // 2 has no hit. Then 0 has used up its one, and 1 its three.
    assert_eq!(victims(&mut policy, 1), [2]);
    insert(&mut policy, 4);
    assert_eq!(victims(&mut policy, 3), [0, 1, 4]);
}

#[test]
fn an_id_that_comes_back_while_its_ghost_is_there_enters_main() {
    let mut policy = filled(12);
    assert_eq!(victims(&mut policy, 2), [0, 1]);
    insert(&mut policy, 0);
    assert_eq!(victims(&mut policy, 3), [2, 0, 3], "small is short after the first, and main gives way");
    // It left main, and main leaves no ghosts.
    insert(&mut policy, 0);
    assert_eq!(victims(&mut policy, 9), [4, 5, 6, 7, 8, 9, 10, 11, 0]);
}

#[test]
fn ghosts_are_as_many_as_residents_or_sixteen() {
    let mut policy = filled(40);
    policy.set_capacity(Some(40));
    assert_eq!(victims(&mut policy, 36).len(), 36);
    // Of 0 to 35 the last sixteen have ghosts: 19 enters small, and 20 main, though it comes later.
    policy.set_capacity(Some(1));
    insert(&mut policy, 20);
    insert(&mut policy, 19);
    assert_eq!(victims(&mut policy, 6), [36, 37, 38, 39, 19, 20]);
}

#[test]
fn a_scan_does_not_flush_what_is_asked_for_again_and_again() {
    let mut cache = Cache::new(100, S3Fifo::new());
    (0..3).for_each(|_| cache.get_all(0..50));
    cache.get_all(1_000..5_000);
    assert_eq!(cache.holds(0..50), 50);
}

#[test]
fn a_huge_candidate_is_let_in_only_when_it_comes_back() {
    let mut cache = Cache::new(100, S3Fifo::new());
    (0..3).for_each(|_| cache.get_all(0..90));
    cache.get_all(100..120);
    assert_eq!(cache.holds(0..90), 90);
    cache.get(999, 60);
    assert_eq!((cache.holds(0..90), cache.holds([999])), (90, 0));
    cache.get(999, 60);
    // Small gives what it has too much, which is 1, and main the rest.
    assert_eq!((cache.holds(0..90), cache.holds([999])), (31, 1));
}

#[test]
fn values_of_a_fifth_of_the_cache_each_are_let_in_while_small_can_make_room_for_them() {
    let mut cache = Cache::new(100, S3Fifo::new());
    (0..50).for_each(|key| _ = cache.get(key, 20));
    assert_eq!(cache.holds([49]), 1);
}
