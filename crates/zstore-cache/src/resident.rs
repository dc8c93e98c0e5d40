//! Reading what is resident: bytes held in memory as they are, blobs of the tier only after they were checked.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicBool},
};

use bytes::Bytes;
use zstore_core::{ByteRange, ErrorKind, GetOptions, Key, ReadStore, Store};
use zstore_format::{Header, checked};
use zstore_policy::Reason;

use crate::{
    catalog::{Entry, Place},
    inner::Inner,
    inspection::counters::Count,
    name::BlobId,
    ranges::pieces::cut,
};

/// What reading a blob came to.
enum BlobRead {
    /// Its header, which bytes after it were read and found right, and those.
    Sound(Box<Header>, Range<u64>, Bytes),
    /// There is no such blob.
    Gone,
    /// It is not what was written.
    Damaged,
    /// The tier did not answer.
    Fault,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// The bytes of `range` of the value from a resident whose extent holds them; `None` if they could not be had.
    pub(crate) async fn read_entry(
        self: &Arc<Self>,
        id: &BlobId,
        entry: &Arc<Entry>,
        range: Range<u64>,
    ) -> Option<Bytes> {
        let extent = entry.content.extent();
        let (stamp, header_bytes) = match &entry.place {
            Place::Held(bytes) => return self.served(&id.key, cut(bytes, extent.start, &range)),
            Place::Blob { stamp, header_bytes } => (*stamp, *header_bytes),
        };
        let name = self.blob_key(id).ok()?;
        let wanted = range.start - extent.start..range.end - extent.start;
        let begun = self.watch.running();
        let read = self.read_blob_part(&name, header_bytes, wanted).await;
        self.write_touches().await;
        self.tallies.tier_took(self.watch.running().saturating_sub(begun));
        match read {
            BlobRead::Sound(header, read, bytes) if header.stamp == stamp => {
                self.served(&id.key, cut(&bytes, extent.start + read.start, &range))
            }
            BlobRead::Fault => None,
            BlobRead::Sound(..) if self.sharing.get().is_some() => {
                // It takes as much room as before, be it this cache's or not.
                self.catalog.lock().doubt(id, entry);
                None
            }
            BlobRead::Gone if self.sharing.get().is_some() => {
                self.forget(id, entry);
                None
            }
            BlobRead::Sound(..) | BlobRead::Gone => {
                self.drop_resident(id, entry, Reason::Invalidated).await;
                None
            }
            BlobRead::Damaged => {
                // One that was replaced while it was read may look damaged, and is not.
                let damaged = self.drop_resident(id, entry, Reason::Corrupt).await;
                self.tallies.add(&id.key, Count::Corrupt, u64::from(damaged));
                None
            }
        }
    }

    /// Counts bytes that were read from what is resident.
    fn served(&self, key: &Key, bytes: Option<Bytes>) -> Option<Bytes> {
        self.tallies.add(key, Count::TierBytes, bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
        bytes
    }

    async fn read_blob_part(&self, name: &Key, header_bytes: usize, wanted: Range<u64>) -> BlobRead {
        let head = header_bytes as u64;
        let Range { start: from, end: to } = checked(&wanted);
        let (header, body) = if from == 0 {
            match self.tier.get(name, &GetOptions::range(0..head.saturating_add(to))).await {
                Err(_) => return BlobRead::Fault,
                Ok(fetch) => match fetch.into_object().map(|object| object.bytes) {
                    None => return BlobRead::Gone,
                    Some(bytes) => {
                        (bytes.slice(..header_bytes.min(bytes.len())), bytes.slice(header_bytes.min(bytes.len())..))
                    }
                },
            }
        } else {
            let ranges = [ByteRange::Bounded(0..head), ByteRange::Bounded(head + from..head.saturating_add(to))];
            match self.tier.get_ranges(name, &ranges).await {
                // A blob that was cut has no such bytes.
                Err(error) if error.kind() == ErrorKind::InvalidRange => return BlobRead::Damaged,
                Err(_) => return BlobRead::Fault,
                Ok(None) => return BlobRead::Gone,
                Ok(Some(ranges)) => {
                    let mut parts = ranges.parts.into_iter().map(|part| part.bytes);
                    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
                }
            }
        };
        let Ok(header) = Header::decode(&header) else { return BlobRead::Damaged };
        let read = from..to.min(header.payload_bytes());
        if read.start > read.end || header.verify(read.clone(), &body).is_err() {
            return BlobRead::Damaged;
        }
        BlobRead::Sound(Box::new(header), read, body)
    }

    /// Forgets a blob that others removed.
    fn forget(&self, id: &BlobId, entry: &Arc<Entry>) {
        let gone = self.catalog.lock().forget(id, entry);
        if let Some(gone) = gone {
            self.measure_room();
            self.catalog.lock().left(gone);
        }
    }

    /// Drops a resident whose bytes are not what they should be, unless another one took its place. Whether it was
    /// dropped.
    async fn drop_resident(self: &Arc<Self>, id: &BlobId, entry: &Arc<Entry>, reason: Reason) -> bool {
        let (gone, was_guest) = {
            let mut catalog = self.catalog.lock();
            match catalog.is_resident(id, entry) {
                true => (catalog.leave(id, reason), false),
                false => (None, catalog.is_guest(id, entry) && catalog.forget(id, entry).is_none()),
            }
        };
        let dropped = gone.is_some() || was_guest;
        if reason == Reason::Corrupt && was_guest {
            // In whosever books it is: it would be found by its name again, instead of fetched.
            self.tier.bear_with(self.remove_damaged(id)).await;
        } else if reason == Reason::Corrupt {
            self.tier.bear_with(self.remove(gone.into_iter().collect())).await;
        } else {
            self.remove_behind(gone.into_iter().collect()).await;
        }
        dropped
    }

    async fn remove_damaged(&self, id: &BlobId) {
        let _gate = self.gates.enter(&id.key).await;
        self.disturb();
        // If it stays, it is read from the source each time.
        self.delete_blob(id, &AtomicBool::new(false)).await;
    }
}
