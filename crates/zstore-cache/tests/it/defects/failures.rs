//! Failures: defects 8 to 10.

use std::{sync::Arc, time::Duration};

use zstore_cache::CacheStore;
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_testkit::{ManualClock, Recorder};

use super::{blobs, cost, files, local, over, seen, without_runtime};
use crate::setup::{Cache, built, key, pattern, plant, read, source, tier};

const SIZE: usize = 200_000;

/// A hit is held between having found its blob and reading it, and the blob is evicted meanwhile.
async fn a_hit_races_an_eviction(range: std::ops::Range<u64>) {
    let (source, tier) = (source(), tier());
    let cache = built(over(&source, &tier).max_size(300_000)).await;
    cache.put(&key("k"), pattern(SIZE)).await.unwrap();
    // What does not lie at the beginning is read together with the header.
    let (get, ranges) = (tier.hold(Operation::Get), tier.hold(Operation::GetRanges));
    let (reader, wanted) = (cache.clone(), range.clone());
    let hit = tokio::spawn(async move { reader.get_range(&key("k"), ByteRange::Bounded(wanted)).await });
    while get.arrived_count() + ranges.arrived_count() == 0 {
        tokio::task::yield_now().await;
    }
    cache.put(&key("other"), pattern(SIZE)).await.unwrap();
    assert_eq!(cache.stats().evictions, 1);
    get.release();
    ranges.release();
    let found = hit.await.unwrap().unwrap().unwrap();
    assert!(found == pattern(SIZE)[range.start as usize..range.end as usize]);
}

/// The same by chance: threads read more than fits.
fn hits_race_evictions_in_threads<T: Store + 'static>(cache: &Cache<T>) {
    std::thread::scope(|scope| {
        for reader in 0..4 {
            scope.spawn(move || {
                for turn in 0..150 {
                    let name = format!("k{}", (reader + turn) % 3);
                    let found = futures::executor::block_on(cache.get_bytes(&key(&name)));
                    assert_eq!(found.unwrap().unwrap().len(), 1_000);
                }
            });
        }
    });
}

async fn a_tier_fails(operation: Operation, kind: ErrorKind) {
    let (source, tier) = (source(), tier());
    for name in ["resident", "new"] {
        plant(&source, name, pattern(SIZE)).await;
    }
    let cache = built(over(&source, &tier).cache_absent(Duration::MAX)).await;
    read(&cache, "resident").await;
    read(&cache, "absent").await;
    cache.flush().await;
    tier.inner().fail_always(operation, kind);
    // One that was open before, and one that is opened over the fault.
    for cache in [cache, built(over(&source, &tier).cache_absent(Duration::MAX)).await] {
        for _ in 0..2 {
            assert!(seen(&cache, "resident").await.unwrap() == pattern(SIZE), "{operation:?} {kind:?}");
            assert!(seen(&cache, "new").await.unwrap() == pattern(SIZE), "{operation:?} {kind:?}");
            assert_eq!(seen(&cache, "absent").await, None);
            let part = ByteRange::Bounded(150_000..150_010);
            assert_eq!(
                cache.get_range(&key("resident"), part).await.unwrap().unwrap(),
                pattern(SIZE)[150_000..150_010]
            );
            cache.flush().await;
        }
        cache.put(&key("written"), "value").await.unwrap();
        assert_eq!(seen(&cache, "written").await.unwrap(), "value");
        cache.delete(&key("written")).await.unwrap();
        assert_eq!(seen(&cache, "written").await, None);
    }
    assert!(tier.inner().injected_count() > 0, "{operation:?} was never asked for");
}

/// "A hit racing an eviction raises KeyError. A cache fault (EIO, ENOSPC) fails a read the source could serve."
///
/// Seen red, each by itself, with: a read that gives up when the blob it has found is gone; one that gives up when the
/// tier fails; a fill that gives up when the tier is full.
#[tokio::test]
async fn defect_08_neither_an_eviction_nor_a_fault_of_the_tier_fails_a_read() {
    a_hit_races_an_eviction(0..SIZE as u64).await;
    a_hit_races_an_eviction(10..20).await;
    a_hit_races_an_eviction(150_000..SIZE as u64).await;
    let source = source();
    for name in ["k0", "k1", "k2"] {
        plant(&source, name, vec![1; 1_000]).await;
    }
    hits_race_evictions_in_threads(&built(over(&source, &blobs()).max_size(2_800)).await);
    hits_race_evictions_in_threads(&built(over(&source, &Arc::new(MemoryStore::new())).max_size(2_000)).await);
    for operation in [Operation::Get, Operation::GetRanges, Operation::Set, Operation::Delete, Operation::List] {
        for kind in [ErrorKind::Io, ErrorKind::Full] {
            a_tier_fails(operation, kind).await;
        }
    }
}

/// Keys of which one lies below the other are all resident, in a directory.
async fn keys_lie_below_each_other(names: [&str; 3], written: bool) {
    let (directory, source) = (tempfile::tempdir().unwrap(), source());
    let cache = built(over(&source, &local(&directory))).await;
    for name in names {
        if written {
            cache.put(&key(name), name.to_owned()).await.unwrap();
        } else {
            plant(&source, name, name.to_owned()).await;
            assert_eq!(read(&cache, name).await.unwrap(), name);
        }
    }
    cache.flush().await;
    assert_eq!(cost(&cache, &names).await, 0, "{names:?} written: {written}");
    let cache = built(over(&source, &local(&directory))).await;
    assert_eq!(cost(&cache, &names).await, 0, "{names:?} after a restart");
    for name in names {
        assert_eq!(seen(&cache, name).await.unwrap(), name);
    }
    assert_eq!((cache.stats().tier_faults, cache.stats().refused), (0, 0));
}

