//! Sharing: what this cache settles with others that use the same directory at the same time.
//!
//! - *Room.* Its share of the bound grows when it needs more, is taken over from the dead, and is taken back from who
//!   has too much (`room`).
//! - *Truth.* What is known of a value is known in a state; a write through any cache makes it another one. Nothing
//!   that was fetched in one state lands in another, nobody joins such a fetch, and what is resident is looked for
//!   again before it is served.
//! - *Index.* `books` are the journal of what it holds, `loading` takes over what earlier ones held, and `audit` counts
//!   what is there when journals cannot be believed.
//! - *Others' blobs.* `acquaintance` finds by name what is not in the catalog.

mod acquaintance;
mod audit;
mod bars;
pub(crate) mod books;
mod loading;
mod replay;
mod room;
mod write;

pub(crate) use acquaintance::Sought;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch};
use zstore_core::{Error, ErrorKind, Key, Operation, ReadStore, Store};
use zstore_directory::{FENCE, Fence, Landing, Lead, Pass, Shares};
use zstore_format::index;

use crate::{
    flights::{Asking, Passage},
    inner::Inner,
    sharing::{
        bars::Bars,
        books::SharedBooks,
        loading::{Progress, Unsettled},
    },
    watch::Moment,
};

/// Whoever fetches what others want too may be slow, but who is stopped must not keep them waiting for ever.
const LEAD_PATIENCE: Duration = Duration::from_secs(10);
/// A journal that could not be written anew is tried again after so many milliseconds: a disk may stay full for long,
/// and each walk over all residents holds up readers.
const REWRITE_PAUSE_MS: u64 = 20_000;

/// What this cache has of a directory that it shares.
#[derive(Debug)]
pub(crate) struct Sharing {
    directory: PathBuf,
    shares: Shares,
    fence: Fence,
    books: SharedBooks,
    /// Nothing lands unless what earlier ones held is in the catalog.
    progress: watch::Sender<Progress>,
    /// What is left to do of loading that failed.
    unsettled: Mutex<Option<Unsettled>>,
    /// Somebody has waited for loading as long as one operation on the tier may take: nobody else does.
    is_slow: AtomicBool,
    /// Held by whoever asks for room.
    asking: tokio::sync::Mutex<()>,
    bars: Bars,
    /// Milliseconds that the clock had been running when more room is worth asking for again.
    ask_at: AtomicU64,
    /// The same of writing the journal anew.
    rewrite_at: AtomicU64,
    /// Somebody writes down what was read.
    is_writing_touches: AtomicBool,
}

/// The turn of one who writes down what was read; dropping it ends it.
struct TouchTurn(Arc<Sharing>);

impl TouchTurn {
    fn take(sharing: &Arc<Sharing>) -> Option<Self> {
        (!sharing.is_writing_touches.swap(true, Ordering::Relaxed)).then(|| Self(Arc::clone(sharing)))
    }
}

impl Drop for TouchTurn {
    fn drop(&mut self) {
        self.0.is_writing_touches.store(false, Ordering::Relaxed);
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        // What cannot be written is found out by whoever comes next, as after a kill.
        let _ = self.books.write(self.shares.member());
    }
}

impl Sharing {
    /// Joins those who share the directory, within a bound of so many bytes.
    async fn join(
        directory: &Path,
        namespace: u64,
        bytes_max: u64,
    ) -> io::Result<(Self, Vec<zstore_directory::Orphan>)> {
        // First: whoever fails after he has joined is a dead one for others to find.
        let fence = Fence::open(&directory.join(FENCE), namespace)?;
        let (shares, orphans) = Shares::join(directory, bytes_max, index::head).await?;
        let sharing = Self {
            directory: directory.to_owned(),
            shares,
            fence,
            books: Arc::default(),
            progress: watch::Sender::new(Progress::UnderWay),
            unsettled: Mutex::default(),
            is_slow: AtomicBool::new(false),
            asking: tokio::sync::Mutex::default(),
            bars: Bars::default(),
            ask_at: AtomicU64::new(0),
            rewrite_at: AtomicU64::new(0),
            is_writing_touches: AtomicBool::new(false),
        };
        Ok((sharing, orphans))
    }

