//! Errors: from the contract's to `object_store`'s, and back.

use std::{error::Error as StdError, fmt};

use object_store::{Error as TheirError, path::Path};
use zstore_core::{Error, ErrorKind};

/// The contract's error as `object_store`'s, which carries it whole.
///
/// `InvalidPath` has no room for an error of somebody else, so a name that the store below refuses is `Generic` too.
pub(crate) fn failed(path: &Path, error: Error) -> TheirError {
    let (path, source) = (path.to_string(), Box::new(error));
    match source.kind() {
        ErrorKind::PreconditionFailed => TheirError::Precondition { path, source },
        ErrorKind::PermissionDenied => TheirError::PermissionDenied { path, source },
        ErrorKind::Unsupported => TheirError::NotSupported { source },
        _ => TheirError::Generic { store: "zstore", source },
    }
}

/// What this store does not do at all.
pub(crate) fn refused(error: Error) -> TheirError {
    TheirError::NotSupported { source: Box::new(error) }
}

/// A missing value, which is an answer of the contract and an error of `object_store`.
pub(crate) fn missing(path: &Path, store: &(impl fmt::Display + ?Sized)) -> TheirError {
    TheirError::NotFound { path: path.to_string(), source: format!("there is no such value in {store}").into() }
}

/// The contract's error in an error of `object_store` or in the chain of its sources, if there is one.
///
/// There is none in answers that are no errors of the contract (`NotFound`, `NotModified`), in `InvalidPath`, and in
/// `NotImplemented`, which holds text alone.
///
/// # Examples
/// ```
/// use zstore_object_store::store_error;
///
/// fn may_pass(error: &object_store::Error) -> bool {
///     store_error(error).is_some_and(|error| error.is_retryable())
/// }
/// # assert!(!may_pass(&object_store::Error::NotSupported { source: "no".into() }));
/// ```
#[must_use]
pub fn store_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    Error::find_in(error)
}

#[cfg(test)]
mod tests {
    use std::io;

    use zstore_core::Operation;

    use super::*;

    fn of(kind: ErrorKind) -> TheirError {
        failed(&Path::from("a/b"), Error::new(kind, Operation::Get).with_key("a/b").with_store("Store(x)"))
    }

    #[test]
    fn every_error_is_found_again_whole() {
        for kind in [
            ErrorKind::InvalidKey,
            ErrorKind::InvalidRange,
            ErrorKind::InvalidArgument,
            ErrorKind::Unsupported,
            ErrorKind::PermissionDenied,
            ErrorKind::PreconditionFailed,
            ErrorKind::Conflict,
            ErrorKind::Unavailable,
            ErrorKind::TimedOut,
            ErrorKind::Corrupt,
            ErrorKind::Full,
            ErrorKind::Io,
        ] {
            let error = of(kind);
            assert_eq!(store_error(&error).map(Error::kind), Some(kind), "{error}");
            let through_a_reader = io::Error::other(error);
            let found = store_error(&through_a_reader).unwrap();
            assert_eq!((found.kind(), found.key()), (kind, Some("a/b")));
        }
    }

    #[test]
    fn what_object_store_has_words_for_is_told_in_them() {
        assert!(matches!(of(ErrorKind::PreconditionFailed), TheirError::Precondition { path, .. } if path == "a/b"));
        assert!(matches!(of(ErrorKind::PermissionDenied), TheirError::PermissionDenied { path, .. } if path == "a/b"));
        assert!(matches!(of(ErrorKind::Unsupported), TheirError::NotSupported { .. }));
        assert!(matches!(of(ErrorKind::Full), TheirError::Generic { .. }));
    }

    #[test]
    fn an_error_is_one_line_that_says_what_went_wrong() {
        assert_eq!(of(ErrorKind::Full).to_string(), "Generic zstore error: get \"a/b\" in Store(x): no room left");
        assert_eq!(
            missing(&Path::from("a/b"), "Store(x)").to_string(),
            "Object at location a/b not found: there is no such value in Store(x)"
        );
    }

    #[test]
    fn errors_without_one_of_ours_have_none() {
        assert!(store_error(&missing(&Path::from("a"), "Store(x)")).is_none());
        assert!(store_error(&io::Error::other("theirs")).is_none());
    }
}
