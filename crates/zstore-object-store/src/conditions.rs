//! Conditions of a get, as HTTP has them (RFC 9110, section 13).

use object_store::{Error as TheirError, GetOptions as Question, Result, path::Path};
use zstore_core::{Error, ErrorKind, GetOptions, Meta, Operation, Version};

use crate::{failure::refused, meta::shown_millis};

/// The conditions as the contract has them, if it has words for all: at most one strong tag in each of the two.
pub(crate) fn in_contract(question: &Question) -> Option<GetOptions> {
    if question.version.is_some() || asks_for_times(question) {
        return None;
    }
    let if_match = one_version(question.if_match.as_deref())?;
    let if_none_match = one_version(question.if_none_match.as_deref())?;
    Some(GetOptions { range: None, if_match, if_none_match })
}

/// A time is not looked at where tags are asked for.
const fn asks_for_times(question: &Question) -> bool {
    question.if_match.is_none() && question.if_unmodified_since.is_some()
        || question.if_none_match.is_none() && question.if_modified_since.is_some()
}

/// The version that a field names, none where there is no field; `None` if it says anything else.
fn one_version(field: Option<&str>) -> Option<Option<Version>> {
    let Some(field) = field else { return Some(None) };
    let mut tags = tags(field);
    match (tags.next(), tags.next()) {
        (Some(tag), None) if tag != "*" && !is_weak(tag) => Some(Some(Version::from_e_tag(tag))),
        _ => None,
    }
}

/// Fails unless the conditions hold of the value that `meta` tells of.
pub(crate) fn judge(question: &Question, path: &Path, meta: &Meta) -> Result<()> {
    let present = meta.version.e_tag.as_deref();
    if let Some(wanted) = &question.version
        && meta.version.id.as_deref() != Some(wanted)
    {
        return Err(unsupported(path, format!("version {wanted:?} is not the present one, and no other can be read")));
    }
    let precondition = |why: String| Err(TheirError::Precondition { path: path.to_string(), source: why.into() });
    if let Some(wanted) = &question.if_match {
        let is_same = |tag: &str| present == Some(tag) && !is_weak(tag);
        if !is_any(wanted) && !tags(wanted).any(is_same) {
            return precondition(format!("its entity tag is {}, not {wanted}", present.unwrap_or("unknown")));
        }
    } else if let Some(since) = question.if_unmodified_since
        && written_millis(path, meta)? > since.timestamp_millis()
    {
        return precondition(format!("it was written after {since}"));
    }
    let not_modified = |why: String| Err(TheirError::NotModified { path: path.to_string(), source: why.into() });
    if let Some(known) = &question.if_none_match {
        let is_same = |tag: &str| present.map(opaque) == Some(opaque(tag));
        if is_any(known) || tags(known).any(is_same) {
            return not_modified(format!("its entity tag is {} still", present.unwrap_or("unknown")));
        }
    } else if let Some(since) = question.if_modified_since
        && written_millis(path, meta)? <= since.timestamp_millis()
    {
        return not_modified(format!("it was not written after {since}"));
    }
    Ok(())
}

/// What is told of a value that is still what the question named.
pub(crate) fn not_modified(path: &Path, version: &Version) -> TheirError {
    let tag = version.e_tag.as_deref().or(version.id.as_deref()).unwrap_or("unknown");
    TheirError::NotModified { path: path.to_string(), source: format!("its entity tag is {tag} still").into() }
}

/// When the value was written, as it is shown.
fn written_millis(path: &Path, meta: &Meta) -> Result<i64> {
    let Some(modified) = meta.modified else {
        let why = "the store does not know when this value was written; ask by `if_match` or `if_none_match`";
        return Err(unsupported(path, why.to_owned()));
    };
    Ok(i64::try_from(shown_millis(modified)).unwrap_or(i64::MAX))
}

fn unsupported(path: &Path, why: String) -> TheirError {
    refused(Error::new(ErrorKind::Unsupported, Operation::Get).with_key(path).with_detail(why))
}

fn is_any(field: &str) -> bool {
    field.trim() == "*"
}

/// The tags of a list. A comma between quotes is part of a tag.
fn tags(field: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = field.split(move |letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    });
    parts.map(str::trim).filter(|tag| !tag.is_empty())
}

fn is_weak(tag: &str) -> bool {
    tag.starts_with("W/")
}

