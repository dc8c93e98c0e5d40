//! What was once found by attacking the cache, so that it stays mended.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, future::join_all};
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Payload,
    Prefix, ReadStore, ReadStoreExt, Result, SetMode, Store, StoreExt, Version,
};
use zstore_memory::MemoryStore;
use zstore_testkit::{Calls, Faulty, ManualClock, Rates};

use crate::setup::{Source, built, cache, crash, key, pattern, plant, read, source, tier};

const BLOCK: u64 = 65_536;

/// Time stands still but for timers in the tests that use this: it fails at once when nobody can go on.
async fn soon<V>(what: impl Future<Output = V>) -> V {
    tokio::time::timeout(Duration::from_secs(3), what).await.expect("it hangs")
}

#[tokio::test]
async fn a_crash_after_a_prefix_delete_leaves_no_copy_of_a_fill_in_flight() {
    let (source, tier, cache) = cache().await;
    plant(&source, "a/k", "old").await;
    let held = tier.hold_after(Operation::Set); // the blob is written, its writer not yet told
    read(&cache, "a/k").await;
    held.arrived(1).await;
    let c = cache.clone();
    let delete = tokio::spawn(async move { c.delete_prefix(&Prefix::new("a").unwrap()).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    if !delete.is_finished() {
        held.release();
        delete.await.unwrap().unwrap();
    }
    assert_eq!(read(&*source, "a/k").await, None);
    let reopened = built(CacheStore::builder(Arc::clone(&source), crash(&tier).await)).await;
    assert_eq!(read(&reopened, "a/k").await, None, "delete_prefix had returned before the crash");
}

#[tokio::test]
async fn a_crash_after_a_prefix_delete_leaves_no_copy_that_was_leaving() {
    let (source, tier) = (source(), tier());
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(2000)).await;
    cache.put(&key("a/k"), vec![1; 1000]).await.unwrap();
    let held = tier.hold(Operation::Delete);
    plant(&source, "b", vec![2; 1000]).await;
    read(&cache, "b").await; // evicts a/k, whose deletion is withheld
    held.arrived(1).await;
    let c = cache.clone();
    let delete = tokio::spawn(async move { c.delete_prefix(&Prefix::new("a").unwrap()).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    if !delete.is_finished() {
        held.release();
        delete.await.unwrap().unwrap();
    }
    let reopened = built(CacheStore::builder(Arc::clone(&source), crash(&tier).await)).await;
    assert_eq!(read(&reopened, "a/k").await, None, "delete_prefix had returned before the crash");
}

/// A tier that holds "k" = "old" (and more) from an earlier run, and a cache that could not open it.
async fn unopened(
    max: u64,
) -> (Arc<Source>, Arc<Faulty<MemoryStore>>, Arc<ManualClock>, CacheStore<Source, Faulty<MemoryStore>>) {
    let (source, tier) = (source(), Arc::new(Faulty::new(MemoryStore::new())));
    let clock = Arc::new(ManualClock::default());
    let before =
        built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).clock(Arc::clone(&clock) as _)).await;
    before.put(&key("k"), vec![b'o'; 1000]).await.unwrap();
    drop(before);
    tier.fail_always(Calls::All, ErrorKind::Unavailable);
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(max);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    (source, tier, clock, cache)
}

#[tokio::test]
async fn a_write_before_a_late_opening_is_not_undone_by_it() {
    let (source, tier, clock, cache) = unopened(1 << 20).await;
    cache.put(&key("k"), "new").await.unwrap();
    tier.heal();
    clock.advance(Duration::from_secs(60));
    plant(&source, "other", "x").await;
    read(&cache, "other").await; // opens the tier behind its reader
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_delete_before_a_late_opening_is_not_undone_by_it() {
    let (source, tier, clock, cache) = unopened(1 << 20).await;
    cache.delete(&key("k")).await.unwrap();
    tier.heal();
    clock.advance(Duration::from_secs(60));
    plant(&source, "other", "x").await;
    read(&cache, "other").await;
    cache.flush().await;
    assert_eq!(read(&cache, "k").await, None);
}

#[tokio::test]
async fn a_write_while_the_tier_is_not_open_leaves_no_old_copy_for_the_next_process() {
    let (source, tier) = (source(), Arc::new(Faulty::new(MemoryStore::new())));
    let open = || built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)));
    open().await.put(&key("k"), "old").await.unwrap();
    tier.fail_nth(Operation::Get, 1, ErrorKind::Io);
    let unopened = open().await;
    unopened.put(&key("k"), "new").await.unwrap();
    unopened.flush().await;
    drop(unopened);
    assert_eq!(read(&open().await, "k").await.unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_opens_the_tier_does_not_wait_for_itself() {
    let (_, tier, clock, cache) = unopened(800).await; // "k" is surplus under the smaller bound
    tier.heal();
    clock.advance(Duration::from_secs(60));
    soon(cache.put(&key("k"), "new")).await.unwrap();
}

#[tokio::test]
async fn ranges_that_begin_in_one_block_are_answered() {
    for ranges in [
        vec![ByteRange::Bounded(0..100_000), ByteRange::Bounded(0..10)],
        vec![ByteRange::Bounded(0..100_000), ByteRange::Bounded(0..0)],
        vec![ByteRange::Suffix(150_000), ByteRange::Bounded(100..110)],
    ] {
        let (source, _, cache) = cache().await;
        plant(&source, "k", pattern(200_000)).await;
        let expected = source.inner().inner().get_ranges(&key("k"), &ranges).await.unwrap().unwrap();
        let found = cache.get_ranges(&key("k"), &ranges).await.unwrap_or_else(|e| panic!("{ranges:?}: {e}")).unwrap();
        assert_eq!(found.parts, expected.parts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_over_a_run_that_is_half_landed_is_answered() {
    let (source, tier) = (source(), tier());
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
    let cache = built(builder.range_strategy(RangeStrategy::Blocks { block_size: BLOCK })).await;
    plant(&source, "k", pattern(10 * BLOCK as usize)).await;
    cache.get_range(&key("k"), ByteRange::Bounded(0..10)).await.unwrap(); // so that the value is known
    cache.flush().await;
    let held = tier.hold(Operation::Set);
    cache.get_range(&key("k"), ByteRange::Bounded(BLOCK..4 * BLOCK)).await.unwrap();
    held.arrived(1).await;
    held.release_one();
    held.release_one();
    held.arrived(3).await; // blocks 1 and 2 are resident, 3 is not
    let range = 2 * BLOCK..4 * BLOCK;
    let found = soon(cache.get_range(&key("k"), ByteRange::Bounded(range.clone()))).await;
    let found = found.unwrap_or_else(|e| panic!("{e}")).unwrap();
    assert_eq!(found, pattern(10 * BLOCK as usize).slice(range.start as usize..range.end as usize));
}

#[tokio::test(start_paused = true)]
async fn a_write_over_a_hung_tier_costs_one_time_out() {
    let (source, tier) = (source(), Arc::new(Faulty::new(MemoryStore::new())));
    plant(&source, "k", vec![1; 20 * BLOCK as usize]).await;
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).tier_timeout(Duration::from_secs(2));
    let cache = built(builder.clock(Arc::new(ManualClock::default()))).await;
    cache.get_range(&key("k"), ByteRange::Bounded(0..19 * BLOCK)).await.unwrap();
    cache.flush().await;
    tier.hang(Operation::Delete);
    let begun = tokio::time::Instant::now();
    cache.put(&key("k"), "new").await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(4), "{:?} for one set", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn later_writes_over_a_hung_tier_pass_it_by() {
    let (source, tier) = (source(), Arc::new(Faulty::new(MemoryStore::new())));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).tier_timeout(Duration::from_secs(2));
    let cache = built(builder.clock(Arc::new(ManualClock::default()))).await;
    cache.put(&key("k"), "old").await.unwrap();
    tier.hang(Operation::Delete);
    cache.put(&key("k"), "1").await.unwrap();
    let begun = tokio::time::Instant::now();
    for n in 0..10 {
        cache.put(&key("k"), format!("{n}")).await.unwrap();
    }
    assert!(
        begun.elapsed() <= Duration::from_secs(2),
        "{:?} for ten sets of one key while it is down",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn clearing_over_a_hung_tier_costs_one_time_out() {
    let (source, tier) = (source(), Arc::new(Faulty::new(MemoryStore::new())));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).tier_timeout(Duration::from_secs(2));
    let cache = built(builder.clock(Arc::new(ManualClock::default()))).await;
    for n in 0..320 {
        cache.put(&key(&format!("a/{n}")), "old").await.unwrap();
    }
    tier.hang(Operation::Delete);
    let begun = tokio::time::Instant::now();
    cache.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(4), "{:?} for one delete_prefix", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn absence_is_not_answered_from_a_flight_that_is_over() {
    let (source, tier, cache) = cache().await;
    // Something stranded, so that landing takes its time.
    cache.put(&key("a"), "x").await.unwrap();
    tier.inner().fail_nth(Operation::Delete, 1, ErrorKind::Io);
    cache.invalidate(&key("a")).await.unwrap();
    let held = tier.hold(Operation::Delete);
    assert_eq!(read(&cache, "k").await, None);
    plant(&source, "k", "value").await;
    // This read starts after the other one has returned. Absence is not to be cached.
    assert_eq!(soon(async { read(&cache, "k").await }).await.as_deref(), Some(&b"value"[..]));
    held.release();
}

/// A store of which one value cannot be read, as of a disk with a bad sector.
#[derive(Debug)]
struct BadSector(MemoryStore, parking_lot_free::Cell);
mod parking_lot_free {
    pub(super) type Cell = std::sync::Mutex<Option<zstore_core::Key>>;
}
impl fmt::Display for BadSector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadSector")
    }
}
#[async_trait]
impl ReadStore for BadSector {
    fn capabilities(&self) -> Capabilities {
        let mut c = self.0.capabilities();
        c.shared_memory = false;
        c
    }
    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        if self.1.lock().unwrap().as_ref() == Some(key) {
            return Err(Error::new(ErrorKind::Io, Operation::Get).with_key(key));
        }
        self.0.get(key, options).await
    }
    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.0.head(key).await
    }
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.0.list(prefix)
    }
    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.0.list_dir(prefix).await
    }
}
#[async_trait]
impl Store for BadSector {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        self.0.set(key, value, mode).await
    }
    async fn delete(&self, key: &Key) -> Result<()> {
        self.0.delete(key).await
    }
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.0.delete_prefix(prefix).await
    }
}

