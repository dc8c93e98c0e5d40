//! A directory that several caches use at once: here as members of one process, each with books of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;

use crate::setup::{Source, built, key, pattern, plant, read, source};

type Cache = CacheStore<Source, LocalStore>;

fn directory(path: &Path) -> Arc<LocalStore> {
    Arc::new(LocalStore::create_cache(path).unwrap())
}

async fn open(source: &Arc<Source>, path: &Path, max_size: impl Into<Option<u64>>) -> Cache {
    let builder = CacheStore::builder(Arc::clone(source), directory(path)).max_size(max_size);
    built(builder.cache_absent(Duration::MAX)).await
}

/// The same, and all that was there is known.
async fn loaded(source: &Arc<Source>, path: &Path, max_size: impl Into<Option<u64>>) -> Cache {
    let cache = open(source, path, max_size).await;
    cache.flush().await;
    cache
}

fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Bytes of all blobs and of what is being written.
fn blobs(path: &Path) -> u64 {
    files(&path.join("blobs")).iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

#[tokio::test]
async fn what_one_filled_another_serves_without_a_request() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "whole", "value").await;
    plant(&source, "parts", pattern(300_000)).await;
    let (one, other) = (open(&source, scratch.path(), None).await, open(&source, scratch.path(), None).await);
    let suffix = ByteRange::Suffix(100_000);
    read(&one, "whole").await.unwrap();
    one.get_range(&key("parts"), suffix.clone()).await.unwrap().unwrap();
    assert_eq!(read(&one, "missing").await, None);
    one.flush().await;
    let requests = source.count();
    assert_eq!(read(&other, "whole").await.unwrap(), "value");
    assert_eq!(other.head(&key("whole")).await.unwrap().unwrap().size, 5);
    assert_eq!(other.get_range(&key("parts"), suffix).await.unwrap().unwrap(), pattern(300_000).slice(200_000..));
    assert_eq!(other.get_range(&key("parts"), ByteRange::Bounded(250_000..250_010)).await.unwrap().unwrap().len(), 10);
    assert_eq!(read(&other, "missing").await, None);
    assert_eq!(source.count(), requests, "all of it was there");
    assert_eq!((other.stats().hits, other.stats().misses), (5, 0));
    other.check().unwrap();
}

/// Once, it did not if what was there before was not known yet.
#[tokio::test]
async fn what_is_written_right_after_opening_stays() {
    for _ in 0..20 {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        let cache = open(&source, scratch.path(), None).await;
        cache.put(&key("new"), "value").await.unwrap();
        assert_eq!(read(&cache, "new").await.unwrap(), "value");
        assert_eq!((cache.stats().hits, source.count_of(Operation::Get)), (1, 0));
    }
}

#[tokio::test]
async fn what_is_written_or_deleted_through_one_is_not_answered_with_older_bytes_by_another() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let (one, other) = (open(&source, scratch.path(), None).await, open(&source, scratch.path(), None).await);
    let memory = built(other.under(Arc::new(MemoryStore::new()))).await;
    let names = ["set", "deleted", "below/a", "invalidated"];
    for name in names {
        plant(&source, name, "old").await;
    }
    let see = async |name: &str| {
        let part = other.get_range(&key(name), ByteRange::Bounded(0..3)).await.unwrap();
        let size = other.head(&key(name)).await.unwrap().map(|meta| meta.size);
        (read(&other, name).await, part, size, read(&memory, name).await)
    };
    for name in names {
        for cache in [&one, &other] {
            assert_eq!(read(cache, name).await.unwrap(), "old");
        }
        assert_eq!(read(&memory, name).await.unwrap(), "old");
    }
    one.put(&key("set"), "newer").await.unwrap();
    let seen = ["newer", "new"].map(|value| Some(value.into()));
    let [newer, new] = seen;
    assert_eq!(see("set").await, (newer.clone(), new, Some(5), newer));
    one.delete(&key("deleted")).await.unwrap();
    assert_eq!(see("deleted").await, (None, None, None, None));
    one.delete_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    assert_eq!(see("below/a").await, (None, None, None, None));
    plant(&source, "invalidated", "other").await;
    one.invalidate(&key("invalidated")).await.unwrap();
    assert_eq!(read(&other, "invalidated").await.unwrap(), "other");
    for cache in [&one, &other] {
        cache.flush().await;
        cache.check().unwrap();
    }
}

