//! Provision: how a warm-up comes by one value.
//!
//! It keeps books of what its values weigh, those that are resident, under way and landed: what would not fit beside
//! them is not transferred. The ledger has the last word when the value lands, in room made by `sparing`.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use zstore_core::{Error, Key, Meta, ReadStore, Result, Store};

use zstore_format::{Content, Header, marker::MARKERS_BYTES};

use crate::{
    fetched::Fetched,
    flights::{Ask, BoardingOne, Departure, Ticket},
    inner::Inner,
    landing::Landed,
    name::BlobId,
    read::{ATTEMPTS_MAX, Request},
    sharing::Sought,
    warm::Sparing,
    warm::report::Warmth,
};

/// What one permit stands for, so that the bound fits its counter on any machine.
const PERMIT_BYTES: u64 = 1024;
/// A tier that has failed so many values in a row will fail the next ones too: they are not transferred in vain.
const FAULTS_MAX: usize = 8;

/// A value to be warmed.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    /// What the source's listing says of it.
    pub(crate) meta: Option<Meta>,
    /// What was resident of it when it was last looked for weighs so many bytes.
    weighed: AtomicU64,
}

impl Wanted {
    pub(crate) const fn new(key: Key, meta: Option<Meta>) -> Self {
        Self { key, meta, weighed: AtomicU64::new(0) }
    }
}

