//! C9: what is past its age is renewed, refetched, or served within bounds; all on a manual clock.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use zstore_cache::{CacheStore, Expiry, Freshness};
use zstore_core::{
    ByteRange, Capabilities, Clock, ErrorKind, Operation, ReadStore, ReadStoreExt, Store, StoreExt, Timestamp,
};
use zstore_testkit::{Faulty, ManualClock, MapStore, Recorder};

use crate::setup::{Tier, built, key, pattern, read, tier};

type Source = Recorder<Faulty<MapStore>>;

pub(crate) const AGE: Duration = Duration::from_secs(10);
pub(crate) const KIB: usize = 1024;

pub(crate) struct World<S: ReadStore + ?Sized = Source> {
    pub(crate) source: Arc<S>,
    pub(crate) tier: Arc<Tier>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) cache: CacheStore<S, Tier>,
}

pub(crate) async fn world(freshness: Freshness) -> World {
    over(Recorder::new(Faulty::new(MapStore::new())), freshness).await
}

/// A cache of that freshness over that source.
pub(crate) async fn over<S: ReadStore + 'static>(source: S, freshness: Freshness) -> World<S> {
    let (source, tier, clock) = (Arc::new(source), tier(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))
        .freshness(freshness)
        .range_strategy(crate::setup::BLOCKS);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    World { source, tier, clock, cache }
}

impl World {
    /// Writes to the source behind the cache's back.
    async fn plant(&self, name: &str, value: impl Into<Bytes>) {
        self.source.inner().inner().put(&key(name), value.into()).await.unwrap();
    }

    async fn part(&self, name: &str, range: std::ops::Range<u64>) -> Bytes {
        self.cache.get_range(&key(name), ByteRange::Bounded(range)).await.unwrap().unwrap()
    }

    /// Reads and lets what was read become resident; what it took is forgotten.
    async fn warmed(&self, name: &str) {
        read(&self.cache, name).await;
        self.settled().await;
    }

    async fn settled(&self) {
        self.cache.flush().await;
        self.cache.check().unwrap();
        self.source.clear();
    }

    /// Requests to the source and bytes from it since the last [`settled`](Self::settled).
    fn cost(&self) -> (usize, u64) {
        (self.source.count(), self.source.bytes_read())
    }
}

#[tokio::test]
async fn a_value_that_did_not_change_is_renewed_without_a_transfer() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    world.clock.advance(AGE);
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    assert_eq!(world.cost(), (1, 0));
    assert_eq!(world.cache.stats().revalidated, 1);
    // It is fresh for another age from when the source was asked.
    world.source.clear();
    world.clock.advance(AGE - Duration::from_millis(1));
    read(&world.cache, "k").await;
    assert_eq!(world.cost(), (0, 0));
    world.clock.advance(Duration::from_millis(1));
    read(&world.cache, "k").await;
    assert_eq!(world.cost(), (1, 0));
}

#[tokio::test]
async fn a_value_that_changed_is_fetched_with_the_same_request() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "old").await;
    world.warmed("k").await;
    world.plant("k", "new value").await;
    world.clock.advance(AGE);
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new value");
    assert_eq!(world.cost(), (1, 9));
    world.settled().await;
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new value");
    assert_eq!(world.cost(), (0, 0));
}

#[tokio::test]
async fn parts_that_did_not_change_are_renewed_together() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", pattern(40 * KIB)).await;
    for start in [0, 8, 16] {
        world.part("k", start * 1024..start * 1024 + 1).await;
    }
    world.settled().await;
    world.clock.advance(AGE);
    assert_eq!(world.part("k", 8192..8195).await, pattern(40 * KIB)[8192..8195]);
    assert_eq!(world.cost(), (1, 0));
    assert_eq!(world.source.count_of(Operation::Head), 1);
    // The others were renewed by the same answer.
    world.part("k", 0..10).await;
    world.part("k", 16 * 1024..16 * 1024 + 10).await;
    assert_eq!(world.cost(), (1, 0));
}

