//! Symbolic links, inside the root and out of it.

use std::{fs, os::unix::fs::symlink};

use zstore_core::{ErrorKind, GetOptions, ReadStore, ReadStoreExt, Store, StoreExt};

use crate::scratch::{Scratch, assert_fails, key, prefix};

/// A store with links out of it: to a file, relative and absolute, and to a directory.
fn with_links_out() -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.outside("other")).unwrap();
    fs::write(scratch.outside("other/secret"), "secret").unwrap();
    symlink("../other/secret", scratch.file("relative")).unwrap();
    symlink(scratch.outside("other/secret"), scratch.file("absolute")).unwrap();
    symlink("../other", scratch.file("dir")).unwrap();
    symlink("/dev/null", scratch.file("device")).unwrap();
    scratch
}

#[tokio::test]
async fn links_out_of_the_root_are_refused_and_not_listed() {
    let scratch = with_links_out();
    scratch.put("value", "").await.unwrap();
    let store = &scratch.store;
    for name in ["relative", "absolute", "device", "dir/secret", "dir/nothing"] {
        let words = ["leads out of the store", name];
        assert_fails(store.get(&key(name), &GetOptions::default()).await, ErrorKind::PermissionDenied, &words);
        assert_fails(store.get_ranges(&key(name), &[]).await, ErrorKind::PermissionDenied, &words);
        assert_fails(store.head(&key(name)).await, ErrorKind::PermissionDenied, &words);
    }
    assert_eq!(scratch.keys("").await, ["value"]);
    let children = store.list_dir(&prefix("")).await.unwrap();
    assert_eq!((children.values.len(), children.prefixes.len()), (1, 0));
    assert_fails(store.list_all(&prefix("dir")).await, ErrorKind::PermissionDenied, &["leads out"]);
    assert_fails(store.list_dir(&prefix("dir")).await, ErrorKind::PermissionDenied, &["leads out"]);
}

#[tokio::test]
async fn nothing_is_written_or_deleted_through_a_link_out_of_the_root() {
    let scratch = with_links_out();
    let store = &scratch.store;
    for name in ["dir/secret", "dir/new", "dir/new/er"] {
        assert_fails(scratch.put(name, "x").await, ErrorKind::PermissionDenied, &["leads out"]);
        assert_fails(store.create(&key(name), "x").await, ErrorKind::PermissionDenied, &["leads out"]);
        assert_fails(store.delete(&key(name)).await, ErrorKind::PermissionDenied, &["leads out"]);
    }
    assert_fails(store.delete_prefix(&prefix("dir")).await, ErrorKind::PermissionDenied, &["leads out"]);
    assert_fails(store.create(&key("relative"), "x").await, ErrorKind::Conflict, &["`relative` is a symbolic link"]);
    // A write or a delete of the link's own name is about the link.
    scratch.put("relative", "inside").await.unwrap();
    store.delete(&key("absolute")).await.unwrap();
    assert_eq!(scratch.text("relative").await.as_deref(), Some("inside"));
    scratch.assert_missing("absolute").await;
    store.delete_prefix(&prefix("")).await.unwrap();
    assert_eq!(scratch.paths(), ["device", "dir"]);
    assert_eq!(fs::read(scratch.outside("other/secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(scratch.outside("other")).unwrap().count(), 1);
}

#[tokio::test]
async fn links_inside_the_root_are_followed() {
    let scratch = Scratch::new();
    scratch.put("real/value", "value").await.unwrap();
    symlink("real/value", scratch.file("file")).unwrap();
    symlink("real", scratch.file("dir")).unwrap();
    symlink(scratch.file("real"), scratch.file("absolute")).unwrap();
    assert_eq!(scratch.keys("").await, ["absolute/value", "dir/value", "file", "real/value"]);
    assert_eq!(scratch.keys("dir").await, ["dir/value"]);
    assert_eq!(scratch.store.list_dir(&prefix("")).await.unwrap().prefixes, ["absolute", "dir", "real"].map(prefix));
    let size = scratch.store.head(&key("file")).await.unwrap().unwrap().size;
    assert_eq!((size, scratch.text("file").await.as_deref()), (5, Some("value")));
    scratch.put("dir/new", "new").await.unwrap();
    assert_eq!(scratch.text("real/new").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn writing_or_deleting_a_link_leaves_alone_what_it_leads_to() {
    let scratch = Scratch::new();
    scratch.put("real/value", "value").await.unwrap();
    for name in ["one", "two"] {
        symlink("real/value", scratch.file(name)).unwrap();
    }
    fs::create_dir(scratch.file("p")).unwrap();
    symlink("../real", scratch.file("p/dir")).unwrap();
    scratch.put("one", "replaced").await.unwrap();
    scratch.store.delete(&key("two")).await.unwrap();
    scratch.store.delete_prefix(&prefix("p")).await.unwrap();
    assert_eq!(scratch.paths(), ["one", "real", "real/value"]);
    assert_eq!(scratch.text("real/value").await.as_deref(), Some("value"));
}

#[tokio::test]
async fn a_link_to_a_directory_is_no_value_and_does_not_give_way_to_one() {
    let scratch = Scratch::new();
    scratch.put("real/value", "value").await.unwrap();
    symlink("real", scratch.file("dir")).unwrap();
    scratch.assert_missing("dir").await;
    assert_fails(scratch.put("dir", "x").await, ErrorKind::Conflict, &["`dir` is a directory"]);
    scratch.store.delete(&key("dir")).await.unwrap();
    assert_eq!(scratch.text("dir/value").await.as_deref(), Some("value"));
}

#[tokio::test]
async fn links_that_lead_back_up_are_not_followed_from_wherever_a_listing_begins() {
    let scratch = Scratch::new();
    scratch.put("a/b/value", "").await.unwrap();
    scratch.put("a/other", "").await.unwrap();
    symlink("..", scratch.file("a/b/up")).unwrap();
    symlink(".", scratch.file("a/self")).unwrap();
    for (below, keys) in [
        ("", &["a/b/value", "a/other"][..]),
        ("a", &["a/b/value", "a/other"]),
        ("a/b", &["a/b/value"]),
        ("a/b/up", &[]),
        ("a/self", &[]),
    ] {
        assert_eq!(scratch.keys(below).await, keys, "{below}");
    }
    assert_eq!(scratch.store.list_dir(&prefix("a")).await.unwrap().prefixes, [prefix("a/b")]);
    assert_eq!(scratch.store.list_dir(&prefix("a/b")).await.unwrap().prefixes, []);
    // What is not listed is not deleted.
    scratch.store.delete_prefix(&prefix("a/self")).await.unwrap();
    assert_eq!(scratch.text("a/b/up/b/value").await.as_deref(), Some(""));
}

#[tokio::test]
async fn dead_and_circular_links_are_no_values() {
    let scratch = Scratch::new();
    symlink("nothing", scratch.file("dead")).unwrap();
    symlink("circle", scratch.file("circle")).unwrap();
    scratch.assert_missing("dead").await;
    assert_fails(scratch.store.get_bytes(&key("circle")).await, ErrorKind::Conflict, &["leads in a circle"]);
    assert!(scratch.keys("").await.is_empty());
    assert_fails(scratch.store.create(&key("dead"), "x").await, ErrorKind::Conflict, &["leads to nothing"]);
    assert_fails(scratch.put("dead/below", "x").await, ErrorKind::Conflict, &["`dead` is a symbolic link"]);
    for name in ["dead", "circle"] {
        scratch.put(name, "value").await.unwrap();
        assert_eq!(scratch.text(name).await.as_deref(), Some("value"));
    }
}
