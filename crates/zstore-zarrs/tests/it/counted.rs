//! A store that counts what is asked of it; and what a web server is asked, exactly.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use zarrs::array::{Array, ArrayBuilder, ArraySubset, data_type};
use zstore_cache::CacheStore;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Prefix, Ranges, ReadStore, Result,
};
use zstore_memory::MemoryStore;
use zstore_origin::Origin;
use zstore_remote::RemoteReader;
use zstore_zarrs::ZarrsStore;

/// How often each was asked since the last [`Counted::take`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) get: u64,
    pub(crate) get_ranges: u64,
    pub(crate) head: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) store: MemoryStore,
    get: AtomicU64,
    get_ranges: AtomicU64,
    head: AtomicU64,
}

impl Counted {
    pub(crate) fn take(&self) -> Asked {
        Asked {
            get: self.get.swap(0, Relaxed),
            get_ranges: self.get_ranges.swap(0, Relaxed),
            head: self.head.swap(0, Relaxed),
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted({})", self.store)
    }
}

#[async_trait]
impl ReadStore for Counted {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.get.fetch_add(1, Relaxed);
        self.store.get(key, options).await
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.get_ranges.fetch_add(1, Relaxed);
        self.store.get_ranges(key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.head.fetch_add(1, Relaxed);
        self.store.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.store.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.store.list_dir(prefix).await
    }
}

/// A square array of 2 by 2 shards, each of 8 by 8 inner chunks that are not compressed, as a web server has it.
struct Served {
    origin: Origin,
    /// Rows, and columns, of an inner chunk.
    inner: u64,
}

/// Gets, heads and bytes.
type Sent = (u64, u64, u64);

impl Served {
    async fn new(inner: u64) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut builder = ArrayBuilder::new(vec![16 * inner; 2], vec![8 * inner; 2], data_type::uint16(), 0u16);
        builder.subchunk_shape(Some(vec![inner; 2]));
        let array = builder.build(Arc::new(ZarrsStore::new(Arc::clone(&store))), "/array").unwrap();
        array.async_store_metadata().await.unwrap();
        array.async_store_array_subset(&array.subset_all(), numbers(&array.subset_all())).await.unwrap();
        Self { origin: Origin::builder(store).bind().await.unwrap(), inner }
    }

    /// Reads these inner chunks twice through a cache that is empty but for the array's metadata, and says what the
    /// server sent for the first reading and for the second.
    async fn sent_for(&self, chunks: [Range<u64>; 2]) -> [Sent; 2] {
        let source = Arc::new(RemoteReader::from_url(&self.origin.url()).unwrap());
        let cache = CacheStore::builder(source, Arc::new(MemoryStore::new())).build().await.unwrap();
        let array = Array::async_open(Arc::new(ZarrsStore::new(Arc::new(cache.clone()))), "/array").await.unwrap();
        let subset = ArraySubset::new_with_ranges(&chunks.map(|at| at.start * self.inner..at.end * self.inner));
        let mut sent = [(0, 0, 0); 2];
        for sent in &mut sent {
            cache.flush().await;
            self.origin.reset_counts();
            let found: Vec<u16> = array.async_retrieve_array_subset(&subset).await.unwrap();
            assert_eq!(found, numbers(&subset));
            cache.flush().await;
            let counts = self.origin.counts();
            *sent = (counts.gets, counts.heads, counts.body_bytes);
        }
        sent
    }
}

/// No number is the fill value, so that no inner chunk is left out.
fn numbers(subset: &ArraySubset) -> Vec<u16> {
    subset.indices().into_iter().map(|at| (at[0] * 251 + at[1] * 7) as u16 | 1).collect()
}

const INDEX: u64 = 64 * 16 + 4;
const BLOCK: u64 = 64 << 10;
/// What a request for an index brings: as it is not known where its block begins, it may bring all but one byte of the
/// block before.
const LAST: u64 = BLOCK - 1 + INDEX;

/// `cargo xtask bench requests` prints these figures beside those of `zarrs_object_store`.
///
/// Seen red with a HEAD before each part, as `zarrs_object_store` makes it.
#[tokio::test]
async fn an_inner_chunk_costs_an_index_and_a_block_at_first_and_nothing_again() {
    let large = Served::new(128).await;
    for (chunks, cold) in [
        // One inner chunk.
        ([3..4, 2..3], (2, 0, LAST + BLOCK)),
        // Four, which are two by two next to each other.
        ([2..4, 2..4], (3, 0, LAST + 2 * BLOCK)),
        // One in each of four shards.
        ([7..9, 7..9], (8, 0, 4 * (LAST + BLOCK))),
    ] {
        assert_eq!(large.sent_for(chunks.clone()).await, [cold, (0, 0, 0)], "{chunks:?}");
    }
}

/// Seen red with `RangeStrategy::Blocks`.
#[tokio::test]
async fn an_inner_chunk_of_a_small_shard_brings_the_whole_of_it_and_nothing_is_asked_for_again() {
    let small = Served::new(64).await;
    let whole = 512 * 1024 + INDEX;
    for (chunks, cold) in [
        ([3..4, 2..3], (2, 0, LAST + whole)),
        ([2..4, 2..4], (2, 0, LAST + whole)),
        ([7..9, 7..9], (8, 0, 4 * (LAST + whole))),
    ] {
        assert_eq!(small.sent_for(chunks.clone()).await, [cold, (0, 0, 0)], "{chunks:?}");
    }
}
