//! A server that keeps to HTTP but for what a script says, request by request.

use std::{
    ops::Range,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use zstore_core::ByteRange;

use crate::server::{Answer, Asked, Server, respond};

/// What the server does wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// Nothing.
    None,
    /// Nothing, and the value was written just before.
    Changes,
    /// It answers a range with the whole value.
    NoRange,
    /// It ignores If-Match and If-None-Match.
    NoConditions,
    /// It answers bytes from elsewhere, and says so.
    OtherRange,
    /// It answers the range with its first half, and says that it is the range.
    HalfRange,
    /// It does not say which bytes it answers.
    UnnamedRange,
    /// It says that the range has no end.
    EndlessRange,
    /// It answers everything with a part.
    PartForWhole,
    /// It closes the connection within the answer.
    Short,
    /// It tears the connection down within the answer.
    Torn,
    /// It closes the connection instead of an answer.
    Silent,
    WeakTag,
    NoTag,
    Forbidden,
    Missing,
    Gone,
    Unsatisfiable,
    TooMany,
    Busy,
    Broken,
    /// It sends the reader elsewhere on the same server.
    Moved,
    Coded,
    NotModified,
    PreconditionFailed,
    NoContent,
    Accepted,
    Nonsense,
}

use Quirk::{
    Accepted, Broken, Busy, Changes, Coded, EndlessRange, Forbidden, Gone, HalfRange, Missing, Moved, NoConditions,
    NoContent, NoRange, NoTag, Nonsense, NotModified, OtherRange, PartForWhole, PreconditionFailed, Short, Silent,
    TooMany, Torn, UnnamedRange, Unsatisfiable, WeakTag,
};

impl Quirk {
    pub(crate) const ALL: [Self; 28] = [
        Self::None,
        Changes,
        NoRange,
        NoConditions,
        OtherRange,
        HalfRange,
        UnnamedRange,
        EndlessRange,
        PartForWhole,
        Short,
        Torn,
        Silent,
        WeakTag,
        NoTag,
        Forbidden,
        Missing,
        Gone,
        Unsatisfiable,
        TooMany,
        Busy,
        Broken,
        Moved,
        Coded,
        NotModified,
        PreconditionFailed,
        NoContent,
        Accepted,
        Nonsense,
    ];

    /// Whether a reader can make do with it.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Self::None | Changes | NoRange | NoConditions | WeakTag | NoTag | Moved)
    }
}

/// One state of the value: bytes, and a time of writing, that no other state has.
pub(crate) fn state(version: usize) -> &'static str {
    static STATES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let byte = |at: usize, version: usize| char::from(b'a' + ((at / 3 + at / 977 + version * 5) % 26) as u8);
        let state = |version: usize| (0..SIZE + 7 * version).map(|at| byte(at, version)).collect();
        (0..VERSIONS_MAX).map(state).collect()
    });
    &STATES[version]
}

/// More than any script has changes.
const VERSIONS_MAX: usize = 16;

/// The least size of a state: its two ends are two requests.
pub(crate) const SIZE: usize = 75_000;

pub(crate) fn e_tag(version: usize) -> String {
    format!("\"v{version}\"")
}

/// A server with a script.
pub(crate) struct Scripted {
    pub(crate) server: Server,
    version: Arc<AtomicUsize>,
}

impl Scripted {
    /// Keeps to `script`, one quirk a request, and then to HTTP.
    pub(crate) async fn new(script: Vec<Quirk>) -> Self {
        let version = Arc::new(AtomicUsize::new(0));
        let held = Arc::clone(&version);
        let server = Server::answering(move |asked, before| {
            let quirk = script.get(before).copied().unwrap_or(Quirk::None);
            if quirk == Changes {
                held.fetch_add(1, SeqCst);
            }
            answer(asked, quirk, held.load(SeqCst))
        })
        .await;
        Self { server, version }
    }

    /// The version of the value that is there now.
    pub(crate) fn version(&self) -> usize {
        self.version.load(SeqCst)
    }
}

fn plain(status: &str) -> Answer {
    respond(status, &["Content-Length: 0"], "").into()
}