#[tokio::test]
async fn one_unreadable_blob_does_not_end_all_caching() {
    let source = source();
    let tier = Arc::new(BadSector(MemoryStore::new(), Default::default()));
    let clock = Arc::new(ManualClock::default());
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))).await;
    for name in ["a", "b", "c"] {
        cache.put(&key(name), name.to_owned()).await.unwrap();
    }
    drop(cache);
    let bad = tier.0.list_all(&Prefix::new("blobs").unwrap()).await.unwrap()[0].key.clone();
    *tier.1.lock().unwrap() = Some(bad);
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    for _ in 0..3 {
        for name in ["a", "b", "c", "d"] {
            read(&cache, name).await;
        }
        cache.flush().await;
        clock.advance(Duration::from_secs(60));
    }
    assert!(cache.info().resident_blobs >= 2, "of three sound blobs {} are in use", cache.info().resident_blobs);
}

#[test]
fn a_runtime_without_timers_is_no_reason_to_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (source, tier) = (source(), Arc::new(MemoryStore::new()));
    runtime.block_on(async {
        let cache = built(CacheStore::builder(source, tier)).await;
        cache.put(&key("k"), "value").await.unwrap();
        assert_eq!(read(&cache, "k").await.unwrap(), "value");
    });
}

#[tokio::test]
async fn a_block_that_is_still_landing_is_not_fetched_again() {
    let (source, tier, cache) = cache().await;
    plant(&source, "k", pattern(10 * BLOCK as usize)).await;
    let held = tier.hold(Operation::Set);
    cache.get_range(&key("k"), ByteRange::Bounded(0..2 * BLOCK)).await.unwrap();
    held.arrived(1).await;
    cache.get_range(&key("k"), ByteRange::Bounded(10..20)).await.unwrap();
    assert_eq!(source.count(), 1, "block 0 was at hand");
}

