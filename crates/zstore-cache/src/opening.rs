//! Opening a tier: making it ours, or finding again what we left in it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures::{StreamExt, stream};
use parking_lot::Mutex;
use zstore_core::{
    Error, ErrorKind, GetOptions, Key, Meta, Object, Operation, Payload, Prefix, ReadStore, Result, SetMode, Store,
    Timestamp,
};

use zstore_format::{
    Content, Damage, Header, PROBE_BYTES, Part,
    marker::{FORMAT, Marked, TAG},
};
use zstore_policy::Reason;

use crate::{
    catalog::Entry, flights::Scope, inner::Inner, inspection::counters::Count, name::BlobId, tier::CONCURRENT_MAX,
};

/// A tier that could not be opened is tried again after so many milliseconds.
const RETRY_MS: u64 = 5_000;
/// So many writes are remembered one by one; after more, nothing that the tier holds is believed.
const WRITTEN_MAX: usize = 1024;

/// Whether the tier may be used yet.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    open: AtomicBool,
    /// Whether all is in the catalog that an earlier process left.
    is_known: AtomicBool,
    retry_at: AtomicU64,
    /// Held by the one who opens.
    turn: tokio::sync::Mutex<()>,
    /// What was written while the tier was not open: what it holds of that from before is old. Taken after the
    /// catalog's lock.
    written: Mutex<Vec<Scope>>,
}

impl Opening {
    /// Whether the tier was opened.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// A write begins. It is remembered if what the tier holds is not known yet.
    pub(crate) fn note(&self, scope: &Scope) {
        if self.is_known.load(Ordering::Acquire) {
            return;
        }
        let mut written = self.written.lock();
        if self.is_known.load(Ordering::Acquire) {
            return;
        }
        if written.iter().any(|noted| noted.covers(scope)) {
            return;
        }
        if written.len() < WRITTEN_MAX {
            written.push(scope.clone());
        } else {
            *written = vec![Scope::Below(Prefix::root())];
        }
    }
}

impl Opening {
    /// Whether a value was written while it was not known what the tier holds.
    pub(crate) fn is_written(&self, key: &Key) -> bool {
        !self.is_known.load(Ordering::Acquire) && self.written.lock().iter().any(|scope| scope.holds(key))
    }

