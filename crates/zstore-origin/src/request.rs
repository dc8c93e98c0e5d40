//! What a request asks for, read from its path and headers.

use hyper::{
    HeaderMap,
    header::{HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE},
};
use zstore_core::{ByteRange, Key};

/// Why a path names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// It is not percent-encoded UTF-8.
    Malformed,
    /// It is well-formed, and no key can be named so.
    NoKey,
}

/// The key that the path of a URL names. It is decoded once: `100%2525` names `100%25`.
pub(crate) fn parse_path(path: &str) -> Result<Key, BadPath> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut name = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            name.push('/');
        }
        let segment = percent_decode(segment).ok_or(BadPath::Malformed)?;
        // An encoded slash would be part of a segment, and no key has one there.
        if segment.contains('/') {
            return Err(BadPath::NoKey);
        }
        name.push_str(&segment);
    }
    Key::new(name).map_err(|_| BadPath::NoKey)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            decoded.push(digit(bytes.next())? * 16 + digit(bytes.next())?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

/// The one range of a `Range` header. `None` asks for the whole value, as a header that is malformed, of another unit
/// or of several ranges does: a server may ignore any of those (RFC 9110, 14.2).
pub(crate) fn parse_range(headers: &HeaderMap) -> Option<ByteRange> {
    let (unit, range) = one_line(headers, &RANGE)?.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (position(first)?, position(last)?) {
        (Some(first), Some(last)) if first <= last => Some(ByteRange::Bounded(first..last.saturating_add(1))),
        (Some(first), None) => Some(ByteRange::From(first)),
        (None, Some(length)) => Some(ByteRange::Suffix(length)),
        _ => None,
    }
}

/// A position in a range: `Some(None)` if it is left out, `None` if it is no number.
fn position(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits that are no u64 name a place past the end of any value.
    Some((!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)))
}

/// The conditions under which a client wants its answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_range: Option<String>,
}

/// What conditions say to a value that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer.
    Go,
    /// The client has it: 304.
    NotModified,
    /// The client wants another one: 412.
    Failed,
}

impl Conditions {
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        Self {
            if_match: Tags::parse(headers, &IF_MATCH),
            if_none_match: Tags::parse(headers, &IF_NONE_MATCH),
            if_range: one_line(headers, &IF_RANGE).map(str::to_owned),
        }
    }

    /// Whether there is any condition on answering at all.
    pub(crate) const fn is_any(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// What the conditions say to a value with this entity tag, in the order of RFC 9110, 13.2.2.
    pub(crate) fn judge(&self, e_tag: Option<&str>) -> Verdict {
        if self.if_match.as_ref().is_some_and(|tags| !tags.name_strongly(e_tag)) {
            Verdict::Failed
        } else if self.if_none_match.as_ref().is_some_and(|tags| tags.name_weakly(e_tag)) {
            Verdict::NotModified
        } else {
            Verdict::Go
        }
    }

    /// Whether a range may be answered with a part: an `If-Range` must name the very value. A date never does, for
    /// two values may share a second.
    pub(crate) fn allow_part(&self, e_tag: Option<&str>) -> bool {
        self.if_range.as_deref().is_none_or(|tag| is_strong(tag) && Some(tag) == e_tag)
    }
}

/// The entity tags of a condition.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: any value that is there.
    Any,
    These(Vec<String>),
}

impl Tags {
    fn parse(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).peekable();
        lines.peek()?;
        let mut tags = Vec::new();
        for line in lines {
            if line.trim() == "*" {
                return Some(Self::Any);
            }
            split_tags(line, &mut tags);
        }
        Some(Self::These(tags))
    }

    fn name_strongly(&self, e_tag: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => e_tag.is_some_and(|e_tag| is_strong(e_tag) && tags.iter().any(|tag| tag == e_tag)),
        }
    }

    fn name_weakly(&self, e_tag: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => e_tag.is_some_and(|e_tag| tags.iter().any(|tag| opaque(tag) == opaque(e_tag))),
        }
    }
}

