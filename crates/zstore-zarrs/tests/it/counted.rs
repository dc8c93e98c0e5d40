//! A store that counts what is asked of it.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use async_trait::async_trait;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Prefix, Ranges, ReadStore, Result,
};
use zstore_memory::MemoryStore;

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
