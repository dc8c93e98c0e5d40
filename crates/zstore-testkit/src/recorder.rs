//! A store that writes down what it is asked.

use std::{fmt, path::Path};

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;
use std::sync::Arc;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Operation, Payload, Prefix, Ranges,
    ReadStore, Result, SetMode, Store, Version,
};

/// One call of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What was asked. `list_dir` is a [`Operation::List`] as well.
    pub operation: Operation,
    /// The key or prefix it was asked about; empty for the root prefix.
    pub key: String,
    /// The ranges asked for; none if the whole value was.
    pub ranges: Vec<ByteRange>,
}

/// A wrapper that records every request and counts the bytes that pass.
///
/// [`get_now`](ReadStore::get_now) is passed through and is no request: it promises to ask nobody. A listing is in
/// flight until its stream is dropped.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use zstore_core::{Key, Operation, ReadStoreExt, StoreExt};
/// use zstore_testkit::{MapStore, Recorder};
///
/// let store = Recorder::new(MapStore::new());
/// let key = Key::new("a")?;
/// store.put(&key, "four").await?;
/// store.get_bytes(&key).await?;
/// assert_eq!((store.count(), store.count_of(Operation::Get), store.bytes_read()), (2, 1, 4));
/// # Ok::<(), zstore_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Recorder<S> {
    store: S,
    /// Shared with the streams of listings, which outlive the call.
    tally: Arc<Mutex<Tally>>,
}

#[derive(Debug, Default)]
struct Tally {
    requests: Vec<Request>,
    bytes_read: u64,
    bytes_written: u64,
    in_flight: usize,
    in_flight_max: usize,
}

impl<S> Recorder<S> {
    /// Records what is asked of `store` from now on.
    pub fn new(store: S) -> Self {
        Self { store, tally: Arc::default() }
    }

    /// The wrapped store; what is asked of it is not recorded.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    /// Every request since the last [`clear`](Self::clear), in the order they began.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.tally.lock().requests.clone()
    }

    /// How many requests began.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tally.lock().requests.len()
    }

    /// How many requests of one kind began.
    #[must_use]
    pub fn count_of(&self, operation: Operation) -> usize {
        self.tally.lock().requests.iter().filter(|request| request.operation == operation).count()
    }

    /// The bytes of values in the answers, metadata not counted.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.tally.lock().bytes_read
    }

    /// The bytes of values handed to sets that succeeded.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.tally.lock().bytes_written
    }

    /// How many requests are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tally.lock().in_flight
    }

    /// The most requests that were in flight at once.
    #[must_use]
    pub fn in_flight_max(&self) -> usize {
        self.tally.lock().in_flight_max
    }

    /// Forgets all of it, but for what is in flight.
    pub fn clear(&self) {
        let mut tally = self.tally.lock();
        let in_flight = tally.in_flight;
        *tally = Tally { in_flight, in_flight_max: in_flight, ..Tally::default() };
    }

    fn begin(&self, operation: Operation, key: impl fmt::Display, ranges: &[ByteRange]) -> InFlight {
        let mut tally = self.tally.lock();
        tally.requests.push(Request { operation, key: key.to_string(), ranges: ranges.to_vec() });
        tally.in_flight += 1;
        tally.in_flight_max = tally.in_flight_max.max(tally.in_flight);
        InFlight(Arc::clone(&self.tally))
    }
}

/// A request in flight until dropped, so that a cancelled one is no longer counted either.
struct InFlight(Arc<Mutex<Tally>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

impl<S: fmt::Display> fmt::Display for Recorder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({})", self.store)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for Recorder<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let _in_flight = self.begin(Operation::Get, key, options.range.as_slice());
        let fetch = self.store.get(key, options).await?;
        if let Fetch::Object(object) = &fetch {
            self.tally.lock().bytes_read += object.bytes.len() as u64;
        }
        Ok(fetch)
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.store.get_now(key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let _in_flight = self.begin(Operation::GetRanges, key, ranges);
        let found = self.store.get_ranges(key, ranges).await?;
        let bytes: usize = found.iter().flat_map(|found| &found.parts).map(|part| part.bytes.len()).sum();
        self.tally.lock().bytes_read += bytes as u64;
        Ok(found)
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        let _in_flight = self.begin(Operation::Head, key, &[]);
        self.store.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let in_flight = self.begin(Operation::List, prefix, &[]);
        // The closure owns the guard, and the stream the closure.
        self.store.list(prefix).inspect(move |_| _ = &in_flight).boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        let _in_flight = self.begin(Operation::List, prefix, &[]);
        self.store.list_dir(prefix).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store> Store for Recorder<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let _in_flight = self.begin(Operation::Set, key, &[]);
        let size = value.size();
        let version = self.store.set(key, value, mode).await?;
        self.tally.lock().bytes_written += size;
        Ok(version)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let _in_flight = self.begin(Operation::Delete, key, &[]);
        self.store.delete(key).await
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let _in_flight = self.begin(Operation::DeletePrefix, prefix, &[]);
        self.store.delete_prefix(prefix).await
    }

    /// Not written down: it asks for no value.
    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        self.store.sweep(prefix).await
    }

    fn shared_directory(&self) -> Option<&Path> {
        self.store.shared_directory()
    }
}
