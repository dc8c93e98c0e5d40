//! Checksums of the bytes in a blob.

use twox_hash::XxHash3_64;

/// What a blob begins with, but for its version.
const NAME: &[u8; 7] = b"zstoreb";

/// How the bytes of a blob are guarded, which its version tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// Version 1.
    Crc32,
    /// Version 2: the low half of XXH3 with 64 bits and no seed, which takes half the time.
    Xxh3,
}

impl Checksum {
    /// How blobs are guarded that are written now.
    pub(crate) const LATEST: Self = Self::Xxh3;

    /// What a blob begins with.
    pub(crate) const fn magic(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g] = *NAME;
        [
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            match self {
                Self::Crc32 => 1,
                Self::Xxh3 => 2,
            },
        ]
    }

    /// The one of a blob that begins so.
    pub(crate) fn of(blob: &[u8]) -> Option<Self> {
        [Self::Xxh3, Self::Crc32].into_iter().find(|checksum| blob.starts_with(&checksum.magic()))
    }

    pub(crate) fn sum(self, bytes: &[u8]) -> u32 {
        match self {
            Self::Crc32 => crc32fast::hash(bytes),
            Self::Xxh3 => XxHash3_64::oneshot(bytes) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification of XXH3 has them (of the empty input), and the check value of CRC-32.
    #[test]
    fn they_are_what_other_programs_compute() {
        assert_eq!(Checksum::Xxh3.sum(b""), 0x2d06_8005_38d3_94c2_u64 as u32);
        assert_eq!(Checksum::Crc32.sum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_blob_of_another_version_is_none() {
        assert_eq!(Checksum::of(b"zstoreb\x01..."), Some(Checksum::Crc32));
        assert_eq!(Checksum::of(b"zstoreb\x02..."), Some(Checksum::Xxh3));
        assert_eq!([Checksum::of(b"zstoreb\x03..."), Checksum::of(b"zstoreb")], [None, None]);
    }
}
