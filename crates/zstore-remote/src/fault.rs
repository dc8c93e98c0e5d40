//! What can go wrong with a remote, precisely; the contract's error is made of it.

use std::{error::Error as StdError, io, time::Duration};

use object_store::client::{HttpError, HttpErrorKind};
use reqwest::StatusCode;
use zstore_core::{ErrorKind, RangePastEnd};

/// The longest text of a server or a library that goes into an error's one line: about two lines of a terminal.
const WHY_CHARS_MAX: usize = 160;

/// What went wrong. Some of these are answers to the contract, and are turned into such before an error is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no such value.
    Missing,
    /// The value is the one that `if_none_match` named.
    NotModified,
    /// The value is not the one that `if_match` or an update named.
    Changed,
    /// The value exists where it must not.
    Exists,
    /// There is no such range.
    NoRange(RangePastEnd),
    /// The question, or the answer, made no sense to one of both sides: most often the range did not.
    Amiss { why: String },
    /// What nothing but its text is known of. A client of ours explains all but what was wrong with the range or with
    /// the headers of an answer; of somebody else's it may be anything.
    Unexplained { why: String },
    /// The contract's own error, from a store of it that lies below.
    Own { kind: ErrorKind },
    /// The deployment cannot do this.
    NotSupported { why: String },
    /// Credentials are missing or do not suffice.
    Forbidden { why: String },
    /// There are no credentials, neither given nor on this machine.
    NoCredentials { why: String },
    /// No connection can be made.
    Unreachable { why: String },
    /// A connection can be made, but not to whom it should be.
    Untrusted { why: String },
    /// The server speaks HTTP without TLS.
    NotTls,
    /// The connection broke.
    Broken { why: String },
    /// No answer came in time.
    Silent,
    /// The server answered with a status that means none of the above.
    Status(StatusCode),
    /// The server asks to be left alone for longer than the caller would wait, or than it has attempts left for.
    Busy { status: StatusCode, wait: Duration },
    /// The bytes are coded, though none of the codings was asked for.
    Coded { coding: String },
    /// The value moved from place to place without an end.
    Loop,
    /// The value moved from https to http.
    InTheClear,
    /// The bucket or container does not exist.
    NoBucket,
    /// The name cannot be used there.
    BadName { why: String },
    /// The file system refused.
    Disk { kind: io::ErrorKind, why: String },
    /// The answer did not have the bytes it promised.
    WrongLength { promised: u64, got: u64 },
    /// The value changed each time while it was read.
    Restless,
    /// There is no tokio runtime to run a request on.
    NoRuntime,
    /// Something else.
    Other { why: String },
}

