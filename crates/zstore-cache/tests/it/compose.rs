//! A cache over a cache: memory over disk over the source.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt;
use zstore_cache::{CacheStore, Freshness, Outlook, RangeStrategy};
use zstore_core::{
    ByteRange, ErrorKind, Fetch, GetOptions, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt,
};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, ManualClock, Metered};

use crate::setup::{Cache, Source, Tier, built, bytes_of, key, pattern, plant, read, source, tier};

const AGE: Duration = Duration::from_secs(10);

type Stack<U = Metered<MemoryStore>> = CacheStore<Cache, U>;

struct World {
    source: Arc<Source>,
    disk: Arc<Tier>,
    memory: Arc<Metered<MemoryStore>>,
    clock: Arc<ManualClock>,
    cache: Stack,
}

async fn world(freshness: Freshness, max_size: u64) -> World {
    let (source, disk, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let below = CacheStore::builder(Arc::clone(&source), Arc::clone(&disk)).freshness(freshness);
    let below =
        built(below.range_strategy(RangeStrategy::Blocks { block_size: 8192 }).clock(Arc::clone(&clock) as _)).await;
    let memory = Arc::new(Metered::new(MemoryStore::new()));
    let cache = built(
        below.under(Arc::clone(&memory)).max_size(max_size).range_strategy(RangeStrategy::Blocks { block_size: 4096 }),
    )
    .await;
    World { source, disk, memory, clock, cache }
}

impl World {
    async fn plain() -> Self {
        world(Freshness::new(), 1 << 20).await
    }

    async fn settled(&self) {
        self.cache.flush().await;
        self.cache.check().unwrap();
        self.cache.source().check().unwrap();
        self.source.clear();
    }

    /// What is in memory, without waiting.
    fn at_hand(&self, name: &str) -> Option<Bytes> {
        bytes_of(self.cache.get_now(&key(name), &GetOptions::default())?)
    }
}

#[tokio::test]
async fn what_leaves_memory_for_space_is_read_from_disk_without_a_request() {
    let world = world(Freshness::new(), 250).await;
    for at in 0..5 {
        plant(&world.source, &format!("k{at}"), vec![at; 100]).await;
        read(&world.cache, &format!("k{at}")).await;
    }
    world.settled().await;
    assert_eq!((world.cache.info().resident_blobs, world.cache.source().info().resident_blobs), (2, 5));
    for at in 0..5 {
        assert_eq!(read(&world.cache, &format!("k{at}")).await.unwrap(), vec![at; 100]);
    }
    assert_eq!(world.source.count(), 0);
    assert!(world.memory.held_bytes_max() <= 250);
    assert_eq!(world.cache.source().stats().hits, 5, "memory had been emptied by reading in turn");
}

#[tokio::test]
async fn after_a_restart_memory_is_empty_and_disk_answers() {
    let directory = tempfile::tempdir().unwrap();
    let source = source();
    plant(&source, "k", "value").await;
    for turn in 0..2 {
        let disk = Arc::new(LocalStore::open(directory.path()).unwrap());
        let below = built(CacheStore::builder(Arc::clone(&source), disk)).await;
        let cache = built(below.under(Arc::new(MemoryStore::new()))).await;
        assert!(cache.get_now(&key("k"), &GetOptions::default()).is_none());
        assert_eq!(read(&cache, "k").await.unwrap(), "value");
        cache.flush().await;
        assert_eq!(source.count(), 1, "turn {turn}");
        assert_eq!((cache.stats().misses, cache.source().stats().hits), (1, turn), "each tier counts its own");
    }
}

#[tokio::test]
async fn a_hit_in_memory_reads_no_other_tier_and_needs_no_wait() {
    for freshness in [Freshness::new(), Freshness::aged(AGE)] {
        let world = world(freshness, 1 << 20).await;
        plant(&world.source, "k", "value").await;
        read(&world.cache, "k").await;
        world.settled().await;
        world.disk.inner().fail_always(Operation::Get, ErrorKind::Io);
        world.clock.advance(AGE - Duration::from_millis(1));
        assert_eq!(world.at_hand("k").unwrap(), "value");
        assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
        assert_eq!((world.cache.stats().hits, world.source.count()), (2, 0));
        assert_eq!(world.cache.explain(&key("k")).outlook, Outlook::Hit);
        assert_eq!(world.cache.source().stats().tier_faults, 0);
    }
}

#[tokio::test]
async fn the_ages_of_both_tiers_do_not_add_up() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    plant(&world.source, "k", "old").await;
    // The disk has it for all but a moment of its age when it comes to memory.
    read(world.cache.source().as_ref(), "k").await;
    world.settled().await;
    world.clock.advance(AGE - Duration::from_millis(1));
    assert_eq!(read(&world.cache, "k").await.unwrap(), "old");
    world.settled().await;
    assert_eq!(world.at_hand("k").unwrap(), "old");
    plant(&world.source, "k", "new").await;
    world.clock.advance(Duration::from_millis(1));
    assert!(world.at_hand("k").is_none(), "it is of its age to the millisecond");
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new");
    assert_eq!((world.source.count_of(Operation::Head), world.source.count_of(Operation::Get)), (1, 1));
}

