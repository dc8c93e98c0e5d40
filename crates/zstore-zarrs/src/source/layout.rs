//! How a storage keeps its keys.

use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory, NotFound};

use zarrs_storage::StorageError;

/// File systems stop there.
const NAME_BYTES_MAX: usize = 255;

/// How a zarrs storage keeps its keys, which it does not tell itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Keys are only names, as in memory, in object stores, in archives and on web servers.
    Names,
    /// Keys are paths of files, as in zarrs' `FilesystemStore`.
    ///
    /// `a` and `a/b` cannot both have values, and no segment is longer than 255 bytes. Directories are told from
    /// values at a further call for each [`head`](zstore_core::ReadStore::head), and those that hold no values are
    /// left out of lists at one or more for each prefix. An empty directory that is in the way of a value is removed;
    /// what another process writes below it in that very moment goes with it.
    Files,
}

impl Layout {
    pub(super) const fn segment_bytes_max(self) -> Option<usize> {
        match self {
            Self::Names => None,
            Self::Files => Some(NAME_BYTES_MAX),
        }
    }

    /// Whether a read or a deletion that failed so says that there is no such value.
    pub(super) fn is_missing(self, error: &StorageError) -> bool {
        let StorageError::IOError(error) = error else { return false };
        match error.kind() {
            NotFound => true,
            IsADirectory | NotADirectory => self == Self::Files,
            _ => false,
        }
    }

    /// Whether a write that failed so found something at its place, above it or below it.
    pub(super) fn is_in_the_way(self, error: &StorageError) -> bool {
        let StorageError::IOError(error) = error else { return false };
        self == Self::Files && matches!(error.kind(), IsADirectory | NotADirectory | AlreadyExists | DirectoryNotEmpty)
    }
}
