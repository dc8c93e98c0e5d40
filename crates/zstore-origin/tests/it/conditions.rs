//! Entity tags.

use zstore_core::Version;

use crate::{
    client::{ask, origin},
    shelf::Shelf,
};

#[tokio::test]
async fn a_copy_that_is_still_good_is_not_sent_again() {
    let origin = origin(Shelf::of(&[("k", "new")])).await;
    for (method, headers) in [
        ("GET", vec![("If-None-Match", "\"new\"")]),
        ("GET", vec![("If-None-Match", "\"old\", \"new\"")]),
        ("GET", vec![("If-None-Match", "\"new\""), ("Range", "bytes=99-")]),
        ("HEAD", vec![("If-None-Match", "*")]),
    ] {
        let answer = ask(&origin, method, "/k", &headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{headers:?}");
        assert_eq!(answer.header("etag"), Some("\"new\""));
    }
    assert_eq!((origin.counts().not_modified, origin.counts().body_bytes), (4, 0));
    assert_eq!(ask(&origin, "GET", "/k", &[("If-None-Match", "\"old\"")]).await.body, "new");
}

#[tokio::test]
async fn a_value_other_than_the_one_named_is_refused() {
    let origin = origin(Shelf::of(&[("k", "new")])).await;
    assert_eq!(ask(&origin, "GET", "/k", &[("If-Match", "\"old\"")]).await.status, 412);
    assert_eq!(ask(&origin, "HEAD", "/k", &[("If-Match", "\"old\"")]).await.status, 412);
    let part = ask(&origin, "GET", "/k", &[("If-Match", "\"new\""), ("Range", "bytes=1-1")]).await;
    assert_eq!((part.status, part.body.as_str()), (206, "e"));
}

#[tokio::test]
async fn what_is_missing_is_missing_under_any_condition() {
    let origin = origin(Shelf::of(&[])).await;
    for header in ["If-Match", "If-None-Match"] {
        assert_eq!(ask(&origin, "GET", "/k", &[(header, "*")]).await.status, 404, "{header}");
    }
}

#[tokio::test]
async fn a_value_without_a_version_has_no_tag_and_never_matches_one() {
    let shelf = Shelf::of(&[]);
    shelf.put("k", "value", Version::default());
    let origin = origin(shelf).await;
    let answer = ask(&origin, "GET", "/k", &[("If-None-Match", "\"value\"")]).await;
    assert_eq!((answer.status, answer.header("etag")), (200, None));
    assert_eq!(ask(&origin, "GET", "/k", &[("If-Match", "\"value\"")]).await.status, 412);
}