#[tokio::test]
async fn a_fetch_of_what_is_missing_renews_what_is_there() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", pattern(40 * KIB)).await;
    world.part("k", 0..4096).await;
    world.settled().await;
    world.clock.advance(AGE);
    assert_eq!(world.part("k", 0..8192).await, pattern(40 * KIB)[..8192]);
    assert_eq!(world.cost(), (1, 4096));
    world.settled().await;
    world.part("k", 0..8192).await;
    assert_eq!(world.cost(), (0, 0));
}

#[tokio::test]
async fn a_changed_version_replaces_every_piece() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", vec![1; 40 * KIB]).await;
    for start in [0, 8, 16] {
        world.part("k", start * 1024..start * 1024 + 1).await;
    }
    world.settled().await;
    assert_eq!(world.cache.info().resident_blobs, 3);
    world.plant("k", vec![2; 40 * KIB]).await;
    world.clock.advance(AGE);
    assert_eq!(world.part("k", 0..3).await, vec![2; 3]);
    world.settled().await;
    assert_eq!(world.cache.info().resident_blobs, 1, "of the old version nothing is left");
    assert_eq!(world.part("k", 8192..8195).await, vec![2; 3]);
}

#[tokio::test]
async fn a_range_past_the_end_of_what_is_stale_is_not_refused_before_the_source_is_asked() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "short").await;
    world.warmed("k").await;
    world.plant("k", pattern(100)).await;
    world.clock.advance(AGE);
    assert_eq!(world.part("k", 50..60).await, pattern(100)[50..60]);
}

#[tokio::test]
async fn a_head_that_finds_another_version_drops_every_piece() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", vec![1; 40 * KIB]).await;
    world.warmed("k").await;
    world.plant("k", vec![2; 4 * KIB]).await;
    world.clock.advance(AGE);
    assert_eq!(world.cache.head(&key("k")).await.unwrap().unwrap().size, 4096);
    assert_eq!(world.cost(), (1, 0));
    world.cache.flush().await;
    assert_eq!(world.cache.info().resident_blobs, 0);
}

#[tokio::test]
async fn a_value_that_is_gone_leaves_the_tier() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    world.source.inner().inner().delete(&key("k")).await.unwrap();
    world.clock.advance(AGE);
    assert_eq!(read(&world.cache, "k").await, None);
    world.cache.flush().await;
    assert_eq!(world.cache.info().current_size, 0);
}

#[tokio::test]
async fn refetching_transfers_whatever_the_version() {
    let world = world(Freshness::aged(AGE).expiry(Expiry::Refetch)).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    world.clock.advance(AGE);
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    assert_eq!(world.cost(), (1, 5));
}

#[tokio::test]
async fn sixty_four_readers_of_one_stale_value_ask_once() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    world.clock.advance(AGE);
    let reads = (0..64).map(|_| read(&world.cache, "k"));
    assert!(futures::future::join_all(reads).await.iter().all(|value| value.as_deref() == Some(b"value")));
    assert_eq!(world.cost(), (1, 0));
}

#[tokio::test]
async fn a_source_that_cannot_judge_conditions_is_asked_for_the_version_alone() {
    let mut capabilities = Capabilities::default();
    capabilities.native_ranges = true;
    let source = Recorder::new(MapStore::limited(capabilities));
    let world = over(source, Freshness::aged(AGE)).await;
    world.source.inner().put(&key("k"), "value").await.unwrap();
    read(&world.cache, "k").await;
    world.cache.flush().await;
    world.clock.advance(AGE);
    world.source.clear();
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    assert_eq!((world.source.count_of(Operation::Head), world.source.bytes_read()), (1, 0));
    world.source.inner().put(&key("k"), "other").await.unwrap();
    world.clock.advance(AGE);
    assert_eq!(read(&world.cache, "k").await.unwrap(), "other");
}

