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
pub(crate) mod books;
mod loading;
mod room;
mod write;

pub(crate) use acquaintance::Sought;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tokio::{sync::SetOnce, task::spawn_blocking};
use zstore_core::{Error, ErrorKind, Key, Operation, ReadStore, Store};
use zstore_directory::{Fence, Landing, Lead, Pass, Shares};

use crate::{
    flights::{Asking, Passage},
    inner::Inner,
    sharing::books::{Books, SharedBooks},
    watch::Moment,
};

/// Whoever fetches what others want too may be slow, but who is stopped must not keep them waiting for ever.
const LEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What this cache has of a directory that it shares.
#[derive(Debug)]
pub(crate) struct Sharing {
    directory: PathBuf,
    shares: Shares,
    fence: Fence,
    books: SharedBooks,
    /// Set once what earlier ones held is in the catalog. Until then nothing lands.
    loaded: SetOnce<()>,
    /// Milliseconds that the clock had been running when more room is worth asking for again.
    ask_at: AtomicU64,
}

impl Drop for Sharing {
    fn drop(&mut self) {
        // What cannot be written is found out by whoever comes next, as after a kill.
        let _ = self.books.write(self.shares.member());
    }
}

impl Sharing {
    /// Joins those who share the directory, within a bound of so many bytes.
    async fn join(directory: &Path, bytes_max: u64) -> io::Result<(Self, Vec<zstore_directory::Orphan>)> {
        let (shares, orphans) = Shares::join(directory, bytes_max).await?;
        let fence = Fence::open(&directory.join("fence"))?;
        let (books, loaded, ask_at) = (Arc::new(Books::default()), SetOnce::new(), AtomicU64::new(0));
        Ok((Self { directory: directory.to_owned(), shares, fence, books, loaded, ask_at }, orphans))
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.initialized()
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// The directory of the tier that is shared, if it is.
    pub(crate) fn shared_directory(&self) -> Option<PathBuf> {
        if self.holds_memory { None } else { self.tier.store.shared_directory().map(Path::to_owned) }
    }

    /// In which state a value is that is to be fetched now.
    pub(crate) fn passage(&self, key: &Key) -> Passage {
        let Some(sharing) = self.sharing.get() else { return Passage::Alone };
        match sharing.fence.begin_fetch(self.namespace.value_hash(key)) {
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
        let Some(sharing) = self.sharing.get() else { return };
        match sharing.fence.look(self.namespace.value_hash(key)) {
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

    /// The same for who can wait for it, as long as one operation on the tier may take.
    pub(crate) async fn is_ready(&self) -> bool {
        let Some(sharing) = self.sharing.get() else { return true };
        self.tier.bear_with(sharing.loaded.wait()).await.is_some()
    }

    /// The lead of a fetch, if nobody else in the directory fetches the value.
    pub(crate) fn try_lead(&self, key: &Key) -> Led {
        let Some(sharing) = self.sharing.get() else { return Led::Alone };
        match sharing.fence.try_lead(self.namespace.value_hash(key)) {
            Ok(Some(lead)) => Led::Own(lead),
            Ok(None) => Led::Others,
            // Then each fetches for himself.
            Err(_) => Led::Alone,
        }
    }

    /// Waits until nobody else in the directory fetches the value, for a while. Those who waited do not lead: if what
    /// they waited for did not stay, they need not wait for one another.
    pub(crate) async fn lead(&self, key: &Key) -> Led {
        if let Some(sharing) = self.sharing.get() {
            let turn = sharing.fence.lead(self.namespace.value_hash(key));
            drop(tokio::time::timeout(LEAD_PATIENCE, turn).await);
        }
        Led::Alone
    }

    /// Writes down what happened, before anything is done that a kill must not make forgotten. Whether that succeeded.
    pub(crate) async fn write_books(&self) -> bool {
        let Some(sharing) = self.sharing.get() else { return true };
        let sharing = Arc::clone(sharing);
        if sharing.books.is_broken() && !self.rewrite_books(&sharing).await {
            return false;
        }
        let written = spawn_blocking(move || sharing.books.write(sharing.shares.member())).await;
        self.settled(written)
    }

    /// Writes down, behind the caller's back, what was read, if that has become much.
    pub(crate) async fn write_touches(self: &Arc<Self>)
    where
        S: 'static,
        T: 'static,
    {
        if self.sharing.get().is_some_and(|sharing| sharing.books.is_due()) {
            let inner = Arc::clone(self);
            self.landings
                .carry(async move {
                    inner.write_books().await;
                })
                .await;
        }
    }

    /// Writes the journal anew.
    async fn rewrite_books(&self, sharing: &Arc<Sharing>) -> bool {
        let (sharing, catalog) = (Arc::clone(sharing), Arc::clone(&self.catalog));
        let work = move || sharing.books.rewrite(sharing.shares.member(), sharing.shares.boot(), &catalog);
        self.settled(spawn_blocking(work).await)
    }

    /// Whether work on the journal succeeded.
    fn settled(&self, work: Result<io::Result<()>, tokio::task::JoinError>) -> bool {
        match work {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                self.tier.fault(&self.trouble(error));
                false
            }
            // The runtime shuts down.
            Err(_) => false,
        }
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
