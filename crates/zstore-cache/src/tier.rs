//! The tier, guarded: nothing that goes wrong in it may fail or hold up a caller whom the source can serve.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures::{FutureExt, StreamExt, poll};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
};
use zstore_core::{
    BoxStream, ByteRange, Clock, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Payload, Prefix, Ranges,
    Result, SetMode, Store,
};

use crate::inspection::counters::{Count, Tallies};

/// How long a tier that gave no answer is left alone. A hung file server stays hung for minutes; one trial every half
/// minute costs one caller in thousands its time-out.
const REST: Duration = Duration::from_secs(30);

/// After so many faults in a row an unreachable tier is left alone.
const STREAK_MAX: u32 = 3;

/// Calls to the tier for one purpose that are under way at once: enough to keep a disk or a server busy, few enough
/// to leave file descriptors to others.
pub(crate) const CONCURRENT_MAX: usize = 16;

/// Bytes for which a call may take a second longer. A tier that moves less is no faster than most sources.
const BYTES_PER_SECOND_MIN: u64 = 8 << 20;

/// A walk over all there is that has not ended by then hangs.
const SWEEP_PATIENCE: Duration = Duration::from_secs(600);

/// A tier store with a time-out on every operation, a count of its faults, and a rest after it hung.
#[derive(Debug)]
pub(crate) struct Tier<T: ?Sized> {
    timeout: Duration,
    clock: Arc<dyn Clock>,
    tallies: Arc<Tallies>,
    /// Faults since the last success.
    streak: AtomicU32,
    /// Milliseconds since the Unix epoch until which the tier is left alone.
    down_until: AtomicU64,
    /// A bit for each kind of fault that was logged.
    logged: AtomicU32,
    /// Sets under way.
    sets: Semaphore,
    pub(crate) store: Arc<T>,
}

/// Leave to set something.
#[derive(Debug)]
pub(crate) struct Turn<'t>(#[expect(dead_code, reason = "held, not looked at")] Option<SemaphorePermit<'t>>);

impl<T: Store + ?Sized> Tier<T> {
    pub(crate) const fn new(store: Arc<T>, timeout: Duration, clock: Arc<dyn Clock>, tallies: Arc<Tallies>) -> Self {
        Self {
            timeout,
            clock,
            tallies,
            streak: AtomicU32::new(0),
            down_until: AtomicU64::new(0),
            logged: AtomicU32::new(0),
            sets: Semaphore::const_new(CONCURRENT_MAX),
            store,
        }
    }

    /// How long one operation on it may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the tier is left alone at present.
    pub(crate) fn is_down(&self) -> bool {
        // The clock is asked only when there was a fault.
        let until = self.down_until.load(Ordering::Relaxed);
        until != 0 && self.clock.now().as_millis() < until
    }

