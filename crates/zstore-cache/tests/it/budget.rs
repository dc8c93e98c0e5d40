//! C2: the tier never holds more than the bound.

use std::sync::Arc;

use futures::future::join_all;
use zstore_cache::CacheStore;
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Metered};

use crate::setup::{built, bytes_of, key, plant, read, source};

async fn sixty_four_fills<T: Store + 'static>(tier: Arc<T>, max: u64) -> CacheStore<crate::setup::Source, T> {
    let source = source();
    for at in 0..64 {
        plant(&source, &format!("k{at}"), vec![at; 500]).await;
    }
    let cache = built(CacheStore::builder(source, tier).max_size(max)).await;
    let fills = (0..64u8).map(|at| {
        let cache = cache.clone();
        tokio::spawn(async move {
            assert_eq!(read(&cache, &format!("k{at}")).await.unwrap(), vec![at; 500]);
        })
    });
    for fill in join_all(fills).await {
        fill.unwrap();
    }
    cache.flush().await;
    cache.check().unwrap();
    cache
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_fills_of_500_bytes_never_hold_more_than_1000() {
    let tier = Arc::new(Metered::new(MemoryStore::new()));
    let cache = sixty_four_fills(Arc::clone(&tier), 1000).await;
    assert!(tier.held_bytes_max() <= 1000, "held {}", tier.held_bytes_max());
    assert_eq!(tier.held_bytes_max(), 1000, "two fit, so two stay");
    assert_eq!(cache.info().current_size, tier.recount().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_and_markers_count_too() {
    let tier = Arc::new(Faulty::new(Metered::new(MemoryStore::new())));
    let cache = sixty_four_fills(Arc::clone(&tier), 2000).await;
    let held = tier.inner().held_bytes_max();
    assert!((500..=2000).contains(&held), "held {held}");
    let info = cache.info();
    assert_eq!(info.current_size + info.overhead_size, tier.inner().recount().await.unwrap());
}

#[tokio::test]
async fn a_value_larger_than_the_bound_is_served_and_not_kept() {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    plant(&source, "large", vec![7; 1001]).await;
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(1000)).await;
    assert_eq!(read(&cache, "large").await.unwrap().len(), 1001);
    cache.put(&key("written"), vec![7; 1001]).await.unwrap();
    assert_eq!(read(&cache, "written").await.unwrap().len(), 1001);
    cache.flush().await;
    assert_eq!(tier.held_bytes_max(), 0);
    assert_eq!(cache.stats().refused, 3);
}

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
async fn writing_and_deleting_again_and_again_leaves_nothing_charged() {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(1000)).await;
    for _ in 0..5 {
        cache.put(&key("k"), vec![0; 300]).await.unwrap();
        cache.put(&key("k"), vec![0; 400]).await.unwrap();
        cache.delete(&key("k")).await.unwrap();
    }
    assert_eq!((cache.info().current_size, tier.held_bytes()), (0, 0));
    assert_eq!(cache.info().tracked_keys, 0);
}

#[tokio::test]
async fn a_write_that_replaces_the_only_resident_stays() {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(1000)).await;
    for value in 0..3u8 {
        cache.put(&key("k"), vec![value; 900]).await.unwrap();
        assert_eq!(bytes_of(cache.get_now(&key("k"), &Default::default()).unwrap()).unwrap(), vec![value; 900]);
    }
    assert_eq!(tier.held_bytes_max(), 900);
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
    assert_eq!((info.current_size, info.tracked_keys, info.cached_keys), (0, 0, 0));
    assert!(tier.is_empty_below(&Prefix::new("blobs").unwrap()).await.unwrap());
}
