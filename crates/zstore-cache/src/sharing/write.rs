//! Writing a value that others may have copies of, or be about to.

use std::{io, sync::Arc, time::Duration};

use tokio::runtime::Handle;
use zstore_core::{GetOptions, Key, Prefix, ReadStore, Store};
use zstore_directory::{FENCE, Fence, Pass, Write, WriteBelow};
use zstore_format::{BlobName, Header, Part, Space, index::Journal};

use super::{Leave, Sharing};
use crate::{flights::Scope, inner::Inner};

/// What the system says when no file descriptor is left, to the process or to all.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;
/// One may be left so much later.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);
/// Holds the key in a header, unless it is longer than a path: a blob of which this does not tell the key is removed.
const NAMES_BYTES: u64 = 8192;

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// A value is to be written: from now on nothing of it lands in any cache that shares the directory. None if the
    /// tier is not shared, or fails: then nothing of it may land here.
    pub(crate) async fn begin_shared_write(&self, key: &Key) -> Option<Write> {
        let fence = self.fence_in_time().await?;
        let write = self.begun(fence.begin_write(self.namespace.value_hash(key), self.tier.timeout()).await)?;
        if !write.is_alone() {
            // Who is still landing takes that back, but he may be killed before, and so may this one: so nobody is to
            // believe in it from before the source is written.
            self.distrust(&Scope::Key(key.clone()));
        }
        Some(write)
    }

    /// The same for all values, of which some below a prefix are to be written.
    pub(crate) async fn begin_shared_write_below(&self, prefix: &Prefix) -> Option<WriteBelow> {
        let fence = self.fence_in_time().await?;
        let write = self.begun(fence.begin_write_below(self.tier.timeout()).await)?;
        if !write.is_alone() {
            self.distrust(&Scope::Below(prefix.clone()));
        }
        Some(write)
    }

    /// The fence of the directory, be the tier open or not.
    fn fence(&self) -> Option<Fence> {
        self.open_fence().and_then(|opened| self.begun(opened))
    }

    /// The same for one who is about to write, and waits for a file descriptor as long as one operation on the tier may
    /// take: who writes without it leaves older bytes to others.
    async fn fence_in_time(&self) -> Option<Fence> {
        let until_ms = self.running_ms().saturating_add(self.tier.timeout().as_millis() as u64);
        loop {
            match self.open_fence()? {
                Err(error)
                    if matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
                        && self.running_ms() < until_ms
                        && Handle::try_current().is_ok() =>
                {
                    tokio::time::sleep(DESCRIPTOR_PAUSE).await;
                }
                opened => return self.begun(opened),
            }
        }
    }

    /// None if nobody shares the directory yet.
    fn open_fence(&self) -> Option<io::Result<Fence>> {
        if let Some(sharing) = self.sharing.get() {
            return Some(Ok(sharing.fence.clone()));
        }
        let path = self.shared_directory()?.join(FENCE);
        path.exists().then(|| Fence::open(&path, self.namespace.space().hash()))
    }

    fn begun<W>(&self, begun: io::Result<W>) -> Option<W> {
        begun.map_err(|error| self.tier.fault(&self.trouble(error))).ok()
    }

    /// Leave for what was written to land; none if others may have written it meanwhile.
    pub(crate) fn leave_of_write<'w>(&self, write: Option<&'w Write>) -> Option<Leave<'w>> {
        if self.sharing.get().is_none() {
            return self.lookout.get().is_none().then(|| Leave::of_write(None, None));
        }
        let landing = write?.begin_landing().ok()??;
        // Not looked for now: who writes from here on is not in what lands.
        let state = landing.state();
        Some(Leave::of_write(Some(landing), Some(state)))
    }

    /// Whether a value is still in a state in which it was.
    pub(crate) fn is_in_state(&self, key: &Key, state: Option<Pass>) -> bool {
        let Some((sharing, state)) = self.sharing.get().zip(state) else { return true };
        sharing.fence.look(self.namespace.value_hash(key)).is_ok_and(|now| now == state)
    }

    /// Removes all there is of a value, whoever wrote it. Whether nothing is there of it.
    pub(crate) async fn remove_shared(&self, key: &Key) -> bool {
        if self.shared_directory().is_none() {
            return true;
        }
        let space = self.namespace.space();
        let (Ok(whole), Ok(blocks)) = (space.blob_key(key, Part::Whole), space.blocks(key)) else { return false };
        // Its own have left already: what is still there is in somebody else's books.
        let mut all_gone = true;
        if self.is_there(&whole, &blocks).await {
            self.disturb();
            all_gone &= self.tier.delete(&whole).await.is_ok();
            all_gone &= self.remove_blobs_below(&blocks).await;
        }
        self.bar(Scope::Key(key.clone()), all_gone);
        all_gone
    }

    /// Removes once more what one may have landed who did not move when the value was to be written.
    pub(crate) async fn remove_late(&self, key: &Key, write: Option<&Write>) {
        if write.is_some_and(|write| !write.is_alone()) {
            self.remove_shared(key).await;
        }
    }

    /// The same of all values below a prefix.
    pub(crate) async fn remove_late_below(&self, prefix: &Prefix, write: Option<&WriteBelow>, all_gone: bool) {
        if write.is_some_and(|write| !write.is_alone()) {
            self.remove_shared_below(prefix, all_gone).await;
        }
    }

    /// What was fetched until now of values that were written is not to be believed: by others, and by whoever comes
    /// after a kill.
    fn distrust(&self, written: &Scope) {
        let Some(fence) = self.fence() else { return };
        let now_ms = self.watch.now().as_millis();
        let distrusted = match written {
            Scope::Key(key) => fence.distrust(self.namespace.value_hash(key), now_ms),
            Scope::Below(_) => fence.distrust_all(now_ms),
        };
        let _ = self.begun(distrusted);
    }

    /// What somebody has in his books is about to be removed.
    pub(crate) fn disturb(&self) {
        if let Some(sharing) = self.sharing.get() {
            let _ = sharing.shares.disturb();
        }
    }

    /// Bars what is found of values that were written, or believes in it again if all that was there is gone.
    pub(crate) fn bar(&self, written: Scope, all_gone: bool) {
        if !all_gone {
            self.distrust(&written);
        }
        if let Some(sharing) = self.sharing.get() {
            if all_gone { sharing.bars.lift(&written) } else { sharing.bars.set(written) }
        }
    }

    /// Whether what is found of a value is not to be believed.
    pub(crate) fn is_barred(&self, key: &Key) -> bool {
        self.opening.is_written(key) || self.sharing.get().is_some_and(|sharing| sharing.bars.hold(key))
    }

    /// Removes the blobs below a prefix, and nothing else. Whether all are gone.
    async fn remove_blobs_below(&self, prefix: &Prefix) -> bool {
        let mut listing = self.tier.store.list(prefix);
        let mut all_gone = true;
        while let Some(meta) = self.tier.next_to_delete(&mut listing).await {
            let Ok(meta) = meta else { return false };
            if BlobName::parse(meta.key.as_str()).is_some() {
                all_gone &= self.tier.delete(&meta.key).await.is_ok();
            }
        }
        all_gone
    }

    async fn is_there(&self, whole: &Key, blocks: &Prefix) -> bool {
        let whole = self.tier.head(whole).await;
        // Who cannot tell takes it for there.
        !matches!(whole, Ok(None)) || !self.tier.is_empty_below(blocks).await.is_ok_and(|empty| empty)
    }

    /// Removes all there is of the values below a prefix, whoever wrote it: what journals tell of, or all that is there
    /// if one cannot be believed. Own ones have left already; `all_gone` tells whether all of them. Whether nothing is
    /// there of any.
    pub(crate) async fn remove_shared_below(&self, prefix: &Prefix, mut all_gone: bool) -> bool {
        if self.shared_directory().is_none() {
            return all_gone;
        }
        self.disturb();
        all_gone &= if prefix.is_root() {
            self.remove_blobs_below(self.namespace.prefix()).await
        } else if let Some(names) = self.names_below(prefix).await {
            let mut others_gone = true;
            for name in names {
                others_gone &= self.tier.delete(&name).await.is_ok();
            }
            others_gone
        } else {
            self.remove_found_below(prefix).await
        };
        self.bar(Scope::Below(prefix.clone()), all_gone);
        all_gone
    }

    /// Where blobs lie of values below a prefix, as all journals tell; none if one does not tell all.
    async fn names_below(&self, prefix: &Prefix) -> Option<Vec<Key>> {
        let sharing = Arc::clone(self.sharing.get().filter(|sharing| sharing.is_loaded())?);
        let (own, prefix) = (self.namespace.space(), prefix.clone());
        self.blocking(move || names_below(&sharing, own, &prefix)).await?
    }

    /// The same by a look at every blob of the namespace. Whether all are gone.
    async fn remove_found_below(&self, prefix: &Prefix) -> bool {
        let mut listing = self.tier.store.list(self.namespace.prefix());
        let mut all_gone = true;
        while let Some(meta) = self.tier.next_to_delete(&mut listing).await {
            let Ok(meta) = meta else { return false };
            if BlobName::parse(meta.key.as_str()).is_none() {
                continue;
            }
            let object = match self.tier.get(&meta.key, &GetOptions::range(0..NAMES_BYTES)).await {
                Ok(fetch) => fetch.into_object(),
                Err(_) => {
                    all_gone = false;
                    continue;
                }
            };
            // What tells nothing is of no use to anybody.
            if object.is_some_and(|object| Header::key_of(&object.bytes).is_none_or(|key| prefix.holds(&key))) {
                all_gone &= self.tier.delete(&meta.key).await.is_ok();
            }
        }
        all_gone
    }
}

/// The same, read by one who may take his time.
fn names_below(sharing: &Sharing, own: Space, prefix: &Prefix) -> io::Result<Option<Vec<Key>>> {
    let mut names = Vec::new();
    for other in sharing.shares.member().journals_of_others()? {
        let Ok(journal) = Journal::read(&other.bytes) else { return Ok(None) };
        // What is about to be written there will not land any more.
        if !journal.is_complete() || journal.boot() != sharing.shares.boot() {
            return Ok(None);
        }
        names.extend(journal.residents().filter_map(|(noted, _)| {
            let space = journal.spaces().get(usize::from(noted.space))?;
            let key = noted.to_key().filter(|key| space.digest() == own.digest() && prefix.holds(key))?;
            space.blob_key(&key, noted.part).ok()
        }));
    }
    Ok(Some(names))
}
