//! The digest of an array: small, whatever the array's size and in whatever order its chunks were read.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use zarrs::array::ArrayBytes;

/// The sum of the hashes of an array's chunks, each with its place.
///
/// An array may have more chunks than memory has room for hashes; a sum needs room for one. Arrays that differ have
/// the same sum with a chance of 2^-64, as nobody chooses chunks to deceive a demonstration. The hash is a fast one:
/// its time is part of what is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digest(u64);

/// What was read in place of a chunk, or in it.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// There is no such chunk; the array has its fill value there.
    Absent,
    /// The elements.
    Elements(&'a ArrayBytes<'a>),
    /// Bytes that cannot be decoded.
    Undecodable,
}

impl Digest {
    /// The digest of one chunk.
    pub(super) fn of_chunk(indices: &[u64], content: &Content<'_>) -> Self {
        let mut hasher = FixedState::with_seed(0).build_hasher();
        for index in indices {
            hasher.write_u64(*index);
        }
        match content {
            Content::Absent => hasher.write(b"absent"),
            Content::Undecodable => hasher.write(b"undecodable"),
            Content::Elements(elements) => {
                hasher.write(b"elements");
                hash_elements(&mut hasher, elements);
            }
        }
        Self(hasher.finish())
    }

    /// Adds another chunk.
    pub(super) const fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

fn hash_elements(hasher: &mut impl Hasher, elements: &ArrayBytes<'_>) {
    match elements {
        ArrayBytes::Fixed(bytes) => {
            hasher.write(b"fixed");
            hasher.write(bytes);
        }
        ArrayBytes::Variable(elements) => {
            hasher.write(b"variable");
            for offset in elements.offsets().iter() {
                hasher.write_usize(*offset);
            }
            hasher.write(elements.bytes());
        }
        ArrayBytes::Optional(elements) => {
            hasher.write(b"optional");
            hasher.write(elements.mask());
            hash_elements(hasher, elements.data());
        }
    }
}

#[cfg(test)]
mod tests {
    use zarrs::array::ArrayBytesOffsets;

    use super::*;

    fn of(indices: &[u64], elements: &ArrayBytes<'_>) -> Digest {
        Digest::of_chunk(indices, &Content::Elements(elements))
    }

    #[test]
    fn the_order_of_chunks_does_not_matter_and_their_places_do() {
        let (a, b) = (ArrayBytes::new_flen(vec![1, 2]), ArrayBytes::new_flen(vec![3, 4]));
        let sum = |chunks: &[Digest]| {
            let mut all = Digest::default();
            chunks.iter().for_each(|chunk| all.add(*chunk));
            all
        };
        assert_eq!(sum(&[of(&[0], &a), of(&[1], &b)]), sum(&[of(&[1], &b), of(&[0], &a)]));
        assert_ne!(sum(&[of(&[0], &a), of(&[1], &b)]), sum(&[of(&[1], &a), of(&[0], &b)]));
    }

    #[test]
    fn every_difference_shows() {
        let strings =
            |offsets: Vec<usize>| ArrayBytes::new_vlen(b"abc".to_vec(), ArrayBytesOffsets::new(offsets).unwrap());
        let all = [
            of(&[0], &ArrayBytes::new_flen(vec![])),
            of(&[0], &ArrayBytes::new_flen(vec![0])),
            of(&[0], &ArrayBytes::new_flen(vec![0, 0])),
            of(&[0], &ArrayBytes::new_flen(vec![0]).with_optional_mask(vec![0])),
            of(&[0], &ArrayBytes::new_flen(vec![0]).with_optional_mask(vec![1])),
            of(&[0], &strings(vec![0, 1, 3]).unwrap()),
            of(&[0], &strings(vec![0, 2, 3]).unwrap()),
            Digest::of_chunk(&[0], &Content::Absent),
            Digest::of_chunk(&[0], &Content::Undecodable),
            Digest::of_chunk(&[1], &Content::Absent),
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b, "{i}");
            }
        }
    }
}
