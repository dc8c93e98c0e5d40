//! What goes wrong.

use std::sync::Arc;

use zstore_core::ErrorKind;

use crate::{
    client::{ask, origin},
    shelf::Shelf,
};

#[tokio::test]
async fn an_error_of_the_store_is_answered_by_its_kind() {
    let shelf = Shelf::of(&[("k", "value")]);
    let origin = origin(Arc::<Shelf>::clone(&shelf)).await;
    for (kind, status) in [
        (ErrorKind::Io, 500),
        (ErrorKind::Corrupt, 500),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::TimedOut, 503),
        (ErrorKind::PermissionDenied, 403),
        (ErrorKind::InvalidKey, 404),
    ] {
        shelf.fail("k", kind);
        let answer = ask(&origin, "GET", "/k", &[]).await;
        assert_eq!(answer.status, status, "{kind:?}");
        assert!(answer.body.contains("Shelf(test)"), "{}", answer.body);
        assert_eq!(ask(&origin, "GET", "/k", &[("Range", "bytes=0-0")]).await.status, status, "{kind:?}");
        let head = ask(&origin, "HEAD", "/k", &[]).await;
        assert_eq!((head.status, head.body.as_str()), (status, ""), "{kind:?}");
    }
}