    /// What the tier holds is in the catalog, whose lock the caller holds. Answers what of it has to leave, which
    /// `leave` is told by what was written meanwhile.
    pub(crate) fn take_written<V>(&self, leave: impl FnOnce(&[Scope]) -> V) -> V {
        let mut written = self.written.lock();
        let left = leave(&written);
        written.clear();
        // Under both locks: a write that is not remembered finds what was recovered.
        self.is_known.store(true, Ordering::Release);
        left
    }
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Opens the tier for the first time. A tier that fails is tried again later, and passed by until then.
    ///
    /// # Errors
    /// Only if the tier holds what is not ours, or is of a format that we do not know.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<()> {
        let _turn = self.opening.turn.lock().await;
        self.try_open().await
    }

    /// Whether the tier may be written. Tries to open it if that is due. Not for a caller who holds a gate: what is
    /// found may have to leave through it.
    pub(crate) async fn is_open(self: &Arc<Self>) -> bool {
        if self.opening.is_open() {
            return true;
        }
        if self.watch.now().as_millis() < self.opening.retry_at.load(Ordering::Relaxed) {
            return false;
        }
        let Ok(_turn) = self.opening.turn.try_lock() else { return false };
        if let Err(error) = self.try_open().await {
            tracing::warn!(%error, "the cache's tier cannot be used; reads and writes go to the source");
        }
        self.opening.is_open()
    }

    async fn try_open(self: &Arc<Self>) -> Result<()> {
        let opened = match self.shared_directory() {
            Some(directory) => self.open_shared(&directory).await,
            None if self.holds_memory => self.open_empty().await,
            None => self.reopen().await,
        };
        match opened {
            Ok(()) => self.opening.open.store(true, Ordering::Release),
            Err(error) => {
                let retry_at = self.watch.now().as_millis().saturating_add(RETRY_MS);
                self.opening.retry_at.store(retry_at, Ordering::Relaxed);
                if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::InvalidArgument) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// A tier in memory begins empty.
    async fn open_empty(&self) -> Result<()> {
        self.tier.delete_prefix(self.namespace.prefix()).await?;
        self.opening.take_written(|_| ());
        Ok(())
    }

    async fn open_shared(self: &Arc<Self>, directory: &Path) -> Result<()> {
        if self.mark().await? == Marked::Torn {
            let _ = self.tier.set(&Key::new(FORMAT.0)?, Payload::from(FORMAT.1), SetMode::Overwrite).await;
        }
        let joined = self.join(directory).await;
        if joined.is_err() {
            self.look_on(directory);
        }
        joined
    }

    async fn reopen(&self) -> Result<()> {
        let format = self.mark().await?;
        let blobs = self.find_blobs().await?;
        // The rest only now: a tier that gives no answer to it is left alone for a while, and what it holds would not
        // be known. What fails is tried again by the next opening, and no reason to pass by what is resident.
        if format == Marked::Torn {
            let _ = self.tier.set(&Key::new(FORMAT.0)?, Payload::from(FORMAT.1), SetMode::Overwrite).await;
        }
        // What a killed process did not finish has no name, so no account of it can be kept.
        let _ = self.tier.sweep(self.namespace.prefix()).await;
        let now = self.watch.now();
        let surplus = {
            let mut catalog = self.catalog.lock();
            for Blob { id, size, entry } in blobs {
                let expires = self.useful_until(&entry.content, entry.fetched);
                catalog.recover(id, size, entry, expires);
            }
            let mut surplus = self.opening.take_written(|written| {
                catalog.leave_where(Reason::Invalidated, |key| written.iter().any(|scope| scope.holds(key)))
            });
            let trimmed = catalog.trim(now);
            self.count_leaving(&trimmed);
            surplus.extend(trimmed);
            surplus
        };
        self.remove(surplus).await;
        Ok(())
    }

    /// Makes sure that the tier is ours: marked, or empty and marked now.
    async fn mark(&self) -> Result<Marked> {
        match self.marked().await? {
            Marked::Not if self.tier.is_empty().await? => {
                // The tag first: a crash between the two leaves a tag of ours, which is told from others' by its words.
                self.tier.set(&Key::new(TAG.0)?, Payload::from(TAG.1), SetMode::Overwrite).await?;
                self.tier.set(&Key::new(FORMAT.0)?, Payload::from(FORMAT.1), SetMode::Overwrite).await?;
                return Ok(Marked::Ours);
            }
            Marked::Not => {}
            marked => return self.usable(marked),
        }
        // Another process may have marked it since.
        let marked = self.marked().await?;
        self.usable(marked)
    }

    /// What the marks say.
    async fn marked(&self) -> Result<Marked> {
        let mut marks = [None, None];
        for (mark, name) in marks.iter_mut().zip([FORMAT.0, TAG.0]) {
            *mark = self.tier.get(&Key::new(name)?, &GetOptions::default()).await?.into_object();
            if name == FORMAT.0 && Marked::read(None, bytes_of(mark)) != Marked::Not {
                break;
            }
        }
        let [format, tag] = &marks;
        Ok(Marked::read(bytes_of(tag), bytes_of(format)))
    }

    fn usable(&self, marked: Marked) -> Result<Marked> {
        match marked {
            Marked::Ours | Marked::Torn => Ok(marked),
            Marked::Other => Err(self.refusal(
                "this cache was written by another version of zstore; use that version, or delete the cache and let it fill again",
            )),
            Marked::Not => Err(self.refusal(
                "it is not empty and not a cache of zstore, so nothing in it is touched; choose an empty place for the cache",
            )),
        }
    }

    fn refusal(&self, detail: &str) -> Error {
        Error::new(ErrorKind::Conflict, Operation::Open).with_store(&self.tier.store).with_detail(detail)
    }

    /// Finds the blobs of this namespace that are sound and young enough, oldest first, and deletes the others.
    async fn find_blobs(&self) -> Result<Vec<Blob>> {
        let mut listing = self.tier.store.list(self.namespace.prefix());
        let mut metas = Vec::new();
        while let Some(meta) = self.tier.next(&mut listing).await {
            let meta = meta?;
            // Whatever else somebody put there is not damaged, but foreign.
            if self.namespace.could_name(&meta.key) {
                metas.push(meta);
            }
        }
        let reads: Vec<_> = metas.into_iter().map(|meta| self.read_blob(meta)).collect();
        let mut reads = stream::iter(reads).buffer_unordered(CONCURRENT_MAX);
        let mut blobs = Vec::new();
        while let Some(read) = reads.next().await {
            blobs.extend(read?);
        }
        blobs.sort_by_key(|blob| blob.entry.fetched);
        Ok(blobs)
    }

    /// Reads the header of a blob; `None` if the blob is of no use and was deleted.
    async fn read_blob(&self, found: Meta) -> Result<Option<Blob>> {
        let mut probe = PROBE_BYTES;
        let header = loop {
            let object = match self.tier.get(&found.key, &GetOptions::range(0..probe)).await {
                Ok(fetch) => fetch.into_object(),
                // The tier may be back soon, but what lies on a bad sector is lost, and no reason to give up the rest.
                Err(error) if error.is_retryable() => return Err(error),
                Err(_) => break Err(Damage::Bytes),
            };
            let Some(object) = object else { return Ok(None) };
            match Header::decode(&object.bytes) {
                Err(damage) => match damage.more(probe, found.size) {
                    Some(more) => probe = more,
                    None => break Err(damage),
                },
                header => break header,
            }
        };
        let Some(header) = header.ok().filter(|header| header.blob_bytes() == found.size) else {
            self.tallies.add_everywhere(Count::Corrupt, 1);
            self.tier.delete(&found.key).await?;
            return Ok(None);
        };
        let ours = self.blob_id(&header).filter(|id| {
            let named = self.blob_key(id).is_ok_and(|name| name == found.key);
            named && header.namespace == self.namespace.name()
        });
        // Too old, or of a cache with other settings.
        let Some(id) = ours.filter(|_| self.is_wanted(&header.content, header.fetched)) else {
            self.tier.delete(&found.key).await?;
            return Ok(None);
        };
        Ok(Some(Blob { id, size: found.size, entry: self.entry_of(header) }))
    }

    /// Which blob a header tells of; `None` if this cache would never have written it.
    pub(crate) fn blob_id(&self, header: &Header) -> Option<BlobId> {
        let part = match &header.content {
            Content::Whole(_) | Content::Absent(_) => Part::Whole,
            Content::Block(meta, extent) => {
                let block = self.settings.block_bytes;
                let index = extent.start / block;
                (*extent == self.block_extent(index, meta.size)).then_some(Part::Block(index))?
            }
        };
        Some(BlobId::new(header.content.key().clone(), part))
    }

    /// Whether a blob of that time is of use at present.
    pub(crate) fn is_wanted(&self, content: &Content, fetched: Timestamp) -> bool {
        let now = self.watch.now();
        match (content, self.useful_until(content, fetched)) {
            (Content::Absent(_), _) if self.settings.freshness.absent_max_age.is_none() => false,
            // A time that is still to come is of another clock: its age cannot be told.
            (_, Some(expires)) => fetched <= now && now < expires,
            (_, None) => true,
        }
    }
}

fn bytes_of(object: &Option<Object>) -> Option<&[u8]> {
    object.as_ref().map(|object| &object.bytes[..])
}

/// A blob found in the tier.
struct Blob {
    id: BlobId,
    size: u64,
    entry: Entry,
}
