//! What a case saw instead of what the law says.

use std::fmt;

use zstore_core::{Error, InvalidKey};

/// The end of a case that saw a law broken.
#[derive(Debug)]
pub(super) struct Failure(String);

/// How a case ends.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(seen: impl Into<String>) -> Self {
        Self(seen.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("saw an error where an answer was due: {error} ({:?})", error.kind()))
    }
}

impl From<InvalidKey> for Failure {
    fn from(error: InvalidKey) -> Self {
        Self(format!("saw a name that is no key: {error}"))
    }
}

impl From<tokio::task::JoinError> for Failure {
    /// A task of a case panicked, or its runtime was shut down.
    fn from(error: tokio::task::JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                Self(format!("saw a panic: {}", text.unwrap_or("(without a text)")))
            }
            Err(error) => Self(format!("saw a task end early: {error}")),
        }
    }
}

/// Ends the case with a description of what was seen, unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($seen:tt)+) => {
        if !$holds {
            return Err($crate::conformance::failure::Failure::new(format!($($seen)+)));
        }
    };
}
pub(super) use ensure;
