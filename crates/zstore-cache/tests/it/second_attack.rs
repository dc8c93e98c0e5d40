//! What was found broken by attacking freshness, warming, caches over caches, and what is counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use zstore_cache::{CacheStore, Expiry, Freshness, Outlook, policy::Fifo};
use zstore_core::{
    ByteRange, Clock, ErrorKind, Fetch, GetOptions, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt,
    Timestamp, Version,
};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Gated, ManualClock, MapStore, Metered, Recorder};

use crate::setup::{BLOCKS, Cache, Source, Tier, built, key, pattern, plant, read, source, tier};

const AGE: Duration = Duration::from_secs(10);

struct World {
    source: Arc<Source>,
    clock: Arc<ManualClock>,
    cache: Cache,
}

async fn world(freshness: Freshness) -> World {
    let (source, clock) = (source(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), tier()).freshness(freshness).range_strategy(BLOCKS);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    World { source, clock, cache }
}

impl World {
    async fn part(&self, name: &str, range: std::ops::Range<u64>) -> Vec<u8> {
        self.cache.get_range(&key(name), ByteRange::Bounded(range)).await.unwrap().unwrap().to_vec()
    }

    async fn settled(&self) {
        self.cache.flush().await;
        self.cache.check().unwrap();
        self.source.clear();
    }
}

/// C9: with `Expiry::Refetch` what is past its age is fetched anew, parts of it too.
#[tokio::test]
async fn a_part_past_its_age_is_fetched_anew_if_that_was_asked_for() {
    for parts in [false, true] {
        let world = world(Freshness::aged(AGE).expiry(Expiry::Refetch).stale_if_error(AGE)).await;
        plant(&world.source, "k", pattern(4096)).await;
        if parts {
            drop(world.part("k", 0..10).await)
        } else {
            drop(read(&world.cache, "k").await)
        }
        world.settled().await;
        world.clock.advance(AGE);
        world.part("k", 0..10).await;
        assert_eq!(world.source.bytes_read(), 4096, "no byte came; requests: {:?}", world.source.requests());
    }
}

/// C9: with `Expiry::Refetch` nobody's question for the size makes a value fresh again.
#[tokio::test]
async fn a_head_does_not_renew_what_is_to_be_refetched() {
    let world = world(Freshness::aged(AGE).expiry(Expiry::Refetch).stale_if_error(AGE)).await;
    plant(&world.source, "k", "value").await;
    read(&world.cache, "k").await;
    world.settled().await;
    world.clock.advance(AGE);
    world.cache.head(&key("k")).await.unwrap();
    read(&world.cache, "k").await;
    assert_eq!(world.source.bytes_read(), 5, "requests: {:?}", world.source.requests());
}

/// C9, C1: past its age nothing that is known of a value is told without asking the source.
#[tokio::test]
async fn an_empty_range_of_blocks_past_their_age_asks_the_source() {
    let world = world(Freshness::aged(AGE)).await;
    plant(&world.source, "k", pattern(10_000)).await;
    world.part("k", 0..10).await;
    world.settled().await;
    world.source.inner().inner().delete(&key("k")).await.unwrap();
    world.clock.advance(AGE * 1000);
    let found = world.cache.get_ranges(&key("k"), &[ByteRange::Bounded(0..0)]).await.unwrap();
    assert_eq!(found.map(|found| found.meta.size), None, "the value is gone");
}

/// Looking inside: `outlook` is what the next read of the whole value would do.
#[tokio::test]
async fn a_whole_in_blocks_is_explained_as_the_hit_that_it_is() {
    let world = world(Freshness::new()).await;
    plant(&world.source, "k", pattern(8192)).await;
    world.part("k", 0..10).await;
    world.part("k", 4096..4106).await;
    world.settled().await;
    let outlook = world.cache.explain(&key("k")).outlook;
    let before = world.cache.stats();
    read(&world.cache, "k").await;
    let since = world.cache.stats().since(&before);
    assert_eq!((outlook == Outlook::Hit, since.misses), (since.hits == 1, 0), "{outlook:?}, and then {since:?}");
}

