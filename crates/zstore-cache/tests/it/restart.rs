//! What a new cache finds in an old tier.

use std::{sync::Arc, time::Duration};

use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;

use crate::setup::{Cache, Source, Tier, built, key, plant, read, source, tier};

async fn opened(source: &Arc<Source>, tier: &Arc<Tier>, max_size: u64) -> Cache {
    built(CacheStore::builder(Arc::clone(source), Arc::clone(tier)).max_size(max_size).cache_absent(Duration::MAX))
        .await
}

#[tokio::test]
async fn values_parts_and_absences_are_served_after_a_restart_without_a_request() {
    let directory = tempfile::tempdir().unwrap();
    let source = source();
    plant(&source, "whole", "value").await;
    plant(&source, "parts", vec![3; 300_000]).await;
    for turn in 0..3 {
        let tier = Arc::new(LocalStore::open(directory.path()).unwrap());
        let cache = built(CacheStore::builder(Arc::clone(&source), tier).cache_absent(Duration::MAX)).await;
        assert_eq!(read(&cache, "whole").await.unwrap(), "value");
        assert_eq!(
            cache.get_range(&key("parts"), ByteRange::Suffix(100_000)).await.unwrap().unwrap(),
            vec![3; 100_000]
        );
        assert_eq!(read(&cache, "missing").await, None);
        cache.flush().await;
        assert_eq!(source.count(), 3, "turn {turn}");
        source.inner();
        cache.check().unwrap();
        assert_eq!(cache.info().tracked_keys, 3);
    }
}

#[tokio::test]
async fn a_source_written_before_the_restart_is_not_answered_with_older_bytes() {
    let (source, tier) = (source(), tier());
    let cache = opened(&source, &tier, 1 << 20).await;
    cache.put(&key("k"), "old").await.unwrap();
    cache.put(&key("k"), "new").await.unwrap();
    cache.put(&key("deleted"), "value").await.unwrap();
    cache.delete(&key("deleted")).await.unwrap();
    drop(cache);
    let cache = opened(&source, &tier, 1 << 20).await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
    assert_eq!(read(&cache, "deleted").await, None);
}

#[tokio::test]
async fn another_block_size_is_no_reason_for_wrong_bytes() {
    let (source, tier) = (source(), tier());
    plant(&source, "k", crate::setup::pattern(500_000)).await;
    for block in [65_536, 4096, 131_072] {
        let cache = built(
            CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))
                .range_strategy(RangeStrategy::Blocks { block_size: block }),
        )
        .await;
        let range = cache.get_range(&key("k"), ByteRange::Bounded(100_000..300_000)).await.unwrap().unwrap();
        assert_eq!(range, crate::setup::pattern(500_000).slice(100_000..300_000), "blocks of {block}");
        cache.flush().await;
        cache.check().unwrap();
        assert_eq!(cache.stats().corrupt, 0, "of another size is not damaged");
    }
}
