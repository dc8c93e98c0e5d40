//! C3: a fault of the tier never fails what the source can serve.

use std::{sync::Arc, time::Duration};

use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Calls, Faulty};

use crate::setup::{Source, built, cache, key, plant, read, source};

type Failing = Faulty<MemoryStore>;

/// Reads and writes of every kind, checked against what they do without a cache.
async fn everything_works(source: &Source, cache: &CacheStore<Source, Failing>) {
    for round in 0..3u8 {
        plant(source, "a/read", vec![round; 200_000]).await;
        cache.invalidate(&key("a/read")).await.unwrap();
        assert_eq!(read(cache, "a/read").await.unwrap(), vec![round; 200_000]);
        let range = cache.get_range(&key("a/read"), ByteRange::Bounded(70_000..140_000)).await.unwrap().unwrap();
        assert_eq!(range, vec![round; 70_000]);
        assert_eq!(cache.head(&key("a/read")).await.unwrap().unwrap().size, 200_000);
        assert_eq!(read(cache, "missing").await, None);
        cache.put(&key("a/written"), vec![round]).await.unwrap();
        assert_eq!(read(cache, "a/written").await.unwrap(), vec![round]);
        assert_eq!(read(source, "a/written").await.unwrap(), vec![round]);
        cache.delete(&key("a/written")).await.unwrap();
        assert_eq!(read(cache, "a/written").await, None);
        cache.put(&key("b/written"), vec![round]).await.unwrap();
        cache.delete_prefix(&Prefix::new("b").unwrap()).await.unwrap();
        assert_eq!(read(cache, "b/written").await, None);
        cache.clear_cache().await.unwrap();
        cache.flush().await;
        cache.check().unwrap();
    }
}

const KINDS: [ErrorKind; 6] = [
    ErrorKind::Full,
    ErrorKind::Io,
    ErrorKind::PermissionDenied,
    ErrorKind::Unavailable,
    ErrorKind::TimedOut,
    ErrorKind::Corrupt,
];

#[tokio::test]
async fn a_tier_that_fails_every_call_changes_no_answer() {
    for kind in KINDS {
        let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
        tier.fail_always(Calls::All, kind);
        let cache = built(CacheStore::builder(Arc::clone(&source), tier).cache_absent(Duration::MAX)).await;
        everything_works(&source, &cache).await;
        assert!(cache.stats().tier_faults > 0, "{kind:?}");
    }
}

