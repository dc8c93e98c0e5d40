//! What the user is told when something cannot be done.

use std::{error::Error as StdError, fmt};

use zstore_core::{Error, ErrorKind};
use zstore_zarrs::store_error;

/// A failure in the words of a user: one line that says what happened, and a hint that says what to do.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    hint: String,
    exit_code: u8,
}

/// The usual failure.
const FAILED: u8 = 1;

/// The command line itself makes no sense.
const MISUSED: u8 = 2;

impl Problem {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), exit_code: FAILED }
    }

    /// A problem of the command line itself.
    pub(crate) fn of_usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit_code: MISUSED, ..Self::new(message, hint) }
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl From<Error> for Problem {
    /// The store's own line, which is made for people where its sources are not, and what one can do about an error
    /// of its kind. Only where the store knows no more than that something failed, its sources have to say it.
    fn from(error: Error) -> Self {
        let message = if error.kind() == ErrorKind::Io { chain(&error) } else { line(&error) };
        Self::new(message, hint(error.kind()))
    }
}

/// What one can do about an error of a store.
pub(crate) const fn hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unavailable | ErrorKind::TimedOut => "check the address and the network, and try again",
        ErrorKind::PermissionDenied => "see whether you may read it: permissions of files, or credentials of servers",
        ErrorKind::InvalidArgument | ErrorKind::InvalidKey | ErrorKind::Unsupported => {
            "name a directory, or a URL such as https://example.org/data.zarr"
        }
        ErrorKind::Corrupt => "restore the data from elsewhere",
        ErrorKind::Full => "make room on the disk",
        _ => "look at what is there, put it right and try again",
    }
}

/// The path or URL of a store that shows itself as a kind with it in brackets.
pub(crate) fn place(store: &str) -> &str {
    let inner = store.strip_suffix(')').and_then(|text| text.split_once('('));
    match inner {
        Some((kind, place)) if kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) => place,
        _ => store,
    }
}

/// One error's own line, its store named by its place.
fn line(error: &(dyn StdError + 'static)) -> String {
    let text = error.to_string();
    match store_error(error).and_then(Error::store) {
        Some(store) => text.replace(store, place(store)),
        None => text,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nhint: {}", one_line(&self.message), one_line(&self.hint))
    }
}

/// An error and its sources, outermost first, without what an outer one already says.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = line(error);
    let mut below = error.source();
    while let Some(error) = below {
        let message = line(error);
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        below = error.source();
    }
    one_line(&text)
}

/// The text with every run of white space and control characters made one space: others' errors may hold line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use zstore_core::Operation;

    use super::*;

    #[test]
    fn a_problem_is_two_lines_whatever_it_is_told() {
        let problem = Problem::new("a\n  b", "c\r\nd\t");
        assert_eq!(problem.to_string(), "error: a b\nhint: c d");
        assert_eq!((problem.exit_code(), Problem::of_usage("", "").exit_code()), (1, 2));
    }

    #[test]
    fn a_store_is_named_by_its_place() {
        for (store, shown) in [
            ("LocalStore(/data (1))", "/data (1)"),
            ("Remote(https://example.org/a(b)/)", "https://example.org/a(b)/"),
            ("/data(1)", "/data(1)"),
            ("MemoryStore", "MemoryStore"),
        ] {
            assert_eq!(place(store), shown);
        }
        let error = Error::new(ErrorKind::Full, Operation::Set).with_store("LocalStore(/data)").with_key("k");
        let text = Problem::from(error).to_string();
        assert!(text.starts_with("error: set \"k\" in /data: no room"), "{text}");
    }

    #[test]
    fn sources_follow_and_do_not_repeat() {
        let error = Error::new(ErrorKind::Io, Operation::Get)
            .with_detail("disk gone")
            .with_source(Error::new(ErrorKind::Io, Operation::Get).with_source(std::io::Error::other("disk gone")));
        assert_eq!(chain(&error), "get: disk gone: get: input or output failed");
    }
}
