//! A defect of zarr-python's cache store that shows with arrays, and is absent here. The others are tested with
//! `zstore-cache`.

use std::{sync::Arc, time::Duration};

use zarrs::{
    array::{Array, ArrayBuilder, data_type},
    config::MetadataRetrieveVersion,
    group::{Group, GroupBuilder},
};
use zstore_cache::CacheStore;
use zstore_core::{Key, Operation, ReadStoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Recorder};
use zstore_zarrs::ZarrsStore;

type Source = Recorder<MemoryStore>;
type Tier = Faulty<MemoryStore>;
type Cached = ZarrsStore<CacheStore<Source, Tier>>;

const CHUNKS: u64 = 100;

/// A group with a sparse array of 100 chunks, of which one is there.
async fn source() -> Arc<Source> {
    let source = Arc::new(Recorder::new(MemoryStore::new()));
    let store = Arc::new(ZarrsStore::new(Arc::clone(&source)));
    GroupBuilder::new().build(Arc::clone(&store), "/").unwrap().async_store_metadata().await.unwrap();
    let array =
        ArrayBuilder::new(vec![CHUNKS * 4], vec![4], data_type::uint16(), 7u16).build(store, "/sparse").unwrap();
    array.async_store_metadata().await.unwrap();
    array.async_store_chunk(&[50], vec![1u16, 2, 3, 4]).await.unwrap();
    source.clear();
    source
}

async fn open(source: &Arc<Source>, tier: &Arc<Tier>) -> Arc<Cached> {
    let builder = CacheStore::builder(Arc::clone(source), Arc::clone(tier)).cache_absent(Duration::MAX);
    Arc::new(ZarrsStore::new(Arc::new(builder.build().await.unwrap())))
}

/// Opens the hierarchy as clients do that cannot know of what format it is, and says how often the source was asked.
async fn requests_to_open(source: &Source, store: &Arc<Cached>) -> usize {
    source.clear();
    assert!(Group::async_open(Arc::clone(store), "/").await.is_ok());
    assert!(Array::async_open(Arc::clone(store), "/sparse").await.is_ok());
    // What is an array is tried as a group of the older format too, and the other way round; so is what is not there at
    // all.
    for path in ["/", "/sparse", "/none"] {
        assert!(Group::async_open_opt(Arc::clone(store), path, &MetadataRetrieveVersion::V2).await.is_err());
        assert!(Array::async_open_opt(Arc::clone(store), path, &MetadataRetrieveVersion::V2).await.is_err());
    }
    for name in [".zmetadata", ".zattrs", "sparse/.zattrs"] {
        assert_eq!(store.store().get_bytes(&Key::new(name).unwrap()).await.unwrap(), None);
    }
    store.store().flush().await;
    source.count()
}

async fn requests_to_read(source: &Source, store: &Arc<Cached>) -> usize {
    source.clear();
    let array = Array::async_open(Arc::clone(store), "/sparse").await.unwrap();
    let all: Vec<u16> = array.async_retrieve_array_subset(&array.subset_all()).await.unwrap();
    assert_eq!(all.iter().filter(|number| **number == 7).count() as u64, CHUNKS * 4 - 4);
    assert_eq!(all[200..204], [1, 2, 3, 4]);
    store.store().flush().await;
    source.count()
}

/// "A missing chunk is asked for every time: 100 requests per read of a sparse 100-chunk array; opening a v3 hierarchy
/// from xarray makes 9 gets, 6 for keys that do not exist."
///
/// Seen red with: absences that do not land.
#[tokio::test]
async fn defect_16_a_missing_chunk_or_metadata_key_is_asked_for_once() {
    let (source, tier) = (source().await, Arc::new(Faulty::new(MemoryStore::new())));
    let store = open(&source, &tier).await;
    // The metadata of group and array; `.zgroup` and `.zarray` of three paths, and three keys besides.
    assert_eq!(requests_to_open(&source, &store).await, 2 + 6 + 3);
    assert_eq!(requests_to_open(&source, &store).await, 0);
    assert_eq!(requests_to_read(&source, &store).await as u64, CHUNKS, "each chunk once");
    for reading in 1..100 {
        assert_eq!(requests_to_read(&source, &store).await, 0, "reading {reading}");
    }
    let again = open(&source, &tier).await;
    assert_eq!((requests_to_open(&source, &again).await, requests_to_read(&source, &again).await), (0, 0), "restarted");
    // A chunk that is written is no longer missing, and one that is erased is.
    let array = Array::async_open(Arc::clone(&again), "/sparse").await.unwrap();
    array.async_store_chunk(&[3], vec![9u16; 4]).await.unwrap();
    array.async_erase_chunk(&[50]).await.unwrap();
    let chunk = async |at: u64| array.async_retrieve_chunk::<Vec<u16>>(&[at]).await.unwrap();
    assert_eq!((chunk(3).await, chunk(50).await), (vec![9; 4], vec![7; 4]));
    assert_eq!(source.count_of(Operation::Get), 1, "for the chunk that was erased");
}
