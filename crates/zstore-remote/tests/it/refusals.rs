//! Statuses, and what a caller is told.

use std::error::Error as _;

use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, Key, Operation, ReadStore, Store};
use zstore_remote::{RemoteBuilder, RemoteReader, RemoteStore};

use crate::server::{Server, get_error, key, object, respond, whole};

async fn error_of(status: &'static str) -> zstore_core::Error {
    let body = "<Error>\n<Message>many\nlines</Message>\n</Error>";
    let server = Server::answering(move |_, _| respond(status, &["Content-Length: 45"], body)).await;
    get_error(&server.reader()).await
}

#[tokio::test]
async fn a_status_becomes_what_the_caller_can_do_in_one_line() {
    for (status, kind) in [
        ("401 Unauthorized", ErrorKind::PermissionDenied),
        ("403 Forbidden", ErrorKind::PermissionDenied),
        ("400 Bad Request", ErrorKind::Io),
        ("500 Internal Server Error", ErrorKind::Io),
        ("502 Bad Gateway", ErrorKind::Unavailable),
        ("503 Service Unavailable", ErrorKind::Unavailable),
        ("504 Gateway Timeout", ErrorKind::TimedOut),
        ("429 Too Many Requests", ErrorKind::Unavailable),
    ] {
        let error = error_of(status).await;
        assert_eq!((error.kind(), error.operation()), (kind, Operation::Get), "{status}: {error}");
        assert_eq!((error.key(), error.to_string().lines().count()), (Some("k"), 1), "{error}");
        assert!(error.to_string().contains(&status[..3]), "{error}");
        assert!(error.source().is_some(), "{status}");
    }
}

#[tokio::test]
async fn trouble_of_a_server_is_one_line_and_the_tries_are_left_to_the_source() {
    let server = Server::answering(|_, _| respond("500 Internal Server Error", &["Content-Length: 0"], "")).await;
    let error = get_error(&RemoteBuilder::new(server.url()).max_retries(1).open_reader().unwrap()).await;
    let address = server.address();
    let line = format!("get \"k\" in Remote(http://{address}): {address} answered 500 Internal Server Error");
    assert_eq!(error.to_string(), line);
    assert!(error.source().unwrap().to_string().contains("after 1 retries"), "{:?}", error.source());
}

#[tokio::test]
async fn what_is_gone_is_missing() {
    for status in ["404 Not Found", "410 Gone"] {
        let server = Server::answering(move |_, _| respond(status, &["Content-Length: 0"], "")).await;
        assert_eq!(server.reader().get(&key(), &GetOptions::default()).await.unwrap(), Fetch::Missing, "{status}");
        assert_eq!(server.reader().head(&key()).await.unwrap(), None, "{status}");
    }
}

#[tokio::test]
async fn trouble_that_may_pass_is_waited_out_as_often_as_asked() {
    for (status, tries) in [("503 Service Unavailable", 3), ("500 Internal Server Error", 3), ("403 Forbidden", 1)] {
        let server = Server::answering(move |_, _| respond(status, &["Content-Length: 0"], "")).await;
        let reader = RemoteBuilder::new(server.url()).max_retries(2).open_reader().unwrap();
        get_error(&reader).await;
        assert_eq!(server.asked().len(), tries, "{status}");
    }
    let server = Server::answering(|asked, before| match before {
        0 | 1 => respond("503 Service Unavailable", &["Content-Length: 0"], ""),
        _ => whole(asked, "\"a\"", "value"),
    })
    .await;
    let reader = RemoteReader::from_url(&server.url()).unwrap();
    assert_eq!(object(&reader, &GetOptions::default()).await.bytes, "value");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let reader = RemoteBuilder::new(format!("http://{address}/data")).max_retries(0).open_reader().unwrap();
    let error = get_error(&reader).await;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
    let line = format!(
        "get \"k\" in Remote(http://{address}/data): cannot reach {address}: Connection refused (os error 111)"
    );
    assert_eq!(error.to_string(), line);
}

#[test]
fn without_a_runtime_a_request_is_refused_and_does_not_panic() {
    let reader = RemoteReader::from_url("http://127.0.0.1:9/").unwrap();
    let error = futures::executor::block_on(reader.get(&key(), &GetOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("needs a tokio runtime"), "{error}");
}

#[tokio::test]
async fn a_name_that_cannot_be_sent_is_refused_before_a_request() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let key = Key::new("a\nb").unwrap();
    let error = server.reader().get(&key, &GetOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), server.asked().len()), (ErrorKind::InvalidKey, 0));

    let folder = tempfile::tempdir().unwrap();
    let store = RemoteStore::from_url(&format!("file://{}", folder.path().display())).unwrap();
    let error = store.delete(&key).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidKey, Operation::Delete));
}

#[tokio::test]
async fn a_refusal_in_no_language_is_understood() {
    // A page in Latin-1, as old servers have it.
    let page = |status: &str| {
        let mut page = respond(status, &["Content-Length: 4"], "").into_bytes();
        page.extend(b"\xfcber");
        page
    };
    let server = Server::answering(move |_, _| page("404 Not Found")).await;
    assert_eq!(server.reader().get(&key(), &GetOptions::default()).await.unwrap(), Fetch::Missing);
    let server = Server::answering(move |_, _| page("403 Forbidden")).await;
    assert_eq!(get_error(&server.reader()).await.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_refusal_that_does_not_end_is_not_waited_for() {
    // Its text is a MiB short of what it promises, and the connection stays open until the client has enough.
    let text = "x".repeat(1 << 20);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
            asked.extend(byte);
        }
        let answer = respond("403 Forbidden", &["Content-Length: 2097152"], &text);
        _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        _ = held.recv();
    });
    let error = get_error(&RemoteBuilder::new(url).max_retries(0).open_reader().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    drop(release);
    serving.join().unwrap();
}

#[tokio::test]
async fn a_value_that_may_not_be_read_is_missing_only_where_that_was_asked_for() {
    let code = |code: &str| format!("<Error><Code>{code}</Code></Error>");
    for (text, is_missing) in [(String::new(), true), (code("AccessDenied"), true), (code("InvalidAccessKeyId"), false)]
    {
        let length = format!("Content-Length: {}", text.len());
        let server = Server::answering(move |asked, _| {
            respond("403 Forbidden", &[&length], if asked.is_head() { "" } else { &text })
        })
        .await;
        assert_eq!(get_error(&server.reader()).await.kind(), ErrorKind::PermissionDenied);
        let builder = RemoteBuilder::new(server.url()).max_retries(0).forbidden_is_missing(true);
        let reader = builder.open_reader().unwrap();
        for range in [None, Some(ByteRange::Suffix(3))] {
            let got = reader.get(&key(), &GetOptions { range, ..GetOptions::default() }).await;
            match got {
                Ok(fetch) => assert!(is_missing && fetch == Fetch::Missing),
                Err(error) => assert!(!is_missing && error.kind() == ErrorKind::PermissionDenied, "{error}"),
            }
        }
        assert_eq!(reader.head(&key()).await.unwrap(), None);
    }
    let server = Server::answering(|_, _| respond("401 Unauthorized", &["Content-Length: 0"], "")).await;
    let reader = RemoteBuilder::new(server.url()).forbidden_is_missing(true).open_reader().unwrap();
    assert_eq!(get_error(&reader).await.kind(), ErrorKind::PermissionDenied);
}
