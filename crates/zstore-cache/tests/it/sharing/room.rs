//! C2: one bound over all, and a floor under what is free of the disk.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use zstore_cache::{CacheStore, RangeStrategy, WriteMode};
use zstore_core::{ByteRange, Operation, ReadStoreExt, StoreExt};
use zstore_local::LocalStore;
use zstore_policy::Lru;
use zstore_testkit::Gated;

use super::{Cache, blobs, directory, files, loaded};
use crate::setup::{Source, built, key, pattern, plant, read, source};

#[tokio::test]
async fn the_bound_holds_over_all_and_who_has_less_than_his_part_gets_room() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for at in 0..200 {
        plant(&source, &format!("k/{at}"), vec![at; 1000]).await;
    }
    let bound = 100_000;
    let one = loaded(&source, scratch.path(), bound).await;
    for at in 0..100 {
        read(&one, &format!("k/{at}")).await.unwrap();
        one.flush().await;
    }
    let full = blobs(scratch.path());
    assert!(full > bound * 9 / 10 && full <= bound, "{full} bytes");
    let other = loaded(&source, scratch.path(), bound).await;
    let mut held = 0;
    for at in 100..200 {
        read(&other, &format!("k/{at}")).await.unwrap();
        other.flush().await;
        assert!(blobs(scratch.path()) <= bound);
        held = other.info().current_size;
    }
    assert!(held > bound / 3, "it got {held} bytes");
    // What was taken from the first is a miss for it, and no error.
    for at in 0..100 {
        assert_eq!(read(&one, &format!("k/{at}")).await.unwrap(), vec![at; 1000]);
        one.flush().await;
        assert!(blobs(scratch.path()) <= bound);
    }
    for cache in [&one, &other] {
        cache.check().unwrap();
        assert_eq!((cache.stats().tier_faults, cache.stats().corrupt), (0, 0));
    }
}

#[tokio::test]
async fn two_sources_share_the_bound_of_a_directory_and_never_each_others_bytes() {
    let scratch = TempDir::new().unwrap();
    let (here, there) = (source(), source());
    let open = async |source: &Arc<Source>, name: &str| {
        let builder = CacheStore::builder(Arc::clone(source), directory(scratch.path()));
        let cache = built(builder.namespace(name).max_size(20_000)).await;
        cache.flush().await;
        cache
    };
    for at in 0..30 {
        plant(&here, &format!("{at}"), vec![1; 1000]).await;
        plant(&there, &format!("{at}"), vec![2; 1000]).await;
    }
    let fill = async |cache: &Cache, value: u8| {
        for at in 0..30 {
            assert_eq!(read(cache, &format!("{at}")).await.unwrap(), vec![value; 1000]);
            cache.flush().await;
            assert!(blobs(scratch.path()) <= 20_000);
        }
    };
    let one = open(&here, "here").await;
    fill(&one, 1).await;
    drop(one);
    // What the first left is in the way of the second, and leaves for it.
    let other = open(&there, "there").await;
    fill(&other, 2).await;
    other.check().unwrap();
    assert!(other.info().current_size > 15_000);
}

#[tokio::test]
async fn of_a_disk_so_much_stays_free_as_is_asked_for() {
    for (percent, is_kept) in [(100, false), (0, true)] {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        plant(&source, "k", pattern(1000)).await;
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        let cache = built(builder.free_space_floor(percent)).await;
        for _ in 0..2 {
            assert_eq!(read(&cache, "k").await.unwrap(), pattern(1000));
            cache.flush().await;
        }
        assert_eq!(blobs(scratch.path()) > 0, is_kept, "{percent} %");
        assert_eq!(cache.stats().refused, if is_kept { 0 } else { 2 });
    }
}

