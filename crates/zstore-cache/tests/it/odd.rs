//! A store and policies that are like others but in one thing.

use async_trait::async_trait;
use zstore_cache::policy::{Candidate, Lru, Policy, Slot};
use zstore_core::{BoxStream, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Prefix, ReadStore, Result};
use zstore_testkit::MapStore;

/// A store that can be read and not listed, as a web server.
#[derive(Debug)]
pub(crate) struct Unlisted(MapStore);

impl Unlisted {
    pub(crate) const fn new(store: MapStore) -> Self {
        Self(store)
    }

    pub(crate) const fn inner(&self) -> &MapStore {
        &self.0
    }
}

impl std::fmt::Display for Unlisted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unlisted({})", self.0)
    }
}

#[async_trait]
impl ReadStore for Unlisted {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.listing = false;
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.0.get(key, options).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.0.head(key).await
    }

    fn list(&self, _: &Prefix) -> BoxStream<'static, Result<Meta>> {
        unreachable!("it said that it cannot")
    }

    async fn list_dir(&self, _: &Prefix) -> Result<DirListing> {
        unreachable!("it said that it cannot")
    }
}

/// The last to come is the first to go.
#[derive(Debug, Default)]
pub(crate) struct Newest(Vec<Slot>);

impl Policy for Newest {
    fn insert(&mut self, candidate: Candidate) {
        self.0.push(candidate.slot);
    }

    fn hit(&mut self, _: Slot) {}

    fn remove(&mut self, slot: Slot) {
        self.0.retain(|held| *held != slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.0.pop()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.0.iter().rev().for_each(|slot| visit(*slot));
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Nobody is worth anybody's leaving.
#[derive(Debug, Default)]
pub(crate) struct Refusing(Lru);

impl Policy for Refusing {
    fn admit(&mut self, _: &Candidate, _: u64) -> bool {
        false
    }

    fn insert(&mut self, candidate: Candidate) {
        self.0.insert(candidate);
    }

    fn hit(&mut self, slot: Slot) {
        self.0.hit(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.0.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.0.victim()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.0.for_each_held(visit);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}