/// What all values of one warm-up share.
#[derive(Debug)]
pub(crate) struct Provision<S: ?Sized, T: ?Sized> {
    inner: Arc<Inner<S, T>>,
    sparing: Arc<Sparing>,
    /// What the tier may hold of blobs.
    room_bytes: u64,
    /// What those wanted weigh that are resident or under way.
    kept_bytes: Mutex<u64>,
    permits: Semaphore,
    permits_max: u32,
    /// What a value of unknown size is taken for: the largest that came so far, and its share of the bound at least.
    unknown_bytes: AtomicU64,
    /// A value turned out not to fit once it was there: of the others the size is asked first.
    sizes_first: AtomicBool,
    /// Values in a row that the tier failed to keep.
    faults: AtomicUsize,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Provision<S, T> {
    pub(crate) fn new(
        inner: Arc<Inner<S, T>>,
        spared: Arc<HashSet<Key>>,
        wanted: &mut [Wanted],
        concurrency: usize,
        in_flight_bytes_max: u64,
    ) -> Self {
        let mut kept_bytes = 0;
        for wanted in wanted {
            let weight = inner.catalog.lock().weight_of(&wanted.key);
            wanted.weighed = AtomicU64::new(weight);
            kept_bytes += weight;
        }
        let overhead = if inner.holds_memory { 0 } else { MARKERS_BYTES };
        let most = (Semaphore::MAX_PERMITS as u64).min(u64::from(u32::MAX));
        let permits_max = u32::try_from((in_flight_bytes_max / PERMIT_BYTES).clamp(1, most)).unwrap_or(u32::MAX);
        Self {
            room_bytes: inner.settings.size_max.map_or(u64::MAX, |max| max.saturating_sub(overhead)),
            kept_bytes: Mutex::new(kept_bytes),
            permits: Semaphore::new(permits_max as usize),
            permits_max,
            // Whole permits, rounded down: as many shares as there may be values under way must fit.
            unknown_bytes: AtomicU64::new(u64::from(permits_max) / concurrency as u64 * PERMIT_BYTES),
            sizes_first: AtomicBool::new(false),
            faults: AtomicUsize::new(0),
            sparing: Arc::new(Sparing::new(spared)),
            inner,
        }
    }

    /// Sees to it that the value is resident and fresh.
    pub(crate) async fn provide(&self, wanted: &Wanted) -> Warmth {
        let size = wanted.meta.as_ref().map(|meta| meta.size);
        for _ in 0..ATTEMPTS_MAX {
            match self.try_provide(wanted).await {
                Ok(Some(warmth)) => return warmth,
                Ok(None) => {}
                Err(error) => {
                    let error = if error.key().is_some() { error } else { self.inner.blame(error, &wanted.key) };
                    return Warmth::Failed(error, size);
                }
            }
        }
        Warmth::Unkept(size)
    }

    /// None if a copy was found meanwhile that is past its age: it is there to be renewed.
    async fn try_provide(&self, wanted: &Wanted) -> Result<Option<Warmth>> {
        let (inner, now) = (&self.inner, self.inner.watch.moment());
        inner.confirm(&wanted.key);
        let mut meta = wanted.meta.clone();
        let mut request = (Ask::Whole, Request::Whole);
        if let Some(entry) = inner.find(&BlobId::whole(wanted.key.clone()), now) {
            let Some(own) = entry.content.meta() else { return Ok(Some(Warmth::Missing)) };
            if inner.is_current(&entry, now) {
                return Ok(Some(Warmth::Resident(own.size)));
            }
            if self.is_closed() {
                return Ok(Some(Warmth::Unkept(Some(own.size))));
            }
            request = inner.question(&entry, true);
            if request.0 == Ask::Head {
                request = (Ask::Whole, Request::Whole);
                match self.head(&wanted.key).await? {
                    None => return Ok(Some(Warmth::Missing)),
                    // It was renewed by the answer.
                    Some(found) if own.version.matches(&found.version) => return Ok(Some(Warmth::Renewed(own.size))),
                    found => meta = found,
                }
            } else {
                meta = meta.or_else(|| Some(own.clone()));
            }
        }
        if let Some(size) = self.size_in_blocks(&wanted.key) {
            return Ok(Some(Warmth::Resident(size)));
        }
        if self.is_closed() {
            // What is there is read all the same.
            inner.acquaint(&wanted.key, Sought::Whole).await;
            let size = self.fresh(&wanted.key).or_else(|| self.size_in_blocks(&wanted.key));
            return Ok(Some(size.map_or_else(|| Warmth::Unkept(meta.map(|meta| meta.size)), Warmth::Resident)));
        }
        if meta.is_none() && self.is_full() {
            return Ok(Some(Warmth::Unfit(None)));
        }
        if meta.is_none() && self.sizes_first.load(Ordering::Relaxed) {
            let Some(found) = self.head(&wanted.key).await? else { return Ok(Some(Warmth::Missing)) };
            meta = Some(found);
        }
        self.transfer(wanted, meta.as_ref(), request).await
    }

    /// Fetches the value, if it fits beside the others as far as that can be told, and waits until it has landed. None
    /// as of [`try_provide`](Self::try_provide).
    async fn transfer(
        &self,
        wanted: &Wanted,
        meta: Option<&Meta>,
        (ask, request): (Ask, Request),
    ) -> Result<Option<Warmth>> {
        let size = meta.map(|meta| meta.size);
        let Some(_booking) = self.book(wanted, meta) else { return Ok(Some(Warmth::Unfit(size))) };
        let permits = size.unwrap_or_else(|| self.unknown_bytes.load(Ordering::Relaxed)).div_ceil(PERMIT_BYTES);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX).clamp(1, self.permits_max);
        // It is never closed.
        let _permit = self.permits.acquire_many(permits).await;
        let ticket = match self.board(&wanted.key, ask, request) {
            Boarded::Landed(size) => return Ok(Some(Warmth::Resident(size))),
            Boarded::Waits(ticket) => ticket,
        };
        let fetched = ticket.answer().await?;
        let meta = match &*fetched {
            Fetched::Missing => return Ok(Some(Warmth::Missing)),
            Fetched::Here => return Ok(self.fresh(&wanted.key).map(Warmth::Resident)),
            // Unless it was dropped while the source was asked.
            Fetched::Unchanged(_) if self.fresh(&wanted.key).is_none() => return Ok(Some(Warmth::Unkept(size))),
            Fetched::Unchanged(_) => return Ok(Some(Warmth::Renewed(size.unwrap_or(0)))),
            Fetched::Value { meta, .. } => meta,
        };
        self.unknown_bytes.fetch_max(meta.size, Ordering::Relaxed);
        Ok(Some(match ticket.landed().await {
            Landed::Resident => {
                self.faults.store(0, Ordering::Relaxed);
                Warmth::Fetched(meta.size)
            }
            Landed::NoRoom => {
                self.sizes_first.store(true, Ordering::Relaxed);
                Warmth::Unfit(Some(meta.size))
            }
            Landed::NotAdmitted => Warmth::Refused(meta.size),
            // Whoever wrote the value meanwhile may have left it there.
            Landed::Outdated if let Some(size) = self.fresh(&wanted.key) => Warmth::Resident(size),
            Landed::TierFault => {
                self.faults.fetch_add(1, Ordering::Relaxed);
                Warmth::Unkept(Some(meta.size))
            }
            Landed::Outdated => Warmth::Unkept(Some(meta.size)),
        }))
    }

