//! A tier that knows how many bytes it holds at every instant.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use async_trait::async_trait;
use futures::TryStreamExt;
use parking_lot::Mutex;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Payload, Prefix, Ranges, ReadStore,
    Result, SetMode, Store, Version,
};

/// A wrapper that counts the bytes its store may hold.
///
/// A set is charged before the wrapped store is asked, and the value it replaces is credited only when the store has
/// answered: in between, a store may hold both. A delete is credited when the store has answered. So
/// [`held_bytes`](Self::held_bytes) is never below the truth, and equal to it when no write is in flight.
///
/// Writes of one key that overlap leave it open which came last. The last of them to be answered asks the wrapped
/// store for the size (one `head`, the only request of its own). A write that was dropped stays charged until the
/// next write of its key or [`settle`](Self::settle), because it may land after the drop.
#[derive(Debug)]
pub struct Metered<S> {
    store: S,
    /// Locked for bookkeeping, never across an await.
    meter: Mutex<Meter>,
}

#[derive(Debug, Default)]
struct Meter {
    accounts: BTreeMap<Key, Account>,
    /// The deletions of prefixes in flight.
    sweeps: Vec<Sweep>,
    /// Numbers writes and sweeps.
    begun: u64,
    held_bytes: u64,
    held_bytes_max: u64,
}

/// What one key is charged for.
#[derive(Debug, Default)]
struct Account {
    /// The size of the value that is known to be there; zero for none.
    settled_bytes: u64,
    /// The sizes of the sets in flight or in doubt.
    pending_bytes: u64,
    writes_in_flight: usize,
    /// Whether only the store can say which value is there.
    in_doubt: bool,
    /// The number of the last write; a size asked for before it began is of no use.
    last_write: u64,
}

/// One `delete_prefix` in flight. Any write below it overlaps it.
#[derive(Debug)]
struct Sweep {
    number: u64,
    prefix: Prefix,
    keys: BTreeSet<Key>,
}

/// How a write ended.
#[derive(Clone, Copy)]
enum End {
    /// The value is now of this size; zero for none.
    Done(u64),
    /// Nothing changed (law W2).
    Failed,
    /// Nobody knows.
    Doubtful,
}

impl Meter {
    fn begin(&mut self, key: &Key, bytes: u64) {
        self.enter(key, bytes);
        for at in 0..self.sweeps.len() {
            if self.sweeps[at].prefix.holds(key) && self.sweeps[at].keys.insert(key.clone()) {
                self.enter(key, 0);
            }
        }
    }

    fn enter(&mut self, key: &Key, bytes: u64) {
        let account = self.accounts.entry(key.clone()).or_default();
        account.in_doubt |= account.writes_in_flight > 0;
        account.writes_in_flight += 1;
        self.begun += 1;
        account.last_write = self.begun;
        account.pending_bytes += bytes;
        self.held_bytes += bytes;
        self.held_bytes_max = self.held_bytes_max.max(self.held_bytes);
    }

    /// Ends one write; answers the number to settle with if the store must now be asked.
    fn end(&mut self, key: &Key, end: End) -> Option<u64> {
        let account = self.accounts.get_mut(key)?;
        account.writes_in_flight -= 1;
        match end {
            _ if account.in_doubt => {}
            End::Doubtful => account.in_doubt = true,
            End::Failed => self.credit(key, None),
            End::Done(size) => self.credit(key, Some(size)),
        }
        self.unsettled(key)
    }

    fn unsettled(&self, key: &Key) -> Option<u64> {
        let account = self.accounts.get(key)?;
        (account.in_doubt && account.writes_in_flight == 0).then_some(account.last_write)
    }

    /// Charges a key for a value of `size` bytes alone; for what it was before if that is none.
    fn credit(&mut self, key: &Key, size: Option<u64>) {
        let Some(account) = self.accounts.get_mut(key) else { return };
        let size = size.unwrap_or(account.settled_bytes);
        self.held_bytes = self.held_bytes - account.settled_bytes - account.pending_bytes + size;
        (account.settled_bytes, account.pending_bytes, account.in_doubt) = (size, 0, false);
        if size == 0 && account.writes_in_flight == 0 {
            self.accounts.remove(key);
        }
    }
}

impl<S: ReadStore> Metered<S> {
    /// Meters `store`, which is empty.
    pub fn new(store: S) -> Self {
        Self { store, meter: Mutex::default() }
    }

    /// Meters `store` with what it holds already.
    ///
    /// # Errors
    /// As [`ReadStore::list`].
    pub async fn open(store: S) -> Result<Self> {
        let mut meter = Meter::default();
        let held: Vec<Meta> = store.list(&Prefix::root()).try_collect().await?;
        for meta in held {
            meter.enter(&meta.key, meta.size);
            _ = meter.end(&meta.key, End::Done(meta.size));
        }
        Ok(Self { store, meter: Mutex::new(meter) })
    }