    pub(crate) fn is_loaded(&self) -> bool {
        *self.progress.borrow() == Progress::Done
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// The directory of the tier that is shared, if it is.
    pub(crate) fn shared_directory(&self) -> Option<PathBuf> {
        if self.holds_memory { None } else { self.tier.store.shared_directory().map(Path::to_owned) }
    }

    /// A directory that cannot be joined, because it is full or may not be written, can be read if others shared it.
    pub(crate) fn look_on(&self, directory: &Path) {
        if let Ok(fence) = Fence::open_to_read(&directory.join(FENCE), self.namespace.space().hash()) {
            let _ = self.lookout.set(fence);
        }
    }

    /// What tells of writes by others.
    fn watch_of_writes(&self) -> Option<&Fence> {
        self.sharing.get().map(|sharing| &sharing.fence).or_else(|| self.lookout.get())
    }

    /// In which state a value is that is to be fetched now.
    pub(crate) fn passage(&self, key: &Key) -> Passage {
        let Some(fence) = self.watch_of_writes() else { return Passage::Alone };
        match fence.begin_fetch(self.namespace.value_hash(key)) {
            Ok(Some(pass)) => Passage::Open(pass),
            Ok(None) => Passage::Closed,
            Err(error) => {
                self.tier.fault(&self.trouble(error));
                Passage::Closed
            }
        }
    }

    /// When something is asked of a value, and what flight may answer it.
    pub(crate) fn asking(&self, key: &Key, now: Moment) -> Asking {
        let (age_max, passage) = (self.settings.freshness.value_age_max(key), self.passage(key));
        Asking { now, age_max, passage }
    }

    /// Makes sure that what is in the catalog of a value is not older than what anybody wrote.
    pub(crate) fn confirm(&self, key: &Key) {
        let Some(fence) = self.watch_of_writes() else { return };
        match fence.look(self.namespace.value_hash(key)) {
            Ok(state) => self.catalog.lock().confirm(key, Some(state)),
            Err(error) => {
                self.tier.fault(&self.trouble(error));
                self.catalog.lock().confirm(key, None);
            }
        }
    }

    /// Leave to land what was fetched in that state; none if it may be older than what anybody wrote.
    pub(crate) fn begin_landing(&self, passage: Passage) -> Option<Leave<'_>> {
        match (self.sharing.get(), passage) {
            (None, Passage::Alone) => Some(Leave { _landing: None, state: None }),
            (Some(sharing), Passage::Open(pass)) => match sharing.fence.begin_landing(pass) {
                Ok(landing) => landing.map(|landing| Leave { _landing: Some(landing), state: Some(pass) }),
                Err(error) => {
                    self.tier.fault(&self.trouble(error));
                    None
                }
            },
            _ => None,
        }
    }

    /// Whether all is known that earlier ones left, so that something may land.
    pub(crate) fn is_loaded(&self) -> bool {
        self.sharing.get().is_none_or(|sharing| sharing.is_loaded())
    }

    /// The lead of a fetch, if nobody else in the directory fetches the value.
    pub(crate) fn try_lead(&self, hash: u64) -> Led {
        let Some(sharing) = self.sharing.get() else { return Led::Alone };
        match sharing.fence.try_lead(hash) {
            Ok(Some(lead)) => Led::Own(lead),
            // Who fetches here what was not to be joined does not wait for himself.
            Ok(None) if sharing.fence.is_led_here(hash) => Led::Alone,
            Ok(None) => Led::Others,
            // Then each fetches for himself.
            Err(_) => Led::Alone,
        }
    }

    /// Waits until nobody else in the directory fetches the value, for a while. Those who waited do not lead: if what
    /// they waited for did not stay, they need not wait for one another.
    pub(crate) async fn lead(&self, hash: u64) -> Led {
        if let Some(sharing) = self.sharing.get()
            && Handle::try_current().is_ok()
        {
            let turn = sharing.fence.lead(hash);
            drop(tokio::time::timeout(LEAD_PATIENCE, turn).await);
        }
        Led::Alone
    }

