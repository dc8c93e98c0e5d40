//! A store that fails on purpose.

use std::{fmt, future, path::Path, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Payload,
    Prefix, Ranges, ReadStore, ReadStoreExt, Result, SetMode, Store, Version,
};

use crate::{
    damage::{Damage, flip_bit},
    faults::{Calls, Fault, Faults, Misread, Rates, detail},
};

/// A wrapper that fails, delays, hangs and damages calls, by rule and by seed.
///
/// Rules are looked at in the order they were made; the first that strikes a call decides, and chance is asked only
/// where no rule strikes. Because it damages bytes it clears [`Capabilities::shared_memory`], and it has nothing at
/// hand in `get_now`.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use zstore_core::{ErrorKind, Key, Operation, ReadStoreExt, StoreExt};
/// use zstore_testkit::{Faulty, MapStore};
///
/// let store = Faulty::new(MapStore::new());
/// let key = Key::new("a")?;
/// store.fail_always(Operation::Set, ErrorKind::Full);
/// let error = store.put(&key, "value").await.unwrap_err();
/// assert!(error.to_string().ends_with("injected: no space left on device"));
/// store.heal();
/// store.put(&key, "value").await?;
/// # Ok::<(), zstore_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Faulty<S> {
    store: S,
    /// Locked to decide about one call, never while it is carried out.
    faults: Mutex<Faults>,
}

impl<S> Faulty<S> {
    /// Wraps `store`, which does not fail yet.
    pub fn new(store: S) -> Self {
        Self { store, faults: Mutex::default() }
    }

    /// Wraps `store`, which fails by chance: the same seed fails the same calls, if they come in the same order.
    pub fn with_seed(store: S, seed: u64, rates: Rates) -> Self {
        Self { store, faults: Mutex::new(Faults::by_seed(seed, rates)) }
    }

    /// The wrapped store, which does not fail.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    /// Fails each of these calls before the wrapped store is asked.
    pub fn fail_always(&self, calls: impl Into<Calls>, kind: ErrorKind) {
        self.faults.lock().always(calls.into(), Fault::Fail(kind));
    }

    /// Fails the `nth` of these calls from now on, counted from 1, before the wrapped store is asked.
    pub fn fail_nth(&self, calls: impl Into<Calls>, nth: usize, kind: ErrorKind) {
        self.faults.lock().nth(calls.into(), nth, Fault::Fail(kind));
    }

    /// Fails each of these calls after the wrapped store has done it: the answer was lost.
    pub fn fail_after(&self, calls: impl Into<Calls>, kind: ErrorKind) {
        self.faults.lock().always(calls.into(), Fault::FailAfter(kind));
    }

    /// Never answers these calls. They hang until dropped, even after [`heal`](Self::heal).
    pub fn hang(&self, calls: impl Into<Calls>) {
        self.faults.lock().always(calls.into(), Fault::Hang);
    }

    /// Delays each of these calls by tokio's clock, before anything else befalls it.
    pub fn delay(&self, calls: impl Into<Calls>, duration: Duration) {
        self.faults.lock().delay(calls.into(), duration);
    }

    /// Makes every set store damaged bytes, and then fail with `error` or, without one, claim success.
    pub fn tear_always(&self, damage: Damage, error: Option<ErrorKind>) {
        self.faults.lock().always(Operation::Set.into(), Fault::Tear(damage, error));
    }

    /// Makes the `nth` set from now on, counted from 1, store damaged bytes, and then fail with `error` or claim
    /// success.
    pub fn tear_nth(&self, nth: usize, damage: Damage, error: Option<ErrorKind>) {
        self.faults.lock().nth(Operation::Set.into(), nth, Fault::Tear(damage, error));
    }

    /// Ends all faults, those by seed too. Damaged bytes stay damaged.
    pub fn heal(&self) {
        *self.faults.lock() = Faults::default();
    }

    /// How many calls were struck since the start or the last [`heal`](Self::heal); delays do not count.
    #[must_use]
    pub fn injected_count(&self) -> usize {
        self.faults.lock().injected_count()
    }
}

impl<S: Store> Faulty<S> {
    /// Damages a value where it lies. A missing value stays missing.
    ///
    /// # Errors
    /// As the wrapped store's get and set.
    pub async fn damage(&self, key: &Key, damage: Damage) -> Result<()> {
        if let Some(bytes) = self.store.get_bytes(key).await? {
            self.store.set(key, damage.apply(&bytes).into(), SetMode::Overwrite).await?;
        }
        Ok(())
    }
}

impl<S: ReadStore> Faulty<S> {
    fn error(&self, kind: ErrorKind, operation: Operation, key: &(impl fmt::Display + ?Sized)) -> Error {
        Error::new(kind, operation).with_store(self).with_key(key).with_detail(detail(kind))
    }