    fn board(&self, key: &Key, ask: Ask, request: Request) -> Boarded {
        let (inner, now) = (&self.inner, self.inner.watch.moment());
        let start = |mut departure: Departure| {
            departure.sparing = Some(Arc::clone(&self.sparing));
            inner.fetch(key.clone(), request, departure)
        };
        let find = || self.fresh(key);
        match inner.flights.board_one(key, ask, inner.asking(key, now), find, start) {
            BoardingOne::Landed(size) => Boarded::Landed(size),
            BoardingOne::Own(ticket) | BoardingOne::Joined(ticket) => Boarded::Waits(ticket),
        }
    }

    /// The size of the value, if it is resident and fresh.
    fn fresh(&self, key: &Key) -> Option<u64> {
        let now = self.inner.watch.moment();
        let entry = self.inner.find(&BlobId::whole(key.clone()), now)?;
        let size = entry.content.meta()?.size;
        self.inner.is_current(&entry, now).then_some(size)
    }

    /// The same, if all of its blocks are.
    fn size_in_blocks(&self, key: &Key) -> Option<u64> {
        let (inner, now) = (&self.inner, self.inner.watch.moment());
        let known = inner.known(key, now)?;
        let meta = known.content.meta().filter(|_| matches!(known.content, Content::Block(..)))?;
        let blocks = inner.look_up(meta, (0..meta.size.div_ceil(inner.settings.block_bytes)).collect(), now);
        let current = blocks.resident.iter().all(|(_, entry)| inner.is_current(entry, now));
        (blocks.missing.is_empty() && current).then_some(meta.size)
    }

    /// What the source knows of the value.
    async fn head(&self, key: &Key) -> Result<Option<Meta>, Error> {
        match self.board(key, Ask::Head, Request::Head) {
            Boarded::Landed(_) => Ok(self.inner.find_head(key).await?.0),
            Boarded::Waits(ticket) => match &*ticket.answer().await? {
                Fetched::Here => Ok(self.inner.find_head(key).await?.0),
                fetched => Ok(fetched.meta().cloned()),
            },
        }
    }

    /// Whether what is transferred would not stay.
    fn is_closed(&self) -> bool {
        let inner = &self.inner;
        inner.tier.is_down() || !inner.opening.is_open() || self.faults.load(Ordering::Relaxed) >= FAULTS_MAX
    }

    fn is_full(&self) -> bool {
        *self.kept_bytes.lock() >= self.room_bytes
    }

    /// Books room for a value in place of what was resident of it; none if there is not enough.
    fn book<'a>(&'a self, wanted: &'a Wanted, meta: Option<&Meta>) -> Option<Booking<'a, S, T>> {
        let mut kept_bytes = self.kept_bytes.lock();
        let weighed = wanted.weighed.load(Ordering::Relaxed);
        let bytes = match meta {
            None => weighed,
            Some(meta) if self.inner.holds_memory && meta.size > 0 => meta.size,
            Some(meta) => Header::whole_blob_bytes(meta, self.inner.namespace.name()),
        };
        let rest = *kept_bytes - weighed;
        if bytes > self.room_bytes.saturating_sub(rest) {
            return None;
        }
        *kept_bytes = rest + bytes;
        Some(Booking { provision: self, wanted, bytes })
    }
}

/// How a warm-up came to the flight of a value.
enum Boarded {
    /// It landed meanwhile, and is of this size.
    Landed(u64),
    Waits(Ticket),
}

/// Room booked for a value under way; when it is dropped, what became of it is booked instead.
struct Booking<'a, S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> {
    provision: &'a Provision<S, T>,
    wanted: &'a Wanted,
    bytes: u64,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Drop for Booking<'_, S, T> {
    fn drop(&mut self) {
        let weight = self.provision.inner.catalog.lock().weight_of(&self.wanted.key);
        let mut kept_bytes = self.provision.kept_bytes.lock();
        *kept_bytes = *kept_bytes - self.bytes + weight;
        // It may be booked once more.
        self.wanted.weighed.store(weight, Ordering::Relaxed);
    }
}
