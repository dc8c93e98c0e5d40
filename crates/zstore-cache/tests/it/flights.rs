//! C4: one request for all who miss the same bytes at once.

use std::sync::Arc;

use futures::{FutureExt, future::join_all};
use zstore_cache::CacheStore;
use zstore_core::{ByteRange, ErrorKind, Operation, ReadStore, ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Gated, Recorder};

use crate::setup::{built, cache, key, plant, read};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misses_of_one_block_by_different_ranges_make_one_request() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", vec![1; 1_000_000]).await;
    let readers = (0..64u64).map(|at| {
        let cache = cache.clone();
        let range = ByteRange::Bounded(70_000 + at..70_100 + at);
        tokio::spawn(async move { cache.get_range(&key("k"), range).await.unwrap().unwrap().len() })
    });
    for reader in join_all(readers).await {
        assert_eq!(reader.unwrap(), 100);
    }
    assert_eq!(source.count(), 1);
}

#[tokio::test]
async fn a_part_of_a_value_on_its_way_is_not_asked_for_again() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", vec![1; 100_000]).await;
    let held = source.inner().hold_after(Operation::Get);
    let mut whole = Box::pin(read(&cache, "k"));
    assert!((&mut whole).now_or_never().is_none());
    let (key, range) = (key("k"), ByteRange::Suffix(10));
    let mut part = Box::pin(cache.get_range(&key, range));
    assert!((&mut part).now_or_never().is_none());
    let mut head = Box::pin(cache.head(&key));
    assert!((&mut head).now_or_never().is_none());
    held.release();
    let (whole, part, head) = futures::join!(whole, part, head);
    assert_eq!((whole.unwrap().len(), part.unwrap().unwrap().len()), (100_000, 10));
    assert_eq!(head.unwrap().unwrap().size, 100_000);
    assert_eq!(source.count(), 1);
}

#[tokio::test]
async fn dropping_any_one_waiter_disturbs_no_other() {
    for dropped in 0..3 {
        let (source, _, cache) = cache().await;
        plant(&source, "k", "value").await;
        let held = source.inner().hold(Operation::Get);
        let mut readers: Vec<_> = (0..3)
            .map(|_| {
                let cache = cache.clone();
                Box::pin(async move { read(&cache, "k").await })
            })
            .collect();
        for reader in &mut readers {
            assert!(reader.now_or_never().is_none());
        }
        drop(readers.remove(dropped));
        held.release();
        for value in join_all(readers).await {
            assert_eq!(value.unwrap(), "value");
        }
        assert_eq!(source.count(), 1, "the one request went on");
    }
}

#[tokio::test]
async fn when_all_waiters_are_gone_the_fetch_is_dropped_and_the_next_one_begins_anew() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", "value").await;
    let held = source.inner().hold(Operation::Get);
    let mut reader = Box::pin(read(&cache, "k"));
    assert!((&mut reader).now_or_never().is_none());
    assert_eq!(source.in_flight(), 1);
    drop(reader);
    assert_eq!(source.in_flight(), 0);
    held.release();
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn one_failed_fetch_answers_all_who_waited_and_the_next_read_tries_again() {
    let source = Arc::new(Recorder::new(Gated::new(Faulty::new(MemoryStore::new()))));
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::new(MemoryStore::new()))).await;
    source.put(&key("k"), "value").await.unwrap();
    source.clear();
    source.inner().inner().fail_nth(Operation::Get, 1, ErrorKind::Unavailable);
    let held = source.inner().hold(Operation::Get);
    let mut readers: Vec<_> = (0..4)
        .map(|_| {
            let cache = cache.clone();
            Box::pin(async move { cache.get_bytes(&key("k")).await })
        })
        .collect();
    for reader in &mut readers {
        assert!(reader.now_or_never().is_none());
    }
    held.release();
    for answer in join_all(readers).await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(source.count(), 1);
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn what_is_still_landing_is_not_fetched_again() {
    let (source, tier, cache) = cache().await;
    plant(&source, "k", "value").await;
    let held = tier.hold(Operation::Set);
    assert_eq!(read(&cache, "k").await.unwrap(), "value", "an answer does not wait for the tier");
    held.arrived(1).await;
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
    assert_eq!(source.count(), 1);
    held.release();
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
    assert_eq!(source.count(), 1);
}

#[tokio::test]
async fn a_block_that_two_ranges_of_an_unknown_value_share_is_fetched_once() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", vec![1; 400_000]).await;
    let held = source.inner().hold(Operation::Get);
    let name = key("k");
    let mut first = Box::pin(cache.get_range(&name, ByteRange::Bounded(0..65_536)));
    let mut second = Box::pin(cache.get_range(&name, ByteRange::Bounded(0..131_072)));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    held.release();
    let (first, second) = futures::join!(first, second);
    assert_eq!((first.unwrap().unwrap().len(), second.unwrap().unwrap().len()), (65_536, 131_072));
    assert_eq!(source.bytes_read(), 131_072);
}

#[tokio::test]
async fn who_comes_after_a_waiter_has_gone_joins_those_who_stayed() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", "value").await;
    let held = source.inner().hold(Operation::Get);
    let mut readers: Vec<_> = (0..2).map(|_| Box::pin(read(&cache, "k"))).collect();
    for reader in &mut readers {
        assert!(reader.now_or_never().is_none());
    }
    drop(readers.pop());
    let mut late = Box::pin(read(&cache, "k"));
    assert!((&mut late).now_or_never().is_none());
    held.release();
    join_all(readers).await;
    assert_eq!(late.await.unwrap(), "value");
    assert_eq!(source.count(), 1);
}

#[tokio::test]
async fn reads_while_a_written_value_is_landing_share_a_request() {
    let (source, tier, cache) = cache().await;
    let landing = tier.hold(Operation::Set);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("k"), "value").await });
    landing.arrived(1).await;
    source.clear();
    let held = source.inner().hold(Operation::Get);
    let mut readers: Vec<_> = (0..4).map(|_| Box::pin(read(&cache, "k"))).collect();
    for reader in &mut readers {
        assert!(reader.now_or_never().is_none());
    }
    held.release();
    for value in join_all(readers).await {
        assert_eq!(value.unwrap(), "value");
    }
    assert_eq!(source.count(), 1);
    landing.release();
    set.await.unwrap().unwrap();
}
