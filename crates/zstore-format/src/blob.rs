//! Blobs: what a tier holds of one value, or of one block of it, described by itself.
//!
//! A blob is a header and the bytes. Numbers are little-endian.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic, `zstoreb` and the format version 2 |
//! | 8 | 4 | length of the header, checksums included |
//! | 12 | 4 | kind: 0 whole value, 1 block, 2 absence |
//! | 16 | 8 | size of the whole value |
//! | 24 | 8 | first byte of the value that is in here |
//! | 32 | 8 | how many bytes follow the header |
//! | 40 | 8 | time of the fetch, milliseconds since the Unix epoch |
//! | 48 | 8 | stamp, another one for each blob ever written under this name |
//! | 56 | 8 | time the value was last modified, or all ones |
//! | 64 | 16 | lengths of key, namespace, entity tag and version id, 4 bytes each; all ones for none |
//! | 80 | | key, namespace, entity tag, version id |
//! | | 4 each | low half of XXH3 (64 bits) of each 64 KiB of the bytes; CRC-32 in version 1 |
//! | | 4 | CRC-32 of the header up to here |
//!
//! No byte of a released version changes its meaning.

use std::{ops::Range, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use zstore_core::{Key, Meta, Timestamp, Version};

use crate::checksum::Checksum;

/// Everything up to the names.
const FIXED_BYTES: usize = 80;
/// Small enough that a range read checks little more than it serves, large enough that 4 bytes for each are nothing.
pub const CHECKED_BYTES: usize = 64 * 1024;
/// Holds the header of a value of a few MiB with names of usual length, so that one read of so many bytes opens most
/// blobs.
pub const PROBE_BYTES: u64 = 1024;
/// No honest header is longer: the checksums of a value of 15 TiB take 4 bytes for each 64 KiB, 0.94 GiB, and names
/// take far less.
const HEADER_BYTES_MAX: usize = 1 << 30;
const NONE: u32 = u32::MAX;

/// What a blob says of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes of the whole value.
    Whole(Meta),
    /// Some bytes of the value.
    Block(Meta, Range<u64>),
    /// There was no such value.
    Absent(Key),
}

impl Content {
    /// The key of the value.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Whole(meta) | Self::Block(meta, _) => &meta.key,
            Self::Absent(key) => key,
        }
    }

    /// Which bytes of the value the blob holds.
    #[must_use]
    pub fn extent(&self) -> Range<u64> {
        match self {
            Self::Whole(meta) => 0..meta.size,
            Self::Block(_, extent) => extent.clone(),
            Self::Absent(_) => 0..0,
        }
    }

    /// What the blob says of the value; none if there was none.
    #[must_use]
    pub const fn meta(&self) -> Option<&Meta> {
        match self {
            Self::Whole(meta) | Self::Block(meta, _) => Some(meta),
            Self::Absent(_) => None,
        }
    }

    const fn kind(&self) -> u32 {
        match self {
            Self::Whole(_) => 0,
            Self::Block(..) => 1,
            Self::Absent(_) => 2,
        }
    }
}

/// The header of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which bytes of which value it holds.
    pub content: Content,
    /// Whose value it is.
    pub namespace: String,
    /// When the fetch began.
    pub fetched: Timestamp,
    /// Tells this blob from every other that was ever written under its name.
    pub stamp: u64,
    /// Bytes of the header as it was read or will be written.
    pub len: usize,
    checksum: Checksum,
    checksums: Vec<u32>,
}

/// Why a blob cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// More bytes are needed to tell: so many from the start.
    Short(usize),
    /// It does not say what a blob says.
    Header,
    /// Its bytes are not those that were written.
    Bytes,
}

impl Damage {
    /// How much of a blob of `blob_bytes` to read instead of the first `had` bytes; none if more of it is no better.
    #[must_use]
    pub fn more(self, had: u64, blob_bytes: u64) -> Option<u64> {
        match self {
            Self::Short(needed) => Some(needed as u64).filter(|needed| (had + 1..=blob_bytes).contains(needed)),
            Self::Header | Self::Bytes => None,
        }
    }
}

impl Header {
    /// The header for `bytes`, which are the extent of `content`.
    #[must_use]
    pub fn new(content: Content, namespace: &str, fetched: Timestamp, stamp: u64, bytes: &[u8]) -> Self {
        let checksum = Checksum::LATEST;
        let checksums: Vec<u32> = bytes.chunks(CHECKED_BYTES).map(|block| checksum.sum(block)).collect();
        let len = Self::names_bytes(content.key(), content.meta(), namespace) + 4 * checksums.len();
        Self { content, namespace: namespace.to_owned(), fetched, stamp, len, checksum, checksums }
    }

