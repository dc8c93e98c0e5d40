//! The store, and the contract.

use std::{collections::VecDeque, fmt, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, Clock, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object,
    Operation, Part, Payload, Prefix, Ranges, ReadStore, Result, SetMode, Store, SystemClock, Version,
};

use crate::{
    identity::Identity,
    values::{Entry, Span, Values},
};

/// A store that keeps its values in memory, as long as it lives.
///
/// It is shared by [`Arc`]; there is no clone, which would have to be either a second name for the same data or a copy.
///
/// Every instance has an identity of its own, shown as `MemoryStore(94d1c7f02b6a8e35)` and part of every version:
/// nothing a cache remembers of one instance is ever taken for another's.
///
/// # Memory
/// Values are kept as the [`Bytes`](bytes::Bytes) they came as, and handed out as slices of them. A slice keeps the
/// whole buffer it was cut from alive: of a value set as 10 bytes out of a buffer of 1 MiB,
/// [`held_bytes`](Self::held_bytes) counts 10 and memory holds 1 MiB. A writer that means to keep little of much
/// copies first (`Bytes::copy_from_slice`).
///
/// # Cost
/// A lock over a sorted map, held for one look-up or one page of a listing; never while bytes are copied or freed. An
/// answer allocates only the text of its version.
pub struct MemoryStore {
    identity: Identity,
    clock: Arc<dyn Clock>,
    /// Shared with listings, which outlive the call that began them.
    values: Arc<Values>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock::new()))
    }

    /// An empty store that takes the times of writing from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { identity: Identity::fresh(), clock, values: Arc::default() }
    }

    /// The size of all values in bytes; names and bookkeeping are not counted.
    ///
    /// # Cost
    /// A short lock: the sum is kept, not made.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.values.held_bytes()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.count()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn error(&self, kind: ErrorKind, operation: Operation, key: &Key) -> Error {
        Error::new(kind, operation).with_store(self).with_key(key)
    }

    /// The bytes of one range of an entry, without a copy.
    fn part(&self, operation: Operation, entry: &Entry, range: &ByteRange) -> Result<Part> {
        let past_end = |error: &dyn fmt::Display| {
            self.error(ErrorKind::InvalidRange, operation, &entry.meta.key).with_detail(error.to_string())
        };
        let range = range.resolve(entry.meta.size).map_err(|error| past_end(&error))?;
        let start = usize::try_from(range.start).map_err(|error| past_end(&error))?;
        let end = usize::try_from(range.end).map_err(|error| past_end(&error))?;
        Ok(Part { range, bytes: entry.bytes.slice(start..end) })
    }

    fn fetch(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let Some(entry) = self.values.get(key) else {
            return Ok(Fetch::Missing);
        };
        let is_named = |named: &Option<Version>| named.as_ref().map(|named| named.matches(&entry.meta.version));
        if is_named(&options.if_match) == Some(false) {
            return Err(self.error(ErrorKind::PreconditionFailed, Operation::Get, key));
        }
        if is_named(&options.if_none_match) == Some(true) {
            return Ok(Fetch::NotModified(entry.meta.version));
        }
        let whole = ByteRange::From(0);
        let Part { range, bytes } = self.part(Operation::Get, &entry, options.range.as_ref().unwrap_or(&whole))?;
        Ok(Fetch::Object(Object { meta: entry.meta, range, bytes }))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({})", self.identity)
    }
}

