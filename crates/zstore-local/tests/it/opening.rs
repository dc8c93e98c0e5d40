//! Which directories can be opened, and how a store is named.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
};

use zstore_core::{ErrorKind, Operation};
use zstore_local::LocalStore;

use crate::{
    again::{Process, is_in},
    scratch::{Scratch, assert_fails},
};

#[test]
fn a_root_that_is_missing_or_no_directory_is_refused_with_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, missing) = (scratch.path().join("file"), scratch.path().join("missing"));
    fs::write(&file, "").unwrap();
    assert_fails(LocalStore::open(&missing), ErrorKind::InvalidArgument, &["missing` does not exist", "`create`"]);
    assert_fails(LocalStore::open(&file), ErrorKind::InvalidArgument, &["file` is not a directory"]);
    assert_fails(LocalStore::create(&file), ErrorKind::InvalidArgument, &["file` is not a directory"]);
    assert_fails(LocalStore::open(file.join("x")), ErrorKind::InvalidArgument, &["is not a directory"]);
    assert_fails(LocalStore::create(file.join("x")), ErrorKind::InvalidArgument, &["lies below a file"]);
    let error = LocalStore::open(&missing).unwrap_err();
    assert_eq!(error.operation(), Operation::Open);
    assert_eq!(error.store(), Some(&*format!("LocalStore({})", missing.display())));
}

#[test]
fn a_root_that_is_not_utf8_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join(OsStr::from_bytes(b"\xff"));
    assert_fails(LocalStore::create(root), ErrorKind::InvalidArgument, &["is not UTF-8"]);
}

#[test]
fn a_root_that_cannot_be_read_is_refused() {
    if is_in(Process::OrdinaryUser, "opening::a_root_that_cannot_be_read_is_refused") {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o300)).unwrap();
        assert_fails(LocalStore::open(&root), ErrorKind::PermissionDenied, &["open the root directory", "permissions"]);
        fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
        assert_fails(LocalStore::create("/zstore-test"), ErrorKind::PermissionDenied, &["make the root directory"]);
    }
}

#[test]
fn a_root_is_made_with_its_parents_and_the_mode_asked_for() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("a/b");
    let store = LocalStore::builder(&root).mode(0o700).create().unwrap();
    assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(store.root(), fs::canonicalize(&root).unwrap());
    LocalStore::create(&root).unwrap();
    LocalStore::open(&root).unwrap();
}

#[test]
fn a_store_is_named_by_its_root_free_of_links() {
    let scratch = Scratch::new();
    symlink("root", scratch.outside("link")).unwrap();
    let by_link = LocalStore::open(scratch.outside("link/../link/.")).unwrap();
    assert_eq!(by_link.to_string(), scratch.store.to_string());
    assert_eq!(by_link.to_string(), format!("LocalStore({})", fs::canonicalize(scratch.file("")).unwrap().display()));
}