    /// What the blob of the whole value weighs.
    #[must_use]
    pub fn whole_blob_bytes(meta: &Meta, namespace: &str) -> u64 {
        let checksums_bytes = 4 * meta.size.div_ceil(CHECKED_BYTES as u64);
        let names_bytes = Self::names_bytes(&meta.key, Some(meta), namespace) as u64;
        names_bytes.saturating_add(checksums_bytes).saturating_add(meta.size)
    }

    /// A header without the checksums of the bytes.
    fn names_bytes(key: &Key, meta: Option<&Meta>, namespace: &str) -> usize {
        let version = meta.map(|meta| &meta.version);
        let optional = |name: Option<&Option<Arc<str>>>| name.and_then(Option::as_deref).map_or(0, str::len);
        let names = key.as_str().len()
            + namespace.len()
            + optional(version.map(|version| &version.e_tag))
            + optional(version.map(|version| &version.id));
        FIXED_BYTES + names + 4
    }

    /// The bytes that follow the header.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        let extent = self.content.extent();
        extent.end - extent.start
    }

    /// The bytes of the whole blob.
    #[must_use]
    pub fn blob_bytes(&self) -> u64 {
        self.payload_bytes().saturating_add(self.len as u64)
    }

    /// The header as it stands before the bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let none = Version::default();
        let (size, modified, version) = match self.content.meta() {
            Some(meta) => (meta.size, meta.modified.map_or(u64::MAX, Timestamp::as_millis), &meta.version),
            None => (0, u64::MAX, &none),
        };
        let mut out = BytesMut::with_capacity(self.len);
        out.put_slice(&self.checksum.magic());
        out.put_u32_le(length(self.len));
        out.put_u32_le(self.content.kind());
        out.put_u64_le(size);
        out.put_u64_le(self.content.extent().start);
        out.put_u64_le(self.payload_bytes());
        out.put_u64_le(self.fetched.as_millis());
        out.put_u64_le(self.stamp);
        out.put_u64_le(modified);
        let names =
            [Some(self.content.key().as_str()), Some(&self.namespace), version.e_tag.as_deref(), version.id.as_deref()];
        for name in names {
            out.put_u32_le(name.map_or(NONE, |name| length(name.len())));
        }
        for name in names.into_iter().flatten() {
            out.put_slice(name.as_bytes());
        }
        for checksum in &self.checksums {
            out.put_u32_le(*checksum);
        }
        let checksum = crc32fast::hash(&out);
        out.put_u32_le(checksum);
        out.freeze()
    }

    /// Reads a header from the beginning of a blob.
    ///
    /// # Errors
    /// Why it is none, or how many bytes it takes to tell.
    pub fn decode(blob: &[u8]) -> Result<Self, Damage> {
        let mut fields = Fields(blob);
        let checksum_of_bytes = Checksum::of(fields.take(8)?).ok_or(Damage::Header)?;
        let len = fields.u32()? as usize;
        if !(FIXED_BYTES + 4..=HEADER_BYTES_MAX).contains(&len) {
            return Err(Damage::Header);
        }
        let header = blob.get(..len).ok_or(Damage::Short(len))?;
        let (body, checksum) = header.split_at(len - 4);
        if checksum != crc32fast::hash(body).to_le_bytes() {
            return Err(Damage::Header);
        }
        // From here on the header is what was once written; what does not fit is still no reason to panic.
        Self::fields(&mut Fields(&body[12..]), len, checksum_of_bytes).ok_or(Damage::Header)
    }

    fn fields(fields: &mut Fields<'_>, len: usize, checksum: Checksum) -> Option<Self> {
        let kind = fields.u32().ok()?;
        let (size, start, payload) = (fields.u64().ok()?, fields.u64().ok()?, fields.u64().ok()?);
        let (fetched, stamp, modified) = (fields.u64().ok()?, fields.u64().ok()?, fields.u64().ok()?);
        let lengths = [fields.u32().ok()?, fields.u32().ok()?, fields.u32().ok()?, fields.u32().ok()?];
        let mut names = lengths.into_iter().map(|length| fields.name(length));
        let key = Key::new(names.next()???).ok()?;
        let namespace = names.next()???;
        let version = Version { e_tag: names.next()??.map(Arc::from), id: names.next()??.map(Arc::from) };
        let modified = (modified != u64::MAX).then_some(Timestamp::from_millis(modified));
        let end = start.checked_add(payload).filter(|end| *end <= size)?;
        let tells_of_a_value = size > 0 || modified.is_some() || version != Version::default();
        let meta = Meta { key, size, modified, version };
        let content = match kind {
            0 if start == 0 && end == size => Content::Whole(meta),
            1 => Content::Block(meta, start..end),
            2 if !tells_of_a_value => Content::Absent(meta.key),
            _ => return None,
        };
        let checksums: Vec<u32> =
            fields.0.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        let expected = payload.div_ceil(CHECKED_BYTES as u64);
        let right = fields.0.len() as u64 == 4 * expected;
        let fetched = Timestamp::from_millis(fetched);
        right.then(|| Self { content, namespace, fetched, stamp, len, checksum, checksums })
    }

    /// The key that a beginning of a blob tells, whether or not the rest is sound.
    #[must_use]
    pub fn key_of(blob: &[u8]) -> Option<Key> {
        Checksum::of(blob)?;
        let length = blob.get(64..68)?.try_into().ok().map(u32::from_le_bytes)?;
        let key = blob.get(FIXED_BYTES..FIXED_BYTES.checked_add(length as usize)?)?;
        Key::new(std::str::from_utf8(key).ok()?).ok()
    }

    /// Checks the bytes of `extent` (relative to the payload, beginning at a checked block) against the checksums.
    ///
    /// # Errors
    /// If they are not those that were written.
    pub fn verify(&self, extent: Range<u64>, bytes: &[u8]) -> Result<(), Damage> {
        let right_length =
            extent.end - extent.start == bytes.len() as u64 && extent.start.is_multiple_of(CHECKED_BYTES as u64);
        let first = usize::try_from(extent.start / CHECKED_BYTES as u64).map_err(|_| Damage::Bytes)?;
        let right = right_length
            && bytes
                .chunks(CHECKED_BYTES)
                .zip(first..)
                .all(|(block, index)| self.checksums.get(index).is_some_and(|sum| *sum == self.checksum.sum(block)));
        right.then_some(()).ok_or(Damage::Bytes)
    }
}

