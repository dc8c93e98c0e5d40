//! Efficiency: defects 14, 15, 17 and 18.

use std::{ops::Range, sync::Arc, time::Duration};

use futures::{FutureExt, future::join_all};
use zstore_cache::{CacheStore, Freshness};
use zstore_core::{ByteRange, Clock, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt, Timestamp};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_testkit::{Gated, ManualClock};

use super::{cost, files, local, over, root, seen};
use crate::setup::{Cache, Source, built, cache, key, pattern, plant, read, source, tier};

const READERS: usize = 64;

/// All of them wait before the source is let go on.
async fn readers_wait_for_one_request(name: &str, range: Option<Range<u64>>) {
    let (source, _, cache) = cache().await;
    plant(&source, "k", pattern(100_000)).await;
    let held = source.inner().hold(Operation::Get);
    let mut readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (cache, key, range) = (cache.clone(), key(name), range.clone());
            Box::pin(async move {
                match range {
                    None => cache.get_bytes(&key).await.unwrap(),
                    Some(range) => cache.get_range(&key, ByteRange::Bounded(range)).await.unwrap(),
                }
            })
        })
        .collect();
    for reader in &mut readers {
        assert!(reader.now_or_never().is_none());
    }
    held.release();
    for found in join_all(readers).await {
        assert_eq!(found.map(|bytes| bytes.len()), (name == "k").then(|| range.clone().map_or(100_000, |_| 100)));
    }
    assert_eq!((source.count(), cache.stats().source_requests), (1, 1), "{name} {range:?}");
    assert_eq!((cache.stats().misses, cache.stats().coalesced), (1, READERS as u64 - 1));
}

/// "64 readers missing one key make 64 source requests."
///
/// Seen red with: flights that nobody can join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defect_14_sixty_four_readers_missing_one_key_make_one_request() {
    readers_wait_for_one_request("k", None).await;
    readers_wait_for_one_request("k", Some(70_000..70_100)).await;
    readers_wait_for_one_request("nothing", None).await;
    // The same without a script: some may come when it has landed.
    for _ in 0..20 {
        let (source, _, cache) = cache().await;
        plant(&source, "k", pattern(100_000)).await;
        let readers = (0..READERS).map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { read(&cache, "k").await.unwrap().len() })
        });
        for reader in join_all(readers).await {
            assert_eq!(reader.unwrap(), 100_000);
        }
        assert_eq!(source.count(), 1);
        assert_eq!(cache.stats().misses, 1);
        assert_eq!(cache.stats().hits + cache.stats().coalesced, READERS as u64 - 1);
    }
}

const SIZE: usize = 300_000;

async fn part<S: ReadStore + 'static, T: Store + 'static>(cache: &CacheStore<S, T>, name: &str, range: ByteRange) {
    let expected = range.resolve(SIZE as u64).unwrap();
    let found = cache.get_range(&key(name), range).await.unwrap().unwrap();
    assert!(found == pattern(SIZE)[expected.start as usize..expected.end as usize]);
}

async fn parts<S: ReadStore + 'static, T: Store + 'static>(cache: &CacheStore<S, T>, name: &str) {
    let ranges = [ByteRange::Suffix(1_000), ByteRange::Bounded(20_000..20_500), ByteRange::Bounded(100_000..110_000)];
    let found = cache.get_ranges(&key(name), &ranges).await.unwrap().unwrap();
    for (range, part) in ranges.iter().zip(found.parts) {
        let range = range.resolve(SIZE as u64).unwrap();
        assert!(part.bytes == pattern(SIZE)[range.start as usize..range.end as usize]);
    }
}

/// Reads of all kinds inside of what was read before.
async fn within<T: Store + 'static>(cache: &Cache<T>) {
    // Not the ranges that were asked for: within them, across two of them, the same bytes by another kind of range.
    for range in [10_001..10_002, 10_000..18_000, 19_000..30_000, SIZE as u64 - 500..SIZE as u64] {
        part(cache, "parts", ByteRange::Bounded(range)).await;
    }
    part(cache, "parts", ByteRange::Suffix(10)).await;
    part(cache, "parts", ByteRange::From(SIZE as u64 - 700)).await;
    // Of a whole value any range.
    for at in 0..10u64 {
        part(cache, "whole", ByteRange::Bounded(at * 20_000..at * 20_000 + 90_000)).await;
    }
    part(cache, "whole", ByteRange::Suffix(7)).await;
    // Several at once, as sharded arrays are read: of a whole value, and of parts that were read one by one and at
    // once.
    for name in ["whole", "at once"] {
        parts(cache, name).await;
    }
    let two = [ByteRange::Bounded(12_000..12_010), ByteRange::Suffix(16)];
    assert_eq!(cache.get_ranges(&key("parts"), &two).await.unwrap().unwrap().parts.len(), 2);
    part(cache, "at once", ByteRange::Bounded(100_500..100_600)).await;
}