/// Splits a list of entity tags, whose quotes may hold commas. A tag without quotes is taken as it is: clients exist
/// that send them.
fn split_tags(line: &str, tags: &mut Vec<String>) {
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                tags.push(line[start..at].trim().to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    tags.push(line[start..].trim().to_owned());
    tags.retain(|tag| !tag.is_empty());
}

fn is_strong(tag: &str) -> bool {
    !tag.starts_with("W/")
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The text of a header that has exactly one line.
fn one_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    line.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_path_is_decoded_once() {
        for (path, key) in [
            ("/a/b", "a/b"),
            ("/a%20b", "a b"),
            ("/100%2525", "100%25"),
            ("/a+b", "a+b"),
            ("/%C3%BC/%E6%97%A5", "ü/日"),
            ("/%2e%2e%2e", "..."),
        ] {
            assert_eq!(parse_path(path).map(|key| key.to_string()), Ok(key.to_owned()), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_no_key_is_refused() {
        for (path, why) in [
            ("/", BadPath::NoKey),
            ("/a/", BadPath::NoKey),
            ("/a//b", BadPath::NoKey),
            ("/%2e%2e/etc", BadPath::NoKey),
            ("/a%2Fb", BadPath::NoKey),
            ("/a%00", BadPath::NoKey),
            ("/100%", BadPath::Malformed),
            ("/%zz", BadPath::Malformed),
            ("/%ff", BadPath::Malformed),
        ] {
            assert_eq!(parse_path(path), Err(why), "{path}");
        }
    }

    #[test]
    fn a_range_is_read_in_its_three_forms_and_ignored_in_any_other() {
        for (line, range) in [
            ("bytes=0-0", Some(ByteRange::Bounded(0..1))),
            ("Bytes = 2-4", Some(ByteRange::Bounded(2..5))),
            ("bytes=7-", Some(ByteRange::From(7))),
            ("bytes=-3", Some(ByteRange::Suffix(3))),
            ("bytes=0-99999999999999999999", Some(ByteRange::Bounded(0..u64::MAX))),
            ("bytes=4-2", None),
            ("bytes=-", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=a-b", None),
            ("items=0-1", None),
            ("nonsense", None),
        ] {
            assert_eq!(parse_range(&headers(&[(RANGE, line)])), range, "{line}");
        }
        assert_eq!(parse_range(&HeaderMap::new()), None);
    }

    #[test]
    fn conditions_are_judged_by_the_kind_of_comparison_they_ask_for() {
        let judge = |name: HeaderName, line, e_tag| Conditions::parse(&headers(&[(name, line)])).judge(e_tag);
        for (name, line, e_tag, verdict) in [
            (IF_MATCH, "\"a\"", Some("\"a\""), Verdict::Go),
            (IF_MATCH, "\"b\", \"a,\"", Some("\"a,\""), Verdict::Go),
            (IF_MATCH, "*", None, Verdict::Go),
            (IF_MATCH, "\"b\"", Some("\"a\""), Verdict::Failed),
            (IF_MATCH, "W/\"a\"", Some("W/\"a\""), Verdict::Failed),
            (IF_MATCH, "\"a\"", None, Verdict::Failed),
            (IF_NONE_MATCH, "\"a\"", Some("\"a\""), Verdict::NotModified),
            (IF_NONE_MATCH, "W/\"a\"", Some("\"a\""), Verdict::NotModified),
            (IF_NONE_MATCH, "*", None, Verdict::NotModified),
            (IF_NONE_MATCH, "\"b\"", Some("\"a\""), Verdict::Go),
            (IF_NONE_MATCH, "\"a\"", None, Verdict::Go),
        ] {
            assert_eq!(judge(name.clone(), line, e_tag), verdict, "{name}: {line} of {e_tag:?}");
        }
    }

    #[test]
    fn an_if_range_allows_a_part_of_the_very_value_only() {
        let allows = |line, e_tag| Conditions::parse(&headers(&[(IF_RANGE, line)])).allow_part(e_tag);
        assert!(allows("\"a\"", Some("\"a\"")));
        assert!(!allows("\"b\"", Some("\"a\"")));
        assert!(!allows("W/\"a\"", Some("W/\"a\"")));
        assert!(!allows("Sat, 29 Oct 1994 19:43:31 GMT", Some("\"a\"")));
        assert!(Conditions::default().allow_part(None));
    }
}
