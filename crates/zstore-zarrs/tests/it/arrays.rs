//! Arrays that zarrs writes and reads back.

use std::sync::Arc;

use zarrs::{
    array::{
        Array, ArrayBuilder, ArrayShardedExt, ArraySubset, AsyncArrayShardedReadableExt,
        AsyncArrayShardedReadableExtCache,
        codec::{GzipCodec, ZstdCodec},
        data_type,
    },
    group::{Group, GroupBuilder},
    node::Node,
};
use zarrs_storage::{AsyncReadableStorageTraits, AsyncWritableStorageTraits, StorePrefix};
use zstore_core::{Key, ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;
use zstore_zarrs::ZarrsStore;

use crate::counted::{Asked, Counted};

fn numbers() -> Vec<u16> {
    (0..64).collect()
}

/// An 8 by 8 array of the numbers from 0, in chunks of 4 by 4.
async fn write(store: Arc<ZarrsStore<MemoryStore>>, subchunks: Option<Vec<u64>>) -> Array<ZarrsStore<MemoryStore>> {
    let mut builder = ArrayBuilder::new(vec![8, 8], vec![4, 4], data_type::uint16(), 7u16);
    builder.bytes_to_bytes_codecs(vec![Arc::new(GzipCodec::new(5).unwrap())]);
    if subchunks.is_some() {
        builder.bytes_to_bytes_codecs(vec![Arc::new(ZstdCodec::new(5, false))]);
        builder.subchunk_shape(subchunks);
    }
    let array = builder.build(store, "/group/array").unwrap();
    array.async_store_metadata().await.unwrap();
    array.async_store_array_subset(&array.subset_all(), numbers()).await.unwrap();
    array
}

#[tokio::test]
async fn a_chunked_array_is_read_back() {
    let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
    write(Arc::clone(&store), None).await;
    let array = Array::async_open(Arc::clone(&store), "/group/array").await.unwrap();
    assert_eq!(array.async_retrieve_array_subset::<Vec<u16>>(&array.subset_all()).await.unwrap(), numbers());
    let names: Vec<_> = store.store().list_all(&zstore_core::Prefix::root()).await.unwrap();
    let names: Vec<_> = names.iter().map(|meta| meta.key.as_str()).collect();
    let chunk = |name: &str| format!("group/array/{name}");
    assert_eq!(names, ["c/0/0", "c/0/1", "c/1/0", "c/1/1", "zarr.json"].map(chunk));
}

#[tokio::test]
async fn an_erased_chunk_reads_as_the_fill_value() {
    let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
    let array = write(Arc::clone(&store), None).await;
    array.async_erase_chunk(&[0, 0]).await.unwrap();
    assert_eq!(array.async_retrieve_chunk::<Vec<u16>>(&[0, 0]).await.unwrap(), [7; 16]);
    store.erase_prefix(&StorePrefix::new("group/array/c/").unwrap()).await.unwrap();
    assert_eq!(array.async_retrieve_array_subset::<Vec<u16>>(&array.subset_all()).await.unwrap(), [7; 64]);
}

#[tokio::test]
async fn a_sharded_array_is_read_back_whole_and_by_its_inner_chunks() {
    let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
    write(Arc::clone(&store), Some(vec![2, 2])).await;
    let array = Array::async_open(store, "/group/array").await.unwrap();
    assert!(array.is_sharded());
    assert_eq!(array.async_retrieve_array_subset::<Vec<u16>>(&array.subset_all()).await.unwrap(), numbers());
    let cache = AsyncArrayShardedReadableExtCache::new(&array);
    let inner: Vec<u16> = array.async_retrieve_subchunk_opt(&cache, &[1, 2], &Default::default()).await.unwrap();
    assert_eq!(inner, [20, 21, 28, 29]);
}

#[tokio::test]
async fn a_part_of_a_shard_costs_an_index_and_a_part_and_no_head() {
    let counted = Arc::new(Counted::default());
    // The array is written to the very store that is then read with counting.
    let written = Arc::new(MemoryStore::new());
    write(Arc::new(ZarrsStore::new(Arc::clone(&written))), Some(vec![2, 2])).await;
    for meta in written.list_all(&zstore_core::Prefix::root()).await.unwrap() {
        let bytes = written.get_bytes(&meta.key).await.unwrap().unwrap();
        counted.store.put(&Key::new(meta.key.as_str()).unwrap(), bytes).await.unwrap();
    }
    let array = Array::async_open(Arc::new(ZarrsStore::new(Arc::clone(&counted))), "/group/array").await.unwrap();
    counted.take();
    let part = ArraySubset::new_with_ranges(&[0..1, 4..6]);
    assert_eq!(array.async_retrieve_array_subset::<Vec<u16>>(&part).await.unwrap(), [4, 5]);
    let asked = counted.take();
    assert_eq!(asked.head, 0);
    assert_eq!(asked.get + asked.get_ranges, 2, "{asked:?}");
    assert_ne!(asked, Asked::default());
}

#[tokio::test]
async fn a_hierarchy_is_walked() {
    let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
    write(Arc::clone(&store), None).await;
    GroupBuilder::new().build(Arc::clone(&store), "/group").unwrap().async_store_metadata().await.unwrap();
    assert!(Group::async_open(Arc::clone(&store), "/group").await.is_ok());
    let node = Node::async_open(Arc::clone(&store), "/group").await.unwrap();
    let children: Vec<_> = node.children().iter().map(|child| child.path().to_string()).collect();
    assert_eq!(children, ["/group/array"]);
    let absent = zarrs_storage::StoreKey::new("zarr.json").unwrap();
    assert_eq!(store.get(&absent).await.unwrap(), None);
}
