//! The ground: where the directory lies.

use std::path::PathBuf;

use tempfile::TempDir;

/// A place for one run: the source, the register and the cache.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) scratch: TempDir,
}

impl Ground {
    /// On the disk that temporary files are on.
    pub(crate) fn disk() -> Self {
        Self { scratch: TempDir::new().unwrap() }
    }

    /// In a file system in memory, where there is one.
    pub(crate) fn memory() -> Self {
        let shm = PathBuf::from("/dev/shm");
        Self { scratch: if shm.is_dir() { TempDir::new_in(shm).unwrap() } else { TempDir::new().unwrap() } }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }
}
