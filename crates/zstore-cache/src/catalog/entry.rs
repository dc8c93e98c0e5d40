//! Entries: what is kept of a resident.

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;
use zstore_core::Timestamp;
use zstore_format::Content;

use crate::watch::{Mark, Moment};

/// What is kept of a resident.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    /// When the fetch began: the source held these bytes at that time or later.
    pub(crate) fetched: Timestamp,
    /// When the source was last asked and still held them.
    pub(crate) validated: Mark,
    pub(crate) place: Place,
}

impl Entry {
    /// Whether a source that was asked at `asked` knows at least as much as this.
    pub(super) fn is_older_than(&self, asked: Moment) -> bool {
        asked.may_follow(self.validated.get())
    }

    pub(super) const fn is_absence(&self) -> bool {
        matches!(self.content, Content::Absent(_))
    }
}

/// Where the bytes of a resident are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a tier that shares its memory: here are the very bytes.
    Held(Bytes),
    /// In a blob of the tier that bears this stamp and has a header of so many bytes.
    Blob { stamp: u64, header_bytes: usize },
}

/// What the ledger keeps beside a resident: as small as can be, for there may be millions.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// What its blob says; not known if it is only known from an index, or was perhaps written over since.
    pub(super) entry: Option<Arc<Entry>>,
    /// What it is called in the journal of a directory that is shared.
    seat: Option<NonZeroU32>,
    pub(super) fetched: Timestamp,
    pub(super) is_absence: bool,
}

impl Record {
    pub(super) fn new(entry: Option<Arc<Entry>>, seat: Option<u32>, fetched: Timestamp, is_absence: bool) -> Self {
        // The last number of all is nobody's seat.
        let seat = seat.and_then(|seat| NonZeroU32::new(!seat));
        Self { entry, seat, fetched, is_absence }
    }

    pub(super) fn seat(&self) -> Option<u32> {
        self.seat.map(|seat| !seat.get())
    }
}