#[tokio::test]
async fn a_tier_that_begins_to_fail_changes_no_answer() {
    for kind in KINDS {
        for calls in [Operation::Get, Operation::GetRanges, Operation::Set, Operation::Delete] {
            let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
            let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
            let cache = built(builder.cache_absent(Duration::MAX)).await;
            everything_works(&source, &cache).await;
            tier.fail_always(calls, kind);
            everything_works(&source, &cache).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_hangs_costs_its_time_out_once() {
    for calls in [Operation::Get, Operation::Set, Operation::Delete] {
        let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
        let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
        // On a clock that stands still the tier is never tried again.
        let clock = Arc::new(zstore_testkit::ManualClock::default());
        let cache = built(builder.tier_timeout(Duration::from_secs(2)).clock(clock)).await;
        cache.put(&key("resident"), "old").await.unwrap();
        tier.hang(calls);
        let begun = tokio::time::Instant::now();
        assert_eq!(read(&cache, "resident").await.unwrap(), "old");
        cache.put(&key("resident"), "new").await.unwrap();
        for _ in 0..10 {
            assert_eq!(read(&cache, "resident").await.unwrap(), "new");
        }
        everything_works(&source, &cache).await;
        // Tokio's time stands still but for timers: this is exact, and no measurement.
        assert_eq!(begun.elapsed(), Duration::from_secs(2), "{calls:?}");
    }
}

#[tokio::test]
async fn a_resident_the_tier_lost_is_a_miss_and_no_error() {
    let (source, tier, cache) = cache().await;
    cache.put(&key("k"), "value").await.unwrap();
    tier.delete_prefix(&Prefix::new("blobs").unwrap()).await.unwrap();
    source.clear();
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
    assert_eq!(source.count(), 1);
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
    assert_eq!(source.count(), 1, "it is resident again");
    cache.check().unwrap();
}

#[tokio::test]
async fn errors_of_the_source_are_passed_on_and_not_remembered() {
    let source = Arc::new(Faulty::new(MemoryStore::new()));
    source.put(&key("k"), "value").await.unwrap();
    let builder = CacheStore::builder(Arc::clone(&source), Arc::new(MemoryStore::new()));
    let cache = built(builder.cache_absent(Duration::MAX)).await;
    source.fail_always(Operation::Get, ErrorKind::Unavailable);
    let error = cache.get_bytes(&key("k")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("Faulty"), "it names the source: {error}");
    source.heal();
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn a_tier_that_heals_is_used_again() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    tier.fail_always(Calls::All, ErrorKind::Unavailable);
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    plant(&source, "k", "value").await;
    read(&cache, "k").await;
    tier.heal();
    clock.advance(Duration::from_secs(60));
    read(&cache, "k").await;
    cache.flush().await;
    source.clear();
    read(&cache, "k").await;
    assert_eq!(source.count(), 0);
}

#[tokio::test]
async fn what_was_deleted_while_the_tier_could_not_be_opened_does_not_come_back() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).clock(Arc::clone(&clock) as _));
    let cache = open().await;
    for name in ["deleted", "a/below", "set", "kept"] {
        cache.put(&key(name), "old").await.unwrap();
    }
    drop(cache);
    tier.fail_always(Calls::All, ErrorKind::Io);
    let cache = open().await;
    cache.delete(&key("deleted")).await.unwrap();
    cache.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap();
    cache.put(&key("set"), "new").await.unwrap();
    tier.heal();
    clock.advance(Duration::from_secs(60));
    plant(&source, "another", "value").await;
    read(&cache, "another").await;
    cache.flush().await;
    source.clear();
    assert_eq!(read(&cache, "kept").await.unwrap(), "old");
    assert_eq!(source.count(), 0, "the tier was opened");
    assert_eq!(read(&cache, "deleted").await, None);
    assert_eq!(read(&cache, "a/below").await, None);
    assert_eq!(read(&cache, "set").await.unwrap(), "new");
    cache.check().unwrap();
}

#[tokio::test]
async fn of_more_writes_than_are_remembered_while_the_tier_could_not_be_opened_none_is_undone() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).clock(Arc::clone(&clock) as _));
    let cache = open().await;
    for name in ["first", "last"] {
        cache.put(&key(name), "old").await.unwrap();
    }
    drop(cache);
    tier.fail_always(Calls::All, ErrorKind::Io);
    let cache = open().await;
    cache.delete(&key("first")).await.unwrap();
    for at in 0..1_100 {
        cache.delete(&key(&format!("between/{at}"))).await.unwrap();
    }
    cache.delete(&key("last")).await.unwrap();
    tier.heal();
    clock.advance(Duration::from_secs(60));
    plant(&source, "another", "value").await;
    read(&cache, "another").await;
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, 1, "the tier was opened");
    assert_eq!((read(&cache, "first").await, read(&cache, "last").await), (None, None));
    cache.check().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hung_tier_costs_a_write_one_time_out_however_much_is_resident_of_its_key() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    plant(&source, "k", vec![1; 100 * 4096]).await;
    let builder =
        CacheStore::builder(source, Arc::clone(&tier)).range_strategy(RangeStrategy::Blocks { block_size: 4096 });
    let cache = built(builder.tier_timeout(Duration::from_secs(2)).clock(clock)).await;
    cache.get_range(&key("k"), ByteRange::Bounded(0..99 * 4096)).await.unwrap();
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, 99);
    tier.hang(Operation::Delete);
    let begun = tokio::time::Instant::now();
    cache.put(&key("k"), "new").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_hung_tier_costs_a_write_one_time_out_though_a_value_is_landing() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    plant(&source, "k", vec![1; 10 * 4096]).await;
    let builder =
        CacheStore::builder(source, Arc::clone(&tier)).range_strategy(RangeStrategy::Blocks { block_size: 4096 });
    let cache = built(builder.range_gap(1 << 20).tier_timeout(Duration::from_secs(2)).clock(clock)).await;
    cache.get_range(&key("k"), ByteRange::Bounded(0..10)).await.unwrap();
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, 1);
    tier.hang(Operation::Delete);
    // The whole value lands behind its reader, and the block that it makes needless cannot be removed.
    read(&cache, "k").await.unwrap();
    tokio::task::yield_now().await;
    let begun = tokio::time::Instant::now();
    cache.put(&key("k"), "new").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_tier_that_does_not_let_go_is_not_asked_again_by_every_read() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    for at in 0..200 {
        cache.put(&key(&format!("old/{at}")), "value").await.unwrap();
    }
    tier.fail_always(Operation::Delete, ErrorKind::PermissionDenied);
    cache.clear_cache().await.unwrap();
    for at in 0..10 {
        plant(&source, &format!("new/{at}"), "value").await;
        read(&cache, &format!("new/{at}")).await;
        cache.get_bytes(&key("missing")).await.unwrap();
    }
    let faults = cache.stats().tier_faults;
    assert!(faults <= 200 + 64, "{faults} faults");
    tier.heal();
    for _ in 0..4 {
        clock.advance(Duration::from_secs(30));
        cache.put(&key("another"), "value").await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await; // it is done behind the writer
        }
    }
    assert_eq!(cache.info().tracked_keys, 11, "all the old ones are gone by and by");
}