#[tokio::test]
async fn a_stale_value_is_served_at_once_while_it_is_renewed_behind_the_reader() {
    let bound = Duration::from_secs(5);
    let world = world(Freshness::aged(AGE).stale_while_revalidate(bound)).await;
    world.plant("k", "old").await;
    world.warmed("k").await;
    world.plant("k", "new").await;
    world.clock.advance(AGE + bound - Duration::from_millis(1));
    for _ in 0..10 {
        assert_eq!(read(&world.cache, "k").await.unwrap(), "old");
    }
    assert_eq!(world.cache.stats().stale, 10);
    world.cache.flush().await;
    assert_eq!(world.cost(), (1, 3), "one renewal, however many readers");
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn past_its_bound_a_stale_value_is_not_served_at_once() {
    let bound = Duration::from_secs(5);
    let world = world(Freshness::aged(AGE).stale_while_revalidate(bound)).await;
    world.plant("k", "old").await;
    world.warmed("k").await;
    world.plant("k", "new").await;
    world.clock.advance(AGE + bound);
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn parts_are_served_stale_while_they_are_renewed_too() {
    let world = world(Freshness::aged(AGE).stale_while_revalidate(AGE)).await;
    world.plant("k", vec![1; 40 * KIB]).await;
    world.part("k", 0..10).await;
    world.settled().await;
    world.plant("k", vec![2; 40 * KIB]).await;
    world.clock.advance(AGE);
    assert_eq!(world.part("k", 0..3).await, vec![1; 3]);
    world.cache.flush().await;
    assert_eq!(world.part("k", 0..3).await, vec![2; 3]);
}

#[tokio::test]
async fn a_source_that_cannot_be_reached_is_answered_for_within_the_bound() {
    let bound = Duration::from_secs(60);
    let world = world(Freshness::aged(AGE).stale_if_error(bound)).await;
    world.plant("whole", "value").await;
    world.plant("parts", pattern(40 * KIB)).await;
    read(&world.cache, "whole").await;
    world.part("parts", 0..10).await;
    world.settled().await;
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::Unavailable);
    world.clock.advance(AGE + bound - Duration::from_millis(1));
    assert_eq!(read(&world.cache, "whole").await.unwrap(), "value");
    assert_eq!(world.part("parts", 0..10).await, pattern(10));
    assert_eq!(world.cache.head(&key("whole")).await.unwrap().unwrap().size, 5);
    assert_eq!(world.cache.stats().stale, 3);
    // What is not resident is not answered for.
    let error = world.cache.get_range(&key("parts"), ByteRange::Bounded(0..8192)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.cache.get_bytes(&key("whole")).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.cache.head(&key("parts")).await.unwrap_err().kind(), ErrorKind::Unavailable);
    // The source is back: nothing was lost.
    world.source.inner().heal();
    world.source.clear();
    assert_eq!(read(&world.cache, "whole").await.unwrap(), "value");
    assert_eq!(world.cost(), (1, 0));
}

#[tokio::test]
async fn a_source_that_refuses_is_not_answered_for() {
    let world = world(Freshness::aged(AGE).stale_if_error(AGE).absent_max_age(AGE)).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    read(&world.cache, "absent").await;
    world.cache.flush().await;
    world.clock.advance(AGE);
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::PermissionDenied);
    assert_eq!(world.cache.get_bytes(&key("k")).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    world.source.inner().heal();
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::Unavailable);
    let error = world.cache.get_bytes(&key("absent")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "that something was missing is no answer for it");
}

