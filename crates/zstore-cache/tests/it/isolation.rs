//! C10: answers cannot change what is kept, and a slow tier delays nobody else.

use std::sync::Arc;

use bytes::BytesMut;
use futures::FutureExt;
use zstore_cache::CacheStore;
use zstore_core::{Operation, ReadStore, StoreExt};
use zstore_memory::MemoryStore;

use crate::setup::{built, bytes_of, cache, key, plant, read, source, tier};

#[tokio::test]
async fn changing_an_answer_changes_nothing_that_is_kept() {
    let source = source();
    plant(&source, "k", "value").await;
    let cache = built(CacheStore::builder(source, Arc::new(MemoryStore::new()))).await;
    for _ in 0..3 {
        let answer = read(&cache, "k").await.unwrap();
        let mut mine = answer.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        mine[0] = b'X';
    }
    assert_eq!(read(&cache, "k").await.unwrap(), "value");
}

#[tokio::test]
async fn a_slow_eviction_does_not_delay_a_hit_on_another_key() {
    let (source, tier) = (source(), tier());
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).max_size(2_500)).await;
    cache.put(&key("leaves"), vec![0; 1000]).await.unwrap();
    cache.put(&key("stays"), vec![1; 1000]).await.unwrap();
    let held = tier.hold(Operation::Delete);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("new"), vec![2; 1000]).await });
    held.arrived(1).await;
    let hit = read(&cache, "stays").now_or_never().expect("nothing to wait for");
    assert_eq!(hit.unwrap(), vec![1; 1000]);
    held.release();
    set.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_slow_tier_write_delays_neither_its_reader_nor_a_hit_on_another_key() {
    let (source, tier, cache) = cache().await;
    plant(&source, "a", "first").await;
    plant(&source, "b", "second").await;
    read(&cache, "b").await;
    cache.flush().await;
    let held = tier.hold(Operation::Set);
    assert_eq!(read(&cache, "a").now_or_never().expect("the tier is written behind the reader").unwrap(), "first");
    assert_eq!(read(&cache, "b").now_or_never().expect("nothing to wait for").unwrap(), "second");
    held.release();
    cache.flush().await;
}

#[test]
fn a_hit_in_memory_needs_no_runtime_and_no_wait() {
    let source = source();
    futures::executor::block_on(async {
        plant(&source, "k", "value").await;
        let cache = built(CacheStore::builder(source, Arc::new(MemoryStore::new()))).await;
        assert!(cache.get_now(&key("k"), &Default::default()).is_none(), "not at hand yet");
        assert_eq!(read(&cache, "k").await.unwrap(), "value");
        let first = bytes_of(cache.get_now(&key("k"), &Default::default()).unwrap()).unwrap();
        let second = bytes_of(cache.get_now(&key("k"), &Default::default()).unwrap()).unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr(), "no copy is made");
        cache.put(&key("k"), "new").await.unwrap();
        assert_eq!(read(&cache, "k").await.unwrap(), "new");
    });
}