/// "Ranges are cached by exact request, in memory only; a fully cached value does not serve a range; get_ranges
/// (sharded arrays' reads) bypasses the cache altogether."
///
/// Seen red, each clause by itself, with: parts that are served only to the very ranges that were asked for before; an
/// opening that recovers no blocks; whole values that are passed over when a range is read; `get_ranges` that asks the
/// source.
#[tokio::test]
async fn defect_15_any_range_of_what_is_cached_is_served_by_every_kind_of_read_and_after_a_restart() {
    let (directory, source) = (tempfile::tempdir().unwrap(), source());
    for name in ["whole", "parts", "at once"] {
        plant(&source, name, pattern(SIZE)).await;
    }
    let open = async || built(over::<Source, LocalStore>(&source, &local(&directory)).range_gap(0)).await;
    let cache = open().await;
    read(&cache, "whole").await;
    for range in [10_000..20_000, 20_000..30_000] {
        part(&cache, "parts", ByteRange::Bounded(range)).await;
    }
    part(&cache, "parts", ByteRange::Suffix(1_000)).await;
    parts(&cache, "at once").await;
    cache.flush().await;
    source.clear();
    within(&cache).await;
    assert_eq!(source.count(), 0, "{:?}", source.requests());
    within(&open().await).await;
    assert_eq!(source.count(), 0, "after a restart: {:?}", source.requests());
    assert!(source.bytes_read() == 0);
}

/// Everything that can be asked of a resident is answered at once, while evictions hang.
async fn hits_do_not_wait<T: Store + 'static>(cache: &Cache<T>) {
    let name = key("stays");
    for _ in 0..3 {
        let whole = read(cache, "stays").now_or_never().expect("a hit waits for nobody");
        assert_eq!(whole.unwrap(), vec![1; 9_000]);
        let part = cache.get_range(&name, ByteRange::Bounded(5_000..5_010)).now_or_never().unwrap();
        assert_eq!(part.unwrap().unwrap(), vec![1; 10]);
        let head = cache.head(&name).now_or_never().unwrap();
        assert_eq!(head.unwrap().unwrap().size, 9_000);
    }
}

/// Who needs room that others have to leave.
#[derive(Clone, Copy, Debug)]
enum Evicting {
    Set,
    Fill,
    Clear,
}

async fn an_eviction_hangs<T: Store + 'static>(tier: Gated<T>, evicting: Evicting) {
    let (source, tier) = (source(), Arc::new(tier));
    let cache = built(over(&source, &tier).max_size(20_000)).await;
    plant(&source, "new", vec![2; 9_000]).await;
    cache.put(&key("a/leaves"), vec![0; 9_000]).await.unwrap();
    cache.put(&key("stays"), vec![1; 9_000]).await.unwrap();
    let held = tier.hold(Operation::Delete);
    let writer = cache.clone();
    let evicts = tokio::spawn(async move {
        match evicting {
            Evicting::Set => drop(writer.put(&key("new"), vec![2; 9_000]).await.unwrap()),
            Evicting::Fill => drop(read(&writer, "new").await),
            Evicting::Clear => writer.invalidate_prefix(&Prefix::new("a").unwrap()).await.unwrap(),
        }
    });
    held.arrived(1).await;
    hits_do_not_wait(&cache).await;
    assert_eq!(
        (source.count_of(Operation::Get), cache.stats().hits),
        (usize::from(matches!(evicting, Evicting::Fill)), 9)
    );
    held.release();
    evicts.await.unwrap();
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, if matches!(evicting, Evicting::Clear) { 1 } else { 2 });
}

/// "Eviction deletes run under the one lock: a hit on another key waited 399 ms."
///
/// No clock is needed to tell: the hits are over while the deletion still hangs. Seen red with: one gate for all keys,
/// which a read enters too.
#[tokio::test]
async fn defect_17_a_hit_does_not_wait_for_an_eviction_that_hangs() {
    for evicting in [Evicting::Set, Evicting::Fill, Evicting::Clear] {
        an_eviction_hangs(Gated::new(MemoryStore::new()), evicting).await;
        an_eviction_hangs(Gated::new(zstore_testkit::Faulty::new(MemoryStore::new())), evicting).await;
    }
}

/// A wall clock on a machine that has just been started: what runs begins at zero again.
#[derive(Debug)]
struct Rebooted(Arc<ManualClock>, Timestamp);

impl Rebooted {
    fn new(wall: &Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(wall), wall.now()))
    }
}

