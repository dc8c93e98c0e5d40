//! Writing a value that others may have copies of, or be about to.

use std::io;

use zstore_core::{Key, Prefix, ReadStore, Store};
use zstore_directory::{Write, WriteBelow};
use zstore_format::index::Journal;

use super::Leave;
use crate::inner::Inner;

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// A value is to be written: from now on nothing of it lands in any cache that shares the directory. None if the
    /// tier is not shared, or fails: then nothing of it may land here.
    pub(crate) async fn begin_shared_write(&self, key: &Key) -> Option<Write> {
        let sharing = self.sharing.get()?;
        self.begun(sharing.fence.begin_write(self.namespace.value_hash(key)).await)
    }

    /// The same for all values, of which some below a prefix are to be written.
    pub(crate) async fn begin_shared_write_below(&self) -> Option<WriteBelow> {
        let sharing = self.sharing.get()?;
        self.begun(sharing.fence.begin_write_below().await)
    }

    fn begun<W>(&self, begun: io::Result<W>) -> Option<W> {
        begun.map_err(|error| self.tier.fault(&self.trouble(error))).ok()
    }

    /// Leave for what was written to land; none if others may have written it meanwhile.
    pub(crate) fn leave_of_write<'w>(&self, key: &Key, write: Option<&'w Write>) -> Option<Leave<'w>> {
        let Some(sharing) = self.sharing.get() else { return Some(Leave::of_write(None, None)) };
        let landing = write?.begin_landing().ok()??;
        let state = sharing.fence.look(self.namespace.value_hash(key)).ok()?;
        Some(Leave::of_write(Some(landing), Some(state)))
    }

    /// Removes all there is of a value, whoever wrote it.
    pub(crate) async fn remove_shared(&self, key: &Key) {
        let Some(sharing) = self.sharing.get() else { return };
        let space = self.namespace.space();
        if let (Ok(whole), Ok(blocks)) = (space.blob_key(key, zstore_format::Part::Whole), space.blocks(key)) {
            // Its own have left already: what is still there is in somebody else's books.
            if self.is_there(&whole, &blocks).await {
                let _ = sharing.shares.disturb();
                // What fails is counted by the tier.
                let _ = self.tier.delete(&whole).await;
                let _ = self.tier.delete_all(&blocks).await;
            }
        }
    }

    async fn is_there(&self, whole: &Key, blocks: &Prefix) -> bool {
        let whole = self.tier.head(whole).await;
        // Who cannot tell takes it for there.
        !matches!(whole, Ok(None)) || !self.tier.is_empty_below(blocks).await.is_ok_and(|empty| empty)
    }

    /// Removes all there is of the values below a prefix, whoever wrote it: what journals tell of.
    pub(crate) async fn remove_shared_below(&self, prefix: &Prefix) {
        let Some(sharing) = self.sharing.get() else { return };
        let _ = sharing.shares.disturb();
        if *prefix == Prefix::root() {
            let _ = self.tier.delete_all(self.namespace.prefix()).await;
            return;
        }
        let journals = match sharing.shares.member().journals_of_others() {
            Ok(journals) => journals,
            Err(error) => return self.tier.fault(&self.trouble(error)),
        };
        let own = self.namespace.space();
        for bytes in &journals {
            let Ok(journal) = Journal::read(bytes) else { continue };
            let of_namespace = |number: u16| {
                journal.spaces().get(usize::from(number)).filter(|space| space.digest() == own.digest()).copied()
            };
            let names = journal.residents().filter_map(|(noted, _)| {
                let space = of_namespace(noted.space)?;
                let key = noted.to_key().filter(|key| prefix.holds(key))?;
                space.blob_key(&key, noted.part).ok()
            });
            for name in names.collect::<Vec<_>>() {
                let _ = self.tier.delete(&name).await;
            }
        }
    }
}
