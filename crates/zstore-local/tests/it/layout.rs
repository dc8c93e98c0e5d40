//! Keys are paths and values are files, whoever wrote them.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use zstore_core::{ErrorKind, Fetch, GetOptions, ReadStore, ReadStoreExt, SetMode, Store, StoreExt};
use zstore_local::{Durability, LocalStore};

use crate::scratch::{Scratch, assert_fails, key, prefix};

#[tokio::test]
async fn a_value_is_a_plain_file_and_nothing_else_is_left() {
    let scratch = Scratch::new();
    scratch.put("a/c/0", "chunk").await.unwrap();
    scratch.put("zarr.json", "{}").await.unwrap();
    scratch.put("a/c/0", "other").await.unwrap();
    assert_eq!(fs::read(scratch.file("a/c/0")).unwrap(), b"other");
    assert_eq!(scratch.paths(), ["a", "a/c", "a/c/0", "zarr.json"]);
}

#[tokio::test]
async fn files_of_other_programs_are_values() {
    let scratch = Scratch::new();
    scratch.plant("g/.zgroup", "{\"zarr_format\": 2}");
    scratch.plant("g/x/0.0", "one");
    assert_eq!(scratch.keys("").await, ["g/.zgroup", "g/x/0.0"]);
    let first = scratch.store.head(&key("g/x/0.0")).await.unwrap().unwrap();
    assert_eq!(first.size, 3);
    let file_time = fs::metadata(scratch.file("g/x/0.0")).unwrap().modified().unwrap();
    assert_eq!(first.modified, Some(file_time.into()));

    scratch.plant("g/x/0.0", "three"); // in place
    let options = GetOptions::default().if_none_match(first.version);
    let Fetch::Object(object) = scratch.store.get(&key("g/x/0.0"), &options).await.unwrap() else {
        panic!("a change in place must change the version");
    };
    assert_eq!(object.bytes, "three");
}

#[tokio::test]
async fn unusual_names_are_file_names_byte_for_byte() {
    let scratch = Scratch::new();
    let mut names = ["a b/c d", "100%25", "ü/日本", "...", "a\\b", "c?x=1#y", "*", "-rf", "~", "a\nb", "A", "a\u{301}"];
    for name in names {
        scratch.put(name, name).await.unwrap();
        assert_eq!(fs::read_to_string(scratch.file(name)).unwrap(), name);
        assert_eq!(scratch.text(name).await.as_deref(), Some(name));
    }
    names.sort_unstable();
    assert_eq!(scratch.keys("").await, names);
}

#[tokio::test]
async fn a_segment_of_255_bytes_is_a_name_and_one_of_256_is_refused_with_the_limit() {
    let scratch = Scratch::new();
    let (longest, longer) = (format!("d/{}", "x".repeat(255)), format!("d/{}", "x".repeat(256)));
    scratch.put(&longest, "value").await.unwrap();
    assert_eq!(scratch.keys("d").await, [longest]);
    let words = ["256 bytes long", "at most 255", "xxx"];
    assert_fails(scratch.put(&longer, "value").await, ErrorKind::InvalidKey, &words);
    assert_fails(scratch.store.head(&key(&longer)).await, ErrorKind::InvalidKey, &words);
    assert_fails(scratch.store.delete(&key(&longer)).await, ErrorKind::InvalidKey, &words);
    assert_eq!(scratch.store.capabilities().segment_bytes_max, Some(255));
    assert!(scratch.keys(&longer).await.is_empty());
}

#[tokio::test]
async fn a_path_as_long_as_the_system_takes_is_a_name() {
    let scratch = Scratch::new();
    let path = vec!["x".repeat(127); 32].join("/");
    assert_eq!(path.len(), 4095);
    scratch.put(&path, "deep").await.unwrap();
    assert_eq!(scratch.text(&path).await.as_deref(), Some("deep"));
    assert_eq!(scratch.keys("").await, [path.as_str()]);
    scratch.store.delete(&key(&path)).await.unwrap();
    assert!(scratch.paths().is_empty());
    assert_fails(scratch.put(&format!("{path}y"), "").await, ErrorKind::InvalidKey, &["4096 bytes long"]);
}

#[tokio::test]
async fn names_that_are_no_text_are_passed_over() {
    let scratch = Scratch::new();
    scratch.plant("a/x", "");
    fs::write(scratch.file("a").join(OsStr::from_bytes(b"\xff\xfe")), "").unwrap();
    fs::create_dir(scratch.file("").join(OsStr::from_bytes(b"\xff"))).unwrap();
    fs::write(scratch.file("").join(OsStr::from_bytes(b"\xff/y")), "").unwrap();
    assert_eq!(scratch.keys("").await, ["a/x"]);
    let children = scratch.store.list_dir(&prefix("")).await.unwrap();
    assert_eq!((children.values.len(), children.prefixes), (0, vec![prefix("a")]));
}

