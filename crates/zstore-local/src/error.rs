//! What can go wrong here, precisely, and as the contract's error.

use std::{fmt, path::PathBuf};

use rustix::io::Errno;
use thiserror::Error;
use zstore_core::{Error, ErrorKind, Operation, RangePastEnd};

use crate::name::{PATH_BYTES_MAX, SEGMENT_BYTES_MAX};

/// What went wrong. Each message is one line that ends with what to do.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("`{0}` does not exist; make it first, or open the store with `create`")]
    RootMissing(PathBuf),
    #[error("`{0}` is not a directory; name the directory that holds the values")]
    RootIsNoDirectory(PathBuf),
    #[error("`{0}` lies below a file; name a path below directories")]
    RootBelowFile(PathBuf),
    #[error("`{}` is not UTF-8, and a store is known by its path; give it another name", .0.display())]
    RootIsNoText(PathBuf),
    #[error(
        "`{}` lies on a network file system ({kind}), where locks of one machine mean nothing on another; choose a \
         directory on a disk of this machine for the cache", path.display()
    )]
    RootOnNetwork { path: PathBuf, kind: &'static str },
    #[error(
        "the mode {mode:#o} does not let the owner of `{}` read, write and enter it; give another, in octal, such as \
         0o2770", path.display()
    )]
    ModeKeepsOwnerOut { mode: u32, path: PathBuf },
    #[error("the root directory was deleted or replaced; open the store again")]
    RootGone,

    #[error("the segment `{segment}` is kept for files that are being written; choose another name")]
    ReservedName { segment: String },
    #[error("a segment is {bytes} bytes long and a file name has at most {SEGMENT_BYTES_MAX}; shorten `{segment}`")]
    LongSegment { segment: String, bytes: usize },
    #[error("the name is {bytes} bytes long and a path has at most {PATH_BYTES_MAX}; shorten it")]
    LongPath { bytes: usize },
    #[error(transparent)]
    NoSuchBytes(#[from] RangePastEnd),

    #[error("the value is another version than the one named; read it again")]
    OtherVersion,
    #[error("the value exists already")]
    Exists,
    #[error(
        "a plain directory cannot update if unchanged: another program may write at the same instant; overwrite instead"
    )]
    NoUpdate,

    #[error("`{0}` leads out of the store by a symbolic link; values outside the root are not served")]
    LeavesRoot(String),
    #[error("`{0}` is a symbolic link that leads to nothing; remove it")]
    LinkInTheWay(String),
    #[error("`{0}` is a symbolic link that leads in a circle; remove it")]
    CircularLink(String),
    #[error("`{0}` is a directory of other values; a plain directory cannot hold both `{0}` and values below it")]
    DirectoryInTheWay(String),
    #[error("`{ancestor}` is a file; a plain directory cannot hold both `{ancestor}` and `{key}`")]
    FileInTheWay { ancestor: String, key: String },
    #[error("`{0}` is a pipe, socket or device and cannot be a value; remove it")]
    NoFileInTheWay(String),

    #[error("another program changed the file while it was read; try again when it is done")]
    ChangedWhileRead,
    #[error("the directory `{0}` was deleted again and again while a value was written into it; try again")]
    DirectoryVanishes(String),
    #[error("no memory for the {bytes} bytes asked for; ask for a smaller range")]
    NoMemory { bytes: u64 },
    #[error("the value is written, but may not survive a loss of power")]
    NotSynced(#[source] Errno),

    #[error("LocalStore needs a tokio runtime for its file work; call it from within one")]
    NoRuntime,
    #[error("the tokio runtime shut down before the file work was done")]
    RuntimeShutDown,
    #[error("the file work panicked: {0}")]
    Panicked(String),
    /// Nobody sees this: the future it would be told to is gone.
    #[error("given up before it was done")]
    Abandoned,

    #[error("cannot {doing}: {}", advice(*.errno))]
    System {
        doing: &'static str,
        #[source]
        errno: Errno,
    },
}

impl Fault {
    /// For `map_err`: the system refused what was being done.
    pub(crate) fn system(doing: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::System { doing, errno }
    }

    /// As [`system`](Self::system), of an error of the standard library.
    pub(crate) fn io(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::System { doing, errno: Errno::from_io_error(&error).unwrap_or(Errno::IO) }
    }