/// Reads of an absent "g", over a directory, touch nothing below it.
async fn what_is_below_an_absent_key_stays<S: Store + 'static>(source: Arc<S>, absent_max_age: Option<Duration>) {
    let directory = tempfile::tempdir().unwrap();
    let open = || built(over(&source, &local(&directory)).cache_absent(absent_max_age));
    let cache = open().await;
    for name in ["g/x", "g/h/y"] {
        source.put(&key(name), "value").await.unwrap();
        read(&cache, name).await;
    }
    cache.flush().await;
    for _ in 0..2 {
        assert_eq!(seen(&cache, "g").await, None);
        assert_eq!(seen(&cache, "g/h").await, None);
        cache.flush().await;
    }
    cache.delete(&key("g")).await.unwrap();
    for cache in [cache, open().await] {
        assert_eq!(cost(&cache, &["g/x", "g/h/y"]).await, 0, "they are still resident");
        assert_eq!(seen(&cache, "g/x").await.unwrap(), "value");
        assert_eq!(read(&*source, "g/h/y").await.unwrap(), "value");
    }
}

/// "Keys `a` and `a/b` over a file tier raise FileExistsError; a get of an absent `g` deletes the cached subtree g/."
///
/// Seen red with: blobs named by their keys; and with an absent key that drops what is resident below it.
#[tokio::test]
async fn defect_09_keys_below_each_other_and_absent_ones_disturb_nobody_in_a_directory() {
    for written in [true, false] {
        keys_lie_below_each_other(["a", "a/b", "a/b/c"], written).await;
        keys_lie_below_each_other(["a/b/c", "a/b", "a"], written).await;
    }
    for age in [None, Some(Duration::MAX)] {
        what_is_below_an_absent_key_stays(Arc::new(MemoryStore::new()), age).await;
        let directory = tempfile::tempdir().unwrap();
        what_is_below_an_absent_key_stays(local(&directory), age).await;
        assert_eq!(files(directory.path()).len(), 2, "in the source nothing was touched");
    }
    // A source that is a directory cannot hold both, and says so; the cache holds what the source does.
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = Arc::new(Recorder::new(LocalStore::open(here.path()).unwrap()));
    let cache = built(over(&source, &local(&there))).await;
    cache.put(&key("a/b"), "below").await.unwrap();
    assert_eq!(cache.put(&key("a"), "above").await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(cost(&cache, &["a/b"]).await, 0);
    assert_eq!(seen(&cache, "a").await, None);
    assert_eq!(seen(&cache, "a/b").await.unwrap(), "below");
}

const THREADS: usize = 16;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One thread of many does everything that can be done with a cache.
async fn work<T: Store + 'static>(cache: Cache<T>, thread: usize) {
    let own = key(&format!("own/{thread}"));
    for turn in 0..20u8 {
        assert_eq!(cache.get_bytes(&key("shared")).await.unwrap().unwrap(), pattern(20_000));
        let part = ByteRange::Bounded(u64::from(turn) * 500..u64::from(turn) * 500 + 9);
        assert_eq!(cache.get_range(&key("shared"), part).await.unwrap().unwrap().len(), 9);
        cache.put(&own, vec![turn; 100]).await.unwrap();
        assert_eq!(cache.get_bytes(&own).await.unwrap().unwrap(), vec![turn; 100]);
        if turn % 5 == 0 {
            cache.delete(&own).await.unwrap();
            assert_eq!(cache.head(&own).await.unwrap(), None);
        }
        assert!(cache.list_dir(&Prefix::root()).await.unwrap().values.len() == 1);
    }
    cache.flush().await;
}

fn threads_share<T: Store + 'static>(tier: &Arc<T>, without: bool) {
    let clock = Arc::new(ManualClock::default());
    let source = source();
    let open = || CacheStore::builder(Arc::clone(&source), Arc::clone(tier)).clock(Arc::clone(&clock) as _).build();
    // Built in a runtime that ends before anybody uses it.
    let cache = runtime().block_on(async {
        plant(&source, "shared", pattern(20_000)).await;
        open().await.unwrap()
    });
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let cache = cache.clone();
            scope.spawn(move || match thread % 2 {
                0 if without => without_runtime(work(cache, thread)),
                _ => runtime().block_on(work(cache, thread)),
            });
        }
    });
    cache.check().unwrap();
    assert_eq!((cache.info().under_way, cache.stats().tier_faults), (0, 0));
    // Closed by dropping it, here while others look on, and opened again.
    let last = cache.clone();
    drop(cache);
    runtime().block_on(async {
        assert_eq!(seen(&last, "own/3").await.unwrap(), vec![19; 100]);
        drop(last);
        let again = open().await.unwrap();
        assert_eq!(seen(&again, "own/3").await.unwrap(), vec![19; 100]);
    });
}

/// "Unusable from several threads; `with CacheStore(...)` and `CacheStore.open` always fail."
///
/// Seen red with: writes that are carried through on the runtime of the first one.
#[test]
fn defect_10_a_cache_is_built_shared_by_threads_dropped_and_built_again() {
    let directory = tempfile::tempdir().unwrap();
    threads_share(&Arc::new(MemoryStore::new()), true);
    threads_share(&blobs(), true);
    threads_share(&local(&directory), false);
}
