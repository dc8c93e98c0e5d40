//! One question, one request, and what to do about servers that answer another.

use std::{
    fmt,
    io::ErrorKind,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use object_store::{GetOptions as Question, GetRange, GetResult, ObjectMeta, ObjectStore, path::Path};
use reqwest::StatusCode;
use zstore_core::{
    ByteRange, Capabilities, Error, Fetch, GetOptions, Key, Meta, Object, Operation, Prefix, Timestamp, Version,
};

use crate::{
    body,
    client::{Tries, WeakTag},
    fault::{Failure, Fault, Redacted},
};

/// A value that changes under each of three readings is being written all the time; to go on would be to wait for luck.
const ATTEMPTS_MAX: usize = 3;

/// A remote: what readers and writers of it share.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Where the keys begin.
    pub(crate) prefix: Prefix,
    /// How the store shows itself.
    pub(crate) shown: String,
    /// Whom errors blame.
    pub(crate) host: String,
    /// A part of the URL that must not be seen.
    pub(crate) secret: Option<String>,
    pub(crate) capabilities: Capabilities,
    /// An update names a value by the id of its version, and not by the entity tag.
    pub(crate) updates_by_id: bool,
    /// Entity tags are listed without the quotes that they have otherwise.
    pub(crate) lists_bare_tags: bool,
    /// Whether it was opened here, so that its client tells what an error means.
    pub(crate) is_ours: bool,
    /// What was learnt about the server. Nothing depends on the order in which others see it.
    pub(crate) learnt: Arc<Learnt>,
}

/// What a server was found not to do. To know it saves the request that would find it again.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    /// It answers a range with the whole value.
    pub(crate) no_ranges: AtomicBool,
    /// It has ranges, but none counted from the end.
    pub(crate) no_suffixes: AtomicBool,
}

/// What the metadata say to a get.
enum Headed {
    /// The answer.
    Answer(Fetch),
    /// That it has bytes, of a part of the value or of all of it.
    HasBytes { is_part: bool },
}

