//! A source far away: each request takes a while to be answered, and all answers share one line.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until};
use zstore_core::{
    BoxStream, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Prefix, ReadStore,
    Result,
};
use zstore_memory::MemoryStore;

/// Timers of tokio tick in milliseconds, so a microsecond of the model is one of those: on a paused clock that costs
/// nothing.
const SCALE: u32 = 1000;
/// Answers that are under way take turns of this many bytes.
const TURN_BYTES: u64 = 32 << 10;

/// Counts what is asked of a store in memory, and takes as long as a distant one. `get_ranges` is left as the
/// contract has it, one request for each range: that is what `zstore-remote` makes of ranges that are not close to
/// each other.
#[derive(Debug)]
pub(crate) struct Distant {
    pub(crate) store: MemoryStore,
    latency: Duration,
    bytes_per_second: u64,
    /// When the line is free again.
    free: Mutex<Option<Instant>>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What a reading cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

impl Distant {
    pub(crate) fn new(store: MemoryStore, latency: Duration, bytes_per_second: u64) -> Self {
        let (requests, bytes) = Default::default();
        Self { store, latency, bytes_per_second, free: Mutex::default(), requests, bytes }
    }

    /// What it costs to do something, in the time of the model.
    pub(crate) async fn cost_of(&self, what: impl Future<Output = Result<()>>) -> Result<Cost> {
        self.requests.store(0, Relaxed);
        self.bytes.store(0, Relaxed);
        let begun = Instant::now();
        what.await?;
        let time = begun.elapsed() / SCALE;
        Ok(Cost { requests: self.requests.load(Relaxed), bytes: self.bytes.load(Relaxed), time })
    }

    async fn transfer(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        let mut left = bytes;
        while left > 0 {
            let turn = left.min(TURN_BYTES);
            left -= turn;
            let until = {
                let mut free = self.free.lock();
                let now = Instant::now();
                let micros = turn * 1_000_000 / self.bytes_per_second;
                let until = free.map_or(now, |free| free.max(now)) + Duration::from_micros(micros) * SCALE;
                *free = Some(until);
                until
            };
            sleep_until(until).await;
        }
    }
}

impl fmt::Display for Distant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distant({})", self.store)
    }
}

#[async_trait]
impl ReadStore for Distant {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.requests.fetch_add(1, Relaxed);
        sleep(self.latency * SCALE).await;
        let fetch = self.store.get(key, options).await?;
        if let Fetch::Object(object) = &fetch {
            self.transfer(object.bytes.len() as u64).await;
        }
        Ok(fetch)
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.requests.fetch_add(1, Relaxed);
        sleep(self.latency * SCALE).await;
        self.store.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.store.list(prefix)
    }

    async fn list_dir(&self, _: &Prefix) -> Result<DirListing> {
        Err(Error::new(ErrorKind::Unsupported, Operation::List).with_store(self))
    }
}
