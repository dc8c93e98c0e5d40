//! What is refused, and how: the rows of the table in the crate's docs, and stores that can only be read.

use std::{marker::PhantomData, slice, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, TagSet,
    UpdateVersion, integration,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    memory::InMemory,
    multipart::MultipartStore,
    path::Path,
};
use zstore_cache::CacheStore;
use zstore_core::{ByteRange, ErrorKind, GetOptions, Key, Prefix, ReadOnly, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_object_store::{Objects, store_error};
use zstore_remote::RemoteStore;
use zstore_testkit::{Calls, Faulty};

use crate::worlds;

/// Whether a type has the traits that some functions of the suite want.
struct Has<T>(PhantomData<T>);

trait Neither {
    const UPLOADS_BY_ID: bool = false;
    const PAGES: bool = false;
}

impl<T> Neither for Has<T> {}

// Constants of the type itself come before those of a trait, where they apply.
impl<T: MultipartStore> Has<T> {
    const UPLOADS_BY_ID: bool = true;
}

impl<T: PaginatedListStore> Has<T> {
    const PAGES: bool = true;
}

/// A store that has pages, to see that those are noticed.
struct Paged;

#[async_trait]
impl PaginatedListStore for Paged {
    async fn list_paginated(&self, _: Option<&str>, _: PaginatedListOptions) -> Result<PaginatedListResult, Error> {
        Err(Error::NotSupported { source: "it is never asked".into() })
    }
}

#[test]
fn uploads_by_id_and_pages_are_not_here() {
    let has = [Has::<InMemory>::UPLOADS_BY_ID, Has::<Objects>::UPLOADS_BY_ID];
    assert_eq!(has, [true, false]);
    let has = [Has::<Paged>::PAGES, Has::<Objects>::PAGES];
    assert_eq!(has, [true, false]);
}

#[tokio::test]
#[should_panic(expected = "PutResult should contain the response extensions")]
async fn an_answer_has_nothing_of_an_http_response() {
    integration::response_extensions(worlds::memory().await.dynamic(), true).await;
}

fn attributes() -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, "text/plain")])
}

#[tokio::test]
async fn attributes_are_refused_and_tags_ignored() {
    let objects = worlds::memory().await.objects;
    let path = Path::from("a");
    let error = objects.put_opts(&path, "value".into(), attributes().into()).await.unwrap_err();
    assert!(matches!(&error, Error::NotImplemented { operation, .. } if operation.contains("attributes")), "{error:?}");
    let error = objects.put_multipart_opts(&path, attributes().into()).await.unwrap_err();
    assert!(matches!(&error, Error::NotImplemented { operation, .. } if operation.contains("attributes")), "{error:?}");
    assert!(matches!(objects.head(&path).await, Err(Error::NotFound { .. })));

    let mut tags = TagSet::default();
    tags.push("colour", "red");
    objects.put_opts(&path, "value".into(), PutOptions::from(tags)).await.unwrap();
    assert_eq!(objects.get(&path).await.unwrap().bytes().await.unwrap(), "value");
}

#[tokio::test]
async fn a_mode_that_the_store_below_lacks_is_not_implemented() {
    let world = worlds::local().await;
    let path = Path::from("a");
    let written = world.objects.put(&path, "old".into()).await.unwrap();
    let update = PutMode::Update(written.into()).into();
    let error = world.objects.put_opts(&path, "new".into(), update).await.unwrap_err();
    assert!(matches!(&error, Error::NotImplemented { operation, .. } if operation.contains("Update")), "{error:?}");
    assert!(error.to_string().contains("Objects(LocalStore("), "{error}");
    assert!(error.to_string().contains("set \"a\""), "the reason below is lost: {error}");
    assert_eq!(world.objects.get(&path).await.unwrap().bytes().await.unwrap(), "old");
}