#[tokio::test]
async fn what_the_cache_below_has_of_another_version_vouches_for_nothing() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    plant(&world.source, "k", "old").await;
    read(&world.cache, "k").await;
    world.settled().await;
    plant(&world.source, "k", "new").await;
    world.clock.advance(AGE);
    // Somebody else reads from disk, and memory is not told.
    assert_eq!(read(world.cache.source().as_ref(), "k").await.unwrap(), "new");
    world.settled().await;
    assert!(world.at_hand("k").is_none());
    assert_eq!(read(&world.cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn what_did_not_change_is_renewed_in_both_tiers_by_one_request() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    plant(&world.source, "k", "value").await;
    read(&world.cache, "k").await;
    world.settled().await;
    world.clock.advance(AGE);
    assert!(world.at_hand("k").is_none());
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    assert_eq!((world.source.count(), world.source.bytes_read()), (1, 0));
    world.clock.advance(AGE - Duration::from_millis(1));
    assert_eq!(world.at_hand("k").unwrap(), "value");
    assert_eq!(world.source.count(), 1);
}

#[tokio::test]
async fn a_bound_of_its_own_is_added_to_the_one_below() {
    let (source, clock) = (source(), Arc::new(ManualClock::default()));
    let below = CacheStore::builder(Arc::clone(&source), tier()).max_age(AGE).clock(Arc::clone(&clock) as _);
    let cache = built(built(below).await.under(Arc::new(MemoryStore::new())).max_age(AGE)).await;
    plant(&source, "k", "old").await;
    read(cache.source().as_ref(), "k").await;
    cache.flush().await;
    clock.advance(AGE - Duration::from_millis(1));
    read(&cache, "k").await;
    cache.flush().await;
    plant(&source, "k", "new").await;
    clock.advance(AGE - Duration::from_millis(1));
    assert_eq!(read(&cache, "k").await.unwrap(), "old");
    clock.advance(Duration::from_millis(1));
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn what_is_written_goes_to_the_source_and_both_tiers() {
    let world = World::plain().await;
    for value in ["one", "two"] {
        world.cache.put(&key("k"), value).await.unwrap();
        assert_eq!(read(world.source.as_ref(), "k").await.unwrap(), value);
        world.settled().await;
        assert_eq!(world.at_hand("k").unwrap(), value);
        assert_eq!(read(world.cache.source().as_ref(), "k").await.unwrap(), value);
        assert_eq!(world.source.count(), 0);
    }
    world.cache.delete(&key("k")).await.unwrap();
    assert_eq!(read(&world.cache, "k").await, None);
    assert_eq!((world.cache.info().tracked_keys, world.cache.source().info().tracked_keys), (0, 0));
}

#[tokio::test]
async fn a_fetch_under_way_when_its_key_is_deleted_stays_in_no_tier() {
    for below in [false, true] {
        let world = World::plain().await;
        plant(&world.source, "a/k", "old").await;
        // Held between the source and the disk, or between the disk and memory.
        let held = if below {
            read(world.cache.source().as_ref(), "a/k").await;
            world.settled().await;
            world.disk.hold_after(Operation::Get)
        } else {
            world.source.inner().hold_after(Operation::Get)
        };
        let name = key("a/k");
        let mut reading = Box::pin(world.cache.get_bytes(&name));
        assert!((&mut reading).now_or_never().is_none());
        held.arrived(1).await;
        let prefix = Prefix::new("a").unwrap();
        world.cache.delete_prefix(&prefix).await.unwrap();
        held.release();
        reading.await.unwrap();
        world.settled().await;
        assert_eq!(read(&world.cache, "a/k").await, None);
        assert_eq!((world.cache.info().tracked_keys, world.cache.source().info().tracked_keys), (0, 0));
    }
}

#[tokio::test]
async fn clearing_and_invalidating_reach_all_tiers() {
    for way in 0..3 {
        let world = World::plain().await;
        plant(&world.source, "a/k", "old").await;
        read(&world.cache, "a/k").await;
        world.settled().await;
        plant(&world.source, "a/k", "new").await;
        match way {
            0 => world.cache.clear_cache().await.unwrap(),
            1 => world.cache.invalidate(&key("a/k")).await.unwrap(),
            _ => world.cache.invalidate_prefix(&Prefix::new("a").unwrap()).await.unwrap(),
        }
        assert_eq!(
            (world.cache.info().resident_blobs, world.cache.source().info().resident_blobs),
            (0, 0),
            "way {way}"
        );
        assert_eq!(read(&world.cache, "a/k").await.unwrap(), "new", "way {way}");
    }
}

#[tokio::test]
async fn flushing_waits_for_all_tiers() {
    let world = World::plain().await;
    plant(&world.source, "k", "value").await;
    let held = world.disk.hold(Operation::Set);
    assert_eq!(read(&world.cache, "k").await.unwrap(), "value");
    held.arrived(1).await;
    let mut flushing = Box::pin(world.cache.flush());
    assert!((&mut flushing).now_or_never().is_none(), "the disk has not got it yet");
    held.release();
    flushing.await;
    assert_eq!(world.cache.source().info().resident_blobs, 1);
}

#[tokio::test]
async fn readers_of_both_tiers_share_one_request() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    plant(&world.source, "k", "value").await;
    let held = world.source.inner().hold(Operation::Get);
    let (name, below) = (key("k"), Arc::clone(world.cache.source()));
    let mut readings = vec![world.cache.get_bytes(&name), world.cache.get_bytes(&name), below.get_bytes(&name)];
    for reading in &mut readings {
        assert!(reading.now_or_never().is_none());
    }
    // Too late to join in memory, where a flight must be as young as what may be served.
    world.clock.advance(Duration::from_millis(1));
    let mut late = world.cache.get_bytes(&name);
    assert!((&mut late).now_or_never().is_none());
    readings.push(late);
    held.release();
    for read in futures::future::join_all(readings).await {
        assert_eq!(read.unwrap().unwrap(), "value");
    }
    assert_eq!(world.source.count(), 1);
}

#[tokio::test]
async fn parts_come_through_blocks_of_both_sizes() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    let value = pattern(50_000);
    plant(&world.source, "k", value.clone()).await;
    let part = async |range: Range<u64>| {
        let got = world.cache.get_range(&key("k"), ByteRange::Bounded(range.clone())).await.unwrap().unwrap();
        assert_eq!(got, value.slice(range.start as usize..range.end as usize));
    };
    part(100..200).await;
    assert_eq!(world.source.bytes_read(), 8192, "a block of the disk's size");
    world.settled().await;
    part(5000..6000).await;
    assert_eq!(world.source.count(), 0, "the disk has the neighbour");
    world.settled().await;
    world.disk.inner().fail_always(Operation::Get, ErrorKind::Io);
    world.disk.inner().fail_always(Operation::GetRanges, ErrorKind::Io);
    part(4000..5000).await;
    assert_eq!((world.source.count(), world.cache.source().stats().tier_faults), (0, 0), "memory has both");
    world.clock.advance(AGE);
    part(0..8000).await;
    assert_eq!((world.source.count(), world.source.bytes_read()), (1, 0), "renewed");
}

