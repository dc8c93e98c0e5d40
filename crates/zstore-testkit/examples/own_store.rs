//! A store of one's own, and the contract as its test: `cargo run -p zstore-testkit --example own_store`.
//!
//! A `Shelf` keeps values in a map, in place of whatever keeps yours: a database, a service, an archive. What it cannot
//! do, it does not claim, and refuses: here, to list. A cache takes it as a source or as a tier.

use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation,
    Payload, Prefix, ReadStore, Result, SetMode, Store, Version,
};
use zstore_testkit::conformance;

#[derive(Debug)]
pub(crate) struct Shelf {
    name: String,
    /// Each value with its version, which is the number of the write. Locked for one operation.
    values: Mutex<HashMap<Key, (Version, Bytes)>>,
    writes: AtomicU64,
}

impl Shelf {
    /// The name must tell this shelf's data from any other's, on other days too: a cache remembers by it whose bytes it
    /// holds.
    pub(crate) fn new(name: String) -> Self {
        Self { name, values: Mutex::default(), writes: AtomicU64::new(0) }
    }

    fn find(&self, key: &Key) -> Option<(Meta, Bytes)> {
        let (version, bytes) = self.values.lock().get(key).cloned()?;
        Some((Meta { key: key.clone(), size: bytes.len() as u64, modified: None, version }, bytes))
    }

    /// What a caller can do about it, and what was being done to what.
    fn error(&self, kind: ErrorKind, operation: Operation, key: &impl fmt::Display) -> Error {
        Error::new(kind, operation).with_store(self).with_key(key)
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({})", self.name)
    }
}

#[async_trait]
impl ReadStore for Shelf {
    fn capabilities(&self) -> Capabilities {
        let mut all_but_listing = Capabilities::default();
        all_but_listing.native_ranges = true;
        all_but_listing.conditional_get = true;
        all_but_listing.create = true;
        all_but_listing.update = true;
        all_but_listing.overlapping_keys = true;
        all_but_listing
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let Some((meta, bytes)) = self.find(key) else { return Ok(Fetch::Missing) };
        if options.if_match.as_ref().is_some_and(|wanted| !wanted.matches(&meta.version)) {
            return Err(self.error(ErrorKind::PreconditionFailed, Operation::Get, key));
        }
        if options.if_none_match.as_ref().is_some_and(|known| known.matches(&meta.version)) {
            return Ok(Fetch::NotModified(meta.version));
        }
        let range = options.range.as_ref().unwrap_or(&ByteRange::From(0)).resolve(meta.size).map_err(|past_end| {
            self.error(ErrorKind::InvalidRange, Operation::Get, key).with_detail(past_end.to_string())
        })?;
        let bytes = bytes.slice(range.start as usize..range.end as usize);
        Ok(Fetch::Object(Object { meta, range, bytes }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        Ok(self.find(key).map(|(meta, _)| meta))
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        stream::iter([Err(self.error(ErrorKind::Unsupported, Operation::List, prefix))]).boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        Err(self.error(ErrorKind::Unsupported, Operation::List, prefix))
    }
}

#[async_trait]
impl Store for Shelf {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let mut values = self.values.lock();
        let present = values.get(key).map(|(version, _)| version);
        let holds = match &mode {
            SetMode::Overwrite => true,
            SetMode::Create => present.is_none(),
            SetMode::Update(named) => present.is_some_and(|present| named.matches(present)),
        };
        if !holds {
            return Err(self.error(ErrorKind::PreconditionFailed, Operation::Set, key));
        }
        let version = Version::from_e_tag(format!("\"{}\"", self.writes.fetch_add(1, Ordering::Relaxed)));
        values.insert(key.clone(), (version.clone(), value.into_bytes()));
        Ok(version)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.values.lock().remove(key);
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        Err(self.error(ErrorKind::Unsupported, Operation::DeletePrefix, prefix))
    }
}

/// A fresh and empty shelf for each case.
pub(crate) fn fresh() -> Shelf {
    static MADE: AtomicU64 = AtomicU64::new(0);
    Shelf::new(format!("{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)))
}

/// As it would stand in `tests/conformance.rs` of a crate, with `harness = false`: each case is a test.
fn main() {
    conformance::main(|| async { fresh() })
}
