//! Cache directories as caches make them, and what may befall them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, Key, Meta, Prefix, ReadStoreExt, StoreExt, Timestamp, Version};
use zstore_format::{Content, Header, Namespace, Part, marker};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;

use crate::binary::Bench;

/// Bytes of a block in the caches planted here.
pub(crate) const BLOCK_BYTES: u64 = 65_536;

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

/// A cache of five blobs: in the namespace `first` two values, two blocks of a third and an absence.
pub(crate) fn cache(directory: &Path) {
    block_on(async {
        let source = Arc::new(MemoryStore::new());
        for (name, size) in [("t/zarr.json", 100), ("t/c/0", 70_000), ("t/c/1", 3_000_000)] {
            source.put(&key(name), vec![7; size]).await.unwrap();
        }
        let cache = open(source, "first", directory).await;
        cache.get_bytes(&key("t/zarr.json")).await.unwrap().unwrap();
        cache.get_bytes(&key("t/c/0")).await.unwrap().unwrap();
        cache.get_range(&key("t/c/1"), ByteRange::Bounded(0..BLOCK_BYTES + 1)).await.unwrap().unwrap();
        assert!(cache.get_bytes(&key("t/c/2")).await.unwrap().is_none());
        cache.flush().await;
    });
}

/// Two values more, in the namespace `second`.
pub(crate) fn second(directory: &Path) {
    block_on(async {
        let source = Arc::new(MemoryStore::new());
        for name in ["u/zarr.json", "u/c/0"] {
            source.put(&key(name), vec![9; 1000]).await.unwrap();
        }
        let cache = open(source, "second", directory).await;
        cache.warm_prefix(&Prefix::root()).run().await.unwrap();
    });
}

pub(crate) async fn open(
    source: Arc<MemoryStore>,
    namespace: &str,
    directory: &Path,
) -> CacheStore<MemoryStore, LocalStore> {
    CacheStore::builder(source, Arc::new(LocalStore::create_cache(directory).unwrap()))
        .namespace(namespace)
        .range_strategy(RangeStrategy::default())
        .cache_absent(std::time::Duration::from_secs(3600))
        .build()
        .await
        .unwrap()
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Where a blob of a namespace lies.
pub(crate) fn blob_path(directory: &Path, namespace: &str, name: &str, part: Part) -> PathBuf {
    let space = Namespace::new(namespace, BLOCK_BYTES).unwrap().space();
    directory.join(space.blob_key(&key(name), part).unwrap().as_str())
}

/// A value of so many bytes, fetched at a time, written as a cache writes it.
pub(crate) fn plant(directory: &Path, name: &str, size: usize, fetched: Timestamp) -> PathBuf {
    fs::create_dir_all(directory).unwrap();
    for (file, text) in [marker::TAG, marker::FORMAT] {
        fs::write(directory.join(file), text).unwrap();
    }
    let meta = Meta { key: key(name), size: size as u64, modified: None, version: Version::from_e_tag("\"v\"") };
    let payload = vec![3; size];
    let header = Header::new(Content::Whole(meta), "planted", fetched, 1, &payload);
    let path = blob_path(directory, "planted", name, Part::Whole);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, [&header.encode()[..], &payload].concat()).unwrap();
    path
}

/// What others may have put into a cache directory: files, a directory, a link, a second name.
pub(crate) fn plant_foreign(directory: &Path) {
    let space = fs::read_dir(directory.join("blobs")).unwrap().next().unwrap().unwrap().path();
    fs::write(directory.join("notes.txt"), "mine").unwrap();
    fs::write(space.join("notes.txt"), "mine").unwrap();
    fs::create_dir_all(directory.join("photos/old")).unwrap();
    fs::write(directory.join("photos/old/.zstore-1-2-3.tmp"), "mine too").unwrap();
    fs::hard_link(directory.join("notes.txt"), directory.join("photos/notes.txt")).unwrap();
    std::os::unix::fs::symlink("photos", directory.join("link")).unwrap();
}

/// All files, links and directories below a directory that are not ours, and what is in them.
pub(crate) fn foreign(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let text = path.to_str().unwrap();
            let is_theirs = ["notes.txt", "photos", "link"].iter().any(|name| text.contains(name));
            if path.is_symlink() || path.is_file() {
                found.extend(is_theirs.then(|| (path.clone(), fs::read(&path).unwrap_or_default())));
            } else {
                directories.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What `du` adds up.
pub(crate) fn du(path: &Path) -> u64 {
    let output = std::process::Command::new("du").args(["--apparent-size", "-sb"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Runs a cache command with `--json`, which must end with this code, and reads the object.
pub(crate) fn json(bench: &Bench, code: i32, words: &[&str]) -> Value {
    let ran = bench.run(&[&["cache"], words, &["--json"]].concat());
    assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}