#[tokio::test]
async fn a_write_through_one_keeps_what_another_was_fetching_from_landing_and_from_being_joined() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", "old").await;
    let (one, other) = (open(&source, scratch.path(), None).await, open(&source, scratch.path(), None).await);
    one.flush().await;
    // The source has answered with the old value, and the answer is on its way.
    let held = source.inner().hold_after(Operation::Get);
    let early = tokio::spawn({
        let other = other.clone();
        async move { read(&other, "k").await }
    });
    held.arrived(1).await;
    one.put(&key("k"), "new").await.unwrap();
    let late = tokio::spawn({
        let other = other.clone();
        async move { read(&other, "k").await }
    });
    // It finds what the other cache wrote, and does not join.
    assert_eq!(late.await.unwrap().unwrap(), "new");
    held.release();
    assert!(early.await.unwrap().is_some());
    assert_eq!(read(&other, "k").await.unwrap(), "new");
    other.flush().await;
    one.flush().await;
    assert_eq!(read(&one, "k").await.unwrap(), "new");
    assert_eq!(read(&other, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn misses_of_two_caches_make_one_request() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(100_000)).await;
    let (one, other) = (loaded(&source, scratch.path(), None).await, loaded(&source, scratch.path(), None).await);
    let (a, b) = tokio::join!(read(&one, "k"), read(&other, "k"));
    assert_eq!((a.unwrap(), b.unwrap()), (pattern(100_000), pattern(100_000)));
    assert_eq!(source.count(), 1);
}

#[tokio::test]
async fn what_does_not_stay_is_fetched_by_each_who_waited_for_it() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(100_000)).await;
    let one = loaded(&source, scratch.path(), 10_000).await;
    let others = [loaded(&source, scratch.path(), 10_000).await, loaded(&source, scratch.path(), 10_000).await];
    let (a, b, c) = tokio::join!(read(&one, "k"), read(&others[0], "k"), read(&others[1], "k"));
    assert!([a, b, c].iter().all(|value| value.as_ref() == Some(&pattern(100_000))));
    assert_eq!(source.count(), 3, "it is too large to stay");
}

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
async fn sizes_order_and_times_come_back_and_hits_need_no_index() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for name in ["a", "b", "c", "d"] {
        plant(&source, name, vec![1; 1000]).await;
    }
    let cache = loaded(&source, scratch.path(), 10_000).await;
    for name in ["a", "b", "c"] {
        read(&cache, name).await.unwrap();
        cache.flush().await;
    }
    read(&cache, "a").await.unwrap();
    let before = cache.info();
    drop(cache);
    let cache = open(&source, scratch.path(), 10_000).await;
    let requests = source.count();
    read(&cache, "b").await.unwrap();
    assert_eq!(source.count(), requests, "before anything was loaded, perhaps");
    cache.flush().await;
    let after = cache.info();
    assert_eq!((after.current_size, after.resident_blobs), (before.current_size, 3));
    assert_eq!(after.current_size, blobs(scratch.path()));
    drop(cache);
    // A bound for two: the least recently read leaves, which is neither the first fetched nor the last.
    let weight = after.current_size / 3;
    let cache = loaded(&source, scratch.path(), 2 * weight + 600).await;
    assert_eq!(cache.info().resident_blobs, 2);
    assert_eq!(cache.info().current_size, blobs(scratch.path()));
    let requests = source.count();
    for name in ["a", "b"] {
        read(&cache, name).await.unwrap();
    }
    assert_eq!(source.count(), requests);
    read(&cache, "c").await.unwrap();
    assert_eq!(source.count(), requests + 1, "c had left");
}

#[tokio::test]
async fn ages_go_on_after_a_restart() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", "old").await;
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let open = async || {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        built(builder.max_age(Duration::from_secs(60)).clock(Arc::clone(&clock) as _)).await
    };
    read(&open().await, "k").await.unwrap();
    clock.advance(Duration::from_secs(30));
    let cache = open().await;
    let requests = source.count();
    assert_eq!((read(&cache, "k").await.unwrap(), source.count()), ("old".into(), requests));
    clock.advance(Duration::from_secs(31));
    plant(&source, "k", "new").await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
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

/// What an index that lies makes of a cache: it serves what is there, and counts it right.
async fn survives(damage: impl FnOnce(&Path)) {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for at in 0..20 {
        plant(&source, &format!("{at}"), vec![at; 1000]).await;
    }
    plant(&source, "parts", pattern(300_000)).await;
    let cache = loaded(&source, scratch.path(), 1_000_000).await;
    for at in 0..20 {
        read(&cache, &format!("{at}")).await.unwrap();
    }
    cache.get_range(&key("parts"), ByteRange::Bounded(0..70_000)).await.unwrap();
    cache.flush().await;
    drop(cache);
    let before = blobs(scratch.path());
    damage(scratch.path());
    let cache = loaded(&source, scratch.path(), 1_000_000).await;
    assert_eq!(cache.info().current_size, before);
    assert_eq!(blobs(scratch.path()), before);
    let requests = source.count();
    for at in 0..20 {
        assert_eq!(read(&cache, &format!("{at}")).await.unwrap(), vec![at; 1000]);
    }
    cache.get_range(&key("parts"), ByteRange::Bounded(0..70_000)).await.unwrap();
    assert_eq!(source.count(), requests, "nothing was lost");
    cache.check().unwrap();
    drop(cache);
    let cache = loaded(&source, scratch.path(), 1_000_000).await;
    assert_eq!(cache.info().current_size, before, "and its index is sound again");
}

