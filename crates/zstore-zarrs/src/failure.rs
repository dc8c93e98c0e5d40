//! Errors: from the contract's to zarrs', and back.

use std::{error::Error as StdError, io, iter::successors, sync::Arc};

use zarrs_storage::{StorageError, StoreKeyError};
use zstore_core::{Error, ErrorKind};

/// The contract's error as zarrs'.
///
/// zarrs has no variant for an error of somebody else but the input and output error, so nearly every kind travels in
/// one of those, whole. What zarrs itself tells apart is told in its own words.
pub(crate) fn storage_error(error: Error) -> StorageError {
    let kind = match error.kind() {
        ErrorKind::InvalidKey => return StoreKeyError::from(error.to_string()).into(),
        ErrorKind::Unsupported => return StorageError::Unsupported(error.to_string()),
        ErrorKind::InvalidRange | ErrorKind::InvalidArgument => io::ErrorKind::InvalidInput,
        ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
        ErrorKind::Unavailable => io::ErrorKind::NotConnected,
        ErrorKind::TimedOut => io::ErrorKind::TimedOut,
        ErrorKind::Corrupt => io::ErrorKind::InvalidData,
        ErrorKind::Full => io::ErrorKind::StorageFull,
        _ => io::ErrorKind::Other,
    };
    StorageError::IOError(Arc::new(io::Error::new(kind, error)))
}

/// The contract's error in an error of zarrs' storage or in the chain of its sources, if there is one.
///
/// Errors of the kinds `InvalidKey` and `Unsupported` are not found: zarrs has variants of its own for those, which
/// hold text alone.
///
/// # Examples
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::sync::Arc;
///
/// use zarrs_storage::{AsyncReadableStorageTraits, StoreKey};
/// use zstore_core::{Key, ReadStore};
/// use zstore_zarrs::{ZarrsStore, store_error};
///
/// async fn may_pass(store: ZarrsStore<dyn ReadStore>, key: &StoreKey) -> bool {
///     match store.get(key).await {
///         Ok(_) => false,
///         Err(error) => store_error(&error).is_some_and(|error| error.is_retryable()),
///     }
/// }
/// # let store: Arc<dyn ReadStore> = Arc::new(zstore_memory::MemoryStore::new());
/// # assert!(!may_pass(ZarrsStore::new(store), &StoreKey::new("a").unwrap()).await);
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn store_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    Error::find_in(error).or_else(|| successors(Some(error), |&error| error.source()).find_map(hidden))
}

/// The contract's error in zarrs' own, which hides the input and output error in it from `source`.
fn hidden<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    match error.downcast_ref() {
        Some(StorageError::IOError(io)) => Error::find_in(&**io),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use zstore_core::Operation;

    use super::*;

    #[test]
    fn an_error_is_found_again_with_its_sources() {
        let below =
            Error::new(ErrorKind::Unavailable, Operation::Get).with_key("k").with_source(io::Error::other("cable"));
        let error = storage_error(below);
        assert_eq!(error.to_string(), "get \"k\": the store cannot be reached");
        assert_eq!(error.source().unwrap().to_string(), "cable");
        let found = store_error(&error).unwrap();
        assert!(found.is_retryable());
        assert_eq!(found.key(), Some("k"));
    }

    #[test]
    fn what_zarrs_has_words_for_is_told_in_them() {
        let of = |kind| storage_error(Error::new(kind, Operation::List));
        assert!(matches!(of(ErrorKind::Unsupported), StorageError::Unsupported(_)));
        assert!(matches!(of(ErrorKind::InvalidKey), StorageError::InvalidStoreKey(_)));
        assert!(store_error(&of(ErrorKind::Unsupported)).is_none());
    }

    #[test]
    fn errors_without_one_of_ours_have_none() {
        assert!(store_error(&StorageError::ReadOnly).is_none());
        assert!(store_error(&StorageError::from(io::Error::other("theirs"))).is_none());
    }
}
