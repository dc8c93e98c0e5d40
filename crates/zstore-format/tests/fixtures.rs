//! Files of format 1 as they were written once, with blobs of versions 1 and 2: every later version must read them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{fs, path::PathBuf};

use zstore_core::{Key, Meta, Timestamp, Version};
use zstore_format::{
    Content, Header, Namespace, Part,
    index::{self, Frames, Journal, Noted},
    marker::{FORMAT, Marked, TAG},
};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read(path).unwrap()
}

const BYTES: &[u8] = b"the bytes of a chunk";

fn namespace() -> Namespace {
    Namespace::new("LocalStore(/data/climate.zarr)", 65_536).unwrap()
}

fn headers() -> [(&'static str, Header, &'static [u8]); 3] {
    let meta = Meta {
        key: Key::new("temperature/c/0/1").unwrap(),
        size: 20,
        modified: Some(Timestamp::from_millis(1_700_000_000_000)),
        version: Version { e_tag: Some("\"5-14\"".into()), id: Some("v7".into()) },
    };
    let large = Meta { size: 1_000_000, version: Version::default(), modified: None, ..meta.clone() };
    let fetched = Timestamp::from_millis(1_700_000_060_000);
    let header = |content, bytes| Header::new(content, namespace().name(), fetched, 0x0123_4567_89ab_cdef, bytes);
    [
        ("whole.blob", header(Content::Whole(meta.clone()), BYTES), BYTES),
        ("block.blob", header(Content::Block(large, 983_040..983_060), BYTES), BYTES),
        ("absence.blob", header(Content::Absent(meta.key), &[]), &[]),
    ]
}

fn journal() -> Vec<u8> {
    let mut frames = Frames::default();
    frames.space(namespace().space());
    for (seat, key) in (0..).zip(["zarr.json", "temperature/c/0/1", "temperature/c/0/2"]) {
        let (part, fetched) = (if seat == 2 { Part::Block(15) } else { Part::Whole }, Timestamp::from_millis(5));
        let noted = Noted { seat, space: 0, key, part, weight: 300, fetched, id: 9, is_absence: seat == 0 };
        frames.blob(&noted, seat == 1);
    }
    frames.landed(2);
    frames.touched(&[1]);
    frames.leaving(2);
    [index::head([7; 16]), frames.finish()].concat()
}

#[test]
fn blobs_of_version_2_are_read_and_written_as_ever() {
    for (name, header, bytes) in headers() {
        let blob = fixture(&format!("version-2/{name}"));
        let read = Header::decode(&blob).unwrap();
        assert_eq!(read, header, "{name}");
        assert_eq!(read.verify(0..bytes.len() as u64, &blob[read.len..]), Ok(()));
        assert_eq!([&header.encode()[..], bytes].concat(), blob, "{name} is written otherwise");
    }
}

#[test]
fn blobs_of_version_1_are_read_as_ever() {
    for (name, header, bytes) in headers() {
        let blob = fixture(name);
        let read = Header::decode(&blob).unwrap();
        let told = |header: &Header| (header.content.clone(), header.namespace.clone(), header.fetched, header.stamp);
        assert_eq!(told(&read), told(&header), "{name}");
        assert_eq!(read.verify(0..bytes.len() as u64, &blob[read.len..]), Ok(()));
        if let Some((last, others)) = bytes.split_last() {
            assert!(read.verify(0..bytes.len() as u64, &[others, &[last ^ 1]].concat()).is_err(), "{name}");
        }
        assert_eq!([&read.encode()[..], bytes].concat(), blob, "{name} would be written otherwise");
        assert_eq!(Header::key_of(&blob).as_ref(), Some(read.content.key()));
    }
}

#[test]
fn a_journal_of_format_1_is_read_and_written_as_ever() {
    let bytes = fixture("journal");
    let journal_read = Journal::read(&bytes).unwrap();
    assert!(journal_read.is_complete());
    assert_eq!((journal_read.boot(), journal_read.spaces()), ([7; 16], &[namespace().space()][..]));
    let residents: Vec<(&str, Part, bool)> =
        journal_read.residents().map(|(noted, is_sure)| (noted.key, noted.part, is_sure)).collect();
    let expected = [
        ("zarr.json", Part::Whole, false),
        ("temperature/c/0/2", Part::Block(15), false),
        ("temperature/c/0/1", Part::Whole, true),
    ];
    assert_eq!(residents, expected);
    assert_eq!(journal(), bytes, "it is written otherwise");
}

#[test]
fn marks_of_format_1_are_ours() {
    let (tag, format) = (fixture("CACHEDIR.TAG"), fixture("zstore-format"));
    assert_eq!(Marked::read(Some(&tag), Some(&format)), Marked::Ours);
    assert_eq!((TAG.1.as_bytes(), FORMAT.1.as_bytes()), (&tag[..], &format[..]));
}
