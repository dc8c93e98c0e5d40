//! The stores that are tried: bare ones, and caches over them.

use std::sync::Arc;

use object_store::{ObjectStore, memory::InMemory};
use tempfile::TempDir;
use zstore_cache::CacheStore;
use zstore_core::{Prefix, Store};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_object_store::Objects;
use zstore_remote::RemoteStore;

/// Objects, and the directories they live in until it is dropped.
pub(crate) struct World {
    pub(crate) objects: Objects,
    _directories: Vec<TempDir>,
}

impl World {
    fn new(store: impl Store + 'static, directories: impl IntoIterator<Item = TempDir>) -> Self {
        Self { objects: Objects::new(store), _directories: directories.into_iter().collect() }
    }

    pub(crate) fn dynamic(&self) -> &dyn ObjectStore {
        &self.objects
    }
}

pub(crate) async fn memory() -> World {
    World::new(MemoryStore::new(), [])
}

pub(crate) async fn local() -> World {
    let directory = tempfile::tempdir().unwrap();
    World::new(LocalStore::open(directory.path()).unwrap(), [directory])
}

pub(crate) async fn cached_memory() -> World {
    let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    World::new(CacheStore::builder(source, tier).max_size(256 << 20).build().await.unwrap(), [])
}

/// A cache directory before a directory.
pub(crate) async fn cached_local() -> World {
    let (below, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = Arc::new(LocalStore::open(below.path()).unwrap());
    let tier = Arc::new(LocalStore::create_cache(kept.path()).unwrap());
    let cache = CacheStore::builder(source, tier).max_size(256 << 20).build().await.unwrap();
    World::new(cache, [below, kept])
}

/// A cache directory before what is `object_store`'s own, as before a bucket.
pub(crate) async fn cached_objects() -> World {
    let kept = tempfile::tempdir().unwrap();
    let source = Arc::new(RemoteStore::new(Arc::new(InMemory::new()), Prefix::root(), "bucket").unwrap());
    let tier = Arc::new(LocalStore::create_cache(kept.path()).unwrap());
    let cache = CacheStore::builder(source, tier).max_size(256 << 20).build().await.unwrap();
    World::new(cache, [kept])
}
