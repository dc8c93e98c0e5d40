//! The reference store: the contract in the fewest lines, for tests and to hold against others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{BuildHasher, RandomState},
    ops::Range,
    path::Path,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation,
    Part, Payload, Prefix, RangePastEnd, Ranges, ReadStore, Result, SetMode, Store, Version,
};

/// A map behind a mutex.
///
/// It keeps every law in the plainest way and is in no hurry; programs want the memory store instead. Made
/// [`limited`](Self::limited), it refuses what the given capabilities lack, as a poorer deployment would.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use zstore_core::{Key, ReadStoreExt, StoreExt};
/// use zstore_testkit::MapStore;
///
/// let store = MapStore::new();
/// store.put(&Key::new("a")?, "value").await?;
/// assert_eq!(store.get_bytes(&Key::new("a")?).await?.unwrap(), "value");
/// # Ok::<(), zstore_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct MapStore {
    /// Tells this map from any other, in its name and in its versions.
    identity: u64,
    capabilities: Capabilities,
    /// Locked for one operation, never across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    values: BTreeMap<Key, Entry>,
    writes: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    bytes: Bytes,
    version: Version,
}

impl Entry {
    fn meta(&self, key: &Key) -> Meta {
        Meta { key: key.clone(), size: self.bytes.len() as u64, modified: None, version: self.version.clone() }
    }

    /// The bytes of the value that `range` means; all of them without one.
    fn part(&self, range: Option<&ByteRange>) -> Result<Part, RangePastEnd> {
        let size = self.bytes.len() as u64;
        let Range { start, end } = range.map_or(Ok(0..size), |range| range.resolve(size))?;
        // A resolved range lies within the value, whose length is a usize.
        Ok(Part { range: start..end, bytes: self.bytes.slice(start as usize..end as usize) })
    }
}

impl MapStore {
    /// An empty store that can do everything.
    #[must_use]
    pub fn new() -> Self {
        let mut all = Capabilities::default();
        all.listing = true;
        all.native_ranges = true;
        all.conditional_get = true;
        all.create = true;
        all.update = true;
        all.overlapping_keys = true;
        all.shared_memory = true;
        Self::limited(all)
    }

    /// An empty store that can do what `capabilities` says.
    #[must_use]
    pub fn limited(capabilities: Capabilities) -> Self {
        // The standard library seeds each such state at random, and this store needs no other randomness.
        let identity = RandomState::new().hash_one(0);
        Self { identity, capabilities, state: Mutex::default() }
    }

    /// The bytes of all values.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.state.lock().values.values().map(|entry| entry.bytes.len() as u64).sum()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().values.len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        self.state.lock().values.get(key).cloned()
    }

    fn error(&self, kind: ErrorKind, operation: Operation, key: &impl fmt::Display) -> Error {
        Error::new(kind, operation).with_store(self).with_key(key)
    }

    fn fetch(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let Some(entry) = self.entry(key) else { return Ok(Fetch::Missing) };
        if options.if_match.as_ref().is_some_and(|version| !version.matches(&entry.version)) {
            return Err(self.error(ErrorKind::PreconditionFailed, Operation::Get, key));
        }
        if options.if_none_match.as_ref().is_some_and(|version| version.matches(&entry.version)) {
            return Ok(Fetch::NotModified(entry.version));
        }
        let Part { range, bytes } =
            entry.part(options.range.as_ref()).map_err(|past| self.past(Operation::Get, key, &past))?;
        Ok(Fetch::Object(Object { meta: entry.meta(key), range, bytes }))
    }

    fn past(&self, operation: Operation, key: &Key, past: &RangePastEnd) -> Error {
        self.error(ErrorKind::InvalidRange, operation, key).with_detail(past.to_string())
    }

    fn require_listing(&self, operation: Operation, prefix: &Prefix) -> Result<()> {
        if self.capabilities.listing { Ok(()) } else { Err(self.error(ErrorKind::Unsupported, operation, prefix)) }
    }

    fn below(&self, prefix: &Prefix) -> Vec<Meta> {
        let state = self.state.lock();
        state.values.iter().filter(|(key, _)| prefix.holds(key)).map(|(key, entry)| entry.meta(key)).collect()
    }

    /// Whether this store keeps a value of that name and mode at all, given what it holds.
    fn admit(&self, state: &State, key: &Key, mode: &SetMode) -> Result<()> {
        let error = |kind| self.error(kind, Operation::Set, key);
        let can = &self.capabilities;
        if can.segment_bytes_max.is_some_and(|max| key.segments().any(|segment| segment.len() > max)) {
            return Err(error(ErrorKind::InvalidKey));
        }
        let below = Prefix::from(key);
        if !can.overlapping_keys
            && state.values.keys().any(|other| below.holds(other) || Prefix::from(other).holds(key))
        {
            return Err(error(ErrorKind::Conflict));
        }
        let present = state.values.get(key).map(|entry| &entry.version);
        let (able, holds) = match mode {
            SetMode::Overwrite => (true, true),
            SetMode::Create => (can.create, present.is_none()),
            SetMode::Update(version) => (can.update, present.is_some_and(|present| version.matches(present))),
        };
        match (able, holds) {
            (false, _) => Err(error(ErrorKind::Unsupported)),
            (true, false) => Err(error(ErrorKind::PreconditionFailed)),
            (true, true) => Ok(()),
        }
    }
}

impl Default for MapStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for MapStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapStore({:016x})", self.identity)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ReadStore for MapStore {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.fetch(key, options)
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.fetch(key, options).ok()
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        let parts: Result<_, RangePastEnd> = ranges.iter().map(|range| entry.part(Some(range))).collect();
        let parts = parts.map_err(|past| self.past(Operation::GetRanges, key, &past))?;
        Ok(Some(Ranges { meta: entry.meta(key), parts }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        Ok(self.entry(key).map(|entry| entry.meta(key)))
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        match self.require_listing(Operation::List, prefix) {
            Ok(()) => stream::iter(self.below(prefix)).map(Ok).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.require_listing(Operation::List, prefix)?;
        let (mut values, mut prefixes) = (Vec::new(), BTreeSet::new());
        for meta in self.below(prefix) {
            let below = prefix.strip(meta.key.as_str()).unwrap_or_default();
            match below.split_once('/') {
                None => values.push(meta),
                Some((child, _)) => {
                    prefixes.insert(prefix.join_prefix(&Prefix::new(child)?));
                }
            }
        }
        Ok(DirListing { values, prefixes: prefixes.into_iter().collect() })
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for MapStore {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let bytes = value.into_bytes();
        let mut state = self.state.lock();
        self.admit(&state, key, &mode)?;
        state.writes += 1;
        let version = Version::from_e_tag(format!("\"{:016x}-{}\"", self.identity, state.writes));
        state.values.insert(key.clone(), Entry { bytes, version: version.clone() });
        Ok(version)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.state.lock().values.remove(key);
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.require_listing(Operation::DeletePrefix, prefix)?;
        self.state.lock().values.retain(|key, _| !prefix.holds(key));
        Ok(())
    }

    async fn sweep(&self, _: &Prefix) -> Result<()> {
        Ok(())
    }

    fn shared_directory(&self) -> Option<&Path> {
        None
    }
}
