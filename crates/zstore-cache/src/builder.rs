//! Building a cache: every setting is checked here, and never later.

use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use zstore_core::{Clock, Error, ErrorKind, Operation, ReadStore, Result, Store, SystemClock};
use zstore_format::{Namespace, marker::MARKERS_BYTES};
use zstore_policy::{Lru, Policy};

use crate::{
    CacheStore, RangeStrategy,
    below::Below,
    catalog::Catalog,
    flights::Flights,
    freshness::Freshness,
    gates::Gates,
    inner::{Inner, Settings, Stamps},
    inspection::counters::Tallies,
    landings::Landings,
    opening::Opening,
    ranges::runs::Nearness,
    ranges::strategy::{CALL_BYTES_MAX, GAP_BYTES},
    tier::Tier,
    watch::Watch,
};

/// A disk answers in milliseconds and a server in the same building in less; what has not answered by then hangs.
const TIER_TIMEOUT: Duration = Duration::from_secs(5);

/// A disk that is full to the last byte fails everybody else on it, and file systems grow slow before that.
const FLOOR_PERCENT: u8 = 5;

/// Whether values written through the cache are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteMode {
    /// They are written to the source and kept.
    #[default]
    Through,
    /// They are written to the source only; what was kept of them is dropped.
    Around,
}

/// The settings of a cache to be. Made by [`CacheStore::builder`].
pub struct Builder<S: ?Sized, T: ?Sized> {
    source: Arc<S>,
    tier: Arc<T>,
    size_max: Option<u64>,
    freshness: Freshness,
    write_mode: WriteMode,
    range_strategy: RangeStrategy,
    range_gap_bytes_max: u64,
    tier_timeout: Duration,
    namespace: Option<String>,
    by_array: bool,
    floor_percent: u8,
    policy: Box<dyn Fn() -> Box<dyn Policy> + Send>,
    clock: Arc<dyn Clock>,
    below: Option<Arc<dyn Below>>,
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Builder<S, T> {
    pub(crate) fn new(source: Arc<S>, tier: Arc<T>) -> Self {
        Self {
            source,
            tier,
            size_max: None,
            freshness: Freshness::new(),
            write_mode: WriteMode::default(),
            range_strategy: RangeStrategy::default(),
            range_gap_bytes_max: GAP_BYTES,
            tier_timeout: TIER_TIMEOUT,
            namespace: None,
            by_array: false,
            floor_percent: FLOOR_PERCENT,
            policy: Box::new(|| Box::new(Lru::new())),
            clock: Arc::new(SystemClock::new()),
            below: None,
        }
    }

    /// Makes the cache one that lies over `below`, which is its source.
    pub(crate) fn over(self, below: Arc<dyn Below>) -> Self {
        Self { below: Some(below), ..self }
    }

    /// Bounds what the tier holds for this cache, in bytes: values, their headers, what is being written, and marker
    /// files. Unbounded by default. A value that does not fit is served and not kept. In a directory that caches share
    /// the bound is on what all of them hold, of whatever source; the books of the directory are besides it.
    #[must_use]
    pub fn max_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.size_max = bytes.into();
        self
    }

    /// Bounds the age of what is served without asking the source. Unbounded by default: right for data that never
    /// changes but through this cache.
    #[must_use]
    pub fn max_age(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.freshness.max_age = age.into();
        self
    }

    /// Keeps the answer that a value is missing, for so long. Off by default: a value that somebody else writes stays
    /// missing here until that age.
    #[must_use]
    pub fn cache_absent(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.freshness.absent_max_age = age.into();
        self
    }

    /// Sets all of what [`max_age`](Self::max_age) and [`cache_absent`](Self::cache_absent) set a part of: how old an
    /// answer may be, and what happens to what is older.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use zstore_memory::MemoryStore;
    /// use zstore_cache::{CacheStore, Freshness};
    ///
    /// # let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    /// let builder = CacheStore::builder(source, tier).freshness(Freshness::immutable());
    /// ```
    #[must_use]
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// Chooses whether written values are kept. They are by default.
    #[must_use]
    pub const fn write_mode(mut self, mode: WriteMode) -> Self {
        self.write_mode = mode;
        self
    }