fn journal(path: &Path) -> PathBuf {
    let members = files(&path.join("members"));
    members.into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap()
}

#[tokio::test]
async fn an_index_that_is_lost_cut_flipped_or_of_another_boot_is_rebuilt_from_the_blobs() {
    survives(|_| ()).await;
    survives(|path| fs::remove_dir_all(path.join("members")).unwrap()).await;
    survives(|path| fs::write(journal(path), "").unwrap()).await;
    survives(|path| fs::write(path.join("shares"), "").unwrap()).await;
    survives(|path| fs::remove_file(path.join("shares")).unwrap()).await;
    for at in [3, 12, 30, 200, 700] {
        survives(|path| {
            let mut bytes = fs::read(journal(path)).unwrap();
            bytes[at] ^= 1;
            fs::write(journal(path), bytes).unwrap();
        })
        .await;
        survives(|path| {
            let bytes = fs::read(journal(path)).unwrap();
            fs::write(journal(path), &bytes[..at]).unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn damaged_blobs_are_dropped_counted_and_fetched_again() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(5000)).await;
    let cache = loaded(&source, scratch.path(), 100_000).await;
    read(&cache, "k").await.unwrap();
    cache.flush().await;
    let blob = files(&scratch.path().join("blobs")).pop().unwrap();
    let damages: [fn(&mut Vec<u8>); 3] = [|bytes| bytes[4000] ^= 1, |bytes| bytes.truncate(300), |bytes| bytes.fill(0)];
    for (turn, damage) in damages.into_iter().enumerate() {
        let mut bytes = fs::read(&blob).unwrap();
        damage(&mut bytes);
        fs::write(&blob, bytes).unwrap();
        assert_eq!(read(&cache, "k").await.unwrap(), pattern(5000));
        cache.flush().await;
        assert_eq!(cache.stats().corrupt, turn as u64 + 1);
        assert_eq!(cache.info().current_size, blobs(scratch.path()));
    }
}

#[tokio::test]
async fn files_that_are_not_ours_are_never_touched() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", "value").await;
    let cache = loaded(&source, scratch.path(), 100_000).await;
    read(&cache, "k").await.unwrap();
    cache.flush().await;
    let foreign = ["notes.txt", "blobs/notes.txt", "members/notes.txt"].map(|name| scratch.path().join(name));
    for path in &foreign {
        fs::write(path, "notes").unwrap();
    }
    cache.clear_cache().await.unwrap();
    drop(cache);
    fs::remove_file(scratch.path().join("shares")).unwrap();
    let cache = loaded(&source, scratch.path(), 100_000).await;
    read(&cache, "k").await.unwrap();
    for path in &foreign {
        assert_eq!(fs::read(path).unwrap(), b"notes", "{}", path.display());
    }
}

#[tokio::test]
async fn clearing_one_clears_what_others_hold_of_the_same_source() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "a", "value").await;
    plant(&source, "b", pattern(300_000)).await;
    let (one, other) = (loaded(&source, scratch.path(), None).await, loaded(&source, scratch.path(), None).await);
    read(&one, "a").await.unwrap();
    one.get_range(&key("b"), ByteRange::Suffix(10)).await.unwrap();
    one.flush().await;
    other.clear_cache().await.unwrap();
    assert_eq!(blobs(scratch.path()), 0);
    let requests = source.count();
    assert_eq!(read(&one, "a").await.unwrap(), "value");
    assert_eq!(source.count(), requests + 1);
    one.check().unwrap();
}

#[tokio::test]
async fn blocks_that_others_hold_are_not_fetched_with_those_that_are_missing() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(2_000_000)).await;
    let open = async || {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        let cache = built(builder.range_strategy(RangeStrategy::Blocks { block_size: 65_536 }).range_gap(0)).await;
        cache.flush().await;
        cache
    };
    let (one, other) = (open().await, open().await);
    let range = |range| ByteRange::Bounded(range);
    one.get_range(&key("k"), range(0..655_360)).await.unwrap();
    one.flush().await;
    let all = other.get_range(&key("k"), range(0..720_000)).await.unwrap().unwrap();
    assert_eq!(all, pattern(2_000_000).slice(0..720_000));
    assert!(other.stats().source_bytes <= 131_072, "{} bytes were fetched", other.stats().source_bytes);
}

