//! What a plain directory cannot hold at once.

use std::fs;

use zstore_core::{ErrorKind, ReadStore, Store, StoreExt};

use crate::scratch::{Scratch, assert_fails, key};

#[tokio::test]
async fn a_value_above_another_is_a_conflict_that_names_both() {
    let scratch = Scratch::new();
    scratch.put("a/b", "below").await.unwrap();
    let words = ["set \"a\"", "`a` is a directory of other values"];
    assert_fails(scratch.put("a", "above").await, ErrorKind::Conflict, &words);
    assert_fails(scratch.store.create(&key("a"), "above").await, ErrorKind::Conflict, &words);
    assert_eq!(scratch.paths(), ["a", "a/b"]);
}

#[tokio::test]
async fn a_value_below_another_is_a_conflict_that_names_both() {
    let scratch = Scratch::new();
    scratch.put("a/b", "above").await.unwrap();
    let words = ["`a/b` is a file", "both `a/b` and `a/b/c/d`"];
    assert_fails(scratch.put("a/b/c/d", "below").await, ErrorKind::Conflict, &words);
    assert_fails(scratch.store.create(&key("a/b/c/d"), "below").await, ErrorKind::Conflict, &words);
    assert_eq!(scratch.paths(), ["a", "a/b"]);
    assert!(!scratch.store.capabilities().overlapping_keys);
}

#[tokio::test]
async fn what_cannot_be_there_is_missing_and_deleting_it_succeeds() {
    let scratch = Scratch::new();
    scratch.put("dir/file", "value").await.unwrap();
    for name in ["dir", "dir/file/below", "dir/file/far/below", "no", "no/where"] {
        scratch.assert_missing(name).await;
        scratch.store.delete(&key(name)).await.unwrap();
    }
    scratch.store.delete_prefix(&crate::scratch::prefix("dir/file")).await.unwrap();
    assert!(scratch.keys("dir/file").await.is_empty());
    assert_eq!(scratch.paths(), ["dir", "dir/file"]);
}

#[tokio::test]
async fn an_empty_directory_makes_way_and_one_that_is_not_stays() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.file("empty")).unwrap();
    scratch.put("empty", "value").await.unwrap();
    assert_eq!(scratch.text("empty").await.as_deref(), Some("value"));
    fs::create_dir(scratch.file("new")).unwrap();
    scratch.store.create(&key("new"), "value").await.unwrap();
    assert_eq!(scratch.paths(), ["empty", "new"]);
}