#[tokio::test]
async fn what_was_recalled_and_fetched_again_is_not_taken_from_its_old_owner_twice() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for at in 0..200 {
        plant(&source, &format!("k/{at}"), vec![at; 1000]).await;
    }
    let bound = 100_000;
    let rich = loaded(&source, scratch.path(), bound).await;
    for at in 0..85 {
        read(&rich, &format!("k/{at}")).await.unwrap();
        rich.flush().await;
    }
    let poor = loaded(&source, scratch.path(), bound).await;
    let all_read = async |at: u8| {
        let before = source.count();
        assert_eq!(read(&poor, &format!("k/{at}")).await.unwrap(), vec![at; 1000]);
        poor.flush().await;
        assert!(blobs(scratch.path()) <= bound);
        source.count() - before
    };
    // The first that were fetched are the first to be recalled; the poor one fetches them anew.
    assert_eq!(all_read(100).await, 1);
    let mut gone = Vec::new();
    for at in 0..10 {
        if all_read(at).await == 1 {
            gone.push(at);
        }
    }
    assert!(!gone.is_empty());
    // More is recalled, and none of that is its own.
    for at in 101..120 {
        assert_eq!(all_read(at).await, 1);
    }
    for at in gone {
        assert_eq!(all_read(at).await, 0, "{at} was its own");
    }
}

/// Once, room was asked for the bytes of the value and not for their header: one that took more than a piece of the
/// room was never kept.
#[tokio::test]
async fn a_value_that_is_written_is_kept_however_much_of_the_room_it_takes() {
    for size in [1_000, 100_000, 500_000] {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path())).max_size(1 << 20);
        let cache = built(builder).await;
        for name in ["a", "b"] {
            cache.put(&key(name), vec![1; size]).await.unwrap();
        }
        assert_eq!((cache.stats().refused, cache.info().tracked_keys), (0, 2), "{size} bytes");
    }
}

/// Once, a set waited for its own gate, for ever, if what it evicted was of the same key in another namespace.
#[tokio::test]
async fn a_set_may_evict_what_another_namespace_has_under_its_key() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let open = async |namespace: &str| {
        let tier = directory(scratch.path());
        let builder = CacheStore::builder(Arc::clone(&source), tier).max_size(10_000).policy(Lru::new);
        let cache = built(builder.write_mode(WriteMode::Through).namespace(namespace)).await;
        cache.flush().await;
        cache
    };
    let earlier = open("earlier").await;
    for name in ["a", "b"] {
        plant(&source, name, vec![0; 4000]).await;
        read(&earlier, name).await.unwrap();
        earlier.flush().await;
    }
    drop(earlier);
    let cache = open("later").await;
    for name in ["a", "b"] {
        let put = async { cache.put(&key(name), vec![1; 4000]).await };
        // A minute is for ever here.
        tokio::time::timeout(Duration::from_secs(60), put).await.expect("it waits for itself").unwrap();
    }
    cache.flush().await;
    assert_eq!(read(&cache, "b").await.unwrap(), vec![1; 4000]);
    assert_eq!(cache.stats().evictions, 2);
    assert!(blobs(scratch.path()) <= 10_000);
    cache.check().unwrap();
}

/// Blocks of another size are found by none of its own names.
#[tokio::test]
async fn what_a_write_removes_is_in_no_books_whatever_the_size_of_its_blocks() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(400_000)).await;
    for block_size in [65_536, 131_072] {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        let strategy = RangeStrategy::Blocks { block_size };
        let cache = built(builder.range_strategy(strategy).write_mode(WriteMode::Around)).await;
        cache.flush().await;
        if block_size == 65_536 {
            cache.get_range(&key("k"), ByteRange::Bounded(0..65_536)).await.unwrap().unwrap();
            cache.flush().await;
            assert_eq!(cache.info().resident_blobs, 1);
        } else {
            assert_eq!(cache.info().resident_blobs, 1, "it was inherited");
            cache.put(&key("k"), "other").await.unwrap();
            cache.flush().await;
            assert_eq!((blobs(scratch.path()), cache.info().resident_blobs), (0, 0));
        }
    }
}

/// One file has one weight, whoever left it.
#[tokio::test]
async fn whole_values_of_another_namespace_are_counted_once_whatever_blocks_it_had() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", "value").await;
    let open = async |namespace: &str, block_size| {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path())).namespace(namespace);
        let cache = built(builder.range_strategy(RangeStrategy::Blocks { block_size })).await;
        cache.flush().await;
        cache
    };
    // Both live when the value is fetched, and both die, so that each leaves a journal.
    let (one, other) = (open("earlier", 65_536).await, open("earlier", 131_072).await);
    read(&one, "k").await.unwrap();
    one.flush().await;
    fs::remove_file(&files(&scratch.path().join("blobs"))[0]).unwrap();
    read(&other, "k").await.unwrap();
    other.flush().await;
    drop((one, other));
    let cache = open("later", 65_536).await;
    assert_eq!(cache.info().resident_blobs, 1);
    assert_eq!(cache.info().current_size, blobs(scratch.path()));
}