/// Shows nothing of the objects, whose client knows the secrets.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("shown", &self.shown)
            .field("prefix", &self.prefix)
            .field("capabilities", &self.capabilities)
            .field("learnt", &self.learnt)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Remote {
    /// A remote that was opened here, whose server does what most do.
    pub(crate) fn new(
        objects: Arc<dyn ObjectStore>,
        prefix: Prefix,
        name: &str,
        host: String,
        capabilities: Capabilities,
    ) -> Self {
        Self {
            objects,
            prefix,
            // Whoever reads and whoever writes the same data show alike, so that they share what is cached of it.
            shown: format!("Remote({name})"),
            host,
            secret: None,
            capabilities,
            updates_by_id: false,
            lists_bare_tags: false,
            is_ours: true,
            learnt: Arc::default(),
        }
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.capabilities;
        capabilities.native_ranges &= !self.learnt.no_ranges.load(Relaxed);
        capabilities
    }

    /// The contract's error of a failure. If the contract's own went into it, that comes out again.
    pub(crate) fn error(&self, operation: Operation, key: &dyn fmt::Display, failure: Failure) -> Error {
        let Failure { fault, source } = failure;
        if let Some(own) = source.as_ref().and_then(|source| Error::find_in(source)) {
            return own.clone().with_store(self).with_key(key);
        }
        let fault = match fault {
            Fault::Unexplained { why } if !self.is_ours => Fault::Other { why },
            fault => fault,
        };
        let mut error = Error::new(fault.kind(), operation).with_store(self).with_key(key);
        if let Some(detail) = fault.detail(&self.host) {
            error = error.with_detail(detail);
        }
        match (source, &self.secret) {
            (None, _) => error,
            (Some(source), None) => error.with_source(source),
            (Some(source), Some(secret)) => error.with_source(Redacted::new(&source, secret)),
        }
    }

    /// Where the value of `key` lies, byte for byte: `Path::from` would encode some characters, and two keys could
    /// meet.
    pub(crate) fn path(&self, key: &Key) -> Result<Path, Failure> {
        Ok(Path::parse(self.prefix.join(key).as_str()).map_err(object_store::Error::from)?)
    }

    pub(crate) async fn head(&self, key: &Key) -> Result<Option<Meta>, Failure> {
        let path = self.path(key)?;
        let answer = self.objects.get_opts(&path, Question { head: true, ..question() }).await;
        let failure = match answer {
            Ok(answer) => return Ok(Some(told(key, &answer))),
            Err(error) => Failure::from(error),
        };
        match failure.fault {
            fault if is_missing(&fault) => Ok(None),
            // A server without HEAD tells the same in the headers of a GET, whose body is left unread.
            Fault::Status(StatusCode::METHOD_NOT_ALLOWED) => match self.objects.get_opts(&path, question()).await {
                Ok(answer) => Ok(Some(told(key, &answer))),
                Err(error) => none_if_missing(error.into()),
            },
            _ => Err(failure),
        }
    }

    pub(crate) async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch, Failure> {
        let cannot_match = options.if_match.as_ref().is_some_and(|version| !is_telling(version));
        let needs_no_bytes = match &options.range {
            Some(ByteRange::Bounded(range)) => range.start >= range.end,
            Some(ByteRange::Suffix(length)) => *length == 0,
            Some(ByteRange::From(_)) | None => false,
        };
        if (cannot_match || needs_no_bytes)
            && let Headed::Answer(answer) = self.get_by_head(key, options).await?
        {
            return Ok(answer);
        }
        let range = match &options.range {
            // The whole value is asked for as such: of an empty one, `0-` is no valid range.
            None | Some(ByteRange::From(0)) => return self.get_whole(key, options).await,
            Some(range) => range,
        };
        if self.learnt.no_ranges.load(Relaxed) {
            return self.get_whole(key, options).await;
        }
        if let ByteRange::Suffix(length) = range
            && self.learnt.no_suffixes.load(Relaxed)
        {
            return self.get_suffix(key, *length, options).await;
        }
        self.get_range(key, range, options).await
    }

    /// Asks for the whole value and keeps the part that is wanted.
    async fn get_whole(&self, key: &Key, options: &GetOptions) -> Result<Fetch, Failure> {
        match self.ask(key, None, options).await {
            Ok(answer) => self.fetched(key, answer, options).await,
            Err(failure) => self.answer_to(failure, key, options).await,
        }
    }

    /// Asks for a range, and for more than that if the server does not understand it.
    async fn get_range(&self, key: &Key, range: &ByteRange, options: &GetOptions) -> Result<Fetch, Failure> {
        let failure = match self.ask(key, Some(range), options).await {
            Ok(answer) => return self.fetched(key, answer, options).await,
            Err(failure) => failure,
        };
        let suffix = match (&failure.fault, range) {
            (Fault::NotSupported { .. }, ByteRange::Suffix(length)) => Some(*length),
            (Fault::NotSupported { .. }, _) => return self.get_of_whole(key, options).await,
            (Fault::Amiss { .. } | Fault::Unexplained { .. }, _) => None,
            _ => return self.answer_to(failure, key, options).await,
        };
        // Of objects that somebody else opened it need not have been the range.
        let is_known = self.is_ours || !matches!(failure.fault, Fault::Unexplained { .. });
        // An empty part and one past the end look the same to HTTP, and to neither can bytes be answered: the size
        // decides.
        let is_part = match self.get_by_head(key, options).await {
            Ok(Headed::Answer(answer)) => return Ok(answer),
            Ok(Headed::HasBytes { is_part }) if is_known => is_part,
            // What has no source was judged here, by metadata that were answered.
            Err(below) if is_known || below.source.is_none() => return Err(below),
            _ => return Err(failure),
        };
        // A refusal that gives no reason may have been of a value that grew: it teaches nothing.
        let Some(length) = suffix else { return self.get_whole(key, options).await };
        if is_part {
            self.learnt.no_suffixes.store(true, Relaxed);
        }
        Box::pin(self.get_suffix(key, length, options)).await
    }

    /// The same of a server that answered with the whole value. To a question for all bytes that is an answer, and
    /// teaches nothing.
    async fn get_of_whole(&self, key: &Key, options: &GetOptions) -> Result<Fetch, Failure> {
        let fetch = self.get_whole(key, options).await?;
        if let Fetch::Object(Object { meta, range, .. }) = &fetch
            && !range.is_empty()
            && *range != (0..meta.size)
        {
            self.learnt.no_ranges.store(true, Relaxed);
        }
        Ok(fetch)
    }

    /// The end of a value from a server that counts from the beginning only: its size first, then that part of the
    /// same version.
    async fn get_suffix(&self, key: &Key, length: u64, options: &GetOptions) -> Result<Fetch, Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(meta) = self.head(key).await? else {
                return Ok(Fetch::Missing);
            };
            if let Some(answer) = judge(&meta, options)? {
                return Ok(answer);
            }
            let range = ByteRange::Suffix(length).resolve(meta.size)?;
            let bounded = GetOptions {
                range: Some(range.into()),
                if_match: is_telling(&meta.version).then(|| meta.version.clone()),
                if_none_match: None,
            };
            match Box::pin(self.get(key, &bounded)).await {
                Ok(Fetch::Object(object)) if object.meta.is_same_value(&meta) => return Ok(Fetch::Object(object)),
                // It was written in between.
                Ok(_) | Err(Failure { fault: Fault::Changed | Fault::NoRange(_), .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Fault::Restless.into())
    }

    /// Answers from the metadata alone, where that can be done: a value that is missing, a condition, an empty part,
    /// a part past the end.
    async fn get_by_head(&self, key: &Key, options: &GetOptions) -> Result<Headed, Failure> {
        let Some(meta) = self.head(key).await? else {
            return Ok(Headed::Answer(Fetch::Missing));
        };
        if let Some(answer) = judge(&meta, options)? {
            return Ok(Headed::Answer(answer));
        }
        let range = resolve(options.range.as_ref(), meta.size)?;
        if range.is_empty() {
            return Ok(Headed::Answer(Fetch::Object(Object { meta, range, bytes: Bytes::new() })));
        }
        Ok(Headed::HasBytes { is_part: range != (0..meta.size) })
    }

    async fn ask(&self, key: &Key, range: Option<&ByteRange>, options: &GetOptions) -> Result<GetResult, Failure> {
        let question = Question {
            if_match: options.if_match.as_ref().and_then(sendable),
            if_none_match: options.if_none_match.as_ref().and_then(sendable),
            range: range.map(|range| match range {
                ByteRange::Bounded(range) => GetRange::Bounded(range.clone()),
                ByteRange::From(start) => GetRange::Offset(*start),
                ByteRange::Suffix(length) => GetRange::Suffix(*length),
            }),
            ..question()
        };
        Ok(self.objects.get_opts(&self.path(key)?, question).await?)
    }

    /// Reads the bytes of an answer, after the conditions have been held against it: servers exist that ignore them.
    async fn fetched(&self, key: &Key, answer: GetResult, options: &GetOptions) -> Result<Fetch, Failure> {
        let meta = told(key, &answer);
        if let Some(answer) = judge(&meta, options)? {
            return Ok(answer);
        }
        let range = resolve(options.range.as_ref(), meta.size)?;
        if range.start < answer.range.start || answer.range.end < range.end {
            let why = format!("it answered bytes {}..{} instead", answer.range.start, answer.range.end);
            return Err(Fault::Amiss { why }.into());
        }
        let bytes = body::read(answer, range.clone()).await?;
        Ok(Fetch::Object(Object { meta, range, bytes }))
    }

    /// The answer that a failure is, if it is one.
    async fn answer_to(&self, failure: Failure, key: &Key, options: &GetOptions) -> Result<Fetch, Failure> {
        match (&failure.fault, &options.if_none_match) {
            (fault, _) if is_missing(fault) => Ok(Fetch::Missing),
            (Fault::NotModified, Some(version)) => Ok(Fetch::NotModified(version.clone())),
            // Some servers hold a condition against a value that is not there, and find it unmet.
            (Fault::Changed, _) if self.head(key).await?.is_none() => Ok(Fetch::Missing),
            _ => Err(failure),
        }
    }
}

/// Whether a fault means that there is no value. In a folder there is none below a file, and none where a directory is.
pub(crate) fn is_missing(fault: &Fault) -> bool {
    matches!(fault, Fault::Missing | Fault::Disk { kind: ErrorKind::NotADirectory | ErrorKind::IsADirectory, .. })
}

fn none_if_missing<T>(failure: Failure) -> Result<Option<T>, Failure> {
    if is_missing(&failure.fault) { Ok(None) } else { Err(failure) }
}

/// Whether a version matches itself: one that is unknown or weak tells nothing of the bytes.
pub(crate) fn is_telling(version: &Version) -> bool {
    version.matches(version)
}

/// The entity tag to send in a condition. A weak one would be answered by a comparison that tells nothing of the bytes.
fn sendable(version: &Version) -> Option<String> {
    version.e_tag.as_deref().filter(|e_tag| !e_tag.starts_with("W/")).map(str::to_owned)
}

/// What the conditions say to a value that is there: an answer without bytes, a failure, or nothing.
fn judge(meta: &Meta, options: &GetOptions) -> Result<Option<Fetch>, Failure> {
    if options.if_match.as_ref().is_some_and(|version| !version.matches(&meta.version)) {
        return Err(Fault::Changed.into());
    }
    let is_unmodified = options.if_none_match.as_ref().is_some_and(|version| version.matches(&meta.version));
    Ok(is_unmodified.then(|| Fetch::NotModified(meta.version.clone())))
}

fn resolve(range: Option<&ByteRange>, size: u64) -> Result<Range<u64>, Failure> {
    Ok(range.map_or(Ok(0..size), |range| range.resolve(size))?)
}

/// A question of which the client knows how often it was asked.
fn question() -> Question {
    let mut question = Question::default();
    question.extensions.insert(Tries::default());
    question
}

/// What an answer tells of the value of `key`.
fn told(key: &Key, answer: &GetResult) -> Meta {
    let mut meta = meta(key, &answer.meta);
    if let (None, Some(WeakTag(tag))) = (&meta.version.e_tag, answer.extensions.get::<WeakTag>()) {
        meta.version.e_tag = Some(tag.as_str().into());
    }
    meta
}

/// What the metadata of an object tell of the value of `key`.
pub(crate) fn meta(key: &Key, meta: &ObjectMeta) -> Meta {
    // Where a server does not tell the time, `object_store` makes it the epoch.
    let modified = u64::try_from(meta.last_modified.timestamp_millis()).ok().filter(|millis| *millis > 0);
    Meta {
        key: key.clone(),
        size: meta.size,
        modified: modified.map(Timestamp::from_millis),
        version: Version { e_tag: meta.e_tag.as_deref().map(Arc::from), id: meta.version.as_deref().map(Arc::from) },
    }
}
