//! The cache store itself: a store like any other, and what it offers besides.

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use tracing::Instrument;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, Fetch, GetOptions, Key, Meta, Operation, Payload, Prefix,
    Ranges, ReadStore, Result, SetMode, Store, Version,
};
use zstore_format::marker::MARKERS_BYTES;
use zstore_policy::Reason;

use crate::{
    ArrayStats, Builder, CacheInfo, Explanation, Stats, inner::Inner, inspection::outcome::read_span,
    write::carry_through,
};

/// A store made of a source, which holds the truth, and a tier, which holds copies.
///
/// It can be written if its source can. Clones share everything. What it promises of truth, size and faults is told
/// in the [crate's documentation](crate).
///
/// # Cancel safety
/// A read that is dropped disturbs no other read of the same bytes. A write that is dropped once it has begun is
/// carried through all the same.
pub struct CacheStore<S: ?Sized, T: ?Sized>(Arc<Inner<S, T>>);

impl<S: ReadStore + ?Sized, T: Store + ?Sized> CacheStore<S, T> {
    /// Begins a cache of `source` in `tier`.
    #[must_use]
    pub fn builder(source: Arc<S>, tier: Arc<T>) -> Builder<S, T> {
        Builder::new(source, tier)
    }

    pub(crate) const fn from_inner(inner: Arc<Inner<S, T>>) -> Self {
        Self(inner)
    }

    pub(crate) const fn inner(&self) -> &Arc<Inner<S, T>> {
        &self.0
    }

    /// The source. Of a cache over a cache, its [`info`](Self::info) and [`stats`](Self::stats) tell of the tier below.
    #[must_use]
    pub fn source(&self) -> &Arc<S> {
        &self.0.source
    }

    /// How the cache is set up and what it holds at present.
    ///
    /// # Cost
    /// A short lock. No request.
    #[must_use]
    pub fn info(&self) -> CacheInfo {
        let inner = &self.0;
        let overhead_size = if inner.holds_memory { 0 } else { MARKERS_BYTES };
        let under_way = (inner.flights.under_way() + inner.gates.under_way()) as u64;
        let catalog = inner.catalog.lock();
        CacheInfo {
            tier: inner.tier.store.to_string(),
            namespace: inner.namespace.name().to_owned(),
            freshness: inner.settings.freshness.clone(),
            max_size: inner.settings.size_max,
            current_size: catalog.ledger().charged().saturating_sub(overhead_size),
            overhead_size,
            write_mode: inner.settings.write_mode,
            tracked_keys: catalog.keys(),
            resident_blobs: catalog.ledger().len() as u64,
            under_way,
        }
    }

