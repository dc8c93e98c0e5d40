//! Values that come in parts.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{Error, ObjectStoreExt, PutPayload, path::Path};
use zstore_core::{Error as OurError, ErrorKind, Operation};
use zstore_memory::MemoryStore;
use zstore_object_store::{Objects, store_error};
use zstore_testkit::{Faulty, Recorder};

type Store = Recorder<Faulty<MemoryStore>>;

fn world() -> (Arc<Store>, Objects, Path) {
    let store = Arc::new(Recorder::new(Faulty::new(MemoryStore::new())));
    (Arc::clone(&store), Objects::new(store), Path::from("a"))
}

async fn value(objects: &Objects, path: &Path) -> Option<Bytes> {
    match objects.get(path).await {
        Ok(found) => Some(found.bytes().await.unwrap()),
        Err(Error::NotFound { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn parts_follow_each_other_as_they_were_handed_over_and_are_one_set() {
    let (store, objects, path) = world();
    let mut upload = objects.put_multipart(&path).await.unwrap();
    let first = upload.put_part(PutPayload::from_iter([Bytes::from("1"), Bytes::from("2")]));
    let second = upload.put_part("3".into());
    second.await.unwrap();
    first.await.unwrap();
    assert_eq!((value(&objects, &path).await, store.count_of(Operation::Set)), (None, 0));
    let written = upload.complete().await.unwrap();
    assert_eq!(value(&objects, &path).await.unwrap(), "123");
    assert_eq!(objects.head(&path).await.unwrap().e_tag, written.e_tag);
    assert_eq!(store.count_of(Operation::Set), 1);
}

#[tokio::test]
async fn an_upload_without_parts_is_an_empty_value() {
    let (_, objects, path) = world();
    objects.put_multipart(&path).await.unwrap().complete().await.unwrap();
    assert_eq!(value(&objects, &path).await.unwrap(), "");
}

#[tokio::test]
async fn what_is_aborted_or_dropped_is_never_written() {
    let (store, objects, path) = world();
    let mut aborted = objects.put_multipart(&path).await.unwrap();
    aborted.put_part("1".into()).await.unwrap();
    aborted.abort().await.unwrap();
    let mut dropped = objects.put_multipart(&path).await.unwrap();
    dropped.put_part("2".into()).await.unwrap();
    drop(dropped);
    assert_eq!((value(&objects, &path).await, store.count_of(Operation::Set)), (None, 0));
}

#[tokio::test]
async fn an_upload_that_is_over_says_so() {
    let (store, objects, path) = world();
    let mut aborted = objects.put_multipart(&path).await.unwrap();
    aborted.abort().await.unwrap();
    let mut completed = objects.put_multipart(&path).await.unwrap();
    completed.complete().await.unwrap();
    for mut upload in [aborted, completed] {
        for error in [
            upload.put_part("1".into()).await.unwrap_err(),
            upload.complete().await.unwrap_err(),
            upload.abort().await.unwrap_err(),
        ] {
            assert_eq!(store_error(&error).map(OurError::kind), Some(ErrorKind::InvalidArgument));
            assert!(error.to_string().contains("was completed or aborted; begin another"), "{error}");
        }
    }
    assert_eq!(store.count_of(Operation::Set), 1);
}

#[tokio::test]
async fn a_completion_that_failed_may_be_tried_again() {
    let (store, objects, path) = world();
    let mut upload = objects.put_multipart(&path).await.unwrap();
    upload.put_part("1".into()).await.unwrap();
    store.inner().fail_nth(Operation::Set, 1, ErrorKind::Unavailable);
    let error = upload.complete().await.unwrap_err();
    assert!(store_error(&error).unwrap().is_retryable());
    assert_eq!(value(&objects, &path).await, None);
    upload.put_part("2".into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(value(&objects, &path).await.unwrap(), "12");
}