fn answer(asked: &Asked, quirk: Quirk, version: usize) -> Answer {
    let value = state(version);
    match quirk {
        Silent => return String::new().into(),
        Forbidden => return plain("403 Forbidden"),
        Missing => return plain("404 Not Found"),
        Gone => return plain("410 Gone"),
        Unsatisfiable => return plain("416 Range Not Satisfiable"),
        TooMany => return plain("429 Too Many Requests"),
        Busy => return respond("503 Service Unavailable", &["Content-Length: 0", "Retry-After: 9999"], "").into(),
        Broken => return plain("500 Internal Server Error"),
        Moved => return respond("302 Found", &["Content-Length: 0", "Location: /elsewhere"], "").into(),
        NotModified => return plain("304 Not Modified"),
        PreconditionFailed => return plain("412 Precondition Failed"),
        NoContent => return plain("204 No Content"),
        Accepted => {
            return respond("202 Accepted", &["Content-Length: 6"], if asked.is_head() { "" } else { "<html>" }).into();
        }
        Nonsense => return "SSH-2.0-OpenSSH_9.2\r\n".to_owned().into(),
        _ => {}
    }
    let tag = e_tag(version);
    let names = |header: &str| asked.header(header).map(|tags| tags == tag);
    if quirk != NoConditions && names("if-match") == Some(false) {
        return plain("412 Precondition Failed");
    }
    if quirk != NoConditions && names("if-none-match") == Some(true) {
        return respond("304 Not Modified", &[&format!("ETag: {tag}")], "").into();
    }
    let mut headers = vec![format!("Last-Modified: Sun, 06 Nov 1994 08:{:02}:{:02} GMT", version / 60, version % 60)];
    match quirk {
        NoTag => {}
        WeakTag => headers.push(format!("ETag: W/{tag}")),
        _ => headers.push(format!("ETag: {tag}")),
    }
    if quirk == Coded {
        headers.push("Content-Encoding: gzip".to_owned());
    }
    let asked_part = match (asked.header("range"), quirk) {
        (_, PartForWhole) => Some(Some(3..value.len())),
        (None, _) | (_, NoRange) => None,
        (Some(range), _) => Some(part_of(range, value.len())),
    };
    let (status, mut body) = match asked_part {
        None => ("200 OK", value.to_owned()),
        Some(None) => return plain("416 Range Not Satisfiable"),
        Some(Some(part)) => {
            let body = match quirk {
                OtherRange => value[part.start / 2..part.end / 2 + 1].to_owned(),
                HalfRange => value[part.start..part.start + part.len() / 2].to_owned(),
                _ => value[part.clone()].to_owned(),
            };
            let (start, end) = match quirk {
                OtherRange => (part.start / 2, part.end as u64 / 2),
                EndlessRange => (part.start, u64::MAX),
                _ => (part.start, part.end as u64 - 1),
            };
            if quirk != UnnamedRange {
                headers.push(format!("Content-Range: bytes {start}-{end}/{}", value.len()));
            }
            ("206 Partial Content", body)
        }
    };
    headers.push(format!("Content-Length: {}", body.len()));
    if matches!(quirk, Short | Torn) {
        body.truncate(body.len() / 2);
    }
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let answer = Answer::from(respond(status, &headers, if asked.is_head() { "" } else { &body }));
    if quirk == Torn { answer.then_reset() } else { answer }
}

/// The part that a `Range` header names of a value of `size` bytes, if there is one.
fn part_of(header: &str, size: usize) -> Option<Range<usize>> {
    let range = match header.strip_prefix("bytes=").unwrap().split_once('-').unwrap() {
        ("", length) => ByteRange::Suffix(length.parse().unwrap()),
        (start, "") => ByteRange::From(start.parse().unwrap()),
        (start, end) => ByteRange::Bounded(start.parse().unwrap()..end.parse::<u64>().unwrap() + 1),
    };
    let part = range.resolve(size as u64).ok().filter(|part| !part.is_empty())?;
    Some(part.start as usize..part.end as usize)
}