/// The bytes (relative to the payload, whose end they may pass) to read and check in order to serve `wanted`.
#[must_use]
pub fn checked(wanted: &Range<u64>) -> Range<u64> {
    let piece = CHECKED_BYTES as u64;
    wanted.start / piece * piece..wanted.end.div_ceil(piece).saturating_mul(piece)
}

/// Lengths in headers are far below 4 GiB: longer names are refused long before.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE - 1)
}

/// What is left to read of a header.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(Damage::Short(FIXED_BYTES))?;
        self.0 = tail;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        self.take(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn u64(&mut self) -> Result<u64, Damage> {
        self.take(8).map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
    }

    /// A name that may be left out; the outer `None` is damage.
    #[expect(clippy::option_option, reason = "left out and damaged are two things")]
    fn name(&mut self, length: u32) -> Option<Option<String>> {
        if length == NONE {
            return Some(None);
        }
        let bytes = self.take(length as usize).ok()?;
        Some(Some(std::str::from_utf8(bytes).ok()?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meta(size: u64) -> Meta {
        Meta {
            key: Key::new("a/c/0").unwrap(),
            size,
            modified: Some(Timestamp::from_millis(7)),
            version: Version::from_e_tag("\"v\""),
        }
    }

    fn blob(content: Content, bytes: &[u8]) -> (Header, Vec<u8>) {
        let header = Header::new(content, "source", Timestamp::from_millis(5), 9, bytes);
        let blob = [&header.encode()[..], bytes].concat();
        (header, blob)
    }

    #[test]
    fn a_blob_reads_back_as_it_was_written() {
        let bytes = vec![3; 2 * CHECKED_BYTES + 1];
        for (content, bytes) in [
            (Content::Whole(meta(bytes.len() as u64)), &bytes[..]),
            (Content::Block(meta(1 << 40), 1 << 20..(1 << 20) + bytes.len() as u64), &bytes[..]),
            (Content::Whole(Meta { modified: None, version: Version::default(), ..meta(0) }), &[]),
            (Content::Absent(meta(0).key), &[]),
            (Content::Whole(Meta { version: Version { id: Some("of-7".into()), ..meta(0).version }, ..meta(0) }), &[]),
        ] {
            let (header, blob) = blob(content, bytes);
            let read = Header::decode(&blob).unwrap();
            assert_eq!(read, header);
            assert_eq!(read.len + bytes.len(), blob.len());
            if let Content::Whole(meta) = &header.content {
                assert_eq!(Header::whole_blob_bytes(meta, "source"), blob.len() as u64);
            }
            assert_eq!(read.verify(0..bytes.len() as u64, &blob[read.len..]), Ok(()));
        }
    }

    #[test]
    fn a_cut_header_says_how_much_is_needed() {
        let (header, blob) = blob(Content::Whole(meta(3)), b"abc");
        assert_eq!(Header::decode(&blob[..header.len - 1]), Err(Damage::Short(header.len)));
        assert_eq!(Header::decode(&blob[..3]), Err(Damage::Short(FIXED_BYTES)));
    }

    /// What is read of a header in which this field is another one, and the checksum is right all the same.
    fn forged(header: &Header, at: usize, field: &[u8]) -> Result<Header, Damage> {
        let mut body = header.encode()[..header.len - 4].to_vec();
        body[at..at + field.len()].copy_from_slice(field);
        let checksum = crc32fast::hash(&body).to_le_bytes();
        Header::decode(&[&body[..], &checksum[..]].concat())
    }

    #[test]
    fn a_length_that_no_header_has_is_damage_before_more_is_read() {
        let said = |len: u32| Header::decode(&[&Checksum::LATEST.magic()[..], &len.to_le_bytes()[..]].concat());
        let (least, most) = (FIXED_BYTES as u32 + 4, HEADER_BYTES_MAX as u32);
        assert_eq!([said(least - 1), said(most + 1)], [Err(Damage::Header), Err(Damage::Header)]);
        assert_eq!([said(least), said(most)], [least, most].map(|len| Err(Damage::Short(len as usize))));
    }

    #[test]
    fn a_whole_value_begins_at_its_first_byte_and_ends_at_its_last() {
        let (header, _) = blob(Content::Whole(meta(40)), &[7; 40]);
        let sized = |size: u64, start: u64| forged(&header, 16, &[size.to_le_bytes(), start.to_le_bytes()].concat());
        assert!(sized(40, 0).is_ok());
        for (size, start) in [(41, 0), (41, 1), (39, 0), (40, 1)] {
            assert_eq!(sized(size, start), Err(Damage::Header), "from {start} of {size}");
        }
    }

    #[test]
    fn an_absence_that_has_a_size_or_was_modified_or_has_a_version_is_none() {
        let (header, _) = blob(Content::Absent(meta(0).key), &[]);
        let forged = |at: usize, field: &[u8]| forged(&header, at, field);
        assert_eq!(forged(16, &1_u64.to_le_bytes()), Err(Damage::Header), "a size");
        assert!(forged(56, &u64::MAX.to_le_bytes()).is_ok(), "never modified, as it was");
        assert_eq!(forged(56, &7_u64.to_le_bytes()), Err(Damage::Header), "modified");
        assert_eq!(forged(72, &0_u32.to_le_bytes()), Err(Damage::Header), "an empty entity tag");
        assert_eq!(forged(76, &0_u32.to_le_bytes()), Err(Damage::Header), "an empty version id");
    }

    #[test]
    fn a_range_checks_the_blocks_it_touches() {
        let size = 3 * CHECKED_BYTES as u64 - 5;
        let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let (header, _) = blob(Content::Whole(meta(size)), &bytes);
        let block = CHECKED_BYTES as u64;
        for (wanted, checked) in [
            (0..1, 0..block),
            (block..block, block..block),
            (block - 1..block + 1, 0..2 * block),
            (2 * block..size, 2 * block..size),
        ] {
            let covered = super::checked(&wanted);
            assert_eq!(covered.start..covered.end.min(size), checked, "{wanted:?}");
            let slice = &bytes[checked.start as usize..checked.end as usize];
            assert_eq!(header.verify(checked.clone(), slice), Ok(()), "{wanted:?}");
            if let Some((last, head)) = slice.split_last() {
                let flipped = [head, &[last ^ 1]].concat();
                assert_eq!(header.verify(checked, &flipped), Err(Damage::Bytes));
            }
        }
    }

    #[test]
    fn bytes_of_another_length_or_from_within_a_checked_block_are_damage() {
        let block = CHECKED_BYTES as u64;
        // All alike, so that their checksums tell nothing.
        let bytes = vec![3; 2 * CHECKED_BYTES];
        let (header, _) = blob(Content::Whole(meta(2 * block)), &bytes);
        assert_eq!(header.verify(0..2 * block, &bytes), Ok(()));
        assert_eq!(header.verify(0..2 * block, &bytes[..CHECKED_BYTES]), Err(Damage::Bytes), "half of them");
        assert_eq!(header.verify(0..block, &bytes), Err(Damage::Bytes), "twice as many");
        assert_eq!(header.verify(1..block + 1, &bytes[..CHECKED_BYTES]), Err(Damage::Bytes), "from within");
    }

    proptest! {
        #[test]
        fn any_flipped_or_missing_byte_is_detected(at in 0usize..200, flip in 1u8.., cut in any::<bool>()) {
            let (header, mut blob) = blob(Content::Whole(meta(40)), &[7; 40]);
            let at = at % blob.len();
            if cut { blob.truncate(at) } else { blob[at] ^= flip }
            let sound = Header::decode(&blob).is_ok_and(|read| read == header && read.verify(0..40, &blob[read.len..]).is_ok());
            prop_assert!(!sound);
        }

        #[test]
        fn any_bytes_at_all_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
            if ours && bytes.len() >= 8 { bytes[..8].copy_from_slice(&Checksum::LATEST.magic()) }
            prop_assert!(Header::decode(&bytes).is_err());
        }
    }
}