impl fmt::Debug for MemoryStore {
    /// Shows how much there is, not all there is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("identity", &self.identity)
            .field("len", &self.len())
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ReadStore for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.listing = true;
        capabilities.native_ranges = true;
        capabilities.conditional_get = true;
        capabilities.create = true;
        capabilities.update = true;
        capabilities.overlapping_keys = true;
        capabilities.shared_memory = true;
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.fetch(key, options)
    }

    /// The answer to `get`; `None` only where `get` would fail, so that the caller meets the error there.
    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.fetch(key, options).ok()
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let Some(entry) = self.values.get(key) else {
            return Ok(None);
        };
        let parts = ranges.iter().map(|range| self.part(Operation::GetRanges, &entry, range)).collect::<Result<_>>()?;
        Ok(Some(Ranges { meta: entry.meta, parts }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        Ok(self.values.meta(key))
    }

    /// In the order of the keys.
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let start = (Arc::clone(&self.values), Span::below(prefix), VecDeque::new());
        stream::unfold(start, |(values, mut span, mut page)| async move {
            if page.is_empty() {
                page = values.page(&mut span);
            }
            let meta = page.pop_front()?;
            Some((Ok(meta), (values, span, page)))
        })
        .boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        // The names come from keys, so the error cannot be; it is handed on all the same.
        self.values
            .children(prefix)
            .map_err(|error| Error::new(ErrorKind::Corrupt, Operation::List).with_store(self).with_source(error))
    }
}