/// One who leaves something in doubt behind: it was about to be written when he was killed.
async fn killed_with_all_the_room(source: &Arc<Source>, path: &Path, bound: u64, in_doubt: &str) {
    let tier = Arc::new(Gated::new(LocalStore::create_cache(path).unwrap()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (source, tier, name) = (Arc::clone(source), tier, in_doubt.to_owned());
    let filled = runtime.spawn(async move {
        let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(bound)).await;
        cache.flush().await;
        for at in 0..80 {
            read(&cache, &format!("k/{at}")).await.unwrap();
        }
        cache.flush().await;
        let held = tier.hold(Operation::Set);
        read(&cache, &name).await.unwrap();
        held.arrived(1).await;
        (cache, held)
    });
    let killed = filled.await.unwrap();
    runtime.shutdown_background();
    drop(killed);
}

async fn with_values(scratch: &TempDir) -> (Arc<Source>, PathBuf) {
    let source = source();
    for at in 0..200 {
        plant(&source, &format!("k/{at}"), vec![at; 1000]).await;
    }
    (source, scratch.path().to_owned())
}

/// He asks for room before he holds the gate of what he writes.
#[tokio::test]
async fn who_only_writes_gets_the_room_of_the_dead() {
    let scratch = TempDir::new().unwrap();
    let (source, path) = with_values(&scratch).await;
    let writer = loaded(&source, &path, 100_000).await;
    killed_with_all_the_room(&source, &path, 100_000, "k/100").await;
    for at in 0..40 {
        writer.put(&key(&format!("new/{at}")), vec![at; 1000]).await.unwrap();
    }
    writer.flush().await;
    assert!(blobs(&path) <= 100_000);
    assert!(writer.info().current_size > 80_000, "{:?}", writer.info());
    writer.check().unwrap();
}

/// What the dead left in doubt may have to wait for a write that waits for the source; nobody else does.
#[tokio::test]
async fn a_write_that_hangs_holds_up_no_landing_of_others() {
    let scratch = TempDir::new().unwrap();
    let (source, path) = with_values(&scratch).await;
    let builder = CacheStore::builder(Arc::clone(&source), directory(&path)).max_size(100_000);
    let cache = built(builder.tier_timeout(Duration::from_millis(100))).await;
    cache.flush().await;
    killed_with_all_the_room(&source, &path, 100_000, "k/100").await;
    let held = source.inner().hold(Operation::Set);
    let writing = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.put(&key("k/100"), "new").await })
    };
    held.arrived(1).await;
    for at in 101..160 {
        read(&cache, &format!("k/{at}")).await.unwrap();
        cache.flush().await;
    }
    assert!(cache.info().resident_blobs > 80, "{:?}", cache.info());
    assert!(blobs(&path) <= 100_000);
    held.release();
    writing.await.unwrap().unwrap();
    assert_eq!(read(&cache, "k/100").await.unwrap(), "new");
    cache.check().unwrap();
}

/// Once, each took room from the other for what it only believed to hold, until next to nothing was left.
#[tokio::test]
async fn two_who_fill_one_directory_beyond_its_bound_leave_it_full() {
    let scratch = TempDir::new().unwrap();
    let (source, path) = with_values(&scratch).await;
    let bound = 100_000;
    let (one, other) = (loaded(&source, &path, bound).await, loaded(&source, &path, bound).await);
    let all: Vec<_> = (0..200).map(|at| key(&format!("k/{at}"))).collect();
    for _ in 0..15 {
        for cache in [&one, &other] {
            cache.warm_keys(all.clone()).run().await.unwrap();
            // Who was told that there is no room asks again after a while.
            tokio::time::sleep(Duration::from_millis(110)).await;
        }
    }
    for cache in [&one, &other] {
        cache.flush().await;
        cache.check().unwrap();
    }
    assert!((80_000..=bound).contains(&blobs(&path)), "{}", blobs(&path));
}
