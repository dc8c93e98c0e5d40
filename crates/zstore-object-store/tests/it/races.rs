//! Calls held half way, so that others come between.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, path::Path};
use zstore_cache::CacheStore;
use zstore_core::{Key, Operation, StoreExt};
use zstore_memory::MemoryStore;
use zstore_object_store::Objects;
use zstore_testkit::{Gated, Recorder};

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

/// A list of tags is judged by a head; between that and the get, another value may come.
#[tokio::test]
async fn a_value_that_came_after_its_conditions_were_judged_is_judged_too() {
    let store = Arc::new(Gated::new(MemoryStore::new()));
    let objects = Objects::new(Arc::clone(&store));
    let path = Path::from("a");
    let tag = objects.put(&path, "old".into()).await.unwrap().e_tag.unwrap();
    for (options, passes) in [
        (GetOptions::new().with_if_match(Some(format!("{tag}, \"other\""))), false),
        (GetOptions::new().with_if_none_match(Some("\"other\", \"another\"")), true),
    ] {
        let held = store.hold(Operation::Get);
        let (asking, asked) = (objects.clone(), path.clone());
        let answer = tokio::spawn(async move { asking.get_opts(&asked, options).await?.bytes().await });
        held.arrived(1).await;
        store.inner().put(&key("a"), "new").await.unwrap();
        held.release();
        match answer.await.unwrap() {
            Ok(bytes) => assert!(passes && bytes == "new", "{bytes:?}"),
            Err(error) => assert!(!passes && matches!(error, Error::Precondition { .. }), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn some_deletions_run_at_once_and_answer_in_the_order_asked() {
    let store = Arc::new(Recorder::new(Gated::new(MemoryStore::new())));
    let objects = Objects::new(Arc::clone(&store));
    let paths: Vec<Path> = (0..25).map(|number| Path::from(format!("{number:02}"))).collect();
    for path in &paths {
        objects.put(path, "value".into()).await.unwrap();
    }
    let (first, all) = (store.inner().hold_key(Operation::Delete, "00"), store.inner().hold(Operation::Delete));
    let asked = stream::iter(paths.clone()).map(Ok).boxed();
    let deletions = objects.delete_stream(asked);
    let deleted = tokio::spawn(async move { deletions.try_collect::<Vec<Path>>().await });
    all.arrived(9).await;
    first.arrived(1).await;
    assert_eq!(store.in_flight(), 10);
    all.release();
    first.release();
    assert_eq!(deleted.await.unwrap().unwrap(), paths);
    assert_eq!(store.in_flight_max(), 10);
    assert!(store.inner().inner().is_empty());
}

/// A reader fetches what a copy, a rename or an upload is about to replace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_while_a_path_is_written_does_not_stay() {
    for way in ["put", "copy", "rename", "parts", "delete"] {
        let source = Arc::new(Gated::new(MemoryStore::new()));
        for (name, value) in [("a", "new"), ("b", "old")] {
            source.inner().put(&key(name), value).await.unwrap();
        }
        let tier = Arc::new(MemoryStore::new());
        let cache = CacheStore::builder(Arc::clone(&source), tier).max_size(1 << 20).build().await.unwrap();
        let objects = Objects::new(cache.clone());
        let (a, b) = (Path::from("a"), Path::from("b"));

        let held = source.hold_key_after(Operation::Get, "b");
        let (reading, read) = (objects.clone(), b.clone());
        let reader = tokio::spawn(async move { reading.get(&read).await?.bytes().await });
        held.arrived(1).await;
        match way {
            "put" => drop(objects.put(&b, "new".into()).await.unwrap()),
            "copy" => objects.copy(&a, &b).await.unwrap(),
            "rename" => objects.rename(&a, &b).await.unwrap(),
            "parts" => {
                let mut upload = objects.put_multipart(&b).await.unwrap();
                upload.put_part("new".into()).await.unwrap();
                upload.complete().await.unwrap();
            }
            "delete" => objects.delete(&b).await.unwrap(),
            _ => unreachable!("{way}"),
        }
        held.release();
        // It began before the write, and may have either.
        reader.await.unwrap().unwrap();
        cache.flush().await;
        match objects.get(&b).await {
            Ok(found) => assert!(way != "delete" && found.bytes().await.unwrap() == "new", "{way}"),
            Err(error) => assert!(way == "delete" && matches!(error, Error::NotFound { .. }), "{way}: {error:?}"),
        }
    }
}