#[tokio::test]
async fn an_update_of_no_telling_version_fails_in_a_way_that_ends_a_loop() {
    let objects = worlds::memory().await.objects;
    let path = Path::from("a");
    objects.put(&path, "old".into()).await.unwrap();
    for e_tag in [None, Some("W/\"a\"".to_owned())] {
        let update = PutMode::Update(UpdateVersion { e_tag, version: None }).into();
        let error = objects.put_opts(&path, "new".into(), update).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error:?}");
        assert_eq!(store_error(&error).unwrap().kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(objects.get(&path).await.unwrap().bytes().await.unwrap(), "old");
}

/// Every write there is, of what can only be read.
#[tokio::test]
async fn what_is_read_only_refuses_every_write_and_answers_every_read() {
    let store = Arc::new(MemoryStore::new());
    store.put(&Key::new("a").unwrap(), "value").await.unwrap();
    let (source, tier) = (Arc::new(ReadOnly::new(Arc::clone(&store))), Arc::new(MemoryStore::new()));
    let cached = Arc::new(CacheStore::builder(source, tier).build().await.unwrap());
    let writable_underneath: Arc<dyn ReadStore> = Arc::<MemoryStore>::clone(&store);
    for store in [writable_underneath, Arc::new(ReadOnly::new(Arc::clone(&store))), cached] {
        let objects = Objects::read_only(store);
        let (a, b) = (Path::from("a"), Path::from("b"));
        let create = CopyOptions::new().with_mode(CopyMode::Create);
        for error in [
            objects.put(&b, "value".into()).await.unwrap_err(),
            objects.put_multipart(&b).await.unwrap_err(),
            objects.delete(&a).await.unwrap_err(),
            objects.copy(&a, &b).await.unwrap_err(),
            objects.copy_opts(&a, &b, create).await.unwrap_err(),
            objects.rename(&a, &b).await.unwrap_err(),
            objects.rename(&a, &a).await.unwrap_err(),
            objects.rename_if_not_exists(&a, &b).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotSupported { .. }), "{error:?}");
            assert!(error.to_string().contains("wrapped to be read only"), "{error}");
            assert_eq!(store_error(&error).unwrap().kind(), ErrorKind::Unsupported);
        }
        assert_eq!(objects.get(&a).await.unwrap().bytes().await.unwrap(), "value");
        assert_eq!(objects.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn each_of_several_deletions_answers_in_its_place() {
    let store = Arc::new(Faulty::new(MemoryStore::new()));
    let objects = Objects::new(Arc::clone(&store));
    for name in ["a", "b", "c"] {
        objects.put(&Path::from(name), "value".into()).await.unwrap();
    }
    store.fail_nth(zstore_core::Operation::Delete, 2, ErrorKind::PermissionDenied);
    let paths = ["a", "b", "c", "missing"].map(|name| Ok(Path::from(name)));
    let bad = [Ok(Path::ROOT), Err(Error::NotSupported { source: "not mine".into() })];
    let ends: Vec<_> = objects.delete_stream(stream::iter(paths.into_iter().chain(bad)).boxed()).collect().await;
    assert_eq!(ends[0].as_ref().unwrap().as_ref(), "a");
    assert!(matches!(&ends[1], Err(Error::PermissionDenied { path, .. }) if path == "b"), "{:?}", ends[1]);
    assert_eq!(ends[2].as_ref().unwrap().as_ref(), "c");
    assert_eq!(ends[3].as_ref().unwrap().as_ref(), "missing");
    assert!(matches!(&ends[4], Err(Error::InvalidPath { .. })), "{:?}", ends[4]);
    assert!(matches!(&ends[5], Err(Error::NotSupported { .. })), "{:?}", ends[5]);
    assert_eq!(ends.len(), 6);
}

#[tokio::test]
async fn a_fault_below_is_found_in_the_error_of_every_call() {
    let store = Arc::new(Faulty::new(MemoryStore::new()));
    let objects = Objects::new(Arc::clone(&store));
    let (a, b) = (Path::from("a"), Path::from("b"));
    objects.put(&a, "value".into()).await.unwrap();
    for operation in {
        use zstore_core::Operation::{Delete, Get, GetRanges, Head, List, Set};
        [Delete, Get, GetRanges, Head, List, Set]
    } {
        store.fail_always(operation, ErrorKind::Unavailable);
    }
    let mut upload = objects.put_multipart(&b).await.unwrap();
    for error in [
        objects.put(&a, "new".into()).await.unwrap_err(),
        upload.complete().await.unwrap_err(),
        objects.get(&a).await.unwrap_err(),
        objects.get_ranges(&a, slice::from_ref(&(0..1))).await.unwrap_err(),
        objects.head(&a).await.unwrap_err(),
        objects.delete(&a).await.unwrap_err(),
        objects.list(None).try_collect::<Vec<_>>().await.unwrap_err(),
        objects.list_with_delimiter(Some(&a)).await.unwrap_err(),
        objects.copy(&a, &b).await.unwrap_err(),
        objects.rename(&a, &b).await.unwrap_err(),
        objects.rename(&a, &a).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Generic { store: "zstore", .. }), "{error:?}");
        assert!(store_error(&error).unwrap().is_retryable(), "{error:?}");
    }
    store.heal();
    upload.complete().await.unwrap();
    assert_eq!(objects.head(&b).await.unwrap().size, 0);
}

#[tokio::test]
async fn an_error_of_a_store_is_the_same_through_objects_and_a_remote_over_them() {
    let below = Arc::new(Faulty::new(MemoryStore::new()));
    let key = Key::new("a").unwrap();
    below.put(&key, "0123456789").await.unwrap();
    let objects = Arc::new(Objects::new(Arc::clone(&below)));
    let store = RemoteStore::new(objects, Prefix::root(), "objects").unwrap();
    let range = GetOptions::range(ByteRange::Bounded(2..4));
    for (kind, is_retryable) in [
        (ErrorKind::Unavailable, true),
        (ErrorKind::TimedOut, true),
        (ErrorKind::Corrupt, false),
        (ErrorKind::Full, false),
    ] {
        below.heal();
        below.fail_always(Calls::All, kind);
        let before = below.injected_count();
        for error in [
            store.get(&key, &GetOptions::default()).await.unwrap_err(),
            store.get(&key, &range).await.unwrap_err(),
            store.head(&key).await.unwrap_err(),
            store.put(&key, "new").await.unwrap_err(),
            store.delete(&key).await.unwrap_err(),
            store.list_all(&Prefix::root()).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.is_retryable()), (kind, is_retryable), "{error}");
            assert_eq!(error.store(), Some("Remote(objects)"), "{error}");
        }
        assert_eq!(below.injected_count() - before, 6, "each is one question: {kind:?}");
    }
}