    /// Whether it only says that there is nothing of that name.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(self, Self::System { errno: Errno::NOENT | Errno::NOTDIR, .. })
    }

    const fn kind(&self) -> ErrorKind {
        match self {
            Self::RootMissing(_)
            | Self::RootIsNoDirectory(_)
            | Self::RootBelowFile(_)
            | Self::RootIsNoText(_)
            | Self::ModeKeepsOwnerOut { .. } => ErrorKind::InvalidArgument,
            Self::ReservedName { .. } | Self::LongSegment { .. } | Self::LongPath { .. } => ErrorKind::InvalidKey,
            Self::NoSuchBytes(_) => ErrorKind::InvalidRange,
            Self::OtherVersion | Self::Exists => ErrorKind::PreconditionFailed,
            Self::NoUpdate | Self::NoRuntime | Self::RootOnNetwork { .. } => ErrorKind::Unsupported,
            Self::LeavesRoot(_) => ErrorKind::PermissionDenied,
            Self::LinkInTheWay(_)
            | Self::CircularLink(_)
            | Self::DirectoryInTheWay(_)
            | Self::FileInTheWay { .. }
            | Self::NoFileInTheWay(_) => ErrorKind::Conflict,
            Self::RootGone
            | Self::ChangedWhileRead
            | Self::DirectoryVanishes(_)
            | Self::NoMemory { .. }
            | Self::RuntimeShutDown
            | Self::Abandoned => ErrorKind::Unavailable,
            Self::NotSynced(_) | Self::Panicked(_) => ErrorKind::Io,
            Self::System { errno, .. } => kind_of(*errno),
        }
    }

    /// Whether it may pass by itself.
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut)
    }
}

/// What a caller can do about an error number.
const fn kind_of(errno: Errno) -> ErrorKind {
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => ErrorKind::Full,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorKind::PermissionDenied,
        Errno::NAMETOOLONG | Errno::ILSEQ => ErrorKind::InvalidKey,
        Errno::ISDIR | Errno::NOTDIR | Errno::EXIST | Errno::NOTEMPTY | Errno::LOOP => ErrorKind::Conflict,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::BUSY | Errno::STALE => {
            ErrorKind::Unavailable
        }
        Errno::TIMEDOUT => ErrorKind::TimedOut,
        _ => ErrorKind::Io,
    }
}

/// What is the matter, and what to do, by error number.
const fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::NOSPC => "the disk is full; make room",
        Errno::DQUOT => "the disk quota is used up; make room",
        Errno::FBIG => "the value is larger than a file may be here; write smaller values",
        Errno::ACCESS | Errno::PERM => "this user is not allowed to; change the permissions",
        Errno::ROFS => "the disk is mounted for reading only; mount it for writing",
        Errno::NAMETOOLONG => "the name is longer than this file system takes; shorten it",
        Errno::ILSEQ => "this file system does not take such a name; choose another",
        Errno::MFILE | Errno::NFILE => "too many files are open; raise the limit (ulimit -n) or ask for less at once",
        Errno::NOMEM => "the system has no memory left; try again later",
        Errno::STALE => "the file server no longer knows the file; try again",
        Errno::IO => "the disk failed; see the system's log",
        _ => "the system refused",
    }
}

/// A fault, and where it happened.
pub(crate) struct Failed<'a> {
    pub(crate) operation: Operation,
    pub(crate) store: &'a dyn fmt::Display,
    /// The key or prefix, if there was one.
    pub(crate) key: Option<&'a str>,
    pub(crate) fault: Fault,
}

impl From<Failed<'_>> for Error {
    fn from(Failed { operation, store, key, fault }: Failed<'_>) -> Self {
        let error = Self::new(fault.kind(), operation).with_store(store).with_detail(fault.to_string());
        let error = match fault {
            Fault::System { errno, .. } | Fault::NotSynced(errno) => error.with_source(errno),
            _ => error,
        };
        match key {
            Some(key) => error.with_key(key),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_says_what_where_why_and_what_to_do() {
        let fault = Fault::system("write the value")(Errno::NOSPC);
        let store = "LocalStore(/data)";
        let error = Error::from(Failed { operation: Operation::Set, store: &store, key: Some("a/b"), fault });
        assert_eq!(
            error.to_string(),
            "set \"a/b\" in LocalStore(/data): cannot write the value: the disk is full; make room"
        );
        assert_eq!(error.kind(), ErrorKind::Full);
        assert!(error.source().unwrap().to_string().contains("os error 28"), "{:?}", error.source());
    }

    #[test]
    fn error_numbers_become_what_a_caller_can_do() {
        for (errno, kind) in [
            (Errno::DQUOT, ErrorKind::Full),
            (Errno::PERM, ErrorKind::PermissionDenied),
            (Errno::ROFS, ErrorKind::PermissionDenied),
            (Errno::MFILE, ErrorKind::Unavailable),
            (Errno::TIMEDOUT, ErrorKind::TimedOut),
            (Errno::IO, ErrorKind::Io),
        ] {
            assert_eq!(Fault::system("read")(errno).kind(), kind, "{errno}");
        }
    }
}