    /// Lets a call begin: waits or fails as it must, and answers what is left to do to it.
    async fn begin(&self, operation: Operation, key: &(impl fmt::Display + Sync + ?Sized)) -> Result<Option<Fault>> {
        let (delay, fault) = {
            let mut faults = self.faults.lock();
            (faults.delay_of(operation), faults.strike(operation))
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        match fault {
            Some(Fault::Fail(kind)) => Err(self.error(kind, operation, key)),
            Some(Fault::Hang) => future::pending().await,
            other => Ok(other),
        }
    }

    /// Ends a call that was done.
    fn end<T>(&self, fault: Option<Fault>, operation: Operation, key: &impl fmt::Display, done: T) -> Result<T> {
        match fault {
            Some(Fault::FailAfter(kind) | Fault::Tear(_, Some(kind))) => Err(self.error(kind, operation, key)),
            _ => Ok(done),
        }
    }
}

fn misread(fault: Option<Fault>, bytes: Bytes) -> Bytes {
    // The number picks any byte of the answer; an answer without bytes is left alone.
    let place = |number: u64| (number % (bytes.len() as u64).max(1)) as usize;
    match fault {
        Some(Fault::Misread(Misread::Truncate(number))) => bytes.slice(..place(number)),
        // Another bit than one that is damaged where it lies, which would be mended by that.
        Some(Fault::Misread(Misread::Flip(number))) => flip_bit(&bytes, place(number), 0b0000_0001),
        _ => bytes,
    }
}

impl<S: fmt::Display> fmt::Display for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({})", self.store)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for Faulty<S> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.store.capabilities();
        capabilities.shared_memory = false;
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let fault = self.begin(Operation::Get, key).await?;
        let mut fetch = self.store.get(key, options).await?;
        if let Fetch::Object(object) = &mut fetch {
            object.bytes = misread(fault, std::mem::take(&mut object.bytes));
        }
        self.end(fault, Operation::Get, key, fetch)
    }

    fn get_now(&self, _key: &Key, _options: &GetOptions) -> Option<Fetch> {
        None
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let fault = self.begin(Operation::GetRanges, key).await?;
        let mut found = self.store.get_ranges(key, ranges).await?;
        if let Some(part) = found.as_mut().and_then(|found| found.parts.last_mut()) {
            part.bytes = misread(fault, std::mem::take(&mut part.bytes));
        }
        self.end(fault, Operation::GetRanges, key, found)
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        let fault = self.begin(Operation::Head, key).await?;
        let meta = self.store.head(key).await?;
        self.end(fault, Operation::Head, key, meta)
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let (delay, fault) = {
            let mut faults = self.faults.lock();
            (faults.delay_of(Operation::List), faults.strike(Operation::List))
        };
        let error = |kind| self.error(kind, Operation::List, prefix);
        let listing = match fault {
            Some(Fault::Fail(kind)) => stream::iter([Err(error(kind))]).boxed(),
            Some(Fault::Hang) => stream::pending().boxed(),
            Some(Fault::FailAfter(kind)) => self.store.list(prefix).chain(stream::iter([Err(error(kind))])).boxed(),
            _ => self.store.list(prefix),
        };
        let Some(delay) = delay else { return listing };
        let delayed = async move {
            tokio::time::sleep(delay).await;
            listing
        };
        stream::once(delayed).flatten().boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        let fault = self.begin(Operation::List, prefix).await?;
        let listing = self.store.list_dir(prefix).await?;
        self.end(fault, Operation::List, prefix, listing)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store> Store for Faulty<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let fault = self.begin(Operation::Set, key).await?;
        let value = match fault {
            Some(Fault::Tear(damage, _)) => damage.apply(&value.into_bytes()).into(),
            _ => value,
        };
        let version = self.store.set(key, value, mode).await?;
        self.end(fault, Operation::Set, key, version)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let fault = self.begin(Operation::Delete, key).await?;
        self.store.delete(key).await?;
        self.end(fault, Operation::Delete, key, ())
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let fault = self.begin(Operation::DeletePrefix, prefix).await?;
        self.store.delete_prefix(prefix).await?;
        self.end(fault, Operation::DeletePrefix, prefix, ())
    }

    /// Fails as a deletion below the prefix does.
    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        let fault = self.begin(Operation::DeletePrefix, prefix).await?;
        self.store.sweep(prefix).await?;
        self.end(fault, Operation::DeletePrefix, prefix, ())
    }

    fn shared_directory(&self) -> Option<&Path> {
        self.store.shared_directory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_damaged_is_not_mended_by_being_misread() {
        let sound = Bytes::from_static(b"a value");
        let damaged = Damage::FlippedBit.apply(&sound);
        for number in 0..sound.len() as u64 {
            assert_ne!(misread(Some(Fault::Misread(Misread::Flip(number))), damaged.clone()), sound);
        }
    }
}
