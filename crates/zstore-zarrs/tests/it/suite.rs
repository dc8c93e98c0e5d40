//! zarrs' own suite for stores.

use std::sync::Arc;

use zarrs_storage::{
    AsyncListableStorageTraits, AsyncReadableStorageTraits, AsyncReadableWritableListableStorageTraits,
    AsyncReadableWritableStorageTraits, StorePrefix,
    store_test::{async_store_list, async_store_list_size, async_store_read, async_store_write},
};
use zstore_core::{ReadStore, Store};
use zstore_memory::MemoryStore;
use zstore_zarrs::ZarrsStore;

#[tokio::test]
async fn the_whole_suite_of_zarrs_passes() {
    let store = ZarrsStore::new(Arc::new(MemoryStore::new()));
    async_store_write(&store).await.unwrap();
    async_store_read(&store).await.unwrap();
    async_store_list(&store).await.unwrap();
    async_store_list_size(&store).await.unwrap();
}

#[tokio::test]
async fn the_suite_passes_behind_trait_objects_of_both_worlds() {
    let ours: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let theirs: Arc<dyn AsyncReadableWritableListableStorageTraits> = Arc::new(ZarrsStore::new(ours));
    let both: Arc<dyn AsyncReadableWritableStorageTraits> = Arc::clone(&theirs).readable_writable();
    async_store_write(&Arc::clone(&both).writable()).await.unwrap();
    async_store_read(&both.readable()).await.unwrap();
    let listable = theirs.listable();
    async_store_list(&listable).await.unwrap();
    async_store_list_size(&listable).await.unwrap();
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
