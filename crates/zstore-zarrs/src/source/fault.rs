//! zarrs' error as the contract's.

use std::io;

use zarrs_storage::StorageError;
use zstore_core::{Error, ErrorKind, Operation};

use crate::store_error;

/// The contract's error for what zarrs says went wrong. If the contract's own went into it, that comes out again.
pub(super) fn error(error: StorageError, operation: Operation) -> Error {
    match store_error(&error) {
        Some(own) => own.clone(),
        None => Error::new(kind(&error), operation).with_source(error),
    }
}

fn kind(error: &StorageError) -> ErrorKind {
    match error {
        StorageError::ReadOnly => ErrorKind::PermissionDenied,
        StorageError::IOError(error) => kind_of_io(error.kind()),
        StorageError::StorePrefixError(_) | StorageError::InvalidStoreKey(_) => ErrorKind::InvalidKey,
        StorageError::InvalidByteRangeError(_) => ErrorKind::InvalidRange,
        StorageError::Unsupported(_) | StorageError::UnknownKeySize(_) => ErrorKind::Unsupported,
        StorageError::InvalidMetadata(..) | StorageError::MissingMetadata(_) => ErrorKind::Corrupt,
        StorageError::Other(_) => ErrorKind::Io,
    }
}

fn kind_of_io(kind: io::ErrorKind) -> ErrorKind {
    use io::ErrorKind as Io;
    match kind {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::TimedOut => ErrorKind::TimedOut,
        Io::NotConnected
        | Io::ConnectionRefused
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown
        | Io::BrokenPipe
        | Io::ResourceBusy => ErrorKind::Unavailable,
        Io::InvalidData => ErrorKind::Corrupt,
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::Full,
        Io::InvalidFilename => ErrorKind::InvalidKey,
        Io::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use zarrs_storage::StoreKey;

    use super::*;
    use crate::failure::storage_error;

    #[test]
    fn what_a_caller_can_do_about_it_is_told() {
        let io = |kind| StorageError::from(io::Error::from(kind));
        for (theirs, ours) in [
            (StorageError::ReadOnly, ErrorKind::PermissionDenied),
            (io(io::ErrorKind::PermissionDenied), ErrorKind::PermissionDenied),
            (io(io::ErrorKind::StorageFull), ErrorKind::Full),
            (io(io::ErrorKind::TimedOut), ErrorKind::TimedOut),
            (io(io::ErrorKind::ConnectionReset), ErrorKind::Unavailable),
            (io(io::ErrorKind::Other), ErrorKind::Io),
            (StorageError::Unsupported("no".into()), ErrorKind::Unsupported),
            (StorageError::UnknownKeySize(StoreKey::root()), ErrorKind::Unsupported),
            (StorageError::Other("something".into()), ErrorKind::Io),
        ] {
            let told = error(theirs.clone(), Operation::Get);
            assert_eq!((told.kind(), told.operation()), (ours, Operation::Get), "{theirs:?}");
            assert_eq!(told.source().unwrap().to_string(), theirs.to_string());
        }
    }

    #[test]
    fn our_own_error_comes_out_as_it_went_in() {
        let own = Error::new(ErrorKind::TimedOut, Operation::Head).with_key("k").with_store("Below(x)");
        let told = error(storage_error(own), Operation::Get);
        assert_eq!(told.to_string(), "head \"k\" in Below(x): no answer in time");
        assert!(told.is_retryable());
    }
}