    /// Chooses who leaves for space, by what makes a policy: the least recently used leave by default.
    /// [`crate::policy`] has the others and what to know before choosing one; any [`Policy`] of your own will do as
    /// well, as the example `own_policy` shows. It is told that all values cost the same to fetch.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use zstore_memory::MemoryStore;
    /// use zstore_cache::{CacheStore, policy::Lru};
    ///
    /// # let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    /// let builder = CacheStore::builder(source, tier).max_size(1 << 30).policy(Lru::new);
    /// ```
    #[must_use]
    pub fn policy<P: Policy + 'static>(mut self, policy: impl Fn() -> P + Send + 'static) -> Self {
        self.policy = Box::new(move || Box::new(policy()));
        self
    }

    /// Names whose bytes the cache holds: the source as it shows itself by default. What one cache of a name left in
    /// a tier, the next one of that name finds there; caches of other names never see each other's bytes.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = Some(name.into());
        self
    }

    /// Chooses in what units parts of values are fetched and kept: values of up to 1 MiB whole, larger ones in blocks
    /// of 64 KiB by default.
    #[must_use]
    pub const fn range_strategy(mut self, strategy: RangeStrategy) -> Self {
        self.range_strategy = strategy;
        self
    }

    /// Sets the widest gap in bytes between missing blocks that is fetched rather than skipped: 256 KiB by default.
    /// What suits a source is what it sends in the time another request takes; 0 fetches no block that is not asked
    /// for. It is also what a request is taken to cost when a whole value might be completed from its blocks.
    #[must_use]
    pub const fn range_gap(mut self, bytes: u64) -> Self {
        self.range_gap_bytes_max = bytes;
        self
    }

    /// Sets how long one operation on the tier may take before the tier is passed by: 5 s by default. What moves
    /// bytes may take a second more for each 8 MiB.
    #[must_use]
    pub const fn tier_timeout(mut self, timeout: Duration) -> Self {
        self.tier_timeout = timeout;
        self
    }

    /// Keeps so many percent of a disk free that a [directory to share](zstore_core::Store::shared_directory) lies on,
    /// besides the bound: 5 by default. What would take more is kept only in place of what is there; 0 fills the disk.
    #[must_use]
    pub const fn free_space_floor(mut self, percent: u8) -> Self {
        self.floor_percent = percent;
        self
    }

    /// Counts for each array by itself too, for [`CacheStore::array_stats`]. Off by default: it costs each read a
    /// lookup.
    #[must_use]
    pub const fn array_stats(mut self) -> Self {
        self.by_array = true;
        self
    }

    /// Takes the time from another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the settings and opens the tier: what an earlier cache of this namespace left in it is found again.
    ///
    /// A tier that fails does not fail this: it is passed by, and tried again later.
    ///
    /// # Errors
    /// `InvalidArgument` for a setting that makes no sense; `Conflict` if the tier holds what no cache of ours wrote,
    /// or is of another format.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the tier as it is, marked perhaps as a cache; building another one goes on from
    /// there.
    ///
    /// # Cost
    /// In a directory that caches share, a few calls of the system, however much it holds; what it holds is loaded
    /// behind the caller's back. Of another tier that outlives the process, one read of each resident's header.
    pub async fn build(self) -> Result<CacheStore<S, T>>
    where
        S: 'static,
        T: 'static,
    {
        self.check()?;
        let holds_memory = self.tier.capabilities().shared_memory;
        let overhead = if holds_memory { 0 } else { MARKERS_BYTES };
        let namespace = self.namespace.unwrap_or_else(|| self.source.to_string());
        let tallies = Arc::new(Tallies::new(&namespace, self.by_array));
        let block_bytes = self.range_strategy.block_bytes();
        let namespace = Namespace::new(&namespace, block_bytes)?;
        let (gap_bytes_max, call_bytes_max) = (self.range_gap_bytes_max, CALL_BYTES_MAX);
        let inner = Inner {
            settings: Settings {
                size_max: self.size_max,
                freshness: self.freshness,
                write_mode: self.write_mode,
                floor_percent: self.floor_percent,
                block_bytes,
                nearness: Nearness { block_bytes, gap_bytes_max, call_bytes_max },
                whole_bytes_max: self.range_strategy.whole_bytes_max(self.size_max),
            },
            catalog: Arc::new(Mutex::new(Catalog::new(self.size_max, overhead, namespace.space(), (self.policy)()))),
            namespace,
            flights: Arc::new(Flights::default()),
            gates: Arc::new(Gates::default()),
            landings: Landings::new(),
            opening: Opening::default(),
            room_moved: Notify::new(),
            retry_removals_at: AtomicU64::new(0),
            stamps: Stamps::new(self.clock.now()),
            holds_memory,
            tier: Tier::new(self.tier, self.tier_timeout, Arc::clone(&self.clock), Arc::clone(&tallies)),
            tallies,
            watch: Watch::new(self.clock),
            sharing: OnceLock::new(),
            lookout: OnceLock::new(),
            below: self.below,
            source: self.source,
        };
        let inner = Arc::new(inner);
        inner.open().await?;
        Ok(CacheStore::from_inner(inner))
    }

    fn check(&self) -> Result<()> {
        let refuse = |detail: String| Err(Error::new(ErrorKind::InvalidArgument, Operation::Open).with_detail(detail));
        let overhead = if self.tier.capabilities().shared_memory { 0 } else { MARKERS_BYTES };
        match self.size_max {
            Some(0) => return refuse("max_size is 0, which would keep nothing; leave the cache out instead".into()),
            Some(max) if max <= overhead => {
                return refuse(format!(
                    "max_size is {max} bytes, but the cache's own marker files take {overhead}; raise it"
                ));
            }
            _ => {}
        }
        self.range_strategy.check().or_else(refuse)?;
        let tier = self.tier.to_string();
        if self.source.to_string() == tier {
            return refuse(format!("{tier} is the source and the tier too; keep the copies somewhere else"));
        }
        if self.below.as_ref().is_some_and(|below| below.uses(&tier)) {
            return refuse(format!("{tier} is the tier of the cache below too; lay this one over it in another"));
        }
        if self.floor_percent > 100 {
            return refuse(format!("free_space_floor is {} percent of the disk; give at most 100", self.floor_percent));
        }
        if self.tier_timeout.is_zero() {
            return refuse("tier_timeout is zero, which would pass by every tier; raise it".into());
        }
        Ok(())
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> fmt::Debug for Builder<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("source", &self.source)
            .field("tier", &self.tier)
            .field("max_size", &self.size_max)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}
