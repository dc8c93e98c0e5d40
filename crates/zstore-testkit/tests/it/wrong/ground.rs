//! What a wrong store stands on: an honest one, and things it had better not remember.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::FutureExt;
use parking_lot::Mutex;
use zstore_core::{
    DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Payload, Prefix, ReadStore,
    ReadStoreExt, Result, SetMode, Store, Version,
};
use zstore_testkit::MapStore;

#[derive(Debug, Default)]
pub(crate) struct Ground {
    pub(crate) map: MapStore,
    /// Every state that was overwritten or deleted, oldest first.
    past: Mutex<Vec<Object>>,
    /// How often something was asked or done, for faults that come late or by turns.
    pub(crate) gets: AtomicUsize,
    pub(crate) writes: AtomicUsize,
    pub(crate) shows: AtomicUsize,
    pub(crate) sets_in_flight: AtomicUsize,
    /// A lock that a dropped call leaves behind.
    pub(crate) locked: AtomicBool,
    /// How often a parent of values became empty, and was removed.
    pub(crate) removed: Mutex<BTreeMap<Prefix, usize>>,
}

impl Ground {
    /// What the honest store answers, which never waits.
    pub(crate) fn now<T>(answer: impl Future<Output = T>) -> T {
        answer.now_or_never().expect("a map never waits")
    }

    pub(crate) fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        Self::now(self.map.get(key, options))
    }

    pub(crate) fn whole(&self, key: &Key) -> Option<Object> {
        self.get(key, &GetOptions::default()).ok()?.into_object()
    }

    pub(crate) fn head(&self, key: &Key) -> Option<Meta> {
        self.whole(key).map(|object| object.meta)
    }

    pub(crate) fn all(&self) -> Vec<Meta> {
        self.list(&Prefix::root())
    }

    pub(crate) fn list(&self, prefix: &Prefix) -> Vec<Meta> {
        Self::now(self.map.list_all(prefix)).expect("a map lists")
    }

    pub(crate) fn list_dir(&self, prefix: &Prefix) -> DirListing {
        Self::now(self.map.list_dir(prefix)).expect("a map lists")
    }

    fn remember(&self, key: &Key) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.past.lock().extend(self.whole(key));
    }

    /// The state of a value before its present one, or before its deletion.
    pub(crate) fn past(&self, key: &Key) -> Option<Object> {
        self.past.lock().iter().rfind(|object| object.meta.key == *key).cloned()
    }

    /// The first state a value ever had, if it had another since.
    pub(crate) fn first(&self, key: &Key) -> Option<Object> {
        self.past.lock().iter().find(|object| object.meta.key == *key).cloned()
    }

    /// How many states a value had before.
    pub(crate) fn past_count(&self, key: &Key) -> usize {
        self.past.lock().iter().filter(|object| object.meta.key == *key).count()
    }

    pub(crate) fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let before = self.whole(key);
        let version = Self::now(self.map.set(key, value, mode))?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.past.lock().extend(before);
        Ok(version)
    }

    pub(crate) fn put(&self, key: &Key, value: impl Into<Bytes>) -> Version {
        self.set(key, Payload::from(value), SetMode::Overwrite).expect("a map takes every value")
    }

    pub(crate) fn delete(&self, key: &Key) {
        self.remember(key);
        Self::now(self.map.delete(key)).expect("a map deletes every value");
    }

    pub(crate) fn delete_where(&self, wrong: impl Fn(&Key) -> bool) {
        self.all().iter().filter(|meta| wrong(&meta.key)).for_each(|meta| self.delete(&meta.key));
    }

    /// An error as an honest store tells it.
    pub(crate) fn error(&self, kind: ErrorKind, operation: Operation, key: &str) -> Error {
        Error::new(kind, operation).with_store(&self.map).with_key(key)
    }
}