#[tokio::test]
async fn cold_misses_of_the_same_block_by_ranges_of_unlike_length_make_one_request() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", pattern(10 * BLOCK as usize)).await;
    let held = source.inner().hold(Operation::Get);
    let (c, d) = (cache.clone(), cache.clone());
    let long = tokio::spawn(async move { c.get_range(&key("k"), ByteRange::Bounded(0..2 * BLOCK)).await });
    held.arrived(1).await;
    let short = tokio::spawn(async move { d.get_range(&key("k"), ByteRange::Bounded(10..20)).await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    held.release();
    long.await.unwrap().unwrap();
    short.await.unwrap().unwrap();
    assert_eq!(source.count(), 1, "both miss block 0");
}

#[tokio::test]
async fn ranges_over_a_tier_that_cannot_be_read_share_one_request() {
    let (source, tier, cache) = cache().await;
    plant(&source, "k", pattern(BLOCK as usize)).await;
    read(&cache, "k").await;
    cache.flush().await;
    source.clear();
    tier.inner().fail_always(Calls::Reads, ErrorKind::Io);
    let held = source.inner().hold(Operation::Get);
    let held_ranges = source.inner().hold(Operation::GetRanges);
    let readers = (0..8)
        .map(|_| {
            let c = cache.clone();
            tokio::spawn(async move { c.get_range(&key("k"), ByteRange::Bounded(10..20)).await.unwrap() })
        })
        .collect::<Vec<_>>();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    held.release();
    held_ranges.release();
    for r in readers {
        r.await.unwrap();
    }
    assert_eq!(source.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_does_not_wait_for_a_slow_source_write_of_another_key() {
    let (source, tier, cache) = cache().await;
    cache.put(&key("j"), "old").await.unwrap();
    tier.inner().fail_nth(Operation::Delete, 1, ErrorKind::Io);
    let held = source.inner().hold_key(Operation::Set, "j");
    let c = cache.clone();
    let slow = tokio::spawn(async move { c.put(&key("j"), "new").await });
    held.arrived(1).await;
    soon(cache.put(&key("k"), "value")).await.unwrap();
    held.release();
    slow.await.unwrap().unwrap();
}

/// A source that panics when written, and when a key is read of that name.
#[derive(Debug)]
struct Panics(MemoryStore);
impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Panics")
    }
}
#[async_trait]
impl ReadStore for Panics {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        assert_ne!(key.as_str(), "panics", "a bug in the source");
        self.0.get(key, options).await
    }
    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.0.head(key).await
    }
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.0.list(prefix)
    }
    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.0.list_dir(prefix).await
    }
}
#[async_trait]
impl Store for Panics {
    async fn set(&self, _: &Key, _: Payload, _: SetMode) -> Result<Version> {
        panic!("a bug in the source")
    }
    async fn delete(&self, key: &Key) -> Result<()> {
        self.0.delete(key).await
    }
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.0.delete_prefix(prefix).await
    }
}

