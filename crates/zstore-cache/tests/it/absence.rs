//! Absence, kept when asked.

use std::{sync::Arc, time::Duration};

use zstore_cache::CacheStore;
use zstore_core::{ByteRange, Clock, ReadStore, ReadStoreExt, Store, StoreExt, Timestamp};
use zstore_testkit::ManualClock;

use crate::setup::{Cache, Source, built, cache, key, plant, read, source, tier};

async fn keeping(age: Duration) -> (Arc<Source>, Arc<ManualClock>, Cache) {
    let (source, clock) = (source(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), tier()).cache_absent(age);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    (source, clock, cache)
}

#[tokio::test]
async fn absence_is_not_kept_unless_asked_for() {
    let (source, _, cache) = cache().await;
    for asked in 1..=3 {
        assert_eq!(read(&cache, "k").await, None);
        assert_eq!(source.count(), asked);
    }
}

#[tokio::test]
async fn kept_absence_answers_every_kind_of_read_without_a_request() {
    let (source, _, cache) = keeping(Duration::from_secs(60)).await;
    assert_eq!(read(&cache, "k").await, None);
    cache.flush().await;
    source.clear();
    assert_eq!(read(&cache, "k").await, None);
    assert_eq!(cache.get_range(&key("k"), ByteRange::Suffix(8)).await.unwrap(), None);
    assert_eq!(cache.get_ranges(&key("k"), &[ByteRange::From(0)]).await.unwrap(), None);
    assert_eq!(cache.head(&key("k")).await.unwrap(), None);
    assert_eq!(source.count(), 0);
    assert_eq!(cache.stats().absent_hits, 4);
}

#[tokio::test]
async fn absence_found_by_a_range_or_a_head_is_kept_too() {
    for way in 0..2 {
        let (source, _, cache) = keeping(Duration::from_secs(60)).await;
        match way {
            0 => assert_eq!(cache.get_range(&key("k"), ByteRange::Suffix(8)).await.unwrap(), None),
            _ => assert_eq!(cache.head(&key("k")).await.unwrap(), None),
        }
        cache.flush().await;
        source.clear();
        assert_eq!(read(&cache, "k").await, None);
        assert_eq!(source.count(), 0);
    }
}

#[tokio::test]
async fn absence_is_believed_no_longer_than_its_age() {
    let (source, clock, cache) = keeping(Duration::from_secs(60)).await;
    assert_eq!(read(&cache, "k").await, None);
    cache.flush().await;
    plant(&source, "k", "value").await;
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(read(&cache, "k").await, None);
    clock.advance(Duration::from_millis(1));
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn absence_from_before_the_clock_was_set_back_is_not_believed() {
    let (source, clock, cache) = keeping(Duration::from_secs(60)).await;
    assert_eq!(read(&cache, "k").await, None);
    cache.flush().await;
    plant(&source, "k", "value").await;
    clock.set(Timestamp::from_millis(clock.now().as_millis() - 3_600_000));
    let part = cache.get_range(&key("k"), ByteRange::Suffix(3)).await.unwrap();
    assert_eq!(part.unwrap(), "lue");
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn a_write_ends_absence_at_once() {
    let (_, _, cache) = keeping(Duration::MAX).await;
    assert_eq!(read(&cache, "k").await, None);
    cache.put(&key("k"), "value").await.unwrap();
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
    cache.delete(&key("k")).await.unwrap();
    assert_eq!(read(&cache, "k").await, None);
}