/// Looking inside: the same for a fetch that is too old to be joined.
#[tokio::test]
async fn a_fetch_too_old_to_be_joined_is_not_explained_as_one_to_join() {
    let world = world(Freshness::aged(AGE)).await;
    plant(&world.source, "k", "value").await;
    let held = world.source.inner().hold(Operation::Get);
    let reader = world.cache.clone();
    let first = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(1).await;
    world.clock.advance(AGE * 2);
    let outlook = world.cache.explain(&key("k")).outlook;
    let (name, reader) = (key("k"), world.cache.clone());
    let mut second = Box::pin(reader.get_bytes(&name));
    assert!((&mut second).now_or_never().is_none());
    let requests = world.source.count_of(Operation::Get);
    held.release();
    second.await.unwrap();
    first.await.unwrap();
    assert_eq!(outlook == Outlook::Join, requests == 1, "{outlook:?}, and then {requests} requests");
}

/// Warming: only a tier that fails, or is left alone, is given up.
#[tokio::test]
async fn a_clearing_during_a_warming_does_not_end_it() {
    let (source, tier) = (source(), tier());
    for at in 0..20 {
        plant(&source, &format!("a/{at:03}"), "value").await;
    }
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))).await;
    let held = source.inner().hold(Operation::Get);
    let warm = cache.warm_prefix(&Prefix::new("a").unwrap());
    let warming = tokio::spawn(warm.run());
    held.arrived(8).await;
    cache.clear_cache().await.unwrap();
    held.release();
    let warmed = warming.await.unwrap().unwrap();
    assert_eq!(cache.stats().tier_faults, 0);
    assert_eq!((warmed.fetched.values, warmed.unkept.values), (12, 8), "twelve were never fetched");
}

/// Warming: what is reported as renewed "can now be served without a transfer".
#[tokio::test]
async fn a_warming_does_not_report_as_renewed_what_was_cleared_meanwhile() {
    let world = world(Freshness::aged(AGE)).await;
    plant(&world.source, "k", "value").await;
    read(&world.cache, "k").await;
    world.settled().await;
    world.clock.advance(AGE);
    let held = world.source.inner().hold(Operation::Get);
    let warming = tokio::spawn(world.cache.warm_keys([key("k")]).run());
    held.arrived(1).await;
    world.cache.clear_cache().await.unwrap();
    held.release();
    let warmed = warming.await.unwrap().unwrap();
    world.cache.flush().await;
    let resident = world.cache.info().resident_blobs;
    assert_eq!(warmed.is_complete(), resident == 1, "{resident} resident: {warmed:?}");
}

/// Warming: what is warmed never leaves for the rest of it.
#[tokio::test]
async fn what_was_warmed_stays_while_others_can_leave() {
    let (source, clock) = (Arc::new(Recorder::new(MapStore::new())), Arc::new(ManualClock::default()));
    for (name, size) in [("x/1", 100), ("a/1", 100), ("x/2", 100), ("x/3", 100), ("a/2", 200)] {
        source.put(&key(name), vec![7; size]).await.unwrap();
    }
    let memory = Arc::new(Metered::new(MemoryStore::new()));
    let freshness = Freshness::aged(AGE).expiry(Expiry::Refetch).stale_if_error(AGE);
    let builder =
        CacheStore::builder(Arc::clone(&source), memory).freshness(freshness).max_size(400).policy(Fifo::default);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    for name in ["x/1", "a/1", "x/2", "x/3"] {
        read(&cache, name).await;
        cache.flush().await;
    }
    clock.advance(AGE);
    let warmed = cache.warm_prefix(&Prefix::new("a").unwrap()).concurrency(1).run().await.unwrap();
    cache.flush().await;
    assert_eq!((warmed.fetched.values, warmed.is_complete()), (2, true));
    for name in ["a/1", "a/2"] {
        assert_eq!(cache.explain(&key(name)).outlook, Outlook::Hit, "{name} was warmed");
    }
}

