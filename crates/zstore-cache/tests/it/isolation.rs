//! C10: answers cannot change what is kept, and a slow tier delays nobody else.

use std::sync::Arc;

use futures::FutureExt;
use zstore_cache::CacheStore;
use zstore_core::{Operation, ReadStore, StoreExt};
use zstore_memory::MemoryStore;

use crate::setup::{built, bytes_of, cache, key, plant, read, source};

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