    /// What the cache has done since it was built.
    ///
    /// # Cost
    /// No lock and no request.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.tallies.stats()
    }

    /// What the cache has done for each array, and holds of it, in the order of their paths. Empty unless it was
    /// [asked for](Builder::array_stats) when the cache was built.
    ///
    /// # Cost
    /// A walk over all residents, under the lock.
    #[must_use]
    pub fn array_stats(&self) -> Vec<ArrayStats> {
        let Some(arrays) = &self.0.tallies.arrays else { return Vec::new() };
        let catalog = self.0.catalog.lock();
        arrays.stats(catalog.ledger().iter().map(|(id, resident)| (&id.key, resident.weight)))
    }

    /// What is resident of a value, how old and how fresh it is, and what the next read of it would do.
    ///
    /// # Cost
    /// A short lock. No request, and nobody's place in the order of eviction changes.
    #[must_use]
    pub fn explain(&self, key: &Key) -> Explanation {
        self.0.explain(key)
    }

    /// Waits until what was fetched or dropped so far has reached the tier and what is renewed behind its readers has
    /// come, and tries again to remove what the tier would not let go of.
    ///
    /// Nobody needs to wait for it; a program that ends right after reading may want to.
    ///
    /// # Cancel safety
    /// Dropping the future stops the waiting, and nothing else.
    ///
    /// # Cost
    /// As long as the tier takes for what is under way. One deletion for each blob that the tier would not let go of.
    pub async fn flush(&self) {
        self.0.flush().await;
    }

    /// Recounts everything the cache keeps account of.
    ///
    /// # Errors
    /// What does not add up.
    ///
    /// # Cost
    /// A walk over all residents, under the lock. For tests.
    pub fn check(&self) -> Result<(), String> {
        self.0.flights.check()?;
        self.0.catalog.lock().check()
    }
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> CacheStore<S, T> {
    /// Begins a cache in `tier`, faster and smaller, that reads and writes through this one.
    ///
    /// What is asked of it goes to its own tier, then to this one's, then to the source. What leaves its tier for
    /// space is still in this one's. Writes go through both. [`clear_cache`](Self::clear_cache),
    /// [`invalidate`](Self::invalidate), [`invalidate_prefix`](Self::invalidate_prefix) and [`flush`](Self::flush) of
    /// it reach all tiers; what is dropped or written through the cache below is not told to it, so use the
    /// uppermost.
    ///
    /// Its bound on ages is that of this cache: it serves what this one would serve at the same moment, by a look at
    /// its books, without a request. A value whose version the source does not tell, or with
    /// [`Expiry::Refetch`](crate::Expiry), cannot be looked up so: if its age is bounded it stays in the lower tier
    /// only. What the lower tier does not hold is asked about at the source at each read, without a transfer. Setting
    /// [`max_age`](Builder::max_age) or [`freshness`](Builder::freshness) of the new cache allows it to be older by
    /// as much: the ages add up. The clock is that of this cache.
    ///
    /// # Examples
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use zstore_core::{Key, ReadStoreExt, StoreExt};
    /// # use zstore_cache::CacheStore;
    /// # use zstore_memory::MemoryStore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zstore_core::Result<()> {
    /// # let (remote, directory) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    /// let memory = Arc::new(MemoryStore::new());
    /// let disk = CacheStore::builder(remote, directory).max_size(100 << 30).max_age(Duration::from_secs(60)).build().await?;
    /// let cache = disk.under(memory).max_size(1 << 30).build().await?;
    ///
    /// let key = Key::new("temperature/c/0/0")?;
    /// cache.put(&key, "a chunk").await?; // to the source, kept in both tiers
    /// cache.get_bytes(&key).await?; // from memory
    /// assert_eq!((cache.stats().hits, cache.source().stats().reads()), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn under<U: Store + ?Sized>(&self, tier: Arc<U>) -> Builder<Self, U> {
        let below = Arc::clone(&self.0);
        let (freshness, clock) =
            (below.settings.freshness.deferred(below.shared_directory().is_some()), below.watch.clock());
        Builder::new(Arc::new(self.clone()), tier).freshness(freshness).clock(clock).over(below)
    }

    /// Drops everything the cache holds, and what a cache holds that it lies [over](Self::under). The source is not
    /// touched, nor is what others hold in the same tier.
    ///
    /// What was being fetched when this was called does not stay either.
    ///
    /// # Errors
    /// Only if the runtime stops meanwhile. A tier that does not let go keeps bytes that are never served again.
    ///
    /// # Cancel safety
    /// Once it has begun it is carried through, whoever stops waiting.
    ///
    /// # Cost
    /// A walk over all residents, under the lock, and one deletion for each that is dropped.
    pub async fn clear_cache(&self) -> Result<()> {
        self.invalidate_as(Prefix::root(), Reason::Cleared).await
    }

    /// Drops what is kept of one value: the next read asks the source.
    ///
    /// # Errors
    /// As for [`clear_cache`](Self::clear_cache), whose safety when cancelled it has too.
    ///
    /// # Cost
    /// One deletion for each part that is resident.
    pub async fn invalidate(&self, key: &Key) -> Result<()> {
        let (inner, key) = (Arc::clone(&self.0), key.clone());
        carry_through(Operation::Delete, async move {
            inner.invalidate(key).await;
            Ok(())
        })
        .await
    }

    /// Drops what is kept of the values strictly below a prefix.
    ///
    /// # Errors
    /// As for [`clear_cache`](Self::clear_cache), whose cost and safety when cancelled it has too.
    pub async fn invalidate_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.invalidate_as(prefix.clone(), Reason::Invalidated).await
    }

    /// The error with the store and the key, if it does not name them yet.
    fn named(&self, error: Error, key: &impl fmt::Display) -> Error {
        if error.store().is_some() { error } else { error.with_store(self).with_key(key) }
    }

    async fn invalidate_as(&self, prefix: Prefix, reason: Reason) -> Result<()> {
        let inner = Arc::clone(&self.0);
        carry_through(Operation::DeletePrefix, async move {
            inner.invalidate_below(prefix, reason).await;
            Ok(())
        })
        .await
    }
}

impl<S: ?Sized, T: ?Sized> Clone for CacheStore<S, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: fmt::Debug + ?Sized, T: fmt::Debug + ?Sized> fmt::Debug for CacheStore<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheStore")
            .field("source", &self.0.source)
            .field("tier", &self.0.tier.store)
            .finish_non_exhaustive()
    }
}

/// The data is the source's, whatever the tier: so is the identity.
impl<S: fmt::Display + ?Sized, T: ?Sized> fmt::Display for CacheStore<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheStore({})", self.0.source)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> ReadStore for CacheStore<S, T> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.source.capabilities();
        // What is resident may be a copy from disk, and is read back checked.
        capabilities.shared_memory = false;
        // What is not resident is fetched whatever the condition, so that it can stay.
        capabilities.conditional_get = false;
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.0.get(key, options).instrument(read_span("get", key)).await
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.0.get_now(key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.0.ranges(key, ranges).instrument(read_span("get_ranges", key)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.0.head(key).instrument(read_span("head", key)).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.0.source.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.0.source.list_dir(prefix).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store + ?Sized + 'static, T: Store + ?Sized + 'static> Store for CacheStore<S, T> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let set = Arc::clone(&self.0).set(key.clone(), value, mode);
        carry_through(Operation::Set, set).await.map_err(|error| self.named(error, key))
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let delete = Arc::clone(&self.0).delete(key.clone());
        carry_through(Operation::Delete, delete).await.map_err(|error| self.named(error, key))
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let delete = Arc::clone(&self.0).delete_prefix(prefix.clone());
        carry_through(Operation::DeletePrefix, delete).await.map_err(|error| self.named(error, prefix))
    }

    /// Sweeps the source. The tier is swept when the cache is built.
    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        self.0.source.sweep(prefix).await
    }

    fn shared_directory(&self) -> Option<&Path> {
        None
    }
}
