//! A store made for one case, and whatever must live as long.

use std::{any::Any, fmt, sync::Arc};

use zstore_core::{ReadStore, Store};

/// A store that can be written, made fresh and empty for one case.
///
/// # Examples
/// ```
/// use zstore_testkit::{MapStore, conformance::Fixture};
///
/// let plain: Fixture = MapStore::new().into();
/// let kept = Fixture::new(MapStore::new()).with_guard(String::from("a scratch directory, a server"));
/// # drop((plain, kept));
/// ```
pub struct Fixture {
    // Dropped in this order: the store before what it stands on.
    pub(super) store: Arc<dyn Store>,
    guards: Vec<Box<dyn Any + Send>>,
}

/// A store that can be read, made with its values for one case.
pub struct ReadFixture {
    pub(super) store: Arc<dyn ReadStore>,
    guards: Vec<Box<dyn Any + Send>>,
}

impl Fixture {
    /// A fixture of `store` alone.
    pub fn new(store: impl Store + 'static) -> Self {
        Self { store: Arc::new(store), guards: Vec::new() }
    }

    /// Keeps `guard` (a scratch directory, a server) until the case is over; it is dropped after the store.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    pub(super) fn into_reader(self) -> ReadFixture {
        ReadFixture { store: self.store, guards: self.guards }
    }
}

impl ReadFixture {
    /// A fixture of `store` alone.
    pub fn new(store: impl ReadStore + 'static) -> Self {
        Self { store: Arc::new(store), guards: Vec::new() }
    }

    /// Keeps `guard` (a scratch directory, a server) until the case is over; it is dropped after the store.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guards.push(Box::new(guard));
        self
    }
}

impl<S: Store + 'static> From<S> for Fixture {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl<S: ReadStore + 'static> From<S> for ReadFixture {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("store", &self.store).field("guards", &self.guards.len()).finish()
    }
}

impl fmt::Debug for ReadFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadFixture").field("store", &self.store).field("guards", &self.guards.len()).finish()
    }
}