/// So is the panic of a timer whose runtime was shut down while a reader of another one waited for the same fetch.
#[tokio::test]
async fn a_panic_of_a_fetch_is_an_error_to_all_who_wait_for_it() {
    let cache = built(CacheStore::builder(Arc::new(Panics(MemoryStore::new())), Arc::new(MemoryStore::new()))).await;
    let name = key("panics");
    let (one, other) = tokio::join!(cache.get_bytes(&name), cache.get_bytes(&name));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error}");
    }
    assert_eq!(cache.get_bytes(&key("k")).await.unwrap(), None);
    cache.check().unwrap();
}

#[tokio::test]
async fn the_error_of_a_lost_write_names_key_and_store() {
    let cache = built(CacheStore::builder(Arc::new(Panics(MemoryStore::new())), Arc::new(MemoryStore::new()))).await;
    let error = cache.put(&key("k"), "value").await.unwrap_err();
    assert!(error.key().is_some() && error.store().is_some(), "{error}");
}

#[tokio::test]
async fn a_source_that_answers_too_few_bytes_is_an_error_and_no_panic() {
    let rates = Rates { truncated_read: 1.0, ..Rates::default() };
    for part in [true, false] {
        let source = Arc::new(Faulty::with_seed(MemoryStore::new(), 3, rates));
        source.put(&key("k"), pattern(5 * BLOCK as usize)).await.unwrap();
        let cache = built(CacheStore::builder(source, Arc::new(Faulty::new(MemoryStore::new())))).await;
        let name = key("k");
        let found = if part {
            let read = cache.get_range(&name, ByteRange::Bounded(0..3 * BLOCK));
            std::panic::AssertUnwindSafe(read).catch_unwind().await
        } else {
            std::panic::AssertUnwindSafe(cache.get_bytes(&name)).catch_unwind().await
        };
        let found = found.unwrap_or_else(|_| panic!("part {part}: it panicked"));
        assert!(found.is_err(), "part {part}: {} bytes as if they were all", found.unwrap().unwrap().len());
    }
}

