//! Audit: all files are counted, because journals cannot be believed: one was damaged, or the power went.

use std::{collections::HashMap, io, sync::Arc};

use futures::{StreamExt, stream};
use zstore_core::{Key, Meta, Prefix, ReadStore, Store};
use zstore_directory::OthersJournal;
use zstore_format::{BLOBS, BlobName, Part, Space, index::Journal};
use zstore_policy::Reason;

use super::{Sharing, books::Note};
use crate::{
    catalog::Inherited,
    inner::Inner,
    name::{BlobId, Home},
    tier::CONCURRENT_MAX,
};

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Counts what is there: what is in the books and not there leaves them, and what is there and in nobody's books
    /// is taken over, or removed if it is damaged. Whether all was seen.
    pub(super) async fn audit(&self, sharing: &Arc<Sharing>) -> bool {
        let Ok(all) = Prefix::new(BLOBS) else { return false };
        // What others land from here on is not in the listing, or is counted twice.
        let shared = Arc::clone(sharing);
        let Some(others) = self.blocking(move || weights_of_others(&shared)).await else { return false };
        let Some(found) = self.list(&all).await else { return false };
        let mut known = self.names_known();
        let mut unknown = Vec::new();
        for meta in found {
            let own = known.remove(&meta.key);
            if own.as_ref().is_some_and(|(_, weight)| *weight == meta.size) {
                continue;
            }
            // It was cut, or another one took its place.
            own.iter().for_each(|(id, _)| self.strike_off(id));
            if others.get(&meta.key) != Some(&meta.size) {
                unknown.push(meta);
            }
        }
        known.into_values().for_each(|(id, _)| self.strike_off(&id));
        let reads: Vec<_> = unknown.into_iter().map(|meta| self.identify(sharing, meta)).collect();
        stream::iter(reads).buffer_unordered(CONCURRENT_MAX).fold(true, async |all, one| all && one).await
    }

    async fn list(&self, prefix: &Prefix) -> Option<Vec<Meta>> {
        let mut listing = self.tier.store.list(prefix);
        let mut found = Vec::new();
        while let Some(meta) = self.tier.next(&mut listing).await {
            found.push(meta.ok()?);
        }
        Some(found)
    }

    fn names_known(&self) -> HashMap<Key, (BlobId, u64)> {
        let (names, spaces) = {
            let catalog = self.catalog.lock();
            (catalog.names(), catalog.spaces().collect::<HashMap<_, _>>())
        };
        // Not under the lock: each name is a hash.
        let named = names.into_iter().filter_map(|(id, weight)| {
            let name = spaces.get(&id.home)?.blob_key(&id.key, id.part()).ok()?;
            Some((name, (id, weight)))
        });
        named.collect()
    }

    fn strike_off(&self, id: &BlobId) {
        let mut catalog = self.catalog.lock();
        if let Some(gone) = catalog.leave(id, Reason::Invalidated) {
            catalog.left(gone);
        }
    }

    /// Takes over a blob that is in nobody's books, or removes it if it is damaged. Whether its bytes are accounted
    /// for.
    async fn identify(&self, sharing: &Sharing, found: Meta) -> bool {
        // What lies among blobs under a name that none of them has is not ours.
        let Some(name) = BlobName::parse(found.key.as_str()) else { return true };
        let header = match self.read_header(&found.key).await {
            Ok(header) => header,
            // It may be readable soon, but what lies on a bad sector is lost.
            Err(error) if error.is_retryable() => return false,
            Err(_) => None,
        };
        let header = header.filter(|(header, weight)| *weight == found.size && header.blob_bytes() == found.size);
        let header = header.map(|(header, _)| header).filter(|header| name.fits(&header.namespace, &header.content));
        let Some(header) = header else {
            // What cannot be removed either is no reason to give up all others.
            return self.tier.delete(&found.key).await.map_or_else(|error| !error.is_retryable(), |()| true);
        };
        let (block_bytes, part) = match name.block() {
            Some((bytes, index)) => (bytes, Part::Block(index)),
            None => (self.settings.block_bytes, Part::Whole),
        };
        let space = Space::new(name.namespace(), block_bytes);
        let mut catalog = self.catalog.lock();
        let Some(home) = catalog.home(space) else { return false };
        let id = BlobId::at(home, header.content.key().clone(), part);
        let is_absence = header.content.meta().is_none();
        let note = Note { id, weight: found.size, fetched: header.fetched, is_absence };
        let expires = if home == Home::OWN { self.useful_until(&header.content, header.fetched) } else { None };
        let seat = sharing.books.put(note.clone(), space, true);
        let inherited = Inherited::new(note, seat, expires, &catalog.hasher());
        if catalog.take_over(inherited).is_err() {
            sharing.books.gone(seat);
        }
        true
    }
}

/// What blobs of other members weigh, who keep account of them.
///
/// # Errors
/// What the system refuses.
fn weights_of_others(sharing: &Sharing) -> io::Result<HashMap<Key, u64>> {
    let journals = sharing.shares.member().journals_of_others()?;
    let mut weights = HashMap::new();
    for OthersJournal { bytes, .. } in journals.iter().filter(|journal| !journal.is_orphan) {
        let Ok(journal) = Journal::read(bytes) else { continue };
        // What is only announced may never be there.
        weights.extend(
            journal
                .residents()
                .filter(|(_, is_sure)| *is_sure)
                .filter_map(|(noted, _)| Some((journal.blob_key(&noted)?, noted.weight))),
        );
    }
    Ok(weights)
}