/// A cache over a cache, the upper tier of which lets go slowly.
async fn stack() -> (Arc<Source>, Arc<Tier>, CacheStore<Cache, Tier>) {
    let (source, upper) = (source(), tier());
    let below = built(CacheStore::builder(Arc::clone(&source), tier())).await;
    let cache = built(below.under(Arc::clone(&upper))).await;
    plant(&source, "a/k", "old").await;
    read(&cache, "a/k").await;
    cache.flush().await;
    plant(&source, "a/k", "new").await;
    (source, upper, cache)
}

/// C1: `invalidate` and its like reach all tiers, so the next read asks the source.
#[tokio::test]
async fn a_read_during_an_invalidation_does_not_bring_the_lower_tiers_copy_back() {
    for (what, invalidates) in [("invalidate", 0), ("invalidate_prefix", 1), ("clear_cache", 2)] {
        let (_source, upper, cache) = stack().await;
        let held = upper.hold(Operation::Delete);
        let clone = cache.clone();
        let invalidation = tokio::spawn(async move {
            match invalidates {
                0 => clone.invalidate(&key("a/k")).await,
                1 => clone.invalidate_prefix(&Prefix::new("a").unwrap()).await,
                _ => clone.clear_cache().await,
            }
        });
        held.arrived(1).await;
        read(&cache, "a/k").await; // may be either
        held.release();
        invalidation.await.unwrap().unwrap();
        cache.flush().await;
        let found = read(&cache, "a/k").await.unwrap();
        assert_eq!(&found[..], &b"new"[..], "after {what}");
    }
}

/// Looking inside: each read that was answered is counted once.
#[tokio::test]
async fn a_read_that_finds_two_versions_is_counted_once() {
    let world = world(Freshness::new()).await;
    plant(&world.source, "k", vec![1; 8192]).await;
    let held = world.source.inner().hold_after(Operation::Get);
    let reader = world.cache.clone();
    let first = tokio::spawn(async move { reader.get_range(&key("k"), ByteRange::Bounded(0..10)).await });
    held.arrived(1).await;
    plant(&world.source, "k", vec![2; 8192]).await;
    let reader = world.cache.clone();
    let second = tokio::spawn(async move { reader.get_range(&key("k"), ByteRange::Bounded(0..8192)).await });
    held.arrived(2).await;
    held.release();
    first.await.unwrap().unwrap();
    assert_eq!(second.await.unwrap().unwrap().unwrap(), vec![2; 8192]);
    assert_eq!(world.cache.stats().reads(), 2, "{:?}", world.cache.stats());
}

