//! A directory that several caches use at once: here as members of one process, each with books of its own.

mod restart;
mod room;
mod truth;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, Operation, ReadStore, ReadStoreExt, StoreExt};
use zstore_local::LocalStore;

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
