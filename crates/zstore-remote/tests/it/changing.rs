//! Values that change while they are read.

use zstore_core::{ByteRange, ErrorKind, GetOptions, ReadStore};

use crate::server::{Asked, Server, key, object, part, respond, whole};

const FAR: u64 = 1_000_000;

/// Answers a range of ten bytes of a value of `FAR + 10` bytes, all of them `byte`.
fn ten(asked: &Asked, e_tag: &str, byte: &str) -> String {
    let start: u64 = if asked.header("range") == Some("bytes=0-9") { 0 } else { FAR };
    part(e_tag, &format!("{start}-{}/{}", start + 9, FAR + 10), &byte.repeat(10))
}

#[tokio::test]
async fn ranges_are_of_one_version_though_the_server_ignores_conditions() {
    // The value changes between the first request and the second.
    let server = Server::answering(|asked, before| match before {
        0 => ten(asked, "\"old\"", "o"),
        _ => ten(asked, "\"new\"", "n"),
    })
    .await;
    let ranges = [ByteRange::Bounded(0..10), ByteRange::Bounded(FAR..FAR + 10)];
    let ranges = server.reader().get_ranges(&key(), &ranges).await.unwrap().unwrap();
    assert!(ranges.parts.iter().all(|part| part.bytes == "nnnnnnnnnn"), "{ranges:?}");
    assert_eq!(ranges.meta.version.e_tag.as_deref(), Some("\"new\""));
    assert_eq!(server.asked()[1].header("if-match"), Some("\"old\""));
}

#[tokio::test]
async fn a_value_that_never_rests_is_given_up() {
    let server = Server::answering(|asked, before| ten(asked, &format!("\"{before}\""), "x")).await;
    let ranges = [ByteRange::Bounded(0..10), ByteRange::Bounded(FAR..FAR + 10)];
    let error = server.reader().get_ranges(&key(), &ranges).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn a_range_refused_of_a_value_that_then_grew_is_cut_from_the_whole() {
    let server = Server::answering(|asked, before| match before {
        0 => respond("416 Range Not Satisfiable", &["Content-Length: 0", "Content-Range: bytes */2"], ""),
        _ => whole(asked, "\"new\"", "0123456789"),
    })
    .await;
    let reader = server.reader();
    assert_eq!(object(&reader, &GetOptions::range(ByteRange::Bounded(4..6))).await.bytes, "45");
    assert!(reader.capabilities().native_ranges);
}

#[tokio::test]
async fn a_suffix_by_way_of_the_size_is_of_one_version() {
    // No suffixes here; and the value is replaced between the question for its size and that for its end.
    let server = Server::answering(|asked, before| match (before, asked.header("range")) {
        (0, _) => whole(asked, "\"old\"", "0123456789"),
        (1 | 2, _) => whole(asked, "\"old\"", "0123456789"),
        (3, Some("bytes=7-9")) => respond("412 Precondition Failed", &["Content-Length: 0"], ""),
        (_, Some("bytes=2-4")) => part("\"new\"", "2-4/5", "cde"),
        _ => whole(asked, "\"new\"", "abcde"),
    })
    .await;
    let object = object(&server.reader(), &GetOptions::range(ByteRange::Suffix(3))).await;
    assert_eq!((object.bytes.as_ref(), object.meta.size), (&b"cde"[..], 5));
}

#[tokio::test]
async fn a_suffix_by_way_of_the_size_is_of_one_size_where_there_are_no_tags() {
    // The value grows from ten bytes to twelve between the question for its size and that for its end.
    let sized = |asked: &Asked, size: &str, body: &str| {
        respond("200 OK", &[&format!("Content-Length: {size}")], if asked.is_head() { "" } else { body })
    };
    let ranged = |range: &str, body: &str| {
        respond("206 Partial Content", &["Content-Length: 3", &format!("Content-Range: bytes {range}")], body)
    };
    let server = Server::answering(move |asked, before| match (before, asked.header("range")) {
        (0..=2, _) => sized(asked, "10", "0123456789"),
        (_, Some("bytes=7-9")) => ranged("7-9/12", "789"),
        (_, Some("bytes=9-11")) => ranged("9-11/12", "9ab"),
        _ => sized(asked, "12", "0123456789ab"),
    })
    .await;
    let object = object(&server.reader(), &GetOptions::range(ByteRange::Suffix(3))).await;
    assert_eq!((object.bytes.as_ref(), object.meta.size), (&b"9ab"[..], 12));
}
