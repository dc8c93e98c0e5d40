//! C2: one bound over all, and a floor under what is free of the disk.

use std::sync::Arc;

use tempfile::TempDir;
use zstore_cache::CacheStore;

use super::{Cache, blobs, directory, loaded};
use crate::setup::{Source, built, pattern, plant, read, source};

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