#[tokio::test]
async fn a_resident_does_not_keep_more_memory_than_it_is_charged_for() {
    let (source, tier) = (source(), Arc::new(MemoryStore::new()));
    let cache = built(CacheStore::builder(Arc::clone(&source), tier).max_size(1000)).await;
    let large = pattern(50_000_000);
    let start = large.as_ptr();
    cache.put(&key("k"), large.slice(0..10)).await.unwrap();
    drop(large);
    let kept = cache.get_bytes(&key("k")).await.unwrap().unwrap();
    assert_ne!(kept.as_ptr(), start, "10 bytes are charged, 50 MB are kept");
}

#[tokio::test]
async fn a_blob_replaced_while_it_is_read_is_not_counted_as_damaged() {
    let (_, tier, cache) = cache().await;
    cache.put(&key("k"), vec![1; 300_000]).await.unwrap();
    let held = tier.hold(Operation::Get);
    let c = cache.clone();
    let reader = tokio::spawn(async move { read(&c, "k").await });
    held.arrived(1).await;
    cache.put(&key("k"), "new").await.unwrap();
    held.release();
    reader.await.unwrap().unwrap();
    assert_eq!(cache.stats().corrupt, 0);
}

#[tokio::test]
async fn a_flight_for_the_end_of_a_shorter_version_does_not_fail_readers_of_the_longer_one() {
    let (source, tier, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), tier).max_age(Duration::from_secs(10)).range_gap(0);
    let builder = builder.range_strategy(RangeStrategy::Blocks { block_size: BLOCK });
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    plant(&source, "k", vec![1; 3 * BLOCK as usize + 1000]).await;
    cache.get_range(&key("k"), ByteRange::Bounded(0..10)).await.unwrap();
    cache.flush().await;
    clock.advance(Duration::from_secs(5));
    let held = source.inner().hold(Operation::GetRanges);
    let c = cache.clone();
    let first = tokio::spawn(async move {
        c.get_ranges(&key("k"), &[ByteRange::Bounded(BLOCK..BLOCK + 1), ByteRange::Bounded(3 * BLOCK..3 * BLOCK + 1)])
            .await
    });
    held.arrived(1).await;
    plant(&source, "k", vec![2; 5 * BLOCK as usize]).await;
    clock.advance(Duration::from_secs(6)); // block 0 of the first version is stale
    cache.get_range(&key("k"), ByteRange::Bounded(0..10)).await.unwrap(); // block 0 of the second
    cache.flush().await;
    let c = cache.clone();
    let second =
        tokio::spawn(async move { c.get_range(&key("k"), ByteRange::Bounded(3 * BLOCK..3 * BLOCK + 5000)).await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    held.release();
    first.await.unwrap().unwrap();
    let found = second.await.unwrap().unwrap_or_else(|e| panic!("{e}")).unwrap();
    assert_eq!(found, vec![2; 5000]);
}

#[tokio::test(start_paused = true)]
async fn a_hung_tier_is_tried_again_by_one_caller_only() {
    let (source, tier, clock) = (source(), Arc::new(Faulty::new(MemoryStore::new())), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).tier_timeout(Duration::from_secs(2));
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    for n in 0..20 {
        cache.put(&key(&format!("{n}")), "value").await.unwrap();
    }
    tier.hang(Operation::Get);
    read(&cache, "0").await; // costs the time-out
    clock.advance(Duration::from_secs(31));
    let begun = tokio::time::Instant::now();
    let waits = join_all((0..20).map(|n| {
        let cache = cache.clone();
        async move {
            read(&cache, &format!("{n}")).await;
            begun.elapsed()
        }
    }))
    .await;
    let slow = waits.iter().filter(|wait| !wait.is_zero()).count();
    assert!(slow <= 1, "{slow} of 20 hits waited for the hung tier");
}
