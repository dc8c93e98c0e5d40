//! One error for every store, by what the caller can do about it.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{InvalidKey, RangePastEnd};

/// A result with the contract's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error.
///
/// There is no kind for a missing value, which is an answer, and none for "other": a backend must decide what its
/// caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name can never name a value here. Change the name.
    InvalidKey,
    /// The value has no such bytes. Change the range.
    InvalidRange,
    /// An argument or a setting makes no sense. Change it.
    InvalidArgument,
    /// This store cannot do that at all. See [`Capabilities`](crate::Capabilities).
    Unsupported,
    /// The store refuses this caller. Change credentials or permissions.
    PermissionDenied,
    /// The value is not the version the caller named, or exists where it must not. Read it again and decide.
    PreconditionFailed,
    /// Something else is in the way: a directory where a value should be, files of somebody else. Clear the way.
    Conflict,
    /// The store cannot be reached or is overloaded. Try again later.
    Unavailable,
    /// No answer came in time. Try again later.
    TimedOut,
    /// What is stored is damaged. Restore it from elsewhere.
    Corrupt,
    /// There is no room. Make some.
    Full,
    /// Reading or writing failed below the store. See the source.
    Io,
}

impl ErrorKind {
    /// What went wrong, in a few words.
    const fn message(self) -> &'static str {
        match self {
            Self::InvalidKey => "not a key",
            Self::InvalidRange => "no such bytes",
            Self::InvalidArgument => "invalid argument",
            Self::Unsupported => "not supported by this store",
            Self::PermissionDenied => "permission denied",
            Self::PreconditionFailed => "the value is not the version it should be",
            Self::Conflict => "something else is in the way",
            Self::Unavailable => "the store cannot be reached",
            Self::TimedOut => "no answer in time",
            Self::Corrupt => "the stored value is damaged",
            Self::Full => "no room left",
            Self::Io => "input or output failed",
        }
    }
}

/// What was being done when an error arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Making a key or a prefix of a name.
    Name,
    /// Making or opening a store.
    Open,
    /// Reading a value or a part of it.
    Get,
    /// Reading several parts of a value.
    GetRanges,
    /// Asking what is known of a value.
    Head,
    /// Listing.
    List,
    /// Writing a value.
    Set,
    /// Deleting a value.
    Delete,
    /// Deleting all values below a prefix.
    DeletePrefix,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Open => "open",
            Self::Get => "get",
            Self::GetRanges => "get ranges of",
            Self::Head => "head",
            Self::List => "list",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::DeletePrefix => "delete below",
        })
    }
}

/// A failed operation on a store.
///
/// It shows as one line: operation, key, store and what went wrong. What lies below is in [`source`](StdError::source).
///
/// # Cost
/// A clone copies a pointer: one failed fetch answers many waiters.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    operation: Operation,
    store: Option<String>,
    key: Option<String>,
    detail: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` while doing `operation`.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: Operation) -> Self {
        Self(Arc::new(Inner { kind, operation, store: None, key: None, detail: None, source: None }))
    }

    /// Names the store.
    #[must_use]
    pub fn with_store(self, store: &(impl fmt::Display + ?Sized)) -> Self {
        self.with(|inner| inner.store = Some(store.to_string()))
    }

    /// Names the key or prefix.
    #[must_use]
    pub fn with_key(self, key: &(impl fmt::Display + ?Sized)) -> Self {
        self.with(|inner| inner.key = Some(key.to_string()))
    }

    /// Says in lower case what went wrong and what to do, in place of the kind's own words.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        self.with(|inner| inner.detail = Some(detail.into()))
    }

    /// Keeps the error that lies below.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Arc::new(source)))
    }

    /// The contract's error that `error` is, or that lies in the chain of its sources, if there is one.
    ///
    /// # Examples
    /// ```
    /// use std::io;
    ///
    /// use zstore_core::{Error, ErrorKind, Operation};
    ///
    /// let through_a_reader = io::Error::other(Error::new(ErrorKind::TimedOut, Operation::Get));
    /// assert!(Error::find_in(&through_a_reader).is_some_and(Error::is_retryable));
    /// assert!(Error::find_in(&io::Error::other("theirs")).is_none());
    /// ```
    #[must_use]
    pub fn find_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(own) = error.downcast_ref() {
                return Some(own);
            }
            // An input and output error, as readers of streams have it, shows what it wraps in `get_ref` alone.
            let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            next = wrapped.map(|wrapped| wrapped as &(dyn StdError + 'static)).or_else(|| error.source());
        }
        None
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The store it was done on, as the store shows itself.
    #[must_use]
    pub fn store(&self) -> Option<&str> {
        self.0.store.as_deref()
    }

    /// The key or prefix it was done to.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Whether the same call may succeed later though nothing was changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unavailable | ErrorKind::TimedOut)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, operation, store, key, detail, .. } = &*self.0;
        write!(f, "{operation}")?;
        if let Some(key) = key {
            write!(f, " {key:?}")?;
        }
        if let Some(store) = store {
            write!(f, " in {store}")?;
        }
        write!(f, ": {}", detail.as_deref().unwrap_or(kind.message()))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<InvalidKey> for Error {
    fn from(error: InvalidKey) -> Self {
        Self::new(ErrorKind::InvalidKey, Operation::Name)
            .with_key(error.name())
            .with_detail(format!("not a key: {}", error.rule()))
    }
}

impl From<RangePastEnd> for Error {
    fn from(error: RangePastEnd) -> Self {
        Self::new(ErrorKind::InvalidRange, Operation::Get).with_detail(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_operation_key_store_and_leaves_the_source_to_the_chain() {
        let error = Error::new(ErrorKind::Full, Operation::Set)
            .with_store("LocalStore(/data)")
            .with_key("a/b")
            .with_source(std::io::Error::other("disk"));
        assert_eq!(error.to_string(), "set \"a/b\" in LocalStore(/data): no room left");
        assert_eq!(error.source().unwrap().to_string(), "disk");
    }

    #[test]
    fn a_name_that_is_no_key_is_named_once_with_the_rule_it_breaks() {
        let error = Error::from(crate::Key::new("a//b").unwrap_err());
        assert_eq!(
            error.to_string(),
            "name \"a//b\": not a key: it has an empty segment (a leading, trailing or doubled slash)"
        );
    }

    #[test]
    fn only_errors_that_may_pass_are_retryable() {
        let retryable = |kind| Error::new(kind, Operation::Get).is_retryable();
        assert!(retryable(ErrorKind::Unavailable) && retryable(ErrorKind::TimedOut));
        assert!(!retryable(ErrorKind::PermissionDenied) && !retryable(ErrorKind::Io));
    }

    #[test]
    fn a_change_to_a_clone_leaves_the_first_alone() {
        let first = Error::new(ErrorKind::Io, Operation::Get);
        let second = first.clone().with_key("k");
        assert_eq!((first.key(), second.key()), (None, Some("k")));
    }
}
