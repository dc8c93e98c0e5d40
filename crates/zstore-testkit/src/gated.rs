//! A store whose calls wait at a gate until a test lets them through.

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Operation, Payload, Prefix, Ranges,
    ReadStore, Result, SetMode, Store, Version,
};

/// A wrapper that holds chosen calls until released, so that a race is a script and no sleep is needed.
///
/// A call is held either *before* the wrapped store is asked, or *after* it has answered and before the answer is
/// handed on. While gets of a key are held, `get_now` of it answers nothing, for it would slip past the gate. Of a
/// listing, the stream is held: before its first item is asked for, or after.
///
/// # Examples
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use zstore_core::{Key, Operation, ReadStoreExt, StoreExt};
/// use zstore_testkit::{Gated, MapStore};
///
/// let store = Arc::new(Gated::new(MapStore::new()));
/// let key = Key::new("a")?;
/// let held = store.hold(Operation::Set);
/// let (writer, written) = (Arc::clone(&store), key.clone());
/// let set = tokio::spawn(async move { writer.put(&written, "new").await });
/// held.arrived(1).await; // the set is under way, and has not touched the store
/// assert!(!store.exists(&key).await?);
/// held.release();
/// set.await.unwrap()?;
/// assert!(store.exists(&key).await?);
/// # Ok::<(), zstore_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Gated<S> {
    store: S,
    /// The gates that are closed. Locked only to look them up, never while waiting at one.
    gates: Arc<Mutex<Vec<Arc<Gate>>>>,
}

#[derive(Debug)]
struct Gate {
    operation: Operation,
    /// Only calls of this key or prefix; of any if none.
    key: Option<String>,
    side: Side,
    arrived: watch::Sender<usize>,
    /// A permit for each call let through; closed when all are.
    through: Semaphore,
}

/// On which side of the wrapped store calls are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl Gate {
    async fn pass(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        // An error says that the gate was opened for good, which is as good as a permit.
        if let Ok(permit) = self.through.acquire().await {
            permit.forget();
        }
    }
}

/// A closed gate; dropping it opens it, so that a failed test does not hang.
#[derive(Debug)]
#[must_use = "dropping it releases the calls"]
pub struct Held {
    gate: Arc<Gate>,
    gates: Arc<Mutex<Vec<Arc<Gate>>>>,
}

impl Held {
    /// Waits until `calls` calls have arrived here since the gate was closed, those let through or cancelled since
    /// included.
    pub async fn arrived(&self, calls: usize) {
        // The sender lives in the gate we hold, so waiting cannot fail.
        let _ = self.gate.arrived.subscribe().wait_for(|arrived| *arrived >= calls).await;
    }

    /// How many calls have arrived here.
    #[must_use]
    pub fn arrived_count(&self) -> usize {
        *self.gate.arrived.borrow()
    }

    /// Lets one call through: the first that waits, or else the next that comes.
    pub fn release_one(&self) {
        self.gate.through.add_permits(1);
    }

    /// Lets all calls through, those that wait and those that come.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gates.lock().retain(|gate| !Arc::ptr_eq(gate, &self.gate));
        self.gate.through.close();
    }
}

impl<S> Gated<S> {
    /// Wraps `store`; nothing is held yet.
    pub fn new(store: S) -> Self {
        Self { store, gates: Arc::default() }
    }

    /// The wrapped store, past the gates.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    /// Holds every call of `operation` before the wrapped store is asked.
    pub fn hold(&self, operation: Operation) -> Held {
        self.close(operation, None, Side::Before)
    }

    /// Holds every answer to `operation` after the wrapped store has done it.
    pub fn hold_after(&self, operation: Operation) -> Held {
        self.close(operation, None, Side::After)
    }

    /// Holds every call of `operation` on one key or prefix before the wrapped store is asked.
    pub fn hold_key(&self, operation: Operation, key: impl fmt::Display) -> Held {
        self.close(operation, Some(key.to_string()), Side::Before)
    }

