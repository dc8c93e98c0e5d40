//! Names: zarrs' keys and prefixes, and the contract's.
//!
//! zarrs allows more than the contract: the empty key, and segments that are `.` or `..`. Those are refused, as
//! zarrs' own filesystem store would have to.

use zarrs_storage::{StorageError, StoreKey, StoreKeyError, StorePrefix, StorePrefixError};
use zstore_core::{Key, Prefix};

pub(crate) fn key(key: &StoreKey) -> Result<Key, StorageError> {
    Key::new(key.as_str()).map_err(|error| StoreKeyError::from(error.to_string()).into())
}

pub(crate) fn prefix(prefix: &StorePrefix) -> Result<Prefix, StorageError> {
    Prefix::new(prefix.as_str()).map_err(|error| StorePrefixError::from(error.to_string()).into())
}

pub(crate) fn store_key(key: &Key) -> Result<StoreKey, StorageError> {
    Ok(StoreKey::new(key.as_str())?)
}

/// zarrs ends every prefix but the root with a slash.
pub(crate) fn store_prefix(prefix: &Prefix) -> Result<StorePrefix, StorageError> {
    if prefix.is_root() {
        return Ok(StorePrefix::root());
    }
    Ok(StorePrefix::new(format!("{prefix}/"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_there_and_back() {
        for name in ["a", "a/b c", "ü/.zarray"] {
            let theirs = StoreKey::new(name).unwrap();
            assert_eq!(store_key(&key(&theirs).unwrap()).unwrap(), theirs);
            let theirs = StorePrefix::new(format!("{name}/")).unwrap();
            assert_eq!(store_prefix(&prefix(&theirs).unwrap()).unwrap(), theirs);
        }
        assert_eq!(store_prefix(&prefix(&StorePrefix::root()).unwrap()).unwrap(), StorePrefix::root());
    }

    #[test]
    fn names_that_could_leave_the_store_are_refused() {
        for name in ["", "..", "a/../b", "./a"] {
            let error = key(&StoreKey::new(name).unwrap()).unwrap_err();
            assert!(matches!(error, StorageError::InvalidStoreKey(_)), "{name:?}: {error}");
        }
        assert!(matches!(prefix(&StorePrefix::new("a/../").unwrap()), Err(StorageError::StorePrefixError(_))));
        assert!(matches!(prefix(&StorePrefix::new("a//").unwrap()), Err(StorageError::StorePrefixError(_))));
    }
}
