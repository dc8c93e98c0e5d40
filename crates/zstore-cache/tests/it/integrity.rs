//! C8: what is damaged is not served.

use std::sync::Arc;

use zstore_cache::CacheStore;
use zstore_core::{ByteRange, Key, Prefix, ReadStoreExt, StoreExt};

use crate::setup::{Cache, Source, Tier, built, cache, key, pattern, plant, read};

async fn blobs(tier: &Tier) -> Vec<Key> {
    let all = tier.list_all(&Prefix::new("blobs").unwrap()).await.unwrap();
    all.into_iter().map(|meta| meta.key).collect()
}

async fn resident() -> (Arc<Source>, Arc<Tier>, Cache) {
    let (source, tier, cache) = cache().await;
    plant(&source, "k", pattern(200_000)).await;
    assert_eq!(read(&cache, "k").await.unwrap(), pattern(200_000));
    cache.flush().await;
    (source, tier, cache)
}

/// What may befall a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Truncate(usize),
    ZeroFrom(usize),
    FlipBit(usize),
}

impl Damage {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Truncate(at) => bytes.truncate(at),
            Self::ZeroFrom(at) => bytes[at..].fill(0),
            Self::FlipBit(at) => bytes[at] ^= 1,
        }
        bytes
    }
}

fn damages() -> Vec<Damage> {
    let mut all = vec![Damage::Truncate(0), Damage::ZeroFrom(0)];
    // In the header, at its end, in each checked piece, near the very end.
    for at in [1, 20, 90, 150, 70_000, 140_000, 200_050] {
        all.extend([Damage::Truncate(at), Damage::ZeroFrom(at), Damage::FlipBit(at)]);
    }
    all
}

async fn strike(tier: &Tier, damage: Damage) {
    for blob in blobs(tier).await {
        let bytes = tier.get_bytes(&blob).await.unwrap().unwrap();
        tier.put(&blob, damage.of(&bytes)).await.unwrap();
    }
}

#[tokio::test]
async fn any_damage_is_seen_before_a_byte_is_served_and_mended() {
    for damage in damages() {
        let (source, tier, cache) = resident().await;
        strike(&tier, damage).await;
        source.clear();
        assert_eq!(read(&cache, "k").await.unwrap(), pattern(200_000), "{damage:?}");
        cache.flush().await;
        assert_eq!(source.count(), 1, "{damage:?}");
        assert_eq!(cache.stats().corrupt, 1, "{damage:?}");
        assert_eq!(read(&cache, "k").await.unwrap(), pattern(200_000));
        assert_eq!(source.count(), 1, "it is resident again: {damage:?}");
        cache.check().unwrap();
    }
}

#[tokio::test]
async fn a_range_is_checked_where_it_reads() {
    for damage in damages() {
        let (_, tier, cache) = resident().await;
        strike(&tier, damage).await;
        for start in (0..199_000).step_by(9_973) {
            let range = cache.get_range(&key("k"), ByteRange::Bounded(start..start + 700)).await.unwrap().unwrap();
            assert_eq!(range, pattern(200_000).slice(start as usize..start as usize + 700), "{damage:?} at {start}");
        }
    }
}

#[tokio::test]
async fn damage_while_nobody_looked_is_seen_on_reopening_or_reading() {
    for damage in damages() {
        let (source, tier, cache) = resident().await;
        cache.flush().await;
        drop(cache);
        strike(&tier, damage).await;
        let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))).await;
        assert_eq!(read(&cache, "k").await.unwrap(), pattern(200_000), "{damage:?}");
        assert_eq!(cache.stats().corrupt, 1, "{damage:?}");
    }
}

#[tokio::test]
async fn a_blob_that_belongs_elsewhere_is_not_believed() {
    let (source, tier, cache) = cache().await;
    plant(&source, "a", "first").await;
    plant(&source, "b", "second").await;
    read(&cache, "a").await;
    read(&cache, "b").await;
    cache.flush().await;
    // Each is sound in itself, in the place of the other.
    let names = blobs(&tier).await;
    let (one, two) = (tier.get_bytes(&names[0]).await.unwrap(), tier.get_bytes(&names[1]).await.unwrap());
    tier.put(&names[0], two.unwrap()).await.unwrap();
    tier.put(&names[1], one.unwrap()).await.unwrap();
    assert_eq!(read(&cache, "a").await.unwrap(), "first");
    assert_eq!(read(&cache, "b").await.unwrap(), "second");
    cache.flush().await;
    let cache = built(CacheStore::builder(source, tier)).await;
    assert_eq!(read(&cache, "a").await.unwrap(), "first");
}
