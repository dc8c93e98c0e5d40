//! Acquaintance: blobs are found by their names, whoever wrote them, and read as far as their headers.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use futures::{StreamExt, stream};
use zstore_core::{ByteRange, GetOptions, Key, Meta, Object, ReadStore, Result, Store};
use zstore_directory::Pass;
use zstore_format::{Header, PROBE_BYTES};

use crate::{
    catalog::{Entry, Place},
    flights::Passage,
    inner::Inner,
    name::BlobId,
    tier::CONCURRENT_MAX,
    watch::Mark,
};

/// What is wanted of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sought<'a> {
    /// All of it.
    Whole,
    /// What it is.
    Meta,
    /// These parts of it.
    Ranges(&'a [ByteRange]),
    /// These blocks of it.
    Blocks(&'a BTreeSet<u64>),
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Looks in a directory that is shared for what the catalog does not know of a value. Whether anything of what is
    /// sought is there now that was not when it was asked for.
    ///
    /// # Cost
    /// A look at one file and one directory if there is nothing.
    pub(crate) async fn acquaint(&self, key: &Key, wanted: Sought<'_>) -> bool {
        if self.tier.is_down() {
            return false;
        }
        // Before anything is read: what is written from here on makes it another state.
        let Passage::Open(state) = self.passage(key) else { return false };
        if self.is_barred(key) {
            return false;
        }
        let whole = BlobId::whole(key.clone());
        if !self.is_unknown(&whole) || self.meet(&whole, state).await {
            return true;
        }
        let Some(present) = self.blocks_present(key).await else { return false };
        let mut met = false;
        let known = self.catalog.lock().any_block(key, self.watch.now(), |_| true);
        let mut meta = known.and_then(|known| known.content.meta().cloned());
        if meta.is_none() {
            for index in &present {
                let id = BlobId::block(key.clone(), *index);
                if self.is_unknown(&id) && self.meet(&id, state).await {
                    met = true;
                    break;
                }
            }
            let known = self.catalog.lock().any_block(key, self.watch.now(), |_| true);
            meta = known.and_then(|known| known.content.meta().cloned());
        }
        let Some(meta) = meta else { return met };
        let indices = self.wanted_blocks(&meta, wanted);
        let ids =
            present.iter().filter(|index| indices.contains(index)).map(|index| BlobId::block(key.clone(), *index));
        let ids: Vec<BlobId> = ids.filter(|id| self.is_unknown(id)).collect();
        let reads: Vec<_> = ids.iter().map(|id| self.meet(id, state)).collect();
        stream::iter(reads).buffer_unordered(CONCURRENT_MAX).fold(met, async |met, one| met || one).await
    }

    /// Whether it is not known, or past its age, so that somebody else may have a younger one.
    fn is_unknown(&self, id: &BlobId) -> bool {
        let now = self.watch.moment();
        let known = self.catalog.lock().useful(id, now.at);
        known.is_none_or(|known| !self.standing(&known, now).is_fresh())
    }

    fn wanted_blocks(&self, meta: &Meta, wanted: Sought<'_>) -> BTreeSet<u64> {
        let all = 0..meta.size;
        match wanted {
            Sought::Meta => BTreeSet::new(),
            Sought::Blocks(indices) => indices.clone(),
            Sought::Whole => self.blocks_of(std::slice::from_ref(&all)),
            Sought::Ranges(ranges) => {
                let ranges: Vec<Range<u64>> = ranges.iter().filter_map(|range| range.resolve(meta.size).ok()).collect();
                self.blocks_of(&ranges)
            }
        }
    }

    /// The blocks of a value that there are files of.
    async fn blocks_present(&self, key: &Key) -> Option<BTreeSet<u64>> {
        let space = self.namespace.space();
        let prefix = space.blocks(key).ok()?;
        let mut listing = self.tier.store.list(&prefix);
        let mut present = BTreeSet::new();
        while let Some(meta) = self.tier.next(&mut listing).await {
            present.extend(space.block_of(&meta.ok()?.key));
        }
        (!present.is_empty()).then_some(present)
    }

    /// Reads the header of a blob and takes it into the catalog. Whether it is of any use.
    async fn meet(&self, id: &BlobId, state: Pass) -> bool {
        let Ok(name) = self.blob_key(id) else { return false };
        let Ok(Some((header, weight))) = self.read_header(&name).await else { return false };
        if header.blob_bytes() != weight
            || header.namespace != self.namespace.name()
            || self.blob_id(&header).as_ref() != Some(id)
        {
            return false;
        }
        if !self.is_wanted(&header.content, header.fetched) {
            return false;
        }
        let known = self.catalog.lock().useful(id, self.watch.now());
        if known.is_some_and(|known| header.fetched <= known.fetched) {
            return false;
        }
        let expires = self.useful_until(&header.content, header.fetched);
        let fetched = header.fetched;
        let entry = self.entry_of(header);
        let Some(fence) = self.watch_of_writes() else { return false };
        let hash = self.namespace.value_hash(&id.key);
        if !fence.is_trusted(hash, fetched.as_millis()).is_ok_and(|is_trusted| is_trusted) {
            return false;
        }
        let gone = {
            let mut catalog = self.catalog.lock();
            // Under the lock: nobody confirms a later state before this is in.
            if !fence.look(hash).is_ok_and(|now| now == state) {
                return false;
            }
            catalog.meet(id, Arc::new(entry), weight, expires, state)
        };
        if let Some(gone) = gone {
            self.measure_room();
            self.catalog.lock().left(gone);
        }
        true
    }

    /// What the catalog keeps of a header that was found.
    pub(crate) fn entry_of(&self, header: Header) -> Entry {
        let place = Place::Blob { stamp: header.stamp, header_bytes: header.len };
        let validated = Mark::new(self.watch.noted(header.fetched));
        Entry { content: header.content, fetched: header.fetched, validated, place }
    }

    /// The header of a blob and what the blob weighs; none if there is none, or it is damaged.
    ///
    /// # Errors
    /// Those of the tier.
    pub(super) async fn read_header(&self, name: &Key) -> Result<Option<(Header, u64)>> {
        let mut probe = PROBE_BYTES;
        loop {
            let fetch = self.tier.get(name, &GetOptions::range(0..probe)).await?;
            let Some(Object { bytes, meta, .. }) = fetch.into_object() else { return Ok(None) };
            let weight = meta.size;
            match Header::decode(&bytes) {
                Ok(header) => return Ok(Some((header, weight))),
                Err(damage) => match damage.more(probe, weight) {
                    Some(more) => probe = more,
                    None => return Ok(None),
                },
            }
        }
    }
}