    /// The wrapped store; what is written past this wrapper is not metered.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    /// The bytes of values that the store may hold now.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.meter.lock().held_bytes
    }

    /// The most it ever held.
    #[must_use]
    pub fn held_bytes_max(&self) -> u64 {
        self.meter.lock().held_bytes_max
    }

    /// The bytes that a listing of the wrapped store adds up to.
    ///
    /// # Errors
    /// As [`ReadStore::list`].
    pub async fn recount(&self) -> Result<u64> {
        self.store.list(&Prefix::root()).try_fold(0, async |sum, meta| Ok(sum + meta.size)).await
    }

    /// Asks the wrapped store for the size of every key that a dropped or failed write left in doubt.
    ///
    /// # Errors
    /// As [`ReadStore::head`].
    pub async fn settle(&self) -> Result<()> {
        let keys: Vec<Key> = self.meter.lock().accounts.keys().cloned().collect();
        for key in keys {
            let unsettled = self.meter.lock().unsettled(&key);
            if let Some(number) = unsettled {
                self.settle_key(&key, number).await?;
            }
        }
        Ok(())
    }

    async fn settle_key(&self, key: &Key, number: u64) -> Result<()> {
        let size = self.store.head(key).await?.map_or(0, |meta| meta.size);
        let mut meter = self.meter.lock();
        if meter.unsettled(key) == Some(number) {
            meter.credit(key, Some(size));
        }
        Ok(())
    }

    fn begin(&self, key: &Key, bytes: u64) -> Writing<'_> {
        self.meter.lock().begin(key, bytes);
        Writing { meter: &self.meter, key: Some(key.clone()) }
    }

    fn begin_sweep(&self, prefix: &Prefix) -> Sweeping<'_> {
        let mut meter = self.meter.lock();
        let keys: BTreeSet<Key> = meter.accounts.keys().filter(|key| prefix.holds(key)).cloned().collect();
        keys.iter().for_each(|key| meter.enter(key, 0));
        meter.begun += 1;
        let number = meter.begun;
        meter.sweeps.push(Sweep { number, prefix: prefix.clone(), keys });
        drop(meter);
        Sweeping { meter: &self.meter, number }
    }
}

/// A write in flight; dropped before its end, it is in doubt.
struct Writing<'a> {
    meter: &'a Mutex<Meter>,
    key: Option<Key>,
}

impl Writing<'_> {
    fn end(mut self, end: End) -> Option<(Key, u64)> {
        let key = self.key.take()?;
        let number = self.meter.lock().end(&key, end)?;
        Some((key, number))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            _ = self.meter.lock().end(&key, End::Doubtful);
        }
    }
}

/// A deletion of a prefix in flight; dropped before its end, every key below is in doubt.
struct Sweeping<'a> {
    meter: &'a Mutex<Meter>,
    number: u64,
}

impl Sweeping<'_> {
    fn end(&self, end: End) -> Vec<(Key, u64)> {
        let mut meter = self.meter.lock();
        let Some(at) = meter.sweeps.iter().position(|sweep| sweep.number == self.number) else { return Vec::new() };
        let sweep = meter.sweeps.swap_remove(at);
        sweep.keys.into_iter().filter_map(|key| meter.end(&key, end).map(|number| (key, number))).collect()
    }
}

impl Drop for Sweeping<'_> {
    fn drop(&mut self) {
        _ = self.end(End::Doubtful);
    }
}

impl<S: fmt::Display> fmt::Display for Metered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metered({})", self.store)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for Metered<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.store.get(key, options).await
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.store.get_now(key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.store.get_ranges(key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.store.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.store.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.store.list_dir(prefix).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store> Store for Metered<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let size = value.size();
        let writing = self.begin(key, size);
        let version = self.store.set(key, value, mode).await;
        if let Some((key, number)) = writing.end(version.as_ref().map_or(End::Failed, |_| End::Done(size))) {
            // The write is answered whatever comes of this; the key stays in doubt, and fully charged, if it fails.
            _ = self.settle_key(&key, number).await;
        }
        version
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let writing = self.begin(key, 0);
        let deleted = self.store.delete(key).await;
        if let Some((key, number)) = writing.end(deleted.as_ref().map_or(End::Doubtful, |()| End::Done(0))) {
            _ = self.settle_key(&key, number).await;
        }
        deleted
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let sweeping = self.begin_sweep(prefix);
        let deleted = self.store.delete_prefix(prefix).await;
        for (key, number) in sweeping.end(deleted.as_ref().map_or(End::Doubtful, |()| End::Done(0))) {
            _ = self.settle_key(&key, number).await;
        }
        deleted
    }

    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        self.store.sweep(prefix).await
    }

    fn shared_directory(&self) -> Option<&Path> {
        self.store.shared_directory()
    }
}