    pub(crate) async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let bytes = options.range.as_ref().map_or(0, span);
        self.guard(Operation::Get, bytes, self.store.get(key, options)).await
    }

    pub(crate) async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let bytes = ranges.iter().map(span).fold(0, u64::saturating_add);
        self.guard(Operation::GetRanges, bytes, self.store.get_ranges(key, ranges)).await
    }

    pub(crate) async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.guard(Operation::Head, 0, self.store.head(key)).await
    }

    /// A turn to set something. The time of the set begins when its turn has come: those that wait for others do not
    /// hang.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // It is never closed.
        Turn(self.sets.acquire().await.ok())
    }

    pub(crate) async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<()> {
        let turn = self.turn().await;
        self.set_in_turn(turn, key, value, mode).await
    }

    pub(crate) async fn set_in_turn(&self, _turn: Turn<'_>, key: &Key, value: Payload, mode: SetMode) -> Result<()> {
        let bytes = value.size();
        self.guard(Operation::Set, bytes, self.store.set(key, value, mode)).await.map(drop)
    }

    /// Deletes, even while the tier is left alone: what is not deleted before its source is written may be served
    /// after a restart.
    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        self.watch(Operation::Delete, 0, self.store.delete(key)).await
    }

    /// The next of a listing of what is to be deleted, even while the tier is left alone.
    pub(crate) async fn next_to_delete(&self, listing: &mut BoxStream<'static, Result<Meta>>) -> Option<Result<Meta>> {
        self.watch(Operation::List, 0, listing.next().map(Option::transpose)).await.transpose()
    }

    /// The next of a listing.
    pub(crate) async fn next(&self, listing: &mut BoxStream<'static, Result<Meta>>) -> Option<Result<Meta>> {
        self.guard(Operation::List, 0, listing.next().map(Option::transpose)).await.transpose()
    }

    pub(crate) async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.guard(Operation::DeletePrefix, 0, self.store.delete_prefix(prefix)).await
    }

    pub(crate) async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        self.guard(Operation::DeletePrefix, 0, self.store.sweep(prefix)).await
    }

    /// Removes everything that was left unfinished. That is a walk over all there is: of a million directories on a
    /// slow disk it takes minutes.
    pub(crate) async fn sweep_all(&self) -> Result<()> {
        let swept = within(SWEEP_PATIENCE, self.store.sweep(&Prefix::root())).await;
        swept.unwrap_or_else(|| Err(self.silent(Operation::DeletePrefix))).inspect_err(|error| self.fault(error))
    }

    /// Whether there is nothing at all in the tier.
    pub(crate) async fn is_empty(&self) -> Result<bool> {
        self.is_empty_below(&Prefix::root()).await
    }

    /// Whether there is nothing below a prefix.
    pub(crate) async fn is_empty_below(&self, prefix: &Prefix) -> Result<bool> {
        let listing = self.guard(Operation::List, 0, self.store.list_dir(prefix)).await?;
        Ok(listing.values.is_empty() && listing.prefixes.is_empty())
    }

    /// Runs one operation, unless the tier is left alone. A fault in it is counted, and logged once for each kind.
    async fn guard<V>(&self, operation: Operation, bytes: u64, call: impl Future<Output = Result<V>>) -> Result<V> {
        let until = self.down_until.load(Ordering::Relaxed);
        if until != 0 {
            let now = self.clock.now();
            let rests = now.as_millis() < until;
            // One caller tries whether the tier is back; the others wait for its word.
            let next = now.saturating_add(REST).as_millis();
            if rests || self.down_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                return Err(self.silent(operation));
            }
        }
        let result = self.watch(operation, bytes, call).await;
        if until != 0 && !result.as_ref().is_err_and(Error::is_retryable) {
            self.down_until.store(0, Ordering::Relaxed);
        }
        result
    }

    /// Waits for what depends on the tier, as long as one operation on it may take; `None` if that was not enough.
    pub(crate) async fn bear_with<V>(&self, work: impl Future<Output = V>) -> Option<V> {
        within(self.timeout, work).await
    }

    async fn watch<V>(&self, operation: Operation, bytes: u64, call: impl Future<Output = Result<V>>) -> Result<V> {
        let timeout = self.timeout.saturating_add(Duration::from_secs(bytes / BYTES_PER_SECOND_MIN));
        let result = within(timeout, call).await.unwrap_or_else(|| Err(self.silent(operation)));
        match &result {
            Ok(_) => self.streak.store(0, Ordering::Relaxed),
            // What was cut is shorter than it was: damage, which is for the caller to see.
            Err(error) if error.kind() == ErrorKind::InvalidRange => {}
            Err(error) => self.fault(error),
        }
        result
    }

    pub(crate) fn fault(&self, error: &Error) {
        self.tallies.add_everywhere(Count::TierFaults, 1);
        let streak = self.streak.fetch_add(1, Ordering::Relaxed) + 1;
        // One call that cannot be answered may be bad luck (no file descriptor left); one that takes for ever is not.
        if error.kind() == ErrorKind::TimedOut || error.kind() == ErrorKind::Unavailable && streak >= STREAK_MAX {
            let until = self.clock.now().saturating_add(REST);
            self.down_until.store(until.as_millis(), Ordering::Relaxed);
        }
        let bit = 1 << (error.kind() as u32 % 32);
        if self.logged.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            tracing::warn!(%error, "the cache's tier failed; reads and writes go to the source (further faults of this kind are only counted)");
        }
    }

    fn silent(&self, operation: Operation) -> Error {
        Error::new(ErrorKind::TimedOut, operation)
            .with_store(&self.store)
            .with_detail(format!("the cache's tier gave no answer within {:?}", self.timeout))
    }
}

/// How many bytes a range asks for, as far as that is told.
fn span(range: &ByteRange) -> u64 {
    match range {
        ByteRange::Bounded(range) => range.end.saturating_sub(range.start),
        ByteRange::Suffix(bytes) => *bytes,
        ByteRange::From(_) => 0,
    }
}

/// The answer, or `None` if it did not come in time. What is answered at once needs no timer. Without a runtime there
/// is none, and nothing that could hang on one.
async fn within<V>(timeout: Duration, call: impl Future<Output = V>) -> Option<V> {
    let mut call = pin!(call);
    if let Poll::Ready(answer) = poll!(call.as_mut()) {
        return Some(answer);
    }
    if Handle::try_current().is_err() {
        return Some(call.await);
    }
    tokio::time::timeout(timeout, call).await.ok()
}