#[tokio::test]
async fn an_upper_tier_that_fails_leaves_the_lower_one_to_answer() {
    let source = source();
    plant(&source, "k", "value").await;
    let below = built(CacheStore::builder(Arc::clone(&source), tier())).await;
    let upper = Arc::new(Faulty::new(MemoryStore::new()));
    let cache = built(below.under(Arc::clone(&upper))).await;
    upper.fail_always(zstore_testkit::Calls::All, ErrorKind::Unavailable);
    for _ in 0..5 {
        assert_eq!(read(&cache, "k").await.unwrap(), "value");
        cache.flush().await;
    }
    cache.put(&key("k"), "new").await.unwrap();
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
    assert_eq!((source.count_of(Operation::Get), source.count_of(Operation::Set)), (1, 1));
    assert!(cache.stats().tier_faults > 0);
    assert_eq!(cache.source().stats().tier_faults, 0);
}

#[tokio::test]
async fn no_two_layers_are_in_one_tier() {
    let (source, tier) = (source(), Arc::new(MemoryStore::new()));
    let below = built(CacheStore::builder(source, Arc::clone(&tier))).await;
    let error = below.under(Arc::clone(&tier)).namespace("another").build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("the tier of the cache below"), "{error}");
    let over = built(below.under(Arc::new(MemoryStore::new()))).await;
    let error = over.under(tier).namespace("another").build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "two layers below");
    assert!(over.to_string().starts_with("CacheStore(CacheStore("), "{over}");
}

