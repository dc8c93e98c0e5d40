//! zarrs' own suite for stores, whole, in both its halves.

use std::sync::Arc;

use object_store::memory::InMemory;
use tokio::runtime::Handle;
use zarrs_storage::{
    AsyncListableStorageTraits, AsyncReadableStorageTraits, AsyncReadableWritableListableStorageTraits,
    AsyncReadableWritableStorageTraits, StorePrefix,
    storage_adapter::{async_to_sync::AsyncToSyncStorageAdapter, sync_to_async::SyncToAsyncStorageAdapter},
    store_test::{
        async_store_list, async_store_list_size, async_store_read, async_store_write, store_list, store_list_size,
        store_read, store_write,
    },
};
use zstore_cache::CacheStore;
use zstore_core::{Key, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_remote::RemoteStore;
use zstore_zarrs::{Layout, TokioBlockOn, TokioSpawnBlocking, ZarrsSource, ZarrsStore};

/// What the suite has for a store that holds what it wrote.
async fn reads(store: &(impl AsyncReadableStorageTraits + AsyncListableStorageTraits)) {
    async_store_read(store).await.unwrap();
    async_store_list(store).await.unwrap();
    async_store_list_size(store).await.unwrap();
}

/// Every function of the suite there is, asynchronous and synchronous.
async fn passes<S: Store + ?Sized + 'static>(store: Arc<S>) {
    let store = Arc::new(ZarrsStore::new(store));
    async_store_write(&*store).await.unwrap();
    reads(&*store).await;
    // What is left of it is erased at the beginning of the other half, if that is true of this too.
    store.store().put(&Key::new("left/over").unwrap(), "x").await.unwrap();
    let blocking = AsyncToSyncStorageAdapter::new(Arc::clone(&store), TokioBlockOn::new(Handle::current()).unwrap());
    let half = move || {
        store_write(&blocking).unwrap();
        store_read(&blocking).unwrap();
        store_list(&blocking).unwrap();
        store_list_size(&blocking).unwrap();
    };
    tokio::task::spawn_blocking(half).await.unwrap();
    reads(&*store).await;
}

/// The same of a cache in `tier`; then the source must hold what the suite wrote, and the cache be of use.
async fn passes_in<T: Store + 'static>(tier: T) {
    let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(tier));
    let cache = CacheStore::builder(Arc::clone(&source), tier).build().await.unwrap();
    passes(Arc::new(cache.clone())).await;
    reads(&ZarrsStore::new(source)).await;
    assert!(cache.stats().hits > 0, "{:?}", cache.stats());
    cache.check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_memory_passes() {
    passes(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_passes() {
    let scratch = tempfile::tempdir().unwrap();
    passes(Arc::new(LocalStore::open(scratch.path()).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_passes() {
    let prefix = Prefix::new("below/a prefix").unwrap();
    passes(Arc::new(RemoteStore::new(Arc::new(InMemory::new()), prefix, "memory").unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_in_memory_passes() {
    passes_in(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_in_a_directory_passes() {
    let scratch = tempfile::tempdir().unwrap();
    passes_in(LocalStore::create_cache(scratch.path().join("cache")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_zarrs_passes_there_and_back() {
    let scratch = tempfile::tempdir().unwrap();
    let files = Arc::new(zarrs::filesystem::FilesystemStore::new(scratch.path()).unwrap());
    let files = Arc::new(SyncToAsyncStorageAdapter::new(files, TokioSpawnBlocking::new(Handle::current())));
    let source = Arc::new(ZarrsSource::new(files, scratch.path().to_str().unwrap(), Layout::Files).unwrap());
    passes(Arc::clone(&source)).await;
    let tier = Arc::new(MemoryStore::new());
    passes(Arc::new(CacheStore::builder(Arc::clone(&source), tier).build().await.unwrap())).await;
    reads(&ZarrsStore::new(source)).await;
}

#[tokio::test]
async fn the_suite_passes_behind_trait_objects_of_both_worlds() {
    let ours: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let theirs: Arc<dyn AsyncReadableWritableListableStorageTraits> = Arc::new(ZarrsStore::new(ours));
    let both: Arc<dyn AsyncReadableWritableStorageTraits> = Arc::clone(&theirs).readable_writable();
    async_store_write(&Arc::clone(&both).writable()).await.unwrap();
    async_store_read(&both.readable()).await.unwrap();
    let listable = Arc::clone(&theirs).listable();
    async_store_list(&listable).await.unwrap();
    async_store_list_size(&listable).await.unwrap();
    let back: Arc<dyn Store> = Arc::new(ZarrsSource::new(theirs, "behind objects", Layout::Names).unwrap());
    let bytes = back.get_bytes(&Key::new("a/b").unwrap()).await.unwrap().unwrap();
    assert_eq!(bytes, vec![0, 1, 2, 3]);
}

#[tokio::test]
async fn a_store_that_can_only_be_read_is_read_and_listed() {
    let store = Arc::new(MemoryStore::new());
    async_store_write(&ZarrsStore::new(Arc::clone(&store))).await.unwrap();
    let store: ZarrsStore<dyn ReadStore> = ZarrsStore::new(store);
    async_store_read(&store).await.unwrap();
    async_store_list(&store).await.unwrap();
    assert_eq!(store.size_prefix(&StorePrefix::new("a/").unwrap()).await.unwrap(), 5);
    assert!(store.supports_get_partial());
}