impl Clock for Rebooted {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn running(&self) -> Duration {
        self.0.now().since(self.1).unwrap_or_default()
    }
}

const AGE: Duration = Duration::from_secs(10);
const INSTANT: Duration = Duration::from_millis(1);

/// What is past its age and did not change is asked about, and not transferred; what did is transferred.
async fn expiry_revalidates() {
    let (source, tier, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let cache = built(over(&source, &tier).max_age(AGE).clock(Arc::clone(&clock) as _)).await;
    for name in ["whole", "parts"] {
        plant(&source, name, pattern(100_000)).await;
    }
    read(&cache, "whole").await;
    cache.get_range(&key("parts"), ByteRange::Bounded(0..30_000)).await.unwrap();
    cache.flush().await;
    for _ in 0..3 {
        clock.advance(AGE);
        source.clear();
        assert!(read(&cache, "whole").await.unwrap() == pattern(100_000));
        let part = cache.get_range(&key("parts"), ByteRange::Bounded(10_000..20_000)).await.unwrap().unwrap();
        assert!(part == pattern(100_000)[10_000..20_000]);
        assert_eq!((source.count(), source.bytes_read()), (2, 0), "one question each, and no transfer");
        cache.flush().await;
    }
    assert_eq!(cache.stats().revalidated, 6);
    plant(&source, "whole", "changed").await;
    clock.advance(AGE);
    source.clear();
    assert_eq!(read(&cache, "whole").await.unwrap(), "changed");
    assert_eq!((source.count(), source.bytes_read()), (1, 7));
}

/// An age is counted on the wall clock, however often the process and the machine were started since.
async fn age_outlives_restarts() {
    let (directory, source, wall) = (tempfile::tempdir().unwrap(), source(), Arc::new(ManualClock::default()));
    let open = async || {
        let builder = over::<Source, LocalStore>(&source, &local(&directory)).max_age(AGE);
        built(builder.clock(Rebooted::new(&wall) as _)).await
    };
    let cache = open().await;
    plant(&source, "k", "old").await;
    wall.advance(Duration::from_secs(1_000)); // the first machine has run for long
    read(&cache, "k").await;
    cache.flush().await;
    plant(&source, "k", "new").await;
    for step in [AGE / 2, AGE / 2 - INSTANT] {
        wall.advance(step);
        let cache = open().await;
        assert_eq!(cost(&cache, &["k"]).await, 0);
        assert_eq!(seen(&cache, "k").await.unwrap(), "old");
    }
    wall.advance(INSTANT);
    assert_eq!(seen(&open().await, "k").await.unwrap(), "new");
}

/// What others put into the directory of a cache outlives its being cleared, in every place where it may lie.
async fn foreign_files_survive() {
    let (directory, source) = (tempfile::tempdir().unwrap(), source());
    let open = async || built(over::<Source, LocalStore>(&source, &local(&directory))).await;
    let cache = open().await;
    cache.put(&key("k"), "value").await.unwrap();
    let (blob, _) = files(&directory.path().join("blobs")).remove(0);
    let foreign = [
        directory.path().join("notes.txt"),
        directory.path().join("blobs/notes.txt"),
        blob.with_file_name("notes.txt"),
    ];
    for path in &foreign {
        std::fs::write(path, "mine").unwrap();
    }
    cache.clear_cache().await.unwrap();
    cache.delete_prefix(&root()).await.unwrap();
    let cache = open().await;
    cache.clear_cache().await.unwrap();
    assert_eq!(cache.info().current_size, 0);
    for path in foreign {
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine", "{}", path.display());
    }
    assert!(!blob.exists());
}

/// "Expiry refetches everything, never revalidates; TTL after a restart depends on machine uptime. clear_cache deletes
/// foreign files."
///
/// Seen red, each clause by itself, with: what is past its age never being renewable; ages taken from what the clock
/// has been running; a clearing that deletes all below the prefix of blobs; an opening that takes whatever lies among
/// blobs for a damaged one.
#[tokio::test]
async fn defect_18_expiry_revalidates_age_is_of_the_wall_clock_and_clearing_spares_what_is_foreign() {
    expiry_revalidates().await;
    age_outlives_restarts().await;
    foreign_files_survive().await;
    // Data of a preset that asks each time is not transferred each time either.
    let source = source();
    plant(&source, "k", pattern(1_000)).await;
    let cache =
        built(over(&source, &tier()).freshness(Freshness::revalidate()).clock(Arc::new(ManualClock::default()))).await;
    read(&cache, "k").await;
    cache.flush().await;
    source.clear();
    read(&cache, "k").await;
    assert_eq!((source.count(), source.bytes_read()), (1, 0));
}