#[tokio::test]
async fn an_error_of_the_source_is_never_kept_as_absence() {
    let world = world(Freshness::immutable()).await;
    world.plant("k", "value").await;
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::PermissionDenied);
    for _ in 0..2 {
        let error = world.cache.get_bytes(&key("k")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
    world.source.inner().heal();
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn what_describes_an_array_ages_by_itself() {
    let world = world(Freshness::immutable().metadata_max_age(AGE)).await;
    for name in ["a/zarr.json", "a/c/0"] {
        world.plant(name, "old").await;
        world.warmed(name).await;
        world.plant(name, "new").await;
    }
    world.clock.advance(AGE);
    assert_eq!(read(&world.cache, "a/zarr.json").await.unwrap(), "new");
    assert_eq!(read(&world.cache, "a/c/0").await.unwrap(), "old");
}

#[tokio::test]
async fn immutable_data_is_asked_for_once_missing_or_not() {
    let world = world(Freshness::immutable()).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    world.warmed("absent").await;
    world.clock.advance(Duration::from_secs(100 * 365 * 86_400));
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    assert_eq!(read(&world.cache, "absent").await, None);
    assert_eq!(world.cost(), (0, 0));
}

#[tokio::test]
async fn with_revalidation_every_read_asks_and_nothing_is_transferred() {
    let world = world(Freshness::revalidate()).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    for _ in 0..5 {
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    }
    assert_eq!(world.cost(), (5, 0));
    world.plant("k", "other").await;
    assert_eq!(read(&world.cache, "k").await.unwrap(), "other");
}

#[tokio::test]
async fn what_can_be_renewed_leaves_by_policy_and_not_by_age() {
    let (source, clock) = (Arc::new(Recorder::new(MapStore::new())), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::new(MapStore::new()));
    let builder = builder.freshness(Freshness::revalidate()).max_size(200);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    for name in ["first", "second"] {
        cache.put(&key(name), vec![0; 100]).await.unwrap();
        clock.advance(AGE);
    }
    read(&cache, "first").await;
    cache.put(&key("third"), vec![0; 100]).await.unwrap();
    source.clear();
    read(&cache, "first").await;
    assert_eq!(source.bytes_read(), 0, "the least recently used left");
}

#[tokio::test]
async fn a_clock_set_back_makes_nothing_young() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "old").await;
    world.warmed("k").await;
    world.plant("k", "new").await;
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(world.cache.info().resident_blobs, 1);
    assert_eq!(world.cache.get_now(&key("k"), &Default::default()), None);
    // The cache has seen the later time, if only in passing; now it is a second after the fetch again.
    world.cache.head(&key("other")).await.unwrap();
    world.clock.set(ManualClock::default().now().saturating_add(Duration::from_secs(1)));
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new");
    world.settled().await;
    // Forth again: what was fetched since is as old as the time that ran.
    world.clock.advance(AGE - Duration::from_millis(1));
    read(&world.cache, "k").await;
    assert_eq!(world.cost(), (0, 0));
    world.clock.advance(Duration::from_millis(1));
    read(&world.cache, "k").await;
    assert_eq!(world.cost(), (1, 0));
}

#[tokio::test]
async fn what_a_restart_finds_past_its_age_is_renewed_and_not_lost() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "value").await;
    world.warmed("k").await;
    drop(world.cache);
    for jump in [Duration::from_secs(3600), Duration::ZERO] {
        // Forth, and then back to a time before the fetch.
        let clock = if jump.is_zero() {
            Arc::new(ManualClock::new(Timestamp::from_millis(1_000)))
        } else {
            Arc::clone(&world.clock)
        };
        clock.advance(jump);
        let builder = CacheStore::builder(Arc::clone(&world.source), Arc::clone(&world.tier));
        let builder = builder.freshness(Freshness::aged(AGE)).range_strategy(crate::setup::BLOCKS);
        let cache = built(builder.clock(clock)).await;
        world.source.clear();
        assert_eq!(read(&cache, "k").await.unwrap(), "value");
        assert_eq!((world.source.count(), world.source.bytes_read()), (1, 0));
        assert_eq!(cache.stats().revalidated, 1);
    }
}

#[tokio::test]
async fn what_another_clock_dated_ahead_is_not_young_when_its_date_comes() {
    let world = world(Freshness::aged(AGE)).await;
    world.plant("k", "old").await;
    world.warmed("k").await;
    let fetched = world.clock.now();
    drop(world.cache);
    // The wall clock was an hour ahead when the value was fetched, and has been put right.
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(fetched.as_millis() - 3_600_000)));
    let builder = CacheStore::builder(Arc::clone(&world.source), Arc::clone(&world.tier));
    let builder = builder.freshness(Freshness::aged(AGE)).range_strategy(crate::setup::BLOCKS);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    world.source.inner().inner().put(&key("k"), "new").await.unwrap();
    clock.advance(Duration::from_secs(3601));
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_renewal_that_a_write_overtakes_renews_nothing() {
    let (source, tier, clock) = (crate::setup::source(), tier(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), tier).max_age(AGE);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    crate::setup::plant(&source, "k", "old").await;
    read(&cache, "k").await;
    cache.flush().await;
    clock.advance(AGE);
    let held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let renewal = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(1).await;
    cache.put(&key("k"), "new").await.unwrap();
    held.release();
    // It began before the write returned: either is right.
    renewal.await.unwrap().unwrap();
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
    cache.check().unwrap();
}
