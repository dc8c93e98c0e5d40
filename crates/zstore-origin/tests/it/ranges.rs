//! Parts of values.

use crate::{
    client::{ask, origin},
    shelf::Shelf,
};

#[tokio::test]
async fn a_range_is_answered_in_each_of_its_forms() {
    let origin = origin(Shelf::of(&[("k", "0123456789")])).await;
    for (range, body, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = ask(&origin, "GET", "/k", &[("Range", range)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (206, body), "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range));
        assert_eq!(answer.header("etag"), Some("\"0123456789\""));
    }
}

#[tokio::test]
async fn an_unsatisfiable_range_tells_the_size() {
    let origin = origin(Shelf::of(&[("k", "0123456789"), ("empty", "")])).await;
    for (path, range, size) in
        [("/k", "bytes=10-", 10), ("/k", "bytes=11-12", 10), ("/k", "bytes=-0", 10), ("/empty", "bytes=0-", 0)]
    {
        let answer = ask(&origin, "GET", path, &[("Range", range)]).await;
        assert_eq!(answer.status, 416, "{path} {range}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()), "{path} {range}");
    }
}

#[tokio::test]
async fn a_range_that_may_be_ignored_is() {
    let origin = origin(Shelf::of(&[("k", "0123456789"), ("empty", "")])).await;
    for range in ["bytes=4-2", "bytes=0-1,3-4", "items=0-1", "bytes=x"] {
        let answer = ask(&origin, "GET", "/k", &[("Range", range)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "0123456789"), "{range}");
    }
    assert_eq!(ask(&origin, "GET", "/empty", &[("Range", "bytes=-5")]).await.status, 200);
    assert_eq!(ask(&origin, "HEAD", "/k", &[("Range", "bytes=0-1")]).await.header("content-length"), Some("10"));
    assert_eq!(ask(&origin, "GET", "/none", &[("Range", "bytes=0-1")]).await.status, 404);
}

#[tokio::test]
async fn an_if_range_of_another_value_gets_the_whole() {
    let origin = origin(Shelf::of(&[("k", "0123")])).await;
    let ask_if = async |tag| ask(&origin, "GET", "/k", &[("Range", "bytes=1-2"), ("If-Range", tag)]).await.body;
    assert_eq!(ask_if("\"0123\"").await, "12");
    assert_eq!(ask_if("\"other\"").await, "0123");
}
