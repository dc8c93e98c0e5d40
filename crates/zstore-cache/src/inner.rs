//! What all clones of a cache share.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use zstore_core::{Error, Key, ReadStore, Result, Timestamp};
use zstore_directory::Fence;
use zstore_format::{Content, Namespace};

use crate::{
    below::Below,
    builder::WriteMode,
    catalog::{Catalog, Entry},
    flights::Flights,
    freshness::{Freshness, Standing},
    gates::Gates,
    inspection::counters::Tallies,
    landings::Landings,
    name::{BlobId, Home},
    opening::Opening,
    ranges::runs::Nearness,
    sharing::Sharing,
    tier::Tier,
    watch::{Moment, Watch},
};

/// What was settled when the cache was built.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) size_max: Option<u64>,
    pub(crate) freshness: Freshness,
    pub(crate) write_mode: WriteMode,
    /// What fills leave free of the disk.
    pub(crate) floor_percent: u8,
    pub(crate) block_bytes: u64,
    pub(crate) nearness: Nearness,
    /// A value of up to so many bytes is fetched whole when a second part of it is missing.
    pub(crate) whole_bytes_max: u64,
}

#[derive(Debug)]
pub(crate) struct Inner<S: ?Sized, T: ?Sized> {
    pub(crate) settings: Settings,
    pub(crate) watch: Watch,
    pub(crate) namespace: Namespace,
    /// Guards what is resident. It is held for bookkeeping only, and taken after the flights' lock where both are
    /// needed.
    pub(crate) catalog: Arc<Mutex<Catalog>>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) gates: Arc<Gates>,
    pub(crate) landings: Landings,
    pub(crate) opening: Opening,
    /// Room in the tier was given back or taken into use: whoever waits for some may look again.
    pub(crate) room_moved: Notify,
    /// Milliseconds since the Unix epoch before which no removal is tried again.
    pub(crate) retry_removals_at: AtomicU64,
    pub(crate) tallies: Arc<Tallies>,
    pub(crate) stamps: Stamps,
    /// What is settled with others, if the tier is one that caches share, once it is open.
    pub(crate) sharing: OnceLock<Arc<Sharing>>,
    /// What tells of writes by others as long as a tier cannot be joined that is shared: it is read and not written.
    pub(crate) lookout: OnceLock<Fence>,
    /// Whether values stay in memory that the tier shares, so that they need neither headers nor checksums.
    pub(crate) holds_memory: bool,
    pub(crate) tier: Tier<T>,
    /// The source again, if this cache was made to lie over another.
    pub(crate) below: Option<Arc<dyn Below>>,
    pub(crate) source: Arc<S>,
}

impl<S: ReadStore + ?Sized, T: ?Sized> Inner<S, T> {
    /// Whether this may be served at `now`.
    pub(crate) fn standing(&self, entry: &Entry, now: Moment) -> Standing {
        let Some(age_max) = self.settings.freshness.age_max(&entry.content) else { return Standing::Fresh };
        match now.since(entry.validated.get()) {
            None => Standing::Stale(Duration::MAX),
            Some(age) if age < age_max => Standing::Fresh,
            Some(age) => Standing::Stale(age - age_max),
        }
    }

    /// From when on something that was validated then is of no use; never if none.
    pub(crate) fn useful_until(&self, content: &Content, validated: Timestamp) -> Option<Timestamp> {
        self.settings.freshness.useful_age_max(content).map(|age| validated.saturating_add(age))
    }

    /// Where a blob lies in the tier.
    pub(crate) fn blob_key(&self, id: &BlobId) -> Result<Key> {
        let space = if id.home == Home::OWN { self.namespace.space() } else { self.catalog.lock().space(id.home) };
        space.blob_key(&id.key, id.part())
    }

    /// An error of the cache itself, about `key`.
    pub(crate) fn blame(&self, error: Error, key: &Key) -> Error {
        error.with_store(&self.source).with_key(key)
    }
}

/// Stamps that no blob ever written bears twice, in this process or another, but by a chance of one in 2^64.
#[derive(Debug)]
pub(crate) struct Stamps(AtomicU64);

impl Stamps {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(now)))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
