//! A store to test, in a directory that goes with it.

use std::path::PathBuf;

use tempfile::TempDir;
use zstore_core::{Error, ErrorKind, Fetch, GetOptions, Key, Prefix, ReadStore, ReadStoreExt, StoreExt};
use zstore_local::LocalStore;

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

pub(crate) fn prefix(name: &str) -> Prefix {
    Prefix::new(name).unwrap()
}

/// A store in `root`, and room beside it for what is outside.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) directory: TempDir,
    pub(crate) store: LocalStore,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::new_in(std::env::temp_dir())
    }

    /// The same below another directory than that for temporary files.
    pub(crate) fn new_in(above: impl AsRef<std::path::Path>) -> Self {
        let directory = TempDir::new_in(above).unwrap();
        let store = LocalStore::create(directory.path().join("root")).unwrap();
        Self { directory, store }
    }

    /// A path outside of the root.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// The file of a key.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.store.root().join(path)
    }

    /// Writes a file as another program would.
    pub(crate) fn plant(&self, path: &str, content: &str) {
        let file = self.file(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    pub(crate) async fn put(&self, name: &str, value: &str) -> Result<(), Error> {
        self.store.put(&key(name), value.to_owned()).await.map(|_| ())
    }

    pub(crate) async fn text(&self, name: &str) -> Option<String> {
        let bytes = self.store.get_bytes(&key(name)).await.unwrap()?;
        Some(String::from_utf8(bytes.into()).unwrap())
    }

    /// Asserts that a value is missing, in every way to ask for it.
    pub(crate) async fn assert_missing(&self, name: &str) {
        assert_eq!(self.store.get(&key(name), &GetOptions::default()).await.unwrap(), Fetch::Missing, "{name}");
        assert_eq!(self.store.get_ranges(&key(name), &[]).await.unwrap(), None, "{name}");
        assert_eq!(self.store.head(&key(name)).await.unwrap(), None, "{name}");
    }

    /// The keys below a prefix, sorted.
    pub(crate) async fn keys(&self, below: &str) -> Vec<String> {
        let all = self.store.list_all(&prefix(below)).await.unwrap();
        all.into_iter().map(|meta| meta.key.to_string()).collect()
    }

    /// Every path below the root, as another program sees it, sorted.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut directories = vec![self.store.root().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                paths.push(entry.path().strip_prefix(self.store.root()).unwrap().to_str().unwrap().to_owned());
                if entry.file_type().unwrap().is_dir() {
                    directories.push(entry.path());
                }
            }
        }
        paths.sort();
        paths
    }
}

/// Asserts the kind of an error and words of its message.
pub(crate) fn assert_fails<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind, words: &[&str]) {
    let error = result.unwrap_err();
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    assert!(!message.contains('\n'), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}
