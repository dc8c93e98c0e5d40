//! Pieces of a value, put together into the parts that were asked for.

use std::{collections::BTreeMap, ops::Range};

use bytes::{Bytes, BytesMut};
use zstore_core::{Meta, Part, Ranges};

/// Pieces of one version of a value, by where they start. They may overlap.
#[derive(Debug, Default)]
pub(crate) struct Pieces(BTreeMap<u64, Bytes>);

impl Pieces {
    /// Adds a piece. Of two that start at one byte the longer stays.
    pub(crate) fn add(&mut self, start: u64, bytes: Bytes) {
        let known = self.0.entry(start).or_default();
        if bytes.len() > known.len() {
            *known = bytes;
        }
    }

    pub(crate) fn add_parts(&mut self, parts: &[Part]) {
        for part in parts {
            self.add(part.range.start, part.bytes.clone());
        }
    }

    /// The parts that were asked for; `None` if some of their bytes are in no piece.
    pub(crate) fn assemble(&self, meta: Meta, wanted: Vec<Range<u64>>) -> Option<Ranges> {
        let part = |range: Range<u64>| Some(Part { bytes: self.join(&range)?, range });
        let parts: Option<Vec<Part>> = wanted.into_iter().map(part).collect();
        Some(Ranges { meta, parts: parts? })
    }

    /// The bytes of a range. Within one piece they are not copied.
    pub(crate) fn join(&self, range: &Range<u64>) -> Option<Bytes> {
        if range.is_empty() {
            return Some(Bytes::new());
        }
        let mut at = range.start;
        let mut joined = BytesMut::new();
        while at < range.end {
            let end_of = |(start, bytes): &(&u64, &Bytes)| **start + bytes.len() as u64;
            // A later piece may be shorter and end before an earlier one.
            let (start, bytes) = self.0.range(..=at).rev().find(|piece| end_of(piece) > at)?;
            let end = range.end.min(start + bytes.len() as u64);
            let piece = cut(bytes, *start, &(at..end))?;
            if (at..end) == *range {
                return Some(piece);
            }
            joined.extend_from_slice(&piece);
            at = end;
        }
        Some(joined.freeze())
    }
}

/// The bytes of `range` out of `bytes`, which begin at `start`.
pub(crate) fn cut(bytes: &Bytes, start: u64, range: &Range<u64>) -> Option<Bytes> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_assembled_or_nothing_is() {
        let meta = Meta {
            key: zstore_core::Key::new("a").unwrap(),
            size: 6,
            modified: None,
            version: zstore_core::Version::default(),
        };
        let part = |start: u64, bytes: &'static [u8]| Part {
            range: start..start + bytes.len() as u64,
            bytes: Bytes::from_static(bytes),
        };
        let mut pieces = Pieces::default();
        pieces.add_parts(&[part(0, b"ab"), part(2, b"cd")]);
        let assembled = pieces.assemble(meta.clone(), vec![1..3, 0..4, 5..5]).unwrap();
        let expected = vec![part(1, b"bc"), part(0, b"abcd"), part(5, b"")];
        assert_eq!((assembled.meta, assembled.parts), (meta.clone(), expected));
        assert!(pieces.assemble(meta, vec![0..1, 3..5]).is_none());
    }

    proptest! {
        #[test]
        fn a_range_is_joined_if_and_only_if_every_byte_is_in_some_piece(
            pieces in prop::collection::vec((0u64..30, 0usize..12), 0..6),
            start in 0u64..30,
            len in 0u64..20,
        ) {
            let value: Vec<u8> = (0..60).collect();
            let mut held = Pieces::default();
            for (start, len) in &pieces {
                let at = usize::try_from(*start).unwrap();
                held.add(*start, Bytes::copy_from_slice(&value[at..at + len]));
            }
            let covered = |at: u64| pieces.iter().any(|(start, len)| (*start..start + *len as u64).contains(&at));
            let joined = held.join(&(start..start + len));
            prop_assert_eq!(joined.is_some(), (start..start + len).all(covered));
            if let Some(joined) = joined {
                let at = usize::try_from(start).unwrap();
                prop_assert_eq!(&joined[..], &value[at..at + joined.len()]);
                prop_assert_eq!(joined.len() as u64, len);
            }
        }
    }
}
