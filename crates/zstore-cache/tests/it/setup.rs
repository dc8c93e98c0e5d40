//! Sources, tiers and caches for the tests.

use std::sync::Arc;

use bytes::Bytes;
use zstore_cache::{Builder, CacheStore, RangeStrategy};
use zstore_core::{Fetch, Key, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Gated, Metered, Recorder};

/// Small blocks, and no value comes whole for a part of it.
pub(crate) const BLOCKS: RangeStrategy = RangeStrategy::Blocks { block_size: 4096 };

/// A source that can be watched and held up.
pub(crate) type Source = Recorder<Gated<MemoryStore>>;
/// A tier that can be weighed, held up and made to fail, and that holds blobs as a directory does.
pub(crate) type Tier = Gated<Faulty<Metered<MemoryStore>>>;
pub(crate) type Cache<T = Tier> = CacheStore<Source, T>;

pub(crate) fn source() -> Arc<Source> {
    Arc::new(Recorder::new(Gated::new(MemoryStore::new())))
}

pub(crate) fn tier() -> Arc<Tier> {
    Arc::new(Gated::new(Faulty::new(Metered::new(MemoryStore::new()))))
}

pub(crate) async fn cache() -> (Arc<Source>, Arc<Tier>, Cache) {
    let (source, tier) = (source(), tier());
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))).await;
    (source, tier, cache)
}

pub(crate) async fn built<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static>(
    builder: Builder<S, T>,
) -> CacheStore<S, T> {
    builder.build().await.expect("the settings are sound")
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).expect("a test names keys that are keys")
}

/// What a crash at this instant would leave of the tier.
pub(crate) async fn crash(tier: &Tier) -> Arc<Faulty<MemoryStore>> {
    let inner = tier.inner().inner().inner();
    let copy = MemoryStore::new();
    for meta in inner.list_all(&Prefix::root()).await.unwrap() {
        copy.put(&meta.key, inner.get_bytes(&meta.key).await.unwrap().unwrap()).await.unwrap();
    }
    Arc::new(Faulty::new(copy))
}

/// Writes to the source behind the cache's back.
pub(crate) async fn plant(source: &Source, name: &str, value: impl Into<Bytes>) {
    source.inner().inner().put(&key(name), value.into()).await.expect("memory takes everything");
}

/// What a reader of the whole value sees.
pub(crate) async fn read<S: ReadStore + ?Sized>(store: &S, name: &str) -> Option<Bytes> {
    store.get_bytes(&key(name)).await.expect("the source is sound")
}

pub(crate) fn bytes_of(fetch: Fetch) -> Option<Bytes> {
    fetch.into_object().map(|object| object.bytes)
}

/// Bytes that tell where they lie.
pub(crate) fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at % 251) as u8).collect()
}
