//! Whole values, names and headers.

use crate::{
    client::{ask, origin},
    shelf::Shelf,
};

#[tokio::test]
async fn a_value_is_answered_with_its_size_tag_and_date() {
    let origin = origin(Shelf::of(&[("a/b", "hello")])).await;
    let answer = ask(&origin, "GET", "/a/b", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(answer.header("content-length"), Some("5"));
    assert_eq!(answer.header("etag"), Some("\"hello\""));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}

#[tokio::test]
async fn a_head_tells_the_same_headers_without_bytes() {
    let origin = origin(Shelf::of(&[("k", "hello")])).await;
    let (head, get) = (ask(&origin, "HEAD", "/k", &[]).await, ask(&origin, "GET", "/k", &[]).await);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-length", "etag", "last-modified", "accept-ranges"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn an_empty_value_is_a_value() {
    let origin = origin(Shelf::of(&[("k", "")])).await;
    for method in ["GET", "HEAD"] {
        let answer = ask(&origin, method, "/k", &[]).await;
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("0")), "{method}");
    }
}

#[tokio::test]
async fn names_are_decoded_once_and_a_query_is_ignored() {
    let values = [("a b", "space"), ("100%25", "percent"), ("a+b", "plus"), ("ü", "unicode"), ("q?#", "marks")];
    let origin = origin(Shelf::of(&values)).await;
    let paths = ["/a%20b", "/100%2525", "/a+b?x=1", "/%c3%BC", "/q%3f%23"];
    for (path, (_, value)) in paths.into_iter().zip(values) {
        let answer = ask(&origin, "GET", path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, value), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_no_key_is_not_found() {
    let origin = origin(Shelf::of(&[("a/b", "x")])).await;
    for path in ["/a", "/c", "/", "/a//b", "/a%2Fb", "/../a/b"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&origin, method, path, &[]).await.status, 404, "{method} {path}");
        }
    }
    assert_eq!(ask(&origin, "GET", "/%zz", &[]).await.status, 400);
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    let origin = origin(Shelf::of(&[("k", "hello")])).await;
    for method in ["PUT", "POST", "DELETE", "PROPFIND"] {
        let answer = ask(&origin, method, "/k", &[("Content-Length", "0")]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(ask(&origin, "GET", "/k", &[]).await.body, "hello");
}
