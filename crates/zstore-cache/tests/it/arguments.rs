//! Bad settings are refused when the cache is built, in one line.

use std::{sync::Arc, time::Duration};

use zstore_cache::{Builder, CacheStore, RangeStrategy};
use zstore_core::ErrorKind;
use zstore_memory::MemoryStore;

use crate::setup::{Source, Tier, source, tier};

async fn refused(change: impl FnOnce(Builder<Source, Tier>) -> Builder<Source, Tier>, words: &str) {
    let error = change(CacheStore::builder(source(), tier())).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let line = error.to_string();
    assert!(line.contains(words) && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn each_bad_setting_is_named() {
    refused(|builder| builder.max_size(0), "max_size is 0").await;
    refused(|builder| builder.max_size(100), "marker files").await;
    for strategy in [
        RangeStrategy::Blocks { block_size: 0 },
        RangeStrategy::Blocks { block_size: 100_000 },
        RangeStrategy::Blocks { block_size: 2048 },
        RangeStrategy::WholeUpTo { size_max: 1, block_size: 1 << 31 },
    ] {
        refused(|builder| builder.range_strategy(strategy), "block_size is").await;
    }
    let none = RangeStrategy::WholeUpTo { size_max: 0, block_size: 4096 };
    refused(|builder| builder.range_strategy(none), "size_max of WholeUpTo is 0").await;
    refused(|builder| builder.tier_timeout(Duration::ZERO), "tier_timeout").await;
    refused(|builder| builder.free_space_floor(101), "free_space_floor").await;
}

#[tokio::test]
async fn no_store_is_its_own_tier() {
    let store = Arc::new(MemoryStore::new());
    let error = CacheStore::builder(Arc::clone(&store), Arc::clone(&store)).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("is the source and the tier too"), "{error}");
    assert!(store.is_empty(), "and nothing was written to it");
}

#[tokio::test]
async fn the_smallest_sound_settings_are_taken() {
    let builder = CacheStore::builder(source(), Arc::new(MemoryStore::new()));
    let cache = builder
        .max_size(1)
        .max_age(Duration::ZERO)
        .range_strategy(RangeStrategy::Blocks { block_size: 4096 })
        .build()
        .await
        .unwrap();
    assert_eq!(cache.info().max_size, Some(1));
    assert_eq!(cache.info().freshness.max_age, Some(Duration::ZERO));
}

#[tokio::test]
async fn the_information_tells_what_was_set() {
    let tier = tier();
    let builder = CacheStore::builder(source(), Arc::clone(&tier)).namespace("mine").max_size(None);
    let info = builder.build().await.unwrap().info();
    assert_eq!((info.namespace.as_str(), info.max_size, info.freshness.max_age), ("mine", None, None));
    assert_eq!(info.tier, tier.to_string());
}