#[async_trait]
impl Store for MemoryStore {
    /// Law W7 is kept in its strongest form: nothing lands after a drop, because a set never waits.
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let bytes = value.into_bytes();
        let version = |number| Version::from_e_tag(format!("\"{}-{number}\"", self.identity));
        let allow = |present: Option<&Meta>| match &mode {
            SetMode::Overwrite => true,
            SetMode::Create => present.is_none(),
            SetMode::Update(version) => present.is_some_and(|present| present.version.matches(version)),
        };
        self.values.set(key, bytes, self.clock.now(), version, allow).ok_or_else(|| {
            let error = self.error(ErrorKind::PreconditionFailed, Operation::Set, key);
            match mode {
                SetMode::Create => error.with_detail("the value exists already"),
                SetMode::Overwrite | SetMode::Update(_) => error,
            }
        })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.values.delete(key);
        Ok(())
    }

    /// Below the root prefix all at once; below others in pages, and a reader may see some values gone and others not
    /// yet.
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.values.delete_below(prefix);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use proptest::prelude::*;
    use zstore_core::{ReadStoreExt, StoreExt, Timestamp};

    use super::*;

    fn key(name: &str) -> Key {
        Key::new(name).unwrap()
    }

    #[derive(Debug)]
    struct StoppedClock(u64);

    impl Clock for StoppedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0)
        }
    }

    #[tokio::test]
    async fn what_is_read_is_the_memory_that_was_written() {
        let store = MemoryStore::new();
        let bytes = Bytes::from(vec![7; 100]);
        store.put(&key("a"), bytes.clone()).await.unwrap();
        assert_eq!(store.get_bytes(&key("a")).await.unwrap().unwrap().as_ptr(), bytes.as_ptr());
        let part = store.get_range(&key("a"), ByteRange::Suffix(10)).await.unwrap().unwrap();
        assert_eq!(part.as_ptr(), bytes[90..].as_ptr());
    }

    #[tokio::test]
    async fn an_answer_at_hand_is_what_get_answers() {
        let store = MemoryStore::new();
        let version = store.put(&key("a"), "value").await.unwrap();
        for options in [
            GetOptions::default(),
            GetOptions::range(ByteRange::Suffix(2)),
            GetOptions::default().if_none_match(version.clone()),
            GetOptions::default().if_match(version),
        ] {
            assert_eq!(store.get_now(&key("a"), &options), store.get(&key("a"), &options).await.ok(), "{options:?}");
        }
        assert_eq!(store.get_now(&key("b"), &GetOptions::default()), Some(Fetch::Missing));
        assert_eq!(store.get_now(&key("a"), &GetOptions::range(6..7)), None);
    }

    #[tokio::test]
    async fn versions_of_two_instances_never_match() {
        let (one, two) = (MemoryStore::new(), MemoryStore::new());
        let first = one.put(&key("a"), "1").await.unwrap();
        assert!(!first.matches(&two.put(&key("a"), "1").await.unwrap()));
        assert_ne!(one.to_string(), two.to_string());
    }

    #[tokio::test]
    async fn a_value_deleted_and_written_again_has_another_version() {
        let store = MemoryStore::new();
        let first = store.put(&key("a"), "1").await.unwrap();
        store.delete_prefix(&Prefix::root()).await.unwrap();
        assert!(!first.matches(&store.put(&key("a"), "1").await.unwrap()));
    }

    #[tokio::test]
    async fn the_time_of_writing_is_the_clocks() {
        let store = MemoryStore::with_clock(Arc::new(StoppedClock(1234)));
        store.put(&key("a"), "1").await.unwrap();
        assert_eq!(store.head(&key("a")).await.unwrap().unwrap().modified, Some(Timestamp::from_millis(1234)));
    }

    #[tokio::test]
    async fn a_listing_of_many_pages_yields_each_value_once_while_others_are_written() {
        let store = MemoryStore::new();
        let names: Vec<String> = (0..1000).map(|n| format!("a/{n:04}")).collect();
        for name in &names {
            store.put(&key(name), "").await.unwrap();
        }
        store.put(&key("a-b/x"), "").await.unwrap();
        store.put(&key("a0"), "").await.unwrap();
        let mut listing = store.list(&Prefix::new("a").unwrap());
        let mut seen = Vec::new();
        while let Some(meta) = listing.next().await {
            seen.push(meta.unwrap().key.as_str().to_owned());
            store.put(&key(&names[seen.len() - 1]), "again").await.unwrap();
        }
        assert_eq!(seen, names);
    }

    #[tokio::test]
    async fn children_come_in_order_where_names_sort_before_the_slash() {
        let store = MemoryStore::new();
        for name in [
            "p/a/x",
            "p/a-b/x",
            "p/a/y/z",
            "p/a",
            "p/a!",
            "p/a0/x",
            "p/c/x",
            "p/c0",
            "p0",
            "p",
            "p/\u{10FFFF}/\u{10FFFF}x",
        ] {
            store.put(&key(name), "").await.unwrap();
        }
        let found = store.list_dir(&Prefix::new("p").unwrap()).await.unwrap();
        let values: Vec<&str> = found.values.iter().map(|meta| meta.key.as_str()).collect();
        let prefixes: Vec<&str> = found.prefixes.iter().map(Prefix::as_str).collect();
        assert_eq!(values, ["p/a", "p/a!", "p/c0"]);
        assert_eq!(prefixes, ["p/a", "p/a-b", "p/a0", "p/c", "p/\u{10FFFF}"]);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Set(String, usize),
        Create(String, usize),
        Delete(String),
        DeletePrefix(String),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let name = "[ab0-]{1,2}(/[ab0-]{1,2}){0,2}";
        let op = prop_oneof![
            4 => (name, 0usize..9).prop_map(|(name, size)| Op::Set(name, size)),
            2 => (name, 0usize..9).prop_map(|(name, size)| Op::Create(name, size)),
            1 => name.prop_map(Op::Delete),
            1 => "([ab0-]{1,2})?".prop_map(Op::DeletePrefix),
        ];
        proptest::collection::vec(op, 0..60)
    }

    proptest! {
        #[test]
        fn it_is_a_map_of_names_to_sizes(ops in ops()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (store, mut model) = (MemoryStore::new(), BTreeMap::<String, usize>::new());
                for op in ops {
                    match op {
                        Op::Set(name, size) => {
                            store.put(&key(&name), vec![0; size]).await.unwrap();
                            model.insert(name, size);
                        }
                        Op::Create(name, size) => {
                            let created = store.create(&key(&name), vec![0; size]).await;
                            assert_eq!(created.is_ok(), !model.contains_key(&name));
                            model.entry(name).or_insert(size);
                        }
                        Op::Delete(name) => {
                            store.delete(&key(&name)).await.unwrap();
                            model.remove(&name);
                        }
                        Op::DeletePrefix(name) => {
                            store.delete_prefix(&Prefix::new(&name).unwrap()).await.unwrap();
                            model.retain(|key, _| !name.is_empty() && !key.starts_with(&format!("{name}/")));
                        }
                    }
                    store.values.check();
                }
                let listed = store.list_all(&Prefix::root()).await.unwrap();
                let listed: Vec<(String, usize)> =
                    listed.iter().map(|meta| (meta.key.to_string(), usize::try_from(meta.size).unwrap())).collect();
                assert_eq!(listed, model.into_iter().collect::<Vec<_>>());
            });
        }
    }
}