#[tokio::test]
async fn a_mark_that_is_damaged_and_cannot_be_mended_does_not_hide_what_is_resident() {
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)));
    open().await.put(&key("k"), "old").await.unwrap();
    tier.put(&key("zstore-format"), "torn").await.unwrap();
    tier.fail_always(Operation::Set, ErrorKind::Full);
    let cache = open().await;
    source.clear();
    assert_eq!(read(&cache, "k").await.unwrap(), "old");
    assert_eq!(source.count(), 0);
    cache.put(&key("k"), "new").await.unwrap();
    tier.heal();
    assert_eq!(read(&open().await, "k").await.unwrap(), "new", "after another restart");
}

#[tokio::test]
async fn a_mark_that_is_not_mended_in_time_does_not_hide_what_is_resident() {
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)));
    open().await.put(&key("k"), "old").await.unwrap();
    tier.put(&key("zstore-format"), "torn").await.unwrap();
    tier.fail_nth(Operation::Set, 1, ErrorKind::TimedOut);
    open().await.put(&key("k"), "new").await.unwrap();
    assert_eq!(read(&open().await, "k").await.unwrap(), "new", "after another restart");
}

#[tokio::test]
async fn what_is_written_over_an_unopened_tier_is_not_found_again_by_the_next_process() {
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)));
    open().await.put(&key("k"), "old").await.unwrap();
    // The blobs cannot be listed, so what is resident is not known; they can be deleted.
    tier.fail_always(Operation::List, ErrorKind::Io);
    open().await.put(&key("k"), "new").await.unwrap();
    tier.heal();
    assert_eq!(read(&open().await, "k").await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_opens_the_tier_does_not_wait_for_itself() {
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let (source, tier) = (source(), Arc::new(Failing::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).clock(Arc::clone(&clock) as _));
    open().await.put(&key("k"), "old").await.unwrap();
    tier.fail_always(Calls::All, ErrorKind::Io);
    let cache = open().await;
    cache.put(&key("k"), "new").await.unwrap();
    tier.heal();
    clock.advance(Duration::from_secs(60));
    // Time stands still but for timers, so this fails at once if nobody can go on.
    let (name, day) = (key("k"), Duration::from_secs(86_400));
    tokio::time::timeout(day, cache.put(&name, "newest")).await.expect("it ends").unwrap();
    assert_eq!(read(&cache, "k").await.unwrap(), "newest");
    assert_eq!(cache.info().resident_blobs, 1);
    cache.check().unwrap();
}
