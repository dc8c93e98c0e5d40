//! Servers that ignore, cut short, lie and fail.

use std::time::Duration;

use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, ReadStore, ReadStoreExt, Version};
use zstore_remote::RemoteBuilder;

use crate::server::{Answer, Server, get_error, key, object, part, respond, whole};

const VALUE: &str = "0123456789";

#[tokio::test]
async fn a_server_that_ignores_ranges_is_found_out_once() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", VALUE)).await;
    let reader = server.reader();
    assert!(reader.capabilities().native_ranges);
    for (range, bytes) in [
        (ByteRange::Bounded(2..5), "234"),
        (ByteRange::Bounded(8..99), "89"),
        (ByteRange::From(7), "789"),
        (ByteRange::Suffix(3), "789"),
        (ByteRange::Suffix(99), VALUE),
    ] {
        let object = object(&reader, &GetOptions::range(range.clone())).await;
        assert_eq!((object.bytes.as_ref(), object.meta.size), (bytes.as_bytes(), 10), "{range}");
    }
    assert!(!reader.capabilities().native_ranges);
    // The first found it out, and cost a second GET; the others are one each.
    assert_eq!(server.methods(), "GET GET GET GET GET GET");
}

#[tokio::test]
async fn a_server_that_ignores_ranges_sends_a_value_once_for_several() {
    let value = VALUE.repeat(20_000);
    let server = Server::answering(move |asked, _| whole(asked, "\"a\"", &value)).await;
    let reader = server.reader();
    reader.get_range(&key(), ByteRange::From(3)).await.unwrap();
    let before = server.asked().len();
    // So far apart that they would be two requests otherwise.
    let ranges = [ByteRange::Suffix(2), ByteRange::Bounded(0..1), ByteRange::From(200_000)];
    let ranges = reader.get_ranges(&key(), &ranges).await.unwrap().unwrap();
    assert_eq!(ranges.parts.iter().map(|part| &part.bytes[..]).collect::<Vec<_>>(), [&b"89"[..], b"0", b""]);
    assert_eq!(server.asked().len() - before, 1);
}

#[tokio::test]
async fn a_whole_value_for_a_range_of_all_of_it_teaches_nothing() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", VALUE)).await;
    let reader = server.reader();
    for range in [ByteRange::Bounded(0..99), ByteRange::Suffix(10)] {
        assert_eq!(object(&reader, &GetOptions::range(range)).await.bytes, VALUE);
    }
    assert!(reader.capabilities().native_ranges);
}

#[tokio::test]
async fn a_server_that_has_ranges_but_no_suffixes_is_asked_for_the_size() {
    let server = Server::answering(|asked, _| match asked.header("range") {
        Some("bytes=7-9") => part("\"a\"", "7-9/10", "789"),
        _ => whole(asked, "\"a\"", VALUE),
    })
    .await;
    let reader = server.reader();
    for _ in 0..2 {
        assert_eq!(object(&reader, &GetOptions::range(ByteRange::Suffix(3))).await.bytes, "789");
    }
    assert!(reader.capabilities().native_ranges);
    assert_eq!(server.methods(), "GET HEAD HEAD GET HEAD GET");
}

#[tokio::test]
async fn an_empty_value_teaches_nothing_about_ranges() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "")).await;
    let reader = server.reader();
    assert_eq!(object(&reader, &GetOptions::range(ByteRange::Suffix(3))).await.bytes, "");
    assert!(reader.capabilities().native_ranges);
}