#[tokio::test]
async fn names_of_temporary_files_are_refused_and_not_listed() {
    let scratch = Scratch::new();
    scratch.plant("a/.zstore-1-2-3.tmp", "being written");
    for name in ["a/.zstore-1-2-3.tmp", ".zstore-1-2-3.tmp/x"] {
        let words = [".zstore-1-2-3.tmp", "choose another name"];
        assert_fails(scratch.put(name, "").await, ErrorKind::InvalidKey, &words);
        assert_fails(scratch.store.get_bytes(&key(name)).await, ErrorKind::InvalidKey, &words);
        assert_fails(scratch.store.delete(&key(name)).await, ErrorKind::InvalidKey, &words);
    }
    assert!(scratch.keys("").await.is_empty());
    assert_eq!(scratch.store.list_dir(&prefix("")).await.unwrap().prefixes, []);
    assert_eq!(scratch.store.list_dir(&prefix("a")).await.unwrap().values, []);
}

#[tokio::test]
async fn deleting_removes_directories_that_become_empty_and_never_the_root() {
    let scratch = Scratch::new();
    scratch.put("a/b/c/d", "").await.unwrap();
    scratch.put("a/x", "").await.unwrap();
    scratch.store.delete(&key("a/b/c/d")).await.unwrap();
    assert_eq!(scratch.paths(), ["a", "a/x"]);
    scratch.store.delete(&key("a/x")).await.unwrap();
    assert!(scratch.paths().is_empty());

    for name in ["a/b/c", "a/b-c/d", "a/b/x/y", "e"] {
        scratch.put(name, "").await.unwrap();
    }
    fs::create_dir_all(scratch.file("a/b/empty/er")).unwrap();
    scratch.store.delete_prefix(&prefix("a/b")).await.unwrap();
    assert_eq!(scratch.paths(), ["a", "a/b-c", "a/b-c/d", "e"]);
    scratch.store.delete_prefix(&prefix("a/b-c")).await.unwrap();
    assert_eq!(scratch.paths(), ["e"]);
    scratch.store.delete_prefix(&prefix("")).await.unwrap();
    assert!(scratch.paths().is_empty() && scratch.store.root().is_dir());
}

#[tokio::test]
async fn every_durability_writes_and_deletes() {
    for durability in [Durability::None, Durability::File, Durability::FileAndDirectory] {
        let scratch = Scratch::new();
        let store = LocalStore::builder(scratch.store.root()).durability(durability).open().unwrap();
        let version = store.put(&key("a/b/c"), "value").await.unwrap();
        assert_eq!(store.head(&key("a/b/c")).await.unwrap().unwrap().version, version);
        store.create(&key("top"), "value").await.unwrap();
        store.put(&key("a/x"), "value").await.unwrap();
        store.delete(&key("a/b/c")).await.unwrap();
        assert_eq!(scratch.paths(), ["a", "a/x", "top"]);
        store.delete_prefix(&prefix("a")).await.unwrap();
        store.delete(&key("top")).await.unwrap();
        assert!(scratch.paths().is_empty());
    }
}

#[tokio::test]
async fn an_update_is_refused_because_it_cannot_be_atomic() {
    let scratch = Scratch::new();
    let version = scratch.store.put(&key("a"), "old").await.unwrap();
    let update = scratch.store.set(&key("a"), "new".into(), SetMode::Update(version)).await;
    assert_fails(update, ErrorKind::Unsupported, &["set \"a\" in LocalStore(", "overwrite instead"]);
    assert!(!scratch.store.capabilities().update);
    assert_eq!(scratch.text("a").await.as_deref(), Some("old"));
}

#[tokio::test]
async fn a_cache_directory_is_private_unless_told_otherwise_and_all_in_it_follows() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for (given, directory, file) in [(None, 0o700, 0o600), (Some(0o2770), 0o2770, 0o660), (Some(0o755), 0o755, 0o644)] {
        // A directory above is made on the way.
        let path = scratch.path().join(format!("{directory:o}/cache"));
        let mut builder = LocalStore::builder(&path);
        if let Some(given) = given {
            builder = builder.mode(given);
        }
        let store = builder.create_cache().unwrap();
        store.put(&key("blobs/ab/cd"), "copy").await.unwrap();
        assert_eq!(mode(&path), directory);
        assert_eq!(mode(&path.join("blobs/ab")), directory);
        assert_eq!(mode(&path.join("blobs/ab/cd")), file);
        assert_eq!(store.shared_directory(), Some(path.canonicalize().unwrap().as_path()));
        // What is there keeps its permissions, whoever opens it.
        LocalStore::create_cache(&path).unwrap();
        assert_eq!(mode(&path), directory);
    }
    assert_eq!(LocalStore::create(scratch.path()).unwrap().shared_directory(), None, "it was not opened for that");
    // The last two are 770 without its 0o, and more than there is.
    for mode in [0o600, 0o500, 770, 0o20_0700] {
        let path = scratch.path().join("refused");
        let error = LocalStore::builder(&path).mode(mode).create_cache().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(!path.exists());
    }
}