#[tokio::test]
async fn three_layers_keep_the_bound_of_the_lowest() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    let top = built(world.cache.under(Arc::new(MemoryStore::new()))).await;
    plant(&world.source, "k", "old").await;
    read(&top, "k").await;
    top.flush().await;
    plant(&world.source, "k", "new").await;
    world.clock.advance(AGE - Duration::from_millis(1));
    let at_hand = || top.get_now(&key("k"), &GetOptions::default());
    assert_eq!(at_hand().and_then(bytes_of).unwrap(), "old");
    world.clock.advance(Duration::from_millis(1));
    assert!(at_hand().is_none());
    assert_eq!(read(&top, "k").await.unwrap(), "new");
    top.flush().await;
    top.clear_cache().await.unwrap();
    assert_eq!(world.cache.source().info().resident_blobs, 0);
}

#[tokio::test]
async fn a_conditional_get_is_answered_from_the_books() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    plant(&world.source, "k", "value").await;
    let version = world.cache.head(&key("k")).await.unwrap().unwrap().version;
    read(&world.cache, "k").await;
    world.settled().await;
    let options = GetOptions::default().if_none_match(version);
    assert!(matches!(world.cache.get(&key("k"), &options).await.unwrap(), Fetch::NotModified(_)));
    assert_eq!(world.source.count(), 0);
}

#[tokio::test]
async fn warming_fills_both_tiers() {
    let world = world(Freshness::aged(AGE), 1 << 20).await;
    for at in 0..5 {
        plant(&world.source, &format!("a/{at}"), vec![at; 1000]).await;
    }
    let prefix = Prefix::new("a").unwrap();
    assert_eq!(world.cache.warm_prefix(&prefix).run().await.unwrap().fetched.values, 5);
    world.settled().await;
    assert_eq!((world.cache.info().resident_blobs, world.cache.source().info().resident_blobs), (5, 5));
    assert_eq!(world.cache.warm_prefix(&prefix).run().await.unwrap().resident.values, 5);
    assert_eq!(world.source.count(), 1, "the listing");
}
