//! Paths and keys, in every call that takes one.

use std::{slice, sync::Arc};

use futures::TryStreamExt;
use object_store::{Error, ObjectStore, ObjectStoreExt, path::Path};
use zstore_core::{Key, Prefix, ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;
use zstore_object_store::Objects;

use crate::worlds;

async fn listed(objects: &Objects, prefix: Option<&Path>) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = objects.list(prefix).map_ok(|meta| meta.location.into()).try_collect().await?;
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn a_path_is_the_key_of_the_same_letters() {
    let store = Arc::new(MemoryStore::new());
    let objects = Objects::new(Arc::clone(&store));
    for path in [Path::from("a#b/c d"), Path::from_iter(["x", "y/z"]), Path::parse("%48/ü").unwrap()] {
        objects.put(&path, "value".into()).await.unwrap();
        let key = Key::new(path.as_ref()).unwrap();
        assert_eq!(store.get_bytes(&key).await.unwrap().unwrap(), "value");
    }
    let keys: Vec<String> =
        store.list_all(&Prefix::root()).await.unwrap().iter().map(|meta| meta.key.to_string()).collect();
    assert_eq!(keys, ["%48/ü", "a%23b/c d", "x/y%2Fz"]);
    assert_eq!(listed(&objects, None).await.unwrap(), keys);
}

#[tokio::test]
async fn a_path_that_is_no_key_is_refused_by_every_call() {
    let objects = worlds::memory().await.objects;
    let good = Path::from("a");
    objects.put(&good, "value".into()).await.unwrap();
    for bad in [Path::ROOT, Path::from("a").join("")] {
        for error in [
            objects.put(&bad, "value".into()).await.unwrap_err(),
            objects.put_multipart(&bad).await.unwrap_err(),
            objects.get(&bad).await.unwrap_err(),
            objects.get_ranges(&bad, slice::from_ref(&(0..1))).await.unwrap_err(),
            objects.head(&bad).await.unwrap_err(),
            objects.delete(&bad).await.unwrap_err(),
            objects.copy(&bad, &good).await.unwrap_err(),
            objects.copy(&good, &bad).await.unwrap_err(),
            objects.rename(&bad, &good).await.unwrap_err(),
            objects.rename(&good, &bad).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::InvalidPath { .. }), "{bad:?}: {error:?}");
        }
    }
    assert_eq!(listed(&objects, None).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_prefix_is_whole_segments_strictly_above() {
    let objects = worlds::memory().await.objects;
    for name in ["foo", "foo/x", "foo/y/z", "foobar/x", "foo-bar"] {
        objects.put(&Path::from(name), "value".into()).await.unwrap();
    }
    let foo = Path::from("foo");
    assert_eq!(listed(&objects, Some(&foo)).await.unwrap(), ["foo/x", "foo/y/z"]);
    assert_eq!(listed(&objects, Some(&Path::from("fo"))).await.unwrap(), [""; 0]);
    assert_eq!(listed(&objects, Some(&Path::from("foo/x"))).await.unwrap(), [""; 0]);
    let children = objects.list_with_delimiter(Some(&foo)).await.unwrap();
    assert_eq!(children.common_prefixes, [Path::from("foo/y")]);
    assert_eq!(children.objects.iter().map(|meta| meta.location.as_ref()).collect::<Vec<_>>(), ["foo/x"]);
    let all = objects.list_with_delimiter(None).await.unwrap();
    assert_eq!(all.common_prefixes, [foo, Path::from("foobar")]);
    assert_eq!(all.objects.len(), 2);
    let twice = Path::from("a").join("").join("b");
    assert!(matches!(listed(&objects, Some(&twice)).await, Err(Error::InvalidPath { .. })));
    assert!(matches!(objects.list_with_delimiter(Some(&twice)).await, Err(Error::InvalidPath { .. })));
}

#[tokio::test]
async fn a_key_that_is_no_path_fails_the_listing_that_finds_it() {
    let store = Arc::new(MemoryStore::new());
    store.put(&Key::new("good/a").unwrap(), "value").await.unwrap();
    store.put(&Key::new("bad/line\nbreak").unwrap(), "value").await.unwrap();
    let objects = Objects::new(store);
    assert_eq!(listed(&objects, Some(&Path::from("good"))).await.unwrap(), ["good/a"]);
    let error = listed(&objects, None).await.unwrap_err();
    assert!(matches!(error, Error::InvalidPath { .. }), "{error:?}");
    let error = objects.list_with_delimiter(Some(&Path::from("bad"))).await.unwrap_err();
    assert!(matches!(error, Error::InvalidPath { .. }), "{error:?}");
}
