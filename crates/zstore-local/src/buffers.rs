//! Buffers that are used again: a new one has to be zeroed, which takes a third of the time it takes to fill it.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

/// A smaller buffer is zeroed in no time.
const BYTES_MIN: usize = 64 << 10;
/// So much memory is kept for later at most.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Buffers that nobody uses at present, the one that was given back first in front.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<VecDeque<Vec<u8>>>);

impl Buffers {
    /// `length` bytes that `fill` writes over, all of them unless it fails. They come back once nobody holds them.
    pub(crate) fn filled<E>(
        self: &Arc<Self>,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        if length < BYTES_MIN {
            let mut bytes = vec![0; length];
            fill(&mut bytes)?;
            return Ok(bytes.into());
        }
        let size = size_for(length);
        let kept = {
            let mut kept = self.0.lock();
            kept.iter().position(|bytes| bytes.len() == size).and_then(|at| kept.remove(at))
        };
        let bytes = kept.unwrap_or_else(|| vec![0; size]);
        let mut lent = Lent { bytes, length, buffers: Arc::clone(self) };
        fill(&mut lent.bytes[..length])?;
        Ok(Bytes::from_owner(lent))
    }

    fn take_back(&self, bytes: Vec<u8>) {
        let mut kept = self.0.lock();
        kept.push_back(bytes);
        let mut size: usize = kept.iter().map(Vec::len).sum();
        while size > KEPT_BYTES_MAX {
            let Some(oldest) = kept.pop_front() else { return };
            size -= oldest.len();
        }
    }
}

/// The size of the buffer for so many bytes: values of about one size use the same ones, and an eighth is wasted at
/// most.
fn size_for(length: usize) -> usize {
    length.next_multiple_of((length.next_power_of_two() / 16).max(1))
}

/// A buffer in use.
struct Lent {
    bytes: Vec<u8>,
    length: usize,
    buffers: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.buffers.take_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(buffers: &Arc<Buffers>, length: usize, byte: u8) -> Bytes {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(byte);
            Ok::<(), ()>(())
        };
        buffers.filled(length, fill).unwrap()
    }

    fn kept(buffers: &Buffers) -> Vec<usize> {
        buffers.0.lock().iter().map(Vec::len).collect()
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_holds_a_part_of_it() {
        let buffers = Arc::new(Buffers::default());
        let first = filled(&buffers, 1 << 20, 1);
        let part = first.slice(5..9);
        drop(first);
        let second = filled(&buffers, 1 << 20, 2);
        assert_eq!((&part[..], second[7]), (&[1; 4][..], 2));
        drop(part);
        assert_eq!(kept(&buffers), [1 << 20]);
        // A little shorter: the same buffer, and no byte of what was in it before.
        let third = filled(&buffers, (1 << 20) - 100, 3);
        assert_eq!(kept(&buffers), []);
        assert!(third.len() == (1 << 20) - 100 && third.iter().all(|byte| *byte == 3));
    }

    #[test]
    fn so_much_is_kept_and_no_more_the_latest_of_all() {
        let buffers = Arc::new(Buffers::default());
        let (small, large) = (1 << 20, 4 << 20);
        drop(filled(&buffers, small, 1));
        let all: Vec<Bytes> = (0..5).map(|byte| filled(&buffers, large, byte)).collect();
        drop(all);
        assert_eq!(kept(&buffers), [large; 4]);
    }

    #[test]
    fn what_could_not_be_filled_is_not_lost() {
        let buffers = Arc::new(Buffers::default());
        assert_eq!(buffers.filled(BYTES_MIN, |_| Err("no")).unwrap_err(), "no");
        assert_eq!(kept(&buffers), [BYTES_MIN]);
    }

    #[test]
    fn an_eighth_is_wasted_at_most() {
        for length in (BYTES_MIN..BYTES_MIN * 5).step_by(331) {
            let size = size_for(length);
            assert!(size >= length && (size - length) * 8 <= length, "{size} for {length}");
        }
    }
}