#[tokio::test]
async fn what_an_earlier_process_left_renews_without_a_transfer() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(10_000)).await;
    let open = async || {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        built(builder.max_age(Duration::ZERO)).await
    };
    let cache = open().await;
    read(&cache, "k").await.unwrap();
    cache.flush().await;
    drop(cache);
    let cache = open().await;
    read(&cache, "k").await.unwrap();
    assert_eq!((cache.stats().revalidated, cache.stats().source_bytes), (1, 0));
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
async fn a_directory_that_cannot_be_joined_is_read_and_what_is_written_past_it_is_not_answered_from_it() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for name in ["a", "b", "below/c"] {
        plant(&source, name, "old").await;
    }
    let cache = loaded(&source, scratch.path(), None).await;
    for name in ["a", "b", "below/c"] {
        read(&cache, name).await.unwrap();
    }
    cache.flush().await;
    drop(cache);
    // As in a directory that may not be written, whoever runs this.
    fs::remove_file(scratch.path().join("shares")).unwrap();
    fs::create_dir(scratch.path().join("shares")).unwrap();
    let cache = loaded(&source, scratch.path(), None).await;
    let requests = source.count();
    for name in ["a", "b", "below/c"] {
        assert_eq!(read(&cache, name).await.unwrap(), "old");
    }
    assert_eq!(source.count(), requests, "what is there is served");
    let before = blobs(scratch.path());
    plant(&source, "d", "new").await;
    read(&cache, "d").await.unwrap();
    cache.flush().await;
    assert_eq!(blobs(scratch.path()), before, "nothing is stored");
    // Though files cannot be removed either.
    let kept = files(&scratch.path().join("blobs"));
    let copies: Vec<Vec<u8>> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    cache.put(&key("a"), "new").await.unwrap();
    cache.delete_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    for (path, bytes) in kept.iter().zip(copies) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(read(&cache, "a").await.unwrap(), "new");
    assert_eq!(cache.head(&key("below/c")).await.unwrap(), None);
    assert_eq!(read(&cache, "below/c").await, None);
    assert_eq!(read(&cache, "b").await.unwrap(), "old");
}

#[tokio::test]
async fn what_is_only_known_from_an_index_is_kept_account_of_whichever_way_it_is_used_or_leaves() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let names = ["read", "set", "deleted", "below/a", "below/b", "invalidated", "grows", "first", "second"];
    for name in names {
        plant(&source, name, pattern(1_000)).await;
    }
    {
        let cache = open(&source, scratch.path(), 20_000).await;
        for name in ["first", "second", "read", "set", "deleted", "below/a", "below/b", "invalidated", "grows"] {
            read(&cache, name).await.unwrap();
            cache.flush().await;
        }
    }
    let cache = loaded(&source, scratch.path(), 20_000).await;
    let tracked = || {
        cache.check().unwrap();
        (cache.info().tracked_keys, cache.info().resident_blobs)
    };
    assert_eq!(tracked(), (9, 9));

    let requests = source.count();
    assert_eq!(read(&cache, "read").await.unwrap(), pattern(1_000));
    assert_eq!((source.count(), tracked()), (requests, (9, 9)), "it was a hit");

    cache.put(&key("set"), pattern(500)).await.unwrap();
    cache.flush().await;
    assert_eq!(tracked(), (9, 9));
    cache.delete(&key("deleted")).await.unwrap();
    assert_eq!(tracked(), (8, 8));
    cache.invalidate(&key("invalidated")).await.unwrap();
    assert_eq!(tracked(), (7, 7));
    cache.invalidate_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    assert_eq!((tracked(), files(&scratch.path().join("blobs")).len()), ((5, 5), 5));

    // Written behind the cache's back, and then fetched in part: a block takes the place of the whole.
    plant(&source, "grows", pattern(3 << 20)).await;
    cache.invalidate(&key("grows")).await.unwrap();
    cache.get_range(&key("grows"), ByteRange::Bounded(0..10)).await.unwrap().unwrap();
    cache.flush().await;
    tracked();

    plant(&source, "large", pattern(17_000)).await;
    read(&cache, "large").await.unwrap();
    cache.flush().await;
    let requests = source.count();
    assert_eq!(read(&cache, "large").await.unwrap(), pattern(17_000));
    assert_eq!(source.count(), requests, "others left for it");
    assert!(tracked().0 < 5);
    cache.clear_cache().await.unwrap();
    assert_eq!(tracked(), (0, 0));
}