impl Fault {
    /// What a caller can do about it.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing | Self::NoBucket | Self::NotTls => ErrorKind::InvalidArgument,
            Self::Changed | Self::Exists | Self::NotModified => ErrorKind::PreconditionFailed,
            Self::NoRange(_) => ErrorKind::InvalidRange,
            Self::NotSupported { .. } | Self::NoRuntime => ErrorKind::Unsupported,
            Self::Forbidden { .. } | Self::NoCredentials { .. } => ErrorKind::PermissionDenied,
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Restless => ErrorKind::Unavailable,
            Self::Silent => ErrorKind::TimedOut,
            Self::Status(status) | Self::Busy { status, .. } => match status.as_u16() {
                // A conflict of two writes passes when one of them is over.
                409 | 429 | 502 | 503 => ErrorKind::Unavailable,
                408 | 504 => ErrorKind::TimedOut,
                _ => ErrorKind::Io,
            },
            Self::BadName { .. } => ErrorKind::InvalidKey,
            Self::Own { kind } => *kind,
            Self::Disk { kind, .. } => disk_kind(*kind),
            Self::Amiss { .. }
            | Self::Unexplained { .. }
            | Self::Untrusted { .. }
            | Self::Coded { .. }
            | Self::Loop
            | Self::InTheClear
            | Self::WrongLength { .. }
            | Self::Other { .. } => ErrorKind::Io,
        }
    }

    /// One line that says what went wrong at `host`, if there is more to say than the kind does.
    pub(crate) fn detail(&self, host: &str) -> Option<String> {
        Some(match self {
            Self::Missing => format!("{host} says that the place to write to does not exist"),
            Self::NoBucket => format!("there is no such bucket or container at {host}; check the URL"),
            Self::Changed | Self::NotModified | Self::Own { .. } => return None,
            Self::Exists => "there is such a value already".to_owned(),
            Self::NoRange(past_end) => past_end.to_string(),
            Self::Amiss { why } | Self::Unexplained { why } => format!("{host} answered amiss: {why}"),
            Self::NotSupported { why }
            | Self::BadName { why }
            | Self::Disk { why, .. }
            | Self::NoCredentials { why }
            | Self::Other { why } => why.clone(),
            Self::Forbidden { why } => format!("{host} refuses access: {why}"),
            Self::Unreachable { why } => format!("cannot reach {host}: {why}"),
            Self::NotTls => format!("{host} does not speak https; try http://"),
            Self::Untrusted { why } => format!("cannot trust {host}: {why}"),
            Self::Broken { why } => format!("the connection to {host} broke: {why}"),
            Self::Silent => format!("no answer from {host} in time"),
            Self::Status(status) => format!("{host} answered {status}"),
            Self::Busy { status, wait } => {
                format!("{host} answered {status} and asks to be left alone for {} s", wait.as_secs())
            }
            Self::Coded { coding } => format!(
                "{host} sent the value coded ({coding}), though it was asked not to; its bytes cannot be told from that"
            ),
            Self::Loop => format!("{host} says that the value has moved, again and again"),
            Self::InTheClear => {
                format!("{host} says that the value has moved to http://, where anybody may read and change it")
            }
            Self::WrongLength { promised, got } if got < promised => {
                format!("{host} promised {promised} bytes and sent {got}")
            }
            Self::WrongLength { promised, .. } => format!("{host} promised {promised} bytes and sent more"),
            Self::Restless => {
                "the value changed each time while it was read; try again when nobody writes it".to_owned()
            }
            Self::NoRuntime => "a remote needs a tokio runtime to run its requests on".to_owned(),
        })
    }
}

/// What a caller can do about a refusal of the file system.
fn disk_kind(kind: io::ErrorKind) -> ErrorKind {
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        io::ErrorKind::InvalidFilename => ErrorKind::InvalidKey,
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::DirectoryNotEmpty => ErrorKind::Conflict,
        io::ErrorKind::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::Io,
    }
}

/// A fault and the error that told of it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) source: Option<object_store::Error>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, source: None }
    }
}

impl From<RangePastEnd> for Failure {
    fn from(past_end: RangePastEnd) -> Self {
        Fault::NoRange(past_end).into()
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        Self { fault: classify(&error), source: Some(error) }
    }
}

fn classify(error: &object_store::Error) -> Fault {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => Fault::Missing,
        E::NotModified { .. } => Fault::NotModified,
        E::Precondition { .. } => Fault::Changed,
        E::AlreadyExists { .. } => Fault::Exists,
        E::NotSupported { .. } | E::NotImplemented { .. } => Fault::NotSupported { why: why(error) },
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Fault::Forbidden { why: why(error) },
        E::InvalidPath { .. } => Fault::BadName { why: why(error) },
        E::UnknownConfigurationKey { .. } => Fault::Other { why: one_line(&error.to_string()) },
        _ => classify_below(error),
    }
}

