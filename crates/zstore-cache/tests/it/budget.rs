//! C2: the tier never holds more than the bound.

use std::sync::Arc;

use zstore_cache::{CacheStore, Outlook};
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Held, Metered};

use crate::setup::{Cache, built, key, plant, read, source, tier};

#[tokio::test]
async fn the_least_recently_used_leaves_first() {
    let (source, tier) = (source(), Arc::new(MemoryStore::new()));
    let cache = built(CacheStore::builder(Arc::clone(&source), tier).max_size(300)).await;
    for name in ["a", "b", "c"] {
        cache.put(&key(name), vec![0; 100]).await.unwrap();
    }
    read(&cache, "a").await;
    cache.put(&key("d"), vec![0; 100]).await.unwrap();
    source.clear();
    for name in ["a", "c", "d"] {
        read(&cache, name).await;
    }
    assert_eq!(source.count(), 0);
    read(&cache, "b").await;
    assert_eq!(source.count(), 1, "b had left");
    assert_eq!(cache.stats().evictions, 2, "for d, and then for b");
}

#[tokio::test]
async fn what_the_tier_does_not_let_go_stays_charged_until_it_does() {
    let (source, tier) = (source(), Arc::new(Faulty::new(Metered::new(MemoryStore::new()))));
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(2000)).await;
    cache.put(&key("a"), vec![0; 1000]).await.unwrap();
    tier.fail_always(Operation::Delete, ErrorKind::Io);
    cache.put(&key("b"), vec![0; 1000]).await.unwrap();
    cache.delete(&key("a")).await.unwrap();
    assert!(cache.info().current_size >= 1000);
    assert!(tier.inner().held_bytes_max() <= 2000);
    assert_eq!(read(&cache, "a").await, None, "charged, but never served");
    tier.heal();
    cache.flush().await;
    assert_eq!(cache.info().current_size, 0);
    assert_eq!(tier.inner().recount().await.unwrap(), cache.info().overhead_size);
}

#[tokio::test]
async fn clearing_leaves_nothing_and_counts_nothing() {
    let (source, tier) = (source(), Arc::new(Faulty::new(Metered::new(MemoryStore::new()))));
    plant(&source, "parts", vec![1; 300_000]).await;
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).cache_absent(std::time::Duration::MAX)).await;
    cache.put(&key("k"), "value").await.unwrap();
    cache.get_range(&key("parts"), ByteRange::Bounded(0..200_000)).await.unwrap();
    read(&cache, "missing").await;
    cache.flush().await;
    assert_eq!(cache.info().tracked_keys, 3);
    cache.clear_cache().await.unwrap();
    let info = cache.info();
    assert_eq!((info.current_size, info.tracked_keys, info.resident_blobs), (0, 0, 0));
    assert!(tier.is_empty_below(&Prefix::new("blobs").unwrap()).await.unwrap());
}

#[tokio::test]
async fn empty_values_in_memory_weigh_something_so_that_their_number_is_bounded() {
    let (source, tier) = (source(), Arc::new(MemoryStore::new()));
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(2000)).await;
    for at in 0..100 {
        cache.put(&key(&format!("k{at}")), "").await.unwrap();
    }
    let info = cache.info();
    assert!((1..50).contains(&info.resident_blobs), "{info:?}");
    assert_eq!(read(&cache, "k99").await.unwrap(), "");
    assert_eq!(cache.stats().hits, 1);
    cache.check().unwrap();
}

/// A cache with room for one value, in which "a" is being removed for "b", and "c" has come since.
async fn b_makes_room_and_c_waits() -> (Cache, Held) {
    let (source, tier) = (source(), tier());
    for name in ["a", "b", "c"] {
        plant(&source, name, vec![0; 1000]).await;
    }
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(1500)).await;
    read(&cache, "a").await;
    cache.flush().await;
    let held = tier.hold(Operation::Delete);
    read(&cache, "b").await;
    held.arrived(1).await;
    read(&cache, "c").await;
    (cache, held)
}

#[tokio::test]
async fn what_comes_while_room_is_being_made_for_another_waits_for_its_turn() {
    let (cache, held) = b_makes_room_and_c_waits().await;
    held.release();
    cache.flush().await;
    assert_eq!(cache.stats().refused, 0);
    assert_eq!(cache.explain(&key("c")).outlook, Outlook::Hit);
    cache.check().unwrap();
}

#[tokio::test]
async fn what_can_never_fit_waits_for_no_room() {
    let (source, tier) = (source(), tier());
    plant(&source, "a", vec![0; 1000]).await;
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(2000)).await;
    // It fits but for its header and the marker files.
    plant(&source, "b", vec![0; 2000]).await;
    let held = tier.hold(Operation::Set);
    read(&cache, "a").await;
    held.arrived(1).await;
    read(&cache, "b").await;
    assert_eq!(cache.stats().refused, 1, "at once, while room is still in motion");
    held.release();
    cache.flush().await;
    assert_eq!(cache.explain(&key("a")).outlook, Outlook::Hit);
}

#[tokio::test]
async fn what_waits_for_room_and_is_written_meanwhile_has_nobody_leave() {
    let (cache, held) = b_makes_room_and_c_waits().await;
    cache.invalidate(&key("c")).await.unwrap();
    held.release();
    cache.flush().await;
    assert_eq!(cache.stats().evictions, 1, "for b alone");
    assert_eq!(cache.explain(&key("b")).outlook, Outlook::Hit);
}
