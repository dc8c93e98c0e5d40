//! Pipes, sockets and empty directories are no values.

use std::{fs, os::unix::net::UnixListener};

use rustix::fs::{CWD, Mode, mkfifoat};
use zstore_core::{ErrorKind, ReadStore, Store, StoreExt};

use crate::scratch::{Scratch, assert_fails, key, prefix};

#[tokio::test]
async fn a_pipe_or_socket_is_missing_and_nobody_waits_for_it() {
    let scratch = Scratch::new();
    scratch.put("d/value", "").await.unwrap();
    mkfifoat(CWD, scratch.file("d/pipe"), Mode::RWXU).unwrap();
    let _socket = UnixListener::bind(scratch.file("d/socket")).unwrap();
    for name in ["d/pipe", "d/socket"] {
        scratch.assert_missing(name).await; // a pipe opened plainly would wait for its writer for ever
        assert_fails(scratch.put(name, "x").await, ErrorKind::Conflict, &[name, "cannot be a value"]);
        assert_fails(scratch.store.create(&key(name), "x").await, ErrorKind::Conflict, &[name]);
        assert_fails(scratch.put(&format!("{name}/below"), "x").await, ErrorKind::Conflict, &[name]);
        scratch.store.delete(&key(name)).await.unwrap();
    }
    assert_eq!(scratch.keys("").await, ["d/value"]);
    assert_eq!(scratch.store.list_dir(&prefix("d")).await.unwrap().values.len(), 1);
    scratch.store.delete_prefix(&prefix("d")).await.unwrap();
    assert_eq!(scratch.paths(), ["d", "d/pipe", "d/socket"]);
}

#[tokio::test]
async fn directories_without_a_value_below_are_no_prefixes() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.file("empty/very/deep")).unwrap();
    scratch.plant("left/.zstore-1-2-3.tmp", "");
    scratch.plant("full/deep/down/value", "");
    fs::create_dir_all(scratch.file("full/deep/empty")).unwrap();
    assert_eq!(scratch.store.list_dir(&prefix("")).await.unwrap().prefixes, [prefix("full")]);
    assert_eq!(scratch.store.list_dir(&prefix("full/deep")).await.unwrap().prefixes, [prefix("full/deep/down")]);
    assert_eq!(scratch.store.list_dir(&prefix("empty")).await.unwrap(), zstore_core::DirListing::default());
}