/// Classifies an error that `object_store` has no name for, by what lies below it.
fn classify_below(error: &object_store::Error) -> Fault {
    let mut transport = None;
    for below in chain(error) {
        if let Some(refusal) = below.downcast_ref::<Refusal>() {
            return refusal.fault();
        }
        if let Some(own) = below.downcast_ref::<zstore_core::Error>() {
            return match own.kind() {
                // `object_store` has no such bytes for an empty part either.
                ErrorKind::InvalidRange => Fault::Amiss { why: one_line(&own.to_string()) },
                kind => Fault::Own { kind },
            };
        }
        if let Some(tls) = below.downcast_ref::<rustls::Error>() {
            return tls_fault(tls);
        }
        if let Some(http) = below.downcast_ref::<HttpError>() {
            transport = Some(http.kind());
        } else if let (None, Some(disk)) = (transport, below.downcast_ref::<io::Error>()) {
            return Fault::Disk { kind: disk.kind(), why: one_line(&disk.to_string()) };
        }
    }
    let why = why(error);
    match transport {
        Some(HttpErrorKind::Connect) => Fault::Unreachable { why },
        Some(HttpErrorKind::Timeout) => Fault::Silent,
        Some(HttpErrorKind::Request | HttpErrorKind::Interrupted) => Fault::Broken { why },
        Some(_) => Fault::Other { why },
        // Neither the network nor a disk: the range or the headers of the answer were at fault, or the request was
        // refused for good.
        None => Fault::Unexplained { why },
    }
}

/// What is wrong with a server that TLS cannot be spoken with.
fn tls_fault(error: &rustls::Error) -> Fault {
    use rustls::InvalidMessage::{InvalidContentType, MessageTooLarge, UnknownProtocolVersion};
    match error {
        // An answer in the clear, read as a record: one of its first five bytes is out of place.
        rustls::Error::InvalidMessage(InvalidContentType | MessageTooLarge | UnknownProtocolVersion) => Fault::NotTls,
        _ => Fault::Untrusted { why: one_line(&error.to_string()) },
    }
}