#[tokio::test]
async fn conditions_hold_where_the_server_ignores_them() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", VALUE)).await;
    let reader = server.reader();
    let (same, other) = (Version::from_e_tag("\"a\""), Version::from_e_tag("\"b\""));
    let get = async |options: GetOptions| reader.get(&key(), &options).await;
    assert_eq!(get(GetOptions::default().if_none_match(same.clone())).await.unwrap(), Fetch::NotModified(same.clone()));
    let error = get(GetOptions::default().if_match(other.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert!(matches!(get(GetOptions::default().if_match(same)).await.unwrap(), Fetch::Object(_)));
    assert!(matches!(get(GetOptions::default().if_none_match(other)).await.unwrap(), Fetch::Object(_)));
}

#[tokio::test]
async fn a_weak_tag_is_not_sent_and_proves_nothing() {
    let server = Server::answering(|asked, _| whole(asked, "W/\"a\"", VALUE)).await;
    let reader = server.reader();
    let weak = Version::from_e_tag("W/\"a\"");
    let fetch = reader.get(&key(), &GetOptions::default().if_none_match(weak.clone())).await.unwrap();
    assert!(matches!(fetch, Fetch::Object(_)), "{fetch:?}");
    let error = reader.get(&key(), &GetOptions::default().if_match(weak)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert!(server.asked().iter().all(|asked| asked.header("if-none-match").or(asked.header("if-match")).is_none()));
}

#[tokio::test]
async fn a_missing_value_is_missing_where_the_server_says_the_condition_failed() {
    let server = Server::answering(|asked, _| match asked.header("if-match") {
        Some(_) => respond("412 Precondition Failed", &["Content-Length: 0"], ""),
        None => respond("404 Not Found", &["Content-Length: 0"], ""),
    })
    .await;
    let options = GetOptions::default().if_match(Version::from_e_tag("\"a\""));
    assert_eq!(server.reader().get(&key(), &options).await.unwrap(), Fetch::Missing);
}

#[tokio::test]
async fn fewer_bytes_than_promised_are_an_error() {
    let short = |_: &_, _| respond("200 OK", &["Content-Length: 10"], "01234");
    let error = get_error(&Server::answering(short).await.reader()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

    // The length of the body is right by itself, and wrong for the range it is said to be.
    let short = Server::answering(|_, _| part("\"a\"", "2-5/10", "23")).await;
    let error = short.reader().get_range(&key(), ByteRange::Bounded(2..6)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().ends_with("promised 4 bytes and sent 2"), "{error}");
}

#[tokio::test]
async fn more_bytes_than_promised_are_an_error() {
    let server = Server::answering(|_, _| part("\"a\"", "2-5/10", VALUE)).await;
    let error = server.reader().get_range(&key(), ByteRange::Bounded(2..6)).await.unwrap_err();
    assert!(error.to_string().ends_with("promised 4 bytes and sent more"), "{error}");
}

#[tokio::test]
async fn other_bytes_than_asked_are_not_taken_for_them() {
    for wrong in [part("\"a\"", "0-2/10", "012"), respond("206 Partial Content", &["Content-Length: 3"], "789")] {
        let server = Server::answering(move |asked, _| match asked.header("range") {
            Some(_) => wrong.clone(),
            None => whole(asked, "\"a\"", VALUE),
        })
        .await;
        let object = object(&server.reader(), &GetOptions::range(ByteRange::Suffix(3))).await;
        assert_eq!((object.bytes.as_ref(), object.range), (&b"789"[..], 7..10));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_within_a_value_is_taken_up_where_it_broke() {
    let server = Server::answering(|asked, _| match asked.header("range") {
        None => respond("200 OK", &["Content-Length: 10", "ETag: \"a\""], "01234"),
        Some("bytes=5-9") => part("\"a\"", "5-9/10", "56789"),
        Some(other) => respond(&format!("400 {other}"), &[], ""),
    })
    .await;
    let reader = RemoteBuilder::new(server.url()).max_retries(1).open_reader().unwrap();
    assert_eq!(object(&reader, &GetOptions::default()).await.bytes, VALUE);
    assert_eq!(server.methods(), "GET GET");
}

#[tokio::test]
async fn a_value_that_changed_while_the_connection_was_broken_is_not_pieced_together() {
    let server = Server::answering(|asked, _| match asked.header("range") {
        None => respond("200 OK", &["Content-Length: 10", "ETag: \"a\""], "01234"),
        Some(_) => part("\"b\"", "5-9/10", "vwxyz"),
    })
    .await;
    let reader = RemoteBuilder::new(server.url()).max_retries(1).open_reader().unwrap();
    assert_eq!(get_error(&reader).await.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_server_that_hangs_up_is_unavailable() {
    let server = Server::answering(|_, _| String::new()).await;
    let error = get_error(&server.reader()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.is_retryable() && error.to_string().contains(&server.address()), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let builder = RemoteBuilder::new(url).max_retries(0).read_timeout(Duration::from_millis(50));
    let error = get_error(&builder.open_reader().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
}

#[tokio::test]
async fn a_server_without_head_is_asked_by_get() {
    let server = Server::answering(|asked, _| match asked.method.as_str() {
        "HEAD" => respond("405 Method Not Allowed", &["Content-Length: 0"], ""),
        _ => whole(asked, "\"a\"", VALUE),
    })
    .await;
    assert_eq!(server.reader().head(&key()).await.unwrap().unwrap().size, 10);
    assert_eq!(server.methods(), "HEAD GET");
}

#[tokio::test]
async fn a_server_that_does_not_tell_the_size_is_told_on() {
    let server = Server::answering(|_, _| respond("200 OK", &[], VALUE)).await;
    let error = get_error(&server.reader()).await;
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("Content-Length"), "{error}");
}

#[tokio::test]
async fn a_value_without_a_tag_and_a_date_is_a_value() {
    let server = Server::answering(|_, _| respond("200 OK", &["Content-Length: 10"], VALUE)).await;
    let meta = object(&server.reader(), &GetOptions::default()).await.meta;
    assert_eq!((meta.version, meta.modified), (Version::default(), None));
}

#[tokio::test]
async fn nonsense_is_an_error_of_one_line() {
    let server = Server::answering(|_, _| "SSH-2.0-OpenSSH_9.2\r\n".to_owned()).await;
    let error = get_error(&server.reader()).await.to_string();
    assert!(error.contains(&server.address()) && error.lines().count() == 1, "{error}");
}

#[tokio::test]
async fn no_coding_of_the_content_is_asked_for() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", VALUE)).await;
    object(&server.reader(), &GetOptions::default()).await;
    assert_eq!(server.asked()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_part_is_not_taken_for_the_whole() {
    let server = Server::answering(|_, _| part("\"a\"", "2-5/10", "2345")).await;
    let error = get_error(&server.reader()).await;
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("sent a part"), "{error}");
}

#[tokio::test]
async fn a_range_without_end_is_an_error_and_no_panic() {
    let server = Server::answering(|asked, _| match asked.header("range") {
        Some(_) => part("\"a\"", &format!("2-{}/10", u64::MAX), "2345"),
        None => respond("500 Internal Server Error", &["Content-Length: 0"], ""),
    })
    .await;
    let error = server.reader().get_range(&key(), ByteRange::Bounded(2..6)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[tokio::test]
async fn what_is_no_content_is_not_a_value() {
    for status in ["201 Created", "202 Accepted", "203 Non-Authoritative Information", "204 No Content"] {
        let server = Server::answering(move |_, _| respond(status, &["Content-Length: 0"], "")).await;
        let reader = server.reader();
        for error in [get_error(&reader).await, reader.head(&key()).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains(&status[..3]), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_a_condition_that_was_not_made_is_an_error() {
    for status in ["304 Not Modified", "412 Precondition Failed"] {
        let server = Server::answering(move |_, _| respond(status, &["Content-Length: 0"], "")).await;
        let reader = server.reader();
        for error in [get_error(&reader).await, reader.head(&key()).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert!(error.to_string().contains(&status[..3]), "{error}");
        }
    }
}

#[tokio::test]
async fn a_failed_condition_is_no_answer_to_the_question_for_another_version() {
    let server = Server::answering(|asked, _| match asked.header("if-none-match") {
        Some(_) => respond("412 Precondition Failed", &["Content-Length: 0"], ""),
        None => whole(asked, "\"b\"", VALUE),
    })
    .await;
    let options = GetOptions::default().if_none_match(Version::from_e_tag("\"a\""));
    assert_eq!(server.reader().get(&key(), &options).await.unwrap_err().kind(), ErrorKind::Io);
}

#[tokio::test]
async fn another_version_is_not_the_one_that_was_asked_about() {
    let same = |e_tag: &'static str| {
        Server::answering(move |_, _| respond("304 Not Modified", &[&format!("ETag: {e_tag}")], ""))
    };
    let options = GetOptions::default().if_none_match(Version::from_e_tag("\"a\""));
    let error = same("\"b\"").await.reader().get(&key(), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    // Some servers call their tags weak where they only compare them.
    for e_tag in ["\"a\"", "W/\"a\""] {
        let fetch = same(e_tag).await.reader().get(&key(), &options).await.unwrap();
        assert!(matches!(fetch, Fetch::NotModified(_)), "{fetch:?}");
    }
}

#[tokio::test]
async fn a_tag_made_of_the_second_that_still_lasts_proves_nothing() {
    // Made of the second of the last write and the size, as nginx has it.
    for (date, is_telling) in [("10:00:00", false), ("10:00:01", false), ("10:00:02", true)] {
        let date = format!("Date: Sun, 22 Nov 2026 {date} GMT");
        let written = "Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT";
        let server = Server::answering(move |_, _| {
            respond("200 OK", &[&date, written, "ETag: \"6b02bd20-5\"", "Content-Length: 5"], "value")
        })
        .await;
        let version = object(&server.reader(), &GetOptions::default()).await.meta.version;
        assert_eq!(version.matches(&version), is_telling, "{version:?}");
    }
}

#[tokio::test]
async fn a_broken_answer_with_a_weak_tag_is_not_pieced_together() {
    // The same weak tag, and other bytes.
    let server = Server::answering(|asked, _| match asked.header("range") {
        None => respond("200 OK", &["Content-Length: 10", "ETag: W/\"a\""], "01234"),
        Some(_) => part("W/\"a\"", "5-9/10", "fghij"),
    })
    .await;
    let reader = RemoteBuilder::new(server.url()).max_retries(1).open_reader().unwrap();
    assert_eq!(get_error(&reader).await.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_is_said_to_the_question_for_the_rest_is_no_answer_to_the_first() {
    let gone = respond("404 Not Found", &["Content-Length: 0"], "");
    let whole = respond("200 OK", &["Content-Length: 10", "ETag: \"a\""], VALUE);
    for second in [gone, whole] {
        let server = Server::answering(move |asked, _| match asked.header("range") {
            None => respond("200 OK", &["Content-Length: 10", "ETag: \"a\""], "01234"),
            Some(_) => second.clone(),
        })
        .await;
        let reader = RemoteBuilder::new(server.url()).max_retries(1).open_reader().unwrap();
        let error = get_error(&reader).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("broke"), "{error}");
    }
}

#[tokio::test]
async fn a_connection_torn_down_within_a_value_is_an_error() {
    let server =
        Server::answering(|_, _| Answer::from(respond("200 OK", &["Content-Length: 10"], "01234")).then_reset()).await;
    let error = get_error(&server.reader()).await;
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn coded_bytes_are_not_taken_for_the_value() {
    for coding in ["Content-Encoding: gzip", "content-encoding: identity, br", "Transfer-Encoding: gzip, chunked"] {
        let server = Server::answering(move |asked, _| {
            let range = if asked.header("range").is_some() { "Content-Range: bytes 2-5/10" } else { "X: x" };
            let status = if asked.header("range").is_some() { "206 Partial Content" } else { "200 OK" };
            respond(status, &["Content-Length: 4", coding, range], if asked.is_head() { "" } else { "coded" })
        })
        .await;
        let reader = server.reader();
        let errors = [
            get_error(&reader).await,
            reader.head(&key()).await.unwrap_err(),
            reader.get_range(&key(), ByteRange::Bounded(2..6)).await.unwrap_err(),
            reader.get_range(&key(), ByteRange::Suffix(4)).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.to_string().contains("sent the value coded"), "{coding}: {error}");
        }
    }
    for none in ["identity", "aws-chunked", "Identity"] {
        let server = Server::answering(move |_, _| {
            respond("200 OK", &["Content-Length: 10", &format!("Content-Encoding: {none}")], VALUE)
        })
        .await;
        assert_eq!(object(&server.reader(), &GetOptions::default()).await.bytes, VALUE);
    }
}
