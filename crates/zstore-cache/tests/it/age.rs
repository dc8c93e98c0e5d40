//! `max_age`, on a manual clock.

use std::{sync::Arc, time::Duration};

use zstore_cache::CacheStore;
use zstore_core::{ByteRange, Operation, ReadStoreExt, StoreExt, Timestamp};
use zstore_testkit::ManualClock;

use crate::setup::{Cache, Source, Tier, built, key, plant, read, source, tier};

async fn aging(age: Duration) -> (Arc<Source>, Arc<Tier>, Arc<ManualClock>, Cache) {
    let (source, tier, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_age(age);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    (source, tier, clock, cache)
}

#[tokio::test]
async fn a_resident_is_served_until_its_age_and_not_at_it() {
    let (source, _, clock, cache) = aging(Duration::from_secs(10)).await;
    plant(&source, "k", "old").await;
    read(&cache, "k").await;
    cache.flush().await;
    plant(&source, "k", "new").await;
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(read(&cache, "k").await.unwrap(), "old");
    clock.advance(Duration::from_millis(1));
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
    cache.flush().await;
    cache.check().unwrap();
    assert_eq!(cache.info().resident_blobs, 1);
}

#[tokio::test]
async fn parts_and_written_values_age_too() {
    let (source, _, clock, cache) = aging(Duration::from_secs(10)).await;
    plant(&source, "parts", vec![1; 200_000]).await;
    cache.get_range(&key("parts"), ByteRange::Bounded(0..10)).await.unwrap();
    cache.put(&key("written"), "old").await.unwrap();
    cache.flush().await;
    plant(&source, "parts", vec![2; 200_000]).await;
    plant(&source, "written", "new").await;
    clock.advance(Duration::from_secs(10));
    assert_eq!(cache.get_range(&key("parts"), ByteRange::Bounded(0..3)).await.unwrap().unwrap(), vec![2; 3]);
    assert_eq!(read(&cache, "written").await.unwrap(), "new");
}

#[tokio::test]
async fn age_counts_from_the_beginning_of_the_fetch() {
    let (source, _, clock, cache) = aging(Duration::from_secs(10)).await;
    plant(&source, "k", "old").await;
    let held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let slow = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(1).await;
    // The source gave "old" now; the answer takes eight seconds.
    clock.advance(Duration::from_secs(8));
    held.release();
    slow.await.unwrap();
    cache.flush().await;
    plant(&source, "k", "new").await;
    clock.advance(Duration::from_secs(2));
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_fetch_older_than_the_age_is_not_joined() {
    let (source, _, clock, cache) = aging(Duration::from_secs(10)).await;
    plant(&source, "k", "old").await;
    let held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let slow = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(1).await;
    plant(&source, "k", "new").await;
    clock.advance(Duration::from_secs(11));
    let reader = cache.clone();
    let late = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(2).await;
    held.release();
    assert_eq!(slow.await.unwrap().unwrap(), "old");
    assert_eq!(late.await.unwrap().unwrap(), "new");
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_clock_set_back_before_a_restart_makes_nothing_young() {
    let (source, tier, clock, cache) = aging(Duration::from_secs(10)).await;
    plant(&source, "k", "old").await;
    read(&cache, "k").await;
    cache.flush().await;
    drop(cache);
    plant(&source, "k", "new").await;
    clock.set(Timestamp::from_millis(1_000));
    let builder = CacheStore::builder(source, tier).max_age(Duration::from_secs(10));
    let cache = built(builder.clock(clock)).await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}