/// The last reason in the chain of `error`, which says most in least words and holds no URL.
fn why(error: &(dyn StdError + 'static)) -> String {
    let last = chain(error).last().unwrap_or(error);
    reason(&last.to_string())
}

/// A reason without what `object_store` says before it, and of a server's XML or HTML only the message, if there is
/// one.
fn reason(text: &str) -> String {
    let answer = text.strip_prefix("Server returned non-2xx status code: ");
    match answer.and_then(|answer| answer.split_once(": ")) {
        Some((status, body)) => reason_of(status, body),
        None => one_line(text),
    }
}

/// What a server says with a status, in one line.
fn reason_of(status: &str, body: &str) -> String {
    let message = body.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    match message.map_or(body.trim(), |(message, _)| message.trim()) {
        "" => one_line(status),
        markup if markup.starts_with('<') => one_line(status),
        message => one_line(&format!("{status}: {message}")),
    }
}

fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    match line.char_indices().nth(WHY_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// `error` and all below it. An [`io::Error`] hides the error it carries from `source`, so it is asked for it.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        carried.map(|carried| carried as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

/// What the HTTP client refuses to hand on as a response, so that its meaning is not lost on the way up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The range is not one of the value's.
    #[error("the server answered 416 Range Not Satisfiable")]
    Range,
    /// The server has no HEAD.
    #[error("the server answered 405 Method Not Allowed")]
    Method,
    /// A status that tells of trouble on the server's side.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// The same, and when the server wants to be asked again.
    #[error("the server answered {status} and asks to be left alone for {} s", wait.as_secs())]
    Busy { status: StatusCode, wait: Duration },
    /// Credentials are missing or do not suffice.
    #[error("the server answered {status}")]
    Denied { status: StatusCode, text: String },
    /// The answer is none to the question.
    #[error("{0}")]
    Amiss(String),
    /// The bytes are not the value's.
    #[error("the answer is coded ({0})")]
    Coded(String),
    /// One redirect after another.
    #[error("too many redirects")]
    Loop,
    /// A redirect from https to http.
    #[error("a redirect from https to http")]
    InTheClear,
    /// The bucket or container does not exist.
    #[error("the server knows no such bucket or container")]
    NoBucket,
    /// The machine has no credentials to give.
    #[error("{why}")]
    NoCredentials { why: String, source: Option<HttpError> },
    /// There is no tokio runtime.
    #[error("there is no tokio runtime")]
    NoRuntime,
}

impl Refusal {
    fn fault(&self) -> Fault {
        match self {
            Self::Range => Fault::Amiss { why: self.to_string() },
            Self::Method => Fault::Status(StatusCode::METHOD_NOT_ALLOWED),
            Self::Denied { status, text } => Fault::Forbidden { why: reason_of(&status.to_string(), text) },
            Self::Status(status) => Fault::Status(*status),
            Self::Busy { status, wait } => Fault::Busy { status: *status, wait: *wait },
            Self::Amiss(why) => Fault::Amiss { why: why.clone() },
            Self::Coded(coding) => Fault::Coded { coding: one_line(coding) },
            Self::Loop => Fault::Loop,
            Self::InTheClear => Fault::InTheClear,
            Self::NoBucket => Fault::NoBucket,
            Self::NoCredentials { why, .. } => Fault::NoCredentials { why: why.clone() },
            Self::NoRuntime => Fault::NoRuntime,
        }
    }
}

/// A source of an error whose own text would have told a secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Redacted(String);

impl Redacted {
    /// The text of `error`, with `secret` taken out.
    pub(crate) fn new(error: &object_store::Error, secret: &str) -> Self {
        Self(error.to_string().replace(secret, "..."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl StdError + Send + Sync + 'static) -> object_store::Error {
        object_store::Error::Generic { store: "test", source: Box::new(source) }
    }

    #[test]
    fn a_fault_is_found_however_deep_it_lies() {
        let tls = rustls::Error::NoCertificatesPresented;
        let error = generic(HttpError::new(HttpErrorKind::Connect, io::Error::other(tls)));
        assert!(matches!(classify(&error), Fault::Untrusted { .. }), "{:?}", classify(&error));

        let status = StatusCode::SERVICE_UNAVAILABLE;
        let error = generic(HttpError::new(HttpErrorKind::Request, Refusal::Status(status)));
        assert_eq!(classify(&error), Fault::Status(status));

        let error = generic(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(classify(&error).kind(), ErrorKind::Full);
    }

    #[test]
    fn what_a_caller_can_do_follows_from_the_status() {
        for (status, kind) in [
            (429, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (504, ErrorKind::TimedOut),
            (500, ErrorKind::Io),
            (501, ErrorKind::Io),
        ] {
            assert_eq!(Fault::Status(StatusCode::from_u16(status).unwrap()).kind(), kind, "{status}");
        }
    }

    #[test]
    fn a_long_text_becomes_one_short_line() {
        assert_eq!(one_line("first\nsecond"), "first");
        assert_eq!(one_line(&"ü".repeat(500)).chars().count(), WHY_CHARS_MAX + 3);
    }

    #[test]
    fn of_a_refusal_the_status_and_the_message_are_told() {
        for (body, told) in [
            ("", "403 Forbidden"),
            ("<html>No</html>", "403 Forbidden"),
            ("<?xml?><Error><Code>X</Code><Message>The key is\nold</Message></Error>", "403 Forbidden: The key is"),
            ("not today", "403 Forbidden: not today"),
        ] {
            assert_eq!(reason(&format!("Server returned non-2xx status code: 403 Forbidden: {body}")), told);
        }
        assert_eq!(reason("Connection refused"), "Connection refused");
    }

    #[test]
    fn a_secret_does_not_reach_the_text() {
        let error = generic(io::Error::other("GET http://h/k?token=abc failed"));
        assert!(!Redacted::new(&error, "token=abc").to_string().contains("abc"));
    }
}