/// The tag without its mark of weakness: values under the same are alike enough not to be sent again.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use zstore_core::{Key, Timestamp};

    use super::*;

    fn meta(e_tag: Option<&str>, modified: Option<u64>) -> Meta {
        Meta {
            key: Key::new("k").unwrap(),
            size: 1,
            modified: modified.map(Timestamp::from_millis),
            version: Version { e_tag: e_tag.map(Into::into), id: Some("7".into()) },
        }
    }

    /// How the answer ends: with the value, or with an error of this name.
    fn end(question: &Question, meta: &Meta) -> &'static str {
        match judge(question, &Path::from("k"), meta) {
            Ok(()) => "value",
            Err(TheirError::Precondition { .. }) => "precondition",
            Err(TheirError::NotModified { .. }) => "not modified",
            Err(TheirError::NotSupported { .. }) => "not supported",
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn tags_match_as_in_http() {
        for (field, present, if_match, if_none_match) in [
            ("\"a\"", Some("\"a\""), "value", "not modified"),
            ("\"a\"", Some("\"b\""), "precondition", "value"),
            ("\"b\", \"a\"", Some("\"a\""), "value", "not modified"),
            ("\"b\",\"c\"", Some("\"a\""), "precondition", "value"),
            ("*", Some("\"a\""), "value", "not modified"),
            (" * ", None, "value", "not modified"),
            ("\"a\"", None, "precondition", "value"),
            ("unknown", None, "precondition", "value"),
            ("", Some("\"a\""), "precondition", "value"),
            ("\"a,b\"", Some("\"a,b\""), "value", "not modified"),
            ("\"a,b\"", Some("\"a"), "precondition", "value"),
            ("W/\"a\"", Some("W/\"a\""), "precondition", "not modified"),
            ("W/\"a\"", Some("\"a\""), "precondition", "not modified"),
            ("\"a\"", Some("W/\"a\""), "precondition", "not modified"),
        ] {
            let meta = meta(present, Some(5));
            let question = Question::new().with_if_match(Some(field));
            assert_eq!(end(&question, &meta), if_match, "if_match {field} of {present:?}");
            let question = Question::new().with_if_none_match(Some(field));
            assert_eq!(end(&question, &meta), if_none_match, "if_none_match {field} of {present:?}");
        }
    }

    fn at(millis: u64) -> std::time::SystemTime {
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    #[test]
    fn times_are_compared_to_the_millisecond() {
        for (since, unmodified, modified) in
            [(4, "precondition", "value"), (5, "value", "not modified"), (6, "value", "not modified")]
        {
            let meta = meta(Some("\"a\""), Some(5));
            assert_eq!(end(&Question::new().with_if_unmodified_since(Some(at(since))), &meta), unmodified, "{since}");
            assert_eq!(end(&Question::new().with_if_modified_since(Some(at(since))), &meta), modified, "{since}");
        }
    }

    #[test]
    fn an_unknown_time_is_neither_before_nor_after_another() {
        let meta = meta(Some("\"a\""), None);
        for question in
            [Question::new().with_if_unmodified_since(Some(at(9))), Question::new().with_if_modified_since(Some(at(9)))]
        {
            assert_eq!(end(&question, &meta), "not supported");
        }
    }

    #[test]
    fn a_time_is_not_looked_at_beside_tags() {
        let meta = meta(Some("\"a\""), Some(5));
        let question = Question::new().with_if_match(Some("\"a\"")).with_if_unmodified_since(Some(at(0)));
        assert_eq!(end(&question, &meta), "value");
        assert!(in_contract(&question).is_some());
        let question = Question::new().with_if_none_match(Some("\"b\"")).with_if_modified_since(Some(at(9)));
        assert_eq!(end(&question, &meta), "value");
        assert!(in_contract(&question).is_some());
        // But beside the other's.
        let question = Question::new().with_if_none_match(Some("\"b\"")).with_if_unmodified_since(Some(at(0)));
        assert_eq!(end(&question, &meta), "precondition");
        assert!(in_contract(&question).is_none());
    }

    #[test]
    fn only_the_present_version_is_there() {
        let meta = meta(None, Some(5));
        assert_eq!(end(&Question::new().with_version(Some("7")), &meta), "value");
        assert_eq!(end(&Question::new().with_version(Some("6")), &meta), "not supported");
    }

    #[test]
    fn the_contract_has_words_for_one_strong_tag() {
        let both = in_contract(&Question::new().with_if_match(Some("\"a\"")).with_if_none_match(Some("\"b\"")));
        let expected = GetOptions::default().if_match(Version::from_e_tag("\"a\""));
        assert_eq!(both, Some(expected.if_none_match(Version::from_e_tag("\"b\""))));
        assert_eq!(in_contract(&Question::new()), Some(GetOptions::default()));
        for field in ["*", "\"a\", \"b\"", "W/\"a\"", ""] {
            assert_eq!(in_contract(&Question::new().with_if_match(Some(field))), None, "{field}");
        }
        assert_eq!(in_contract(&Question::new().with_version(Some("7"))), None);
    }
}
