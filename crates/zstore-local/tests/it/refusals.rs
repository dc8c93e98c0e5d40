//! What a system refuses, provoked for real: full and read-only disks, permissions, too many open files, no runtime.

use std::{error::Error as _, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use futures::{StreamExt, executor::block_on};
use zstore_core::{ErrorKind, GetOptions, Prefix, ReadStore, ReadStoreExt, SetMode, Store, StoreExt};
use zstore_local::LocalStore;

use crate::{
    again::{Process, is_in},
    scratch::{Scratch, assert_fails, key, prefix},
};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Mounts a small disk, for this process alone.
fn mount(options: &str, at: &Path) {
    let output = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(at).output().unwrap();
    assert!(output.status.success(), "cannot mount: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk_is_said_to_be_full_and_changes_nothing() {
    if is_in(Process::OwnMounts, "refusals::a_full_disk_is_said_to_be_full_and_changes_nothing") {
        let disk = tempfile::tempdir().unwrap();
        mount("size=1M", disk.path());
        run(async {
            let store = LocalStore::open(disk.path()).unwrap();
            store.put(&key("a/old"), "old").await.unwrap();
            let large = vec![1; 2 << 20];
            for name in ["a/old", "b/c/new"] {
                let error = store.put(&key(name), large.clone()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Full);
                assert!(error.to_string().contains("the disk is full; make room"), "{error}");
                assert!(error.source().unwrap().to_string().contains("os error 28"));
            }
            assert_eq!(store.get_bytes(&key("a/old")).await.unwrap().unwrap(), "old");
            let there: Vec<_> = fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(there, ["a"]);
            assert_eq!(fs::read_dir(disk.path().join("a")).unwrap().count(), 1);
            // The room of what failed is free again.
            store.put(&key("half"), vec![1; 512 << 10]).await.unwrap();
        });
    }
}

#[test]
fn a_disk_without_inodes_is_full_too() {
    if is_in(Process::OwnMounts, "refusals::a_disk_without_inodes_is_full_too") {
        let disk = tempfile::tempdir().unwrap();
        mount("size=1M,nr_inodes=4", disk.path());
        run(async {
            let store = LocalStore::open(disk.path()).unwrap();
            let result = store.put(&key("a/b/c/d/e/f"), "value").await;
            assert_fails(result, ErrorKind::Full, &["make room"]);
            assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
        });
    }
}

#[test]
fn a_read_only_disk_is_read_and_refuses_writes() {
    if is_in(Process::OwnMounts, "refusals::a_read_only_disk_is_read_and_refuses_writes") {
        let disk = tempfile::tempdir().unwrap();
        mount("size=1M", disk.path());
        fs::write(disk.path().join("value"), "value").unwrap();
        mount("remount,ro", disk.path());
        run(async {
            let store = LocalStore::open(disk.path()).unwrap();
            assert_eq!(store.get_bytes(&key("value")).await.unwrap().unwrap(), "value");
            let words = ["mounted for reading only"];
            for name in ["value", "new", "a/new"] {
                assert_fails(store.put(&key(name), "x").await, ErrorKind::PermissionDenied, &words);
            }
            assert_fails(store.delete(&key("value")).await, ErrorKind::PermissionDenied, &words);
            assert_fails(store.delete_prefix(&Prefix::root()).await, ErrorKind::PermissionDenied, &words);
            store.delete(&key("nothing")).await.unwrap();
        });
    }
}

#[test]
fn permissions_are_respected_and_named() {
    if is_in(Process::OrdinaryUser, "refusals::permissions_are_respected_and_named") {
        let scratch = Scratch::new();
        let set_mode = |path: &str, mode| {
            fs::set_permissions(scratch.file(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        scratch.plant("file", "value");
        scratch.plant("closed/value", "value");
        scratch.plant("fixed/value", "value");
        set_mode("file", 0o000);
        set_mode("closed", 0o000);
        set_mode("fixed", 0o500);
        run(async {
            let (store, denied) = (&scratch.store, ErrorKind::PermissionDenied);
            let words = ["this user is not allowed to"];
            assert_fails(store.get_bytes(&key("file")).await, denied, &words);
            assert_eq!(store.head(&key("file")).await.unwrap().unwrap().size, 5);
            assert_fails(store.get_bytes(&key("closed/value")).await, denied, &words);
            assert_fails(store.head(&key("closed/value")).await, denied, &words);
            assert_fails(store.list_all(&prefix("")).await, denied, &["list", "this user is not allowed to"]);
            assert_fails(store.list_dir(&prefix("closed")).await, denied, &words);
            assert_eq!(scratch.text("fixed/value").await.as_deref(), Some("value"));
            for name in ["fixed/value", "fixed/new", "fixed/d/new", "closed/value"] {
                assert_fails(scratch.put(name, "x").await, denied, &words);
            }
            assert_fails(store.delete(&key("fixed/value")).await, denied, &words);
            assert_fails(store.delete_prefix(&prefix("fixed")).await, denied, &words);
            // A value that cannot be read can be replaced: that is a right on its directory.
            scratch.put("file", "new").await.unwrap();
            assert_eq!(scratch.text("file").await.as_deref(), Some("new"));
        });
        set_mode("closed", 0o700);
        set_mode("fixed", 0o700);
    }
}

#[test]
fn too_many_open_files_pass_with_time() {
    if is_in(Process::FewFiles, "refusals::too_many_open_files_pass_with_time") {
        let scratch = Scratch::new();
        run(async {
            scratch.put("value", "value").await.unwrap();
            let mut files = Vec::new();
            while let Ok(file) = fs::File::open("/dev/null") {
                files.push(file);
            }
            let result = scratch.store.get_bytes(&key("value")).await;
            assert!(result.as_ref().is_err_and(zstore_core::Error::is_retryable), "{result:?}");
            assert_fails(result, ErrorKind::Unavailable, &["too many files are open"]);
            assert_fails(scratch.put("value", "x").await, ErrorKind::Unavailable, &["ulimit -n"]);
            assert_fails(scratch.store.list_all(&prefix("")).await, ErrorKind::Unavailable, &["too many files"]);
            drop(files);
            assert_eq!(scratch.text("value").await.as_deref(), Some("value"));
        });
    }
}

#[test]
fn with_few_files_left_a_leftover_is_removed_or_told_of() {
    if is_in(Process::FewFiles, "refusals::with_few_files_left_a_leftover_is_removed_or_told_of") {
        let scratch = Scratch::new();
        run(async {
            scratch.put("a/b/value", "value").await.unwrap();
            let left = scratch.store.root().join("a/b/.zstore-1-1-7d9535c478a05590.tmp");
            let mut refused = 0;
            for spare in 0..8 {
                fs::write(&left, "half").unwrap();
                let mut files = Vec::new();
                while let Ok(file) = fs::File::open("/dev/null") {
                    files.push(file);
                }
                files.truncate(files.len() - spare);
                let swept = scratch.store.remove_leftovers().await;
                drop(files);
                refused += usize::from(swept.is_err());
                match swept {
                    Ok(_) => assert!(!left.exists(), "it is there and nobody was told, with {spare} files to open"),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
                }
            }
            assert!((1..8).contains(&refused), "{refused}");
        });
    }
}

#[test]
fn without_a_runtime_every_operation_says_so() {
    let scratch = Scratch::new();
    let (store, key, root) = (&scratch.store, key("k"), Prefix::root());
    let words = ["needs a tokio runtime"];
    block_on(async {
        assert_fails(store.get(&key, &GetOptions::default()).await, ErrorKind::Unsupported, &words);
        assert_fails(store.get_ranges(&key, &[]).await, ErrorKind::Unsupported, &words);
        assert_fails(store.head(&key).await, ErrorKind::Unsupported, &words);
        assert_fails(store.list_dir(&root).await, ErrorKind::Unsupported, &words);
        assert_fails(store.set(&key, "x".into(), SetMode::Create).await, ErrorKind::Unsupported, &words);
        assert_fails(store.delete(&key).await, ErrorKind::Unsupported, &words);
        assert_fails(store.delete_prefix(&root).await, ErrorKind::Unsupported, &words);
        let mut listing = store.list(&root);
        assert_fails(listing.next().await.unwrap(), ErrorKind::Unsupported, &words);
        assert!(listing.next().await.is_none());
    });
}

#[tokio::test]
async fn a_root_deleted_under_the_store_is_not_taken_for_an_empty_one() {
    let scratch = Scratch::new();
    scratch.put("a/value", "value").await.unwrap();
    fs::remove_dir_all(scratch.store.root()).unwrap();
    let words = ["the root directory was deleted"];
    assert_fails(scratch.store.get_bytes(&key("a/value")).await, ErrorKind::Unavailable, &words);
    assert_fails(scratch.put("a/value", "x").await, ErrorKind::Unavailable, &words);
    assert_fails(scratch.put("top", "x").await, ErrorKind::Unavailable, &words);
    assert_fails(scratch.store.list_all(&prefix("a")).await, ErrorKind::Unavailable, &words);
    assert_fails(scratch.store.delete(&key("a/value")).await, ErrorKind::Unavailable, &words);
}
