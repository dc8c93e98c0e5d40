//! Blobs as they are read from a tier: whatever the bytes, no panic; what was written reads back; a single wrong byte is noticed.
//!
//! A finding is kept as a test of `zstore-cache` in `src/blob.rs`: `cargo fuzz fmt blobs FILE` prints it.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use zstore_core::{Key, Meta, Timestamp, Version};

use crate::blob::{CHECKED_BYTES, Content, Header, checked};
use crate::edge::edge;
use crate::sequence::sequence;

#[path = "../../crates/zstore-cache/src/blob.rs"]
#[expect(dead_code, reason = "not all of it is asked here")]
mod blob;
mod edge;
mod sequence;

const CHECKED: u64 = CHECKED_BYTES as u64;
/// Some checksums, and not so many bytes that a run takes long.
const PAYLOAD_MAX: u64 = 3 * CHECKED;
/// Places that are forged at a time.
const FORGED_MAX: usize = 24;
/// Behind the magic and the length of the header.
const FORGED_FROM: usize = 12;
const CHECKSUM_BYTES: usize = 4;

#[derive(Debug)]
enum Blob {
    /// Any bytes at all.
    Any(Vec<u8>),
    /// A header with other bytes in some places, whose checksum is right.
    Forged(Written, Vec<(usize, u8)>),
    Written(Written),
}

#[derive(Debug)]
struct Written {
    content: Content,
    namespace: String,
    fetched: Timestamp,
    stamp: u64,
    /// A number that tells which byte, of the header or of the whole blob, and the bits to flip.
    flip: (u64, u8),
    cut: u64,
    /// Bytes of the payload that are read.
    wanted: std::ops::Range<u64>,
}

impl Written {
    fn header(&self, payload: &[u8]) -> Header {
        Header::new(self.content.clone(), &self.namespace, self.fetched, self.stamp, payload)
    }
}

impl Arbitrary<'_> for Blob {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=3)? {
            0 => Self::Any(bytes.bytes(bytes.len())?.to_vec()),
            1 => {
                let written = written(bytes)?;
                let forge =
                    |bytes: &mut Unstructured<'_>| Ok((bytes.int_in_range(0..=u8::MAX)?.into(), bytes.arbitrary()?));
                Self::Forged(written, sequence(bytes, FORGED_MAX, forge)?)
            }
            _ => Self::Written(written(bytes)?),
        })
    }
}

fn written(bytes: &mut Unstructured<'_>) -> Result<Written> {
    let stamp = bytes.arbitrary()?;
    let fetched = Timestamp::from_millis(bytes.arbitrary()?);
    let payload = edge(bytes, CHECKED, PAYLOAD_MAX)?;
    let flip = (bytes.arbitrary()?, bytes.int_in_range(1..=u8::MAX)?);
    let (from, to) = (edge(bytes, CHECKED, payload)?, edge(bytes, CHECKED, payload)?);
    let (cut, kind) = (bytes.arbitrary()?, bytes.int_in_range(0..=2)?);
    let (start, beyond) = (u64::from(bytes.arbitrary::<u32>()?), u64::from(bytes.arbitrary::<u32>()?));
    let modified = bytes.arbitrary::<Option<u64>>()?.filter(|at| *at != u64::MAX).map(Timestamp::from_millis);
    let text = |bytes: &mut Unstructured<'_>| bytes.arbitrary::<Option<&str>>().map(|text| text.map(Into::into));
    let version = Version { e_tag: text(bytes)?, id: text(bytes)? };
    let namespace = bytes.arbitrary()?;
    let key = Key::new(bytes.arbitrary::<&str>()?).or_else(|_| Key::new("k")).expect("the other key is one");
    let meta = |size| Meta { key: key.clone(), size, modified, version };
    let content = match kind {
        0 => Content::Whole(meta(payload)),
        1 => Content::Block(meta(start + payload + beyond), start..start + payload),
        _ => Content::Absent(key),
    };
    Ok(Written { content, namespace, fetched, stamp, flip, cut, wanted: from.min(to)..from.max(to) })
}

/// What is read as a header says the same when it is written again, and finds the bytes wanting that are not its own.
fn is_read(blob: &[u8]) {
    let Ok(header) = Header::decode(blob) else { return };
    assert_eq!(header.encode(), blob[..header.len], "{header:?}");
    let payload = &blob[header.len..];
    let extent = 0..payload.len() as u64;
    let sound = header.verify(extent, payload).is_ok();
    assert!(!sound || header.payload_bytes() >= payload.len() as u64, "{header:?}");
    for start in [0, 1, CHECKED, u64::MAX - CHECKED + 1] {
        let _ = header.verify(start..start.saturating_add(payload.len() as u64), payload);
    }
}

/// The header of `written` with those bytes in those places after its length, and the checksum of that.
fn forged(written: &Written, places: &[(usize, u8)]) -> Vec<u8> {
    let header = written.header(&payload_of(&written.content)).encode();
    let (body, _) = header.split_at(header.len() - CHECKSUM_BYTES);
    let mut blob = body.to_vec();
    let span = blob.len() - FORGED_FROM;
    for (place, byte) in places {
        blob[FORGED_FROM + place % span] = *byte;
    }
    let checksum = crc32fast::hash(&blob);
    blob.extend(checksum.to_le_bytes());
    blob
}

/// Bytes that tell where they lie.
fn payload_of(content: &Content) -> Bytes {
    let extent = content.extent();
    (0..extent.end - extent.start).map(|at| (at % 251) as u8).collect()
}

fn reads_back(written: &Written) {
    let payload = payload_of(&written.content);
    let header = written.header(&payload);
    let blob = [&header.encode()[..], &payload[..]].concat();
    assert_eq!(header.len + payload.len(), blob.len());
    assert_eq!(Header::decode(&blob), Ok(header.clone()));
    assert_eq!(header.verify(0..payload.len() as u64, &payload), Ok(()));
    is_read(&blob);

    let is_sound = |blob: &[u8]| {
        Header::decode(blob).is_ok_and(|read| {
            read == header && read.verify(0..payload.len() as u64, &blob[read.len.min(blob.len())..]).is_ok()
        })
    };
    let cut = usize::try_from(written.cut % blob.len() as u64).expect("it is a place in the blob");
    assert!(!is_sound(&blob[..cut]), "cut at {cut}");

    let (place, bits) = written.flip;
    let within = [blob.len(), header.len][usize::from(place % 2 == 0)] as u64;
    let flipped_at = usize::try_from(place / 2 % within).expect("it is a place in the blob");
    let mut flipped = blob;
    flipped[flipped_at] ^= bits;
    assert!(!is_sound(&flipped), "flipped at {flipped_at}");
    is_read(&flipped);

    // Of a part, only what is read for it is checked, and all of that.
    let covered = checked(&written.wanted);
    let covered = covered.start..covered.end.min(payload.len() as u64);
    if covered.start < covered.end && flipped_at >= header.len {
        let flipped = &flipped[header.len..];
        let read = &flipped[covered.start as usize..covered.end as usize];
        let hit = covered.contains(&((flipped_at - header.len) as u64));
        assert_eq!(header.verify(covered, read).is_err(), hit);
    }
}

fuzz_target!(|blob: Blob| {
    match blob {
        Blob::Any(bytes) => is_read(&bytes),
        Blob::Forged(written, places) => is_read(&forged(&written, &places)),
        Blob::Written(written) => reads_back(&written),
    }
});
