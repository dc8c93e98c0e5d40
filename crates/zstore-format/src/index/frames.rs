//! Frames: how events are written.

use super::{
    ABSENCE, BLOB, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, GONE, LANDED, LEAVING, Noted, RESIDENT, SPACE, TOUCHED, WHOLE,
};
use crate::name::{KEY_BYTES_MAX, Part, Space};

/// A frame is closed once it is so long: what one checksum covers stays in the cache of the processor.
pub(super) const FRAME_BYTES: usize = 64 * 1024;

/// Events to be appended to a journal.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where the payload of the open frame begins, if one is open.
    open: Option<usize>,
}

impl Frames {
    /// Whether there is nothing to append.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes there are to append, or a little less.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Blobs of this space follow.
    pub fn space(&mut self, space: Space) {
        self.event(SPACE);
        self.bytes.extend_from_slice(&space.digest());
        self.bytes.extend_from_slice(&space.block_bytes().to_le_bytes());
        self.close_if_full();
    }

    /// A blob that is resident or about to be written. No blob has a key longer than
    /// [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX); it would be cut.
    pub fn blob(&mut self, noted: &Noted<'_>, is_resident: bool) {
        self.event(BLOB);
        let key = &noted.key.as_bytes()[..noted.key.len().min(KEY_BYTES_MAX)];
        let part = match noted.part {
            Part::Whole => WHOLE,
            Part::Block(index) => index,
        };
        let flags = if noted.is_absence { ABSENCE } else { 0 } | if is_resident { RESIDENT } else { 0 };
        self.bytes.push(flags);
        self.bytes.extend_from_slice(&noted.space.to_le_bytes());
        self.bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.bytes.extend_from_slice(&noted.seat.to_le_bytes());
        for number in [part, noted.weight, noted.fetched.as_millis(), noted.id] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.extend_from_slice(key);
        self.close_if_full();
    }

    /// Takes over all events of another, in their order.
    pub fn extend(&mut self, other: &mut Self) {
        if !other.is_empty() {
            self.close();
            self.bytes.extend(std::mem::take(other).finish());
        }
    }

    /// A blob was written.
    pub fn landed(&mut self, seat: u32) {
        self.seat(LANDED, seat);
    }

    /// A blob is about to be removed.
    pub fn leaving(&mut self, seat: u32) {
        self.seat(LEAVING, seat);
    }

    /// A blob was removed, or will not be written after all.
    pub fn gone(&mut self, seat: u32) {
        self.seat(GONE, seat);
    }

    /// Blobs were read, in this order.
    pub fn touched(&mut self, seats: &[u32]) {
        // A batch is never longer than a frame may be.
        for seats in seats.chunks(FRAME_BYTES_MAX / 8) {
            self.event(TOUCHED);
            self.bytes.extend_from_slice(&u32::try_from(seats.len()).unwrap_or(u32::MAX).to_le_bytes());
            for seat in seats {
                self.bytes.extend_from_slice(&seat.to_le_bytes());
            }
            self.close_if_full();
        }
    }

    /// The frames as bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.close();
        self.bytes
    }

    fn seat(&mut self, kind: u8, seat: u32) {
        self.event(kind);
        self.bytes.extend_from_slice(&seat.to_le_bytes());
        self.close_if_full();
    }

    pub(super) fn event(&mut self, kind: u8) {
        if self.open.is_none() {
            self.bytes.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
            self.open = Some(self.bytes.len());
        }
        self.bytes.push(kind);
    }

    fn close_if_full(&mut self) {
        if self.open.is_some_and(|start| self.bytes.len() - start >= FRAME_BYTES) {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(start) = self.open.take() else { return };
        let (head, payload) = self.bytes.split_at_mut(start);
        let at = start - FRAME_HEAD_BYTES;
        // A frame is closed long before its length needs more than 32 bits.
        let length = u32::try_from(payload.len()).unwrap_or(0);
        head[at..at + 4].copy_from_slice(&length.to_le_bytes());
        head[at + 4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    }
}