/// Looking inside: only reads that were answered are counted.
#[tokio::test]
async fn a_read_that_failed_a_condition_is_not_counted() {
    let world = world(Freshness::new()).await;
    plant(&world.source, "k", "value").await;
    let options = GetOptions::default().if_match(Version::from_e_tag("\"another\""));
    for resident in [true, false] {
        if resident {
            read(&world.cache, "k").await;
        } else {
            world.cache.clear_cache().await.unwrap();
        }
        world.cache.flush().await;
        let before = world.cache.stats();
        let error = world.cache.get(&key("k"), &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
        assert_eq!(world.cache.stats().since(&before).reads(), 0, "resident: {resident}");
    }
}

/// Looking inside: the same for a range that begins past the end, of a source that sends no parts.
#[tokio::test]
async fn a_read_past_the_end_of_a_whole_is_not_counted() {
    let mut capabilities = MapStore::new().capabilities();
    capabilities.native_ranges = false;
    let source = Arc::new(MapStore::limited(capabilities));
    source.put(&key("k"), "value").await.unwrap();
    let cache = built(CacheStore::builder(Arc::clone(&source), tier())).await;
    let past = ByteRange::Bounded(50..60);
    let error = cache.get_range(&key("k"), past.clone()).await.unwrap_err();
    assert_eq!((error.kind(), cache.stats().reads()), (ErrorKind::InvalidRange, 0));
}

/// Looking inside: one answer, one count; here the whole value counts, and then the question for its version.
#[tokio::test]
async fn a_conditional_read_past_the_end_of_a_whole_is_counted_once() {
    let mut capabilities = MapStore::new().capabilities();
    capabilities.native_ranges = false;
    let source = Arc::new(MapStore::limited(capabilities));
    let version = source.put(&key("k"), "value").await.unwrap();
    let cache = built(CacheStore::builder(Arc::clone(&source), tier())).await;
    let options = GetOptions { range: Some(ByteRange::Bounded(50..60)), ..Default::default() }.if_none_match(version);
    let fetch = cache.get(&key("k"), &options).await.unwrap();
    assert!(matches!(fetch, Fetch::NotModified(_)), "{fetch:?}");
    assert_eq!(cache.stats().reads(), 1);
}

/// Looking inside: the same for a value that changes all the time, of a source that then fails.
#[tokio::test]
async fn a_read_whose_last_resort_failed_is_not_counted() {
    let (source, clock) = (Arc::new(Gated::new(Faulty::new(MapStore::new()))), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), tier()).range_strategy(BLOCKS).clock(clock);
    let cache = built(builder).await;
    let name = key("k");
    source.inner().inner().put(&name, vec![0; 8192]).await.unwrap();
    cache.get_range(&name, ByteRange::Bounded(0..10)).await.unwrap();
    cache.flush().await;
    let held = source.hold(Operation::Get);
    let reader = cache.clone();
    let reading = tokio::spawn(async move { reader.get_range(&key("k"), ByteRange::Bounded(0..8192)).await });
    for at in 1..=3 {
        held.arrived(at).await;
        source.inner().inner().put(&name, vec![at as u8; 8192]).await.unwrap();
        held.release_one();
    }
    held.arrived(4).await;
    source.inner().fail_always(Operation::Get, ErrorKind::Unavailable);
    held.release();
    assert_eq!(reading.await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(cache.stats().reads(), 1, "the first one alone was answered");
}

/// A clock whose wall time may be set back while the time since its start runs on.
#[derive(Debug, Default)]
struct Wall {
    wall_ms: AtomicU64,
    running_ms: AtomicU64,
}

impl Wall {
    fn runs(&self, duration: Duration) {
        let ms = duration.as_millis() as u64;
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.running_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
    }

    fn running(&self) -> Duration {
        Duration::from_millis(self.running_ms.load(Ordering::SeqCst))
    }
}

/// C1, C9: a clock set back makes nothing young, even if nobody read it until it had caught up.
#[tokio::test]
async fn a_clock_set_back_while_nobody_looks_makes_nothing_young() {
    let (source, clock) = (source(), Arc::new(Wall::default()));
    clock.wall_ms.store(1_704_067_200_000, Ordering::SeqCst);
    let builder = CacheStore::builder(Arc::clone(&source), tier()).max_age(AGE);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    plant(&source, "k", "old").await;
    read(&cache, "k").await;
    cache.flush().await;
    plant(&source, "k", "new").await;
    clock.wall_ms.fetch_sub(3_600_000, Ordering::SeqCst);
    clock.runs(Duration::from_secs(3605));
    assert_eq!(read(&cache, "k").await.unwrap(), "new", "an hour has run since");
}

/// Looking inside: `source_bytes` are all bytes of values that came from the source.
#[tokio::test]
async fn bytes_of_a_value_that_changes_all_the_time_are_counted() {
    let world = world(Freshness::new()).await;
    plant(&world.source, "k", vec![0; 8192]).await;
    world.part("k", 0..10).await;
    world.cache.flush().await;
    // Each answer is held until the value has changed, so that no two blocks are of one version.
    let held = world.source.inner().hold(Operation::Get);
    let reader = world.cache.clone();
    let reading = tokio::spawn(async move { reader.get_range(&key("k"), ByteRange::Bounded(0..8192)).await });
    for at in 1..=3 {
        held.arrived(at).await;
        plant(&world.source, "k", vec![at as u8; 8192]).await;
        held.release_one();
    }
    held.release();
    reading.await.unwrap().unwrap().unwrap();
    let stats = world.cache.stats();
    assert_eq!((stats.reads(), stats.source_bytes), (2, world.source.bytes_read()), "{stats:?}");
    assert_eq!(stats.source_latency.count(), stats.source_requests);
}
