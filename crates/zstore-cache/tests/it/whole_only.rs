//! Sources that send no parts, and of which nobody knew: a web server that ignores ranges.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use async_trait::async_trait;
use bytes::Bytes;
use zstore_cache::CacheStore;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Prefix, Ranges, ReadStore,
    ReadStoreExt, Result, StoreExt, ranges_by_get,
};
use zstore_testkit::MapStore;

use crate::setup::{built, key, read, tier};

/// A source that sends the whole value up to the last byte that is asked for, and says so once it was found out.
#[derive(Debug)]
struct WholeOnly {
    inner: MapStore,
    is_found_out: AtomicBool,
    requests: AtomicU64,
    sent_bytes: AtomicU64,
}

impl WholeOnly {
    async fn holding(value: Bytes) -> Arc<Self> {
        let inner = MapStore::new();
        inner.put(&key("k"), value).await.unwrap();
        let (requests, sent_bytes) = Default::default();
        Arc::new(Self { inner, is_found_out: AtomicBool::new(false), requests, sent_bytes })
    }

    fn cost(&self) -> (u64, u64) {
        (self.requests.load(SeqCst), self.sent_bytes.load(SeqCst))
    }
}

impl std::fmt::Display for WholeOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WholeOnly({})", self.inner)
    }
}

#[async_trait]
impl ReadStore for WholeOnly {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.native_ranges = !self.is_found_out.load(SeqCst);
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.requests.fetch_add(1, SeqCst);
        self.is_found_out.fetch_or(options.range.is_some(), SeqCst);
        let fetch = self.inner.get(key, options).await?;
        if let Fetch::Object(object) = &fetch {
            self.sent_bytes.fetch_add(object.range.end, SeqCst);
        }
        Ok(fetch)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        if self.is_found_out.load(SeqCst) {
            self.requests.fetch_add(1, SeqCst);
            let found = self.inner.get_ranges(key, ranges).await?;
            self.sent_bytes.fetch_add(found.as_ref().map_or(0, |found| found.meta.size), SeqCst);
            return Ok(found);
        }
        ranges_by_get(self, key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.requests.fetch_add(1, SeqCst);
        self.inner.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.inner.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.inner.list_dir(prefix).await
    }
}

const MIB: u64 = 1 << 20;
/// More than one call of a source that sends parts.
const SIZE: u64 = 40 * MIB;
const PIECE: u64 = 8 * MIB;

fn value() -> Bytes {
    (0..SIZE).map(|at| (at / 4096 % 251) as u8).collect()
}

/// The value read in pieces, from its beginning.
async fn pieces(store: &impl ReadStore) -> Bytes {
    let mut all = Vec::new();
    for start in (0..SIZE).step_by(PIECE as usize) {
        let piece = store.get_range(&key("k"), ByteRange::Bounded(start..start + PIECE)).await.unwrap();
        all.extend_from_slice(&piece.unwrap());
    }
    all.into()
}

#[tokio::test]
async fn a_value_of_a_source_that_sends_no_parts_is_sent_once_after_that_was_found_out() {
    let source = WholeOnly::holding(value()).await;
    let cache = built(CacheStore::builder(Arc::clone(&source), tier())).await;
    for _ in 0..2 {
        assert_eq!(pieces(&cache).await, value());
        cache.flush().await;
    }
    assert_eq!(read(&cache, "k").await.unwrap(), value());
    // What lay before the end of the first piece came with that, and all of it with the second.
    assert_eq!(source.cost(), (2, PIECE + SIZE));
}

#[tokio::test]
async fn a_value_too_large_to_stay_is_sent_no_more_than_once_for_a_read() {
    let source = WholeOnly::holding(value()).await;
    let cache = built(CacheStore::builder(Arc::clone(&source), tier()).max_size(SIZE - MIB)).await;
    assert_eq!(pieces(&cache).await, value());
    // What lies before each piece, and nothing behind it.
    assert_eq!(source.cost(), (5, (1 + 2 + 3 + 4 + 5) * PIECE));
}

#[tokio::test]
async fn a_part_longer_than_a_call_is_one_request_where_each_would_send_the_value() {
    let source = WholeOnly::holding(value()).await;
    let cache = built(CacheStore::builder(Arc::clone(&source), tier()).max_size(SIZE - MIB)).await;
    let block = cache.get_range(&key("k"), ByteRange::Bounded(0..1)).await.unwrap().unwrap();
    assert_eq!(block.len(), 1);
    cache.flush().await;
    let all = cache.get_range(&key("k"), ByteRange::Bounded(0..SIZE)).await.unwrap().unwrap();
    assert_eq!(all, value());
    assert_eq!(source.cost(), (2, (64 << 10) + SIZE));
}

#[tokio::test]
async fn a_whole_value_of_a_source_that_sends_no_parts_is_not_pieced_together() {
    let source = WholeOnly::holding(value()).await;
    let cache = built(CacheStore::builder(Arc::clone(&source), tier())).await;
    cache.get_range(&key("k"), ByteRange::Bounded(0..PIECE)).await.unwrap();
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), value());
    assert_eq!(source.cost(), (2, PIECE + SIZE));
}
