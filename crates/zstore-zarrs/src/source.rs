//! The other direction: a zarrs storage as a store of the contract.

mod fault;
mod layout;
mod list;
mod parts;
mod read;
mod write;

use std::{fmt, sync::Arc};

use zarrs_storage::{AsyncListableStorageTraits, AsyncReadableStorageTraits, StorageError};
use zstore_core::{Error, ErrorKind, Key, Operation, Prefix, Result};

pub use layout::Layout;

/// A zarrs storage, as a store: to put a cache over it, above all.
///
/// It is read through zarrs' `AsyncReadableStorageTraits`, listed where it is listable, and written where it is
/// writable. A synchronous storage, such as zarrs' `FilesystemStore`, is first made asynchronous by zarrs' own
/// `SyncToAsyncStorageAdapter`, over a [`TokioSpawnBlocking`](crate::TokioSpawnBlocking).
///
/// # What zarrs does not tell
/// Its traits tell neither versions nor times of writing, and the store tells none:
///
/// - **Conditions.** No version is that of a value: a get with `if_match` fails, one with `if_none_match` answers the
///   value, and `SetMode::Create` and `SetMode::Update` are refused as `Unsupported`.
/// - **Freshness.** A cache over it cannot renew what it holds by asking whether it is still the same: what is past
///   its age is fetched anew. Where only writes through the cache change the data, they need no age at all.
/// - **One state.** What one call of [`get`](zstore_core::ReadStore::get) or
///   [`get_ranges`](zstore_core::ReadStore::get_ranges) answers is as much of one state as what one call of zarrs'
///   `get_partial_many` answers, which zarrs' contract leaves open: its stores in memory and in files answer from one
///   state, and of an object store it may be one request for each range. A change of size meanwhile is noticed, and
///   the value then read whole. Between calls a change that keeps the size is not noticed, so that a cache may put
///   side by side blocks of two states of a value that somebody else overwrites in place.
/// - **The kind of an error.** Some storages hand on text alone; that is `Io`, and never retried.
///
/// # Cost
/// A get of a whole value is one call. Parts are three: the size, all parts together, and the size again; two calls if
/// no bytes are wanted. Where the storage has no partial reads of its own, parts are cut from the whole. Each value
/// that is listed costs one call more, for its size.
///
/// Where the data are a folder, a web server or a bucket, `zstore-local` and `zstore-remote` do with one request, and
/// tell versions.
///
/// # Examples
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use tokio::runtime::Handle;
/// use zarrs_storage::{storage_adapter::sync_to_async::SyncToAsyncStorageAdapter, store::MemoryStore};
/// use zstore_cache::CacheStore;
/// use zstore_core::{Key, ReadStoreExt, StoreExt};
/// use zstore_zarrs::{Layout, TokioSpawnBlocking, ZarrsSource};
///
/// let theirs = Arc::new(MemoryStore::new());
/// let theirs = Arc::new(SyncToAsyncStorageAdapter::new(theirs, TokioSpawnBlocking::new(Handle::current())));
/// let source = Arc::new(ZarrsSource::new(theirs, "examples/temperature", Layout::Names)?);
///
/// let cache = CacheStore::builder(source, Arc::new(zstore_memory::MemoryStore::new())).build().await?;
/// let key = Key::new("temperature/c/0/0")?;
/// cache.put(&key, "a chunk").await?; // to zarrs' store, and kept
/// assert_eq!(cache.get_bytes(&key).await?.unwrap(), "a chunk");
/// assert_eq!(cache.stats().hits, 1);
/// # Ok(())
/// # }
/// ```
pub struct ZarrsSource<S: ?Sized> {
    storage: Arc<S>,
    listing: Option<Arc<dyn AsyncListableStorageTraits>>,
    name: Arc<str>,
    layout: Layout,
}

impl<S: AsyncReadableStorageTraits + AsyncListableStorageTraits + ?Sized + 'static> ZarrsSource<S> {
    /// A storage that lists its keys, as a store that shows itself as `ZarrsSource(name)`.
    ///
    /// The name must tell these data from any other's, in other processes and on other days too, and hold no secret:
    /// a cache on disk remembers by it whose bytes it holds. Storages of zarrs have no name that could be asked for.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that is empty or is not one line.
    pub fn new(storage: Arc<S>, name: &str, layout: Layout) -> Result<Self> {
        let listing: Arc<dyn AsyncListableStorageTraits> = Arc::new(Arc::clone(&storage));
        Ok(Self { listing: Some(listing), ..Self::unlisted(storage, name, layout)? })
    }
}

impl<S: AsyncReadableStorageTraits + ?Sized> ZarrsSource<S> {
    /// The same of a storage that does not list its keys, such as a web server. What needs a list is refused as
    /// `Unsupported`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn unlisted(storage: Arc<S>, name: &str, layout: Layout) -> Result<Self> {
        if name.is_empty() || name.contains(char::is_control) {
            return Err(Error::new(ErrorKind::InvalidArgument, Operation::Open).with_store("ZarrsSource").with_detail(
                format!(
                    "{name:?} is no name for a storage: give it one line of text that tells its data from any other's"
                ),
            ));
        }
        Ok(Self { storage, listing: None, name: name.into(), layout })
    }
}

impl<S: ?Sized> ZarrsSource<S> {
    /// The storage below.
    #[must_use]
    pub const fn storage(&self) -> &Arc<S> {
        &self.storage
    }

    /// The contract's error for zarrs', about `name` and in this store.
    fn failed(&self, operation: Operation, name: &(impl fmt::Display + ?Sized), error: StorageError) -> Error {
        fault::error(error, operation).with_key(name).with_store(self)
    }

    /// An error of ours about `name`.
    fn error(&self, kind: ErrorKind, operation: Operation, name: &(impl fmt::Display + ?Sized), why: &str) -> Error {
        Error::new(kind, operation).with_key(name).with_store(self).with_detail(why)
    }

    /// What lists the keys.
    fn listing(&self, operation: Operation, prefix: &Prefix) -> Result<&Arc<dyn AsyncListableStorageTraits>> {
        self.listing.as_ref().ok_or_else(|| {
            let why = "this zarrs storage was opened without a list of its keys; if it has one, use `ZarrsSource::new`";
            self.error(ErrorKind::Unsupported, operation, prefix, why)
        })
    }

    /// The key, if the storage can have it.
    fn key(&self, operation: Operation, key: &Key) -> Result<zarrs_storage::StoreKey> {
        if let Some(max) = self.layout.segment_bytes_max()
            && let Some(long) = key.segments().find(|segment| segment.len() > max)
        {
            let why = format!("a segment has {} bytes, and no file has a name of more than {max}", long.len());
            return Err(self.error(ErrorKind::InvalidKey, operation, key, &why));
        }
        crate::names::store_key(key).map_err(|error| self.failed(operation, key, error))
    }
}

impl<S: ?Sized> Clone for ZarrsSource<S> {
    fn clone(&self) -> Self {
        let Self { storage, listing, name, layout } = self;
        Self { storage: Arc::clone(storage), listing: listing.clone(), name: Arc::clone(name), layout: *layout }
    }
}

impl<S: ?Sized> fmt::Debug for ZarrsSource<S> {
    /// Without the storage: those of zarrs need not show themselves.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZarrsSource")
            .field("name", &self.name)
            .field("layout", &self.layout)
            .field("lists", &self.listing.is_some())
            .finish_non_exhaustive()
    }
}

impl<S: ?Sized> fmt::Display for ZarrsSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZarrsSource({})", self.name)
    }
}