    /// Holds every answer to `operation` on one key or prefix after the wrapped store has done it.
    pub fn hold_key_after(&self, operation: Operation, key: impl fmt::Display) -> Held {
        self.close(operation, Some(key.to_string()), Side::After)
    }

    fn close(&self, operation: Operation, key: Option<String>, side: Side) -> Held {
        let gate = Gate { operation, key, side, arrived: watch::Sender::new(0), through: Semaphore::new(0) };
        let gate = Arc::new(gate);
        self.gates.lock().push(Arc::clone(&gate));
        Held { gate, gates: Arc::clone(&self.gates) }
    }

    /// The gates a call passes on one side, in the order they were closed.
    fn gates(&self, side: Side, operation: Operation, key: &str) -> Vec<Arc<Gate>> {
        closed(&self.gates, side, operation, key)
    }
}

impl<S: ReadStore> Gated<S> {
    async fn pass(&self, side: Side, operation: Operation, key: &str) {
        for gate in self.gates(side, operation, key) {
            gate.pass().await;
        }
    }
}

fn closed(gates: &Mutex<Vec<Arc<Gate>>>, side: Side, operation: Operation, key: &str) -> Vec<Arc<Gate>> {
    let holds = |gate: &&Arc<Gate>| {
        gate.side == side && gate.operation == operation && gate.key.as_deref().is_none_or(|only| only == key)
    };
    gates.lock().iter().filter(holds).map(Arc::clone).collect()
}

impl<S: fmt::Display> fmt::Display for Gated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gated({})", self.store)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for Gated<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.pass(Side::Before, Operation::Get, key.as_str()).await;
        let fetch = self.store.get(key, options).await;
        self.pass(Side::After, Operation::Get, key.as_str()).await;
        fetch
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        let held = |side| !self.gates(side, Operation::Get, key.as_str()).is_empty();
        if held(Side::Before) || held(Side::After) { None } else { self.store.get_now(key, options) }
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.pass(Side::Before, Operation::GetRanges, key.as_str()).await;
        let found = self.store.get_ranges(key, ranges).await;
        self.pass(Side::After, Operation::GetRanges, key.as_str()).await;
        found
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.pass(Side::Before, Operation::Head, key.as_str()).await;
        let meta = self.store.head(key).await;
        self.pass(Side::After, Operation::Head, key.as_str()).await;
        meta
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let before = self.gates(Side::Before, Operation::List, prefix.as_str());
        let (gates, name) = (Arc::clone(&self.gates), prefix.clone());
        let mut inner = self.store.list(prefix).fuse(); // asked once more after its end, by the chain
        let held = async move {
            for gate in before {
                gate.pass().await;
            }
            let first = inner.next().await;
            for gate in closed(&gates, Side::After, Operation::List, name.as_str()) {
                gate.pass().await;
            }
            stream::iter(first).chain(inner)
        };
        stream::once(held).flatten().boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.pass(Side::Before, Operation::List, prefix.as_str()).await;
        let listing = self.store.list_dir(prefix).await;
        self.pass(Side::After, Operation::List, prefix.as_str()).await;
        listing
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store> Store for Gated<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        self.pass(Side::Before, Operation::Set, key.as_str()).await;
        let version = self.store.set(key, value, mode).await;
        self.pass(Side::After, Operation::Set, key.as_str()).await;
        version
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.pass(Side::Before, Operation::Delete, key.as_str()).await;
        let deleted = self.store.delete(key).await;
        self.pass(Side::After, Operation::Delete, key.as_str()).await;
        deleted
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.pass(Side::Before, Operation::DeletePrefix, prefix.as_str()).await;
        let deleted = self.store.delete_prefix(prefix).await;
        self.pass(Side::After, Operation::DeletePrefix, prefix.as_str()).await;
        deleted
    }

    /// Passes no gate: it touches no value.
    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        self.store.sweep(prefix).await
    }

    fn shared_directory(&self) -> Option<&Path> {
        self.store.shared_directory()
    }
}