    /// What one leads: the fetch of a value, or of the blocks of it from this one on, in the state in which it is now.
    /// Nobody waits for what others fetch of an older one, for it does not land any more.
    pub(crate) fn lead_hash(&self, key: &Key, block: Option<u64>, passage: Passage) -> u64 {
        let value = self.namespace.value_hash(key);
        let state = if let Passage::Open(pass) = passage { pass.state() } else { 0 };
        value ^ state ^ block.map_or(0, |block| (block + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Writes down what happened, before anything is done that a kill must not make forgotten. Whether that succeeded.
    pub(crate) async fn write_books(&self) -> bool {
        let Some(sharing) = self.sharing.get() else { return true };
        let blobs = self.catalog.lock().ledger().len();
        // Before all is known, what is known is no journal. What failed is not tried for every blob: it is a walk over
        // all that is resident.
        if sharing.is_loaded()
            && (sharing.books.is_broken() || sharing.books.is_long(blobs))
            && sharing.rewrite_at.load(Ordering::Relaxed) <= self.running_ms()
            && !self.rewrite_books(sharing).await
        {
            let next = self.running_ms().saturating_add(REWRITE_PAUSE_MS);
            sharing.rewrite_at.store(next, Ordering::Relaxed);
        }
        let sharing = Arc::clone(sharing);
        self.written(move || sharing.books.write(sharing.shares.member())).await
    }

    /// Whether all is known that earlier ones left, for who can wait for it, as long as one operation on the tier may
    /// take. Loading that failed is gone on with.
    pub(crate) async fn is_ready(self: &Arc<Self>) -> bool
    where
        S: 'static,
        T: 'static,
    {
        let Some(sharing) = self.sharing.get().filter(|sharing| !sharing.is_loaded()) else { return true };
        // Twice: what is under way may end with the runtime that began it, and is to be gone on with at once.
        for _ in 0..2 {
            self.retry_loading(sharing).await;
            if sharing.is_loaded() || sharing.is_slow.load(Ordering::Relaxed) {
                break;
            }
            let mut progress = sharing.progress.subscribe();
            let ended = progress.wait_for(|progress| *progress != Progress::UnderWay);
            let is_slow = self.tier.bear_with(ended).await.is_none();
            sharing.is_slow.store(is_slow, Ordering::Relaxed);
        }
        sharing.is_loaded()
    }

    /// Milliseconds that the clock has been running.
    fn running_ms(&self) -> u64 {
        u64::try_from(self.watch.running().as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes down, behind the caller's back, what was read, if that has become much.
    pub(crate) async fn write_touches(self: &Arc<Self>)
    where
        S: 'static,
        T: 'static,
    {
        let Some(sharing) = self.sharing.get().filter(|sharing| sharing.books.is_due()) else { return };
        // One at a time: each waits for the disk in a thread of its own.
        if let Some(turn) = TouchTurn::take(sharing) {
            let inner = Arc::clone(self);
            self.landings
                .carry(async move {
                    inner.write_books().await;
                    drop(turn);
                })
                .await;
        }
    }

    /// Writes the journal anew.
    async fn rewrite_books(&self, sharing: &Arc<Sharing>) -> bool {
        let (sharing, catalog) = (Arc::clone(sharing), Arc::clone(&self.catalog));
        self.written(move || sharing.books.rewrite(sharing.shares.member(), sharing.shares.boot(), &catalog)).await
    }

    /// Does work on journals, where it may wait for the disk. Whether it succeeded.
    async fn written(&self, work: impl FnOnce() -> io::Result<()> + Send + 'static) -> bool {
        self.blocking(work).await.is_some()
    }

    /// Does work that may wait for the disk, or takes long. None if it failed.
    async fn blocking<V: Send + 'static>(&self, work: impl FnOnce() -> io::Result<V> + Send + 'static) -> Option<V> {
        let done = match Handle::try_current() {
            Ok(runtime) => runtime.spawn_blocking(work).await,
            // There is nobody else to hold up.
            Err(_) => Ok(work()),
        };
        // If there is no answer, the runtime shuts down.
        done.ok()?.map_err(|error| self.tier.fault(&self.trouble(error))).ok()
    }

    /// What went wrong with the files in which caches settle things, as a fault of the tier.
    fn trouble(&self, error: io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            io::ErrorKind::TimedOut => ErrorKind::TimedOut,
            _ => ErrorKind::Io,
        };
        Error::new(kind, Operation::Open).with_store(&self.tier.store).with_detail(error.to_string()).with_source(error)
    }
}

/// Leave to land: while it is held, nobody in the directory writes the value.
#[derive(Debug)]
pub(crate) struct Leave<'w> {
    _landing: Option<Landing<'w>>,
    /// In which the value is.
    pub(crate) state: Option<Pass>,
}

impl<'w> Leave<'w> {
    pub(crate) const fn of_write(landing: Option<Landing<'w>>, state: Option<Pass>) -> Self {
        Self { _landing: landing, state }
    }
}

/// Who leads a fetch.
#[derive(Debug)]
pub(crate) enum Led {
    /// Each fetches for himself.
    Alone,
    /// Others wait until this is dropped.
    Own(#[expect(dead_code, reason = "held, not looked at")] Lead),
    /// Somebody else does.
    Others,
}

impl Led {
    pub(crate) const fn is_others(&self) -> bool {
        matches!(self, Self::Others)
    }
}
