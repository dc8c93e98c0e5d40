//! What a store has to say to a request, as an HTTP response.

use std::{
    ops::Range,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED,
    },
    http::request::Parts,
};
use zstore_core::{ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, ReadStore, Result, Timestamp};

use crate::request::{BadPath, Conditions, Verdict, parse_path, parse_range};

/// A value that changes under each of three readings is being written all the time.
const ATTEMPTS_MAX: usize = 3;

/// Answers one request. It never fails: what goes wrong is an answer too.
pub(crate) async fn answer(store: &dyn ReadStore, request: &Parts) -> Response<Bytes> {
    let is_head = request.method == Method::HEAD;
    if !is_head && request.method != Method::GET {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let key = match parse_path(request.uri.path()) {
        Ok(key) => key,
        Err(BadPath::NoKey) => return text(StatusCode::NOT_FOUND, "no key can have this name"),
        Err(BadPath::Malformed) => return text(StatusCode::BAD_REQUEST, "the path is not percent-encoded UTF-8"),
    };
    let conditions = Conditions::parse(&request.headers);
    let answered = if is_head {
        head(store, &key, &conditions).await
    } else {
        get(store, &key, &conditions, parse_range(&request.headers)).await
    };
    answered.unwrap_or_else(|error| refusal(&error))
}

async fn head(store: &dyn ReadStore, key: &Key, conditions: &Conditions) -> Result<Response<Bytes>> {
    let Some(meta) = store.head(key).await? else {
        return Ok(missing());
    };
    let mut response = refused_by(conditions, &meta).unwrap_or_else(|| whole(&meta, Bytes::new()));
    if response.status() == StatusCode::OK {
        response.headers_mut().insert(CONTENT_LENGTH, meta.size.into());
    }
    Ok(response)
}

async fn get(
    store: &dyn ReadStore,
    key: &Key,
    conditions: &Conditions,
    range: Option<ByteRange>,
) -> Result<Response<Bytes>> {
    if range.is_none() && !conditions.is_any() {
        return Ok(match store.get(key, &GetOptions::default()).await? {
            Fetch::Object(Object { meta, bytes, .. }) => whole(&meta, bytes),
            Fetch::NotModified(_) | Fetch::Missing => missing(),
        });
    }
    for _ in 0..ATTEMPTS_MAX {
        let Some(meta) = store.head(key).await? else {
            return Ok(missing());
        };
        if let Some(response) = refused_by(conditions, &meta) {
            return Ok(response);
        }
        let part = match &range {
            Some(range) if conditions.allow_part(e_tag(&meta).as_deref()) => HttpRange::of(range, meta.size),
            _ => HttpRange::Whole,
        };
        let options = match &part {
            HttpRange::Whole => GetOptions::default(),
            HttpRange::Part(range) => GetOptions::range(range.clone()),
            HttpRange::Unsatisfiable => return Ok(unsatisfiable(&meta)),
        };
        match store.get(key, &options).await {
            Ok(Fetch::Object(object)) if object.meta.is_same_value(&meta) => {
                return Ok(match part {
                    HttpRange::Part(_) => partial(&object.meta, &object.range, object.bytes),
                    HttpRange::Whole | HttpRange::Unsatisfiable => whole(&object.meta, object.bytes),
                });
            }
            // The value was written between the two questions: ask both again.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidRange => {}
            Err(error) => return Err(error),
        }
    }
    Ok(text(StatusCode::SERVICE_UNAVAILABLE, "the value changed each time while it was read"))
}

/// What a range means to HTTP, which differs from the stores' contract in that no part is empty.
enum HttpRange {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

impl HttpRange {
    fn of(range: &ByteRange, size: u64) -> Self {
        match range.resolve(size) {
            Ok(part) if !part.is_empty() => Self::Part(part),
            // A suffix is satisfiable unless its length is zero, and a part of nothing cannot be spelt: answer all of
            // it.
            Ok(_) if size == 0 && matches!(range, ByteRange::Suffix(1..)) => Self::Whole,
            Ok(_) | Err(_) => Self::Unsatisfiable,
        }
    }
}

/// The answer, if the conditions forbid the one with bytes.
fn refused_by(conditions: &Conditions, meta: &Meta) -> Option<Response<Bytes>> {
    match conditions.judge(e_tag(meta).as_deref()) {
        Verdict::Go => None,
        Verdict::NotModified => Some(about(StatusCode::NOT_MODIFIED, meta, Bytes::new())),
        Verdict::Failed => Some(text(StatusCode::PRECONDITION_FAILED, "the value is another than you named")),
    }
}

fn whole(meta: &Meta, bytes: Bytes) -> Response<Bytes> {
    let mut response = about(StatusCode::OK, meta, bytes);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

fn partial(meta: &Meta, range: &Range<u64>, bytes: Bytes) -> Response<Bytes> {
    let mut response = whole(meta, bytes);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let content_range = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), meta.size);
    set(response.headers_mut(), CONTENT_RANGE, &content_range);
    response
}

fn unsatisfiable(meta: &Meta) -> Response<Bytes> {
    let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "the value has no such bytes");
    set(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{}", meta.size));
    response
}

fn missing() -> Response<Bytes> {
    text(StatusCode::NOT_FOUND, "there is no such value")
}

fn refusal(error: &Error) -> Response<Bytes> {
    let status = match error.kind() {
        ErrorKind::InvalidKey => StatusCode::NOT_FOUND,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::Unavailable | ErrorKind::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    text(status, error.to_string())
}

fn text(status: StatusCode, line: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(line.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A response with the headers that tell which value it is about.
fn about(status: StatusCode, meta: &Meta, bytes: Bytes) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(e_tag) = e_tag(meta) {
        set(headers, ETAG, &e_tag);
    }
    if let Some(date) = meta.modified.and_then(http_date) {
        set(headers, LAST_MODIFIED, &date);
    }
    response
}

/// Sets a header to a text that may be unfit for one; then it is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The version of a value as an entity tag: as the store spells it, or in quotes if the store leaves them out.
fn e_tag(meta: &Meta) -> Option<String> {
    let tag = meta.version.e_tag.as_ref().or(meta.version.id.as_ref())?;
    if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    match quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.contains('"') => Some(tag.to_string()),
        None if !tag.contains('"') => Some(format!("\"{tag}\"")),
        _ => None,
    }
}

/// A date as HTTP spells it, if there is a spelling: years have four digits.
fn http_date(time: Timestamp) -> Option<String> {
    /// The first millisecond of the year 10000.
    const END_MILLIS: u64 = 253_402_300_800_000;
    let millis = Some(time.as_millis()).filter(|millis| *millis < END_MILLIS)?;
    Some(httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use zstore_core::Version;

    use super::*;

    fn meta(version: Version) -> Meta {
        Meta { key: Key::new("k").unwrap(), size: 1, modified: None, version }
    }

    #[test]
    fn an_entity_tag_is_quoted_once_and_left_out_where_it_cannot_be() {
        for (stored, sent) in [
            ("\"a\"", Some("\"a\"")),
            ("W/\"a\"", Some("W/\"a\"")),
            ("17-a", Some("\"17-a\"")),
            ("a\"b", None),
            ("a b", None),
            ("ü", None),
        ] {
            assert_eq!(e_tag(&meta(Version::from_e_tag(stored))).as_deref(), sent, "{stored}");
        }
        assert_eq!(e_tag(&meta(Version { e_tag: None, id: Some("7".into()) })).as_deref(), Some("\"7\""));
        assert_eq!(e_tag(&meta(Version::default())), None);
    }

    #[test]
    fn a_date_that_http_cannot_spell_is_left_out() {
        let date = http_date(Timestamp::from_millis(784_111_777_000));
        assert_eq!(date.as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(http_date(Timestamp::from_millis(253_402_300_799_999)).is_some());
        assert_eq!(http_date(Timestamp::from_millis(u64::MAX)), None);
    }
}
