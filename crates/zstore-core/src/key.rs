//! Keys: the names of values, validated once.

use std::{fmt, str::FromStr};

use arcstr::{ArcStr, Substr};

/// The name of one value: segments parted by `/`.
///
/// A key has no empty, `.` or `..` segment, no leading or trailing slash and no NUL, and is not empty. Everything
/// else is part of the name, byte for byte: case, spaces, percent signs and any Unicode are neither folded nor
/// decoded. `a` and `a/b` are both keys, and may both have values at once.
///
/// # Cost
/// Validation reads the name once. A clone copies a pointer.
///
/// # Examples
/// ```
/// use zstore_core::Key;
///
/// let key = Key::new("temperature/c/0/1")?;
/// assert_eq!(key.name(), "1");
/// assert!(Key::new("../etc/passwd").is_err());
/// # Ok::<(), zstore_core::InvalidKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Substr);

impl Key {
    /// Validates `name` as a key.
    ///
    /// # Errors
    /// [`InvalidKey`] names the first rule that `name` breaks.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidKey> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(InvalidKey::new(name, "it is empty"));
        }
        if u32::try_from(name.len()).is_err() {
            return Err(InvalidKey::new("", "it is longer than 4 GiB"));
        }
        validate_segments(name)?;
        Ok(Self(name.into()))
    }

    /// Validates many names as keys that lie in one piece of memory, which lives as long as any of them.
    ///
    /// For keys that come and go together: a million that are made one by one are a million allocations.
    ///
    /// # Errors
    /// For each name what [`new`](Self::new) says of it.
    pub fn new_many<'a>(names: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = Result<Self, InvalidKey>> {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for name in names {
            text.push_str(name);
            ends.push(text.len());
        }
        let (text, mut start) = (ArcStr::from(text), 0);
        ends.into_iter().map(move |end| {
            let range = std::mem::replace(&mut start, end)..end;
            if range.is_empty() || u32::try_from(end).is_err() {
                return Self::new(&text[range]);
            }
            validate_segments(&text[range.clone()])?;
            Ok(Self(text.substr(range)))
        })
    }

    /// A key from text that is known to follow the rules, because it was cut from or joined of such text.
    pub(crate) fn trusted(name: &str) -> Self {
        debug_assert!(validate_segments(name).is_ok(), "not a key: {name:?}");
        Self(name.into())
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, first to last; at least one.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

/// Checks every segment of a name that may also be a prefix; the caller deals with the empty name.
pub(crate) fn validate_segments(name: &str) -> Result<(), InvalidKey> {
    // In one pass over the bytes, for keys are made by the hundred thousand where a cache directory is opened.
    let mut rest = name.as_bytes();
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'/' | 0)).unwrap_or(rest.len());
        let after = rest.get(end);
        match &rest[..end] {
            _ if after == Some(&0) => return Err(InvalidKey::new(name, "it holds a NUL")),
            b"" => return Err(InvalidKey::new(name, "it has an empty segment (a leading, trailing or doubled slash)")),
            b"." | b".." => return Err(InvalidKey::new(name, "it has a `.` or `..` segment")),
            _ if after.is_none() => return Ok(()),
            _ => rest = &rest[end + 1..],
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(name: &str) -> Result<Self, InvalidKey> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Key {
    type Error = InvalidKey;

    fn try_from(name: &str) -> Result<Self, InvalidKey> {
        Self::new(name)
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(name: String) -> Result<Self, InvalidKey> {
        Self::new(name)
    }
}

/// A name that is no key or prefix, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey {
    name: String,
    rule: &'static str,
}

impl InvalidKey {
    pub(crate) fn new(name: &str, rule: &'static str) -> Self {
        Self { name: name.to_owned(), rule }
    }

    /// The rule it breaks, as a sentence about it.
    pub(crate) const fn rule(&self) -> &'static str {
        self.rule
    }

    /// The name that was refused.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a key: {}", self.name, self.rule)
    }
}

impl std::error::Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_break_a_rule_are_refused_with_the_rule() {
        for (name, rule) in [
            ("", "empty"),
            ("/a", "empty segment"),
            ("a/", "empty segment"),
            ("a//b", "empty segment"),
            (".", "`.` or `..`"),
            ("a/../b", "`.` or `..`"),
            ("a\0b", "NUL"),
        ] {
            let error = Key::new(name).expect_err(name).to_string();
            assert!(error.contains(rule), "{name:?}: {error}");
        }
    }

    #[test]
    fn unusual_names_are_kept_byte_for_byte() {
        for name in ["a b/c", "100%25", "ü/日本", "...", ".zarray", "a\\b", "c/0.0", "a:b?c#d"] {
            assert_eq!(Key::new(name).unwrap().as_str(), name);
        }
    }

    proptest! {
        /// One by one or many at once, they are the same keys.
        #[test]
        fn many_names_are_the_keys_that_each_of_them_is(names in prop::collection::vec("[a-zü./]{0,6}", 0..9)) {
            let many: Vec<_> = Key::new_many(names.iter().map(String::as_str)).collect();
            let each: Vec<_> = names.iter().map(Key::new).collect();
            prop_assert_eq!(many, each);
        }

        #[test]
        fn a_key_is_its_segments_joined(name in "[a-z./%]{0,12}") {
            if let Ok(key) = Key::new(&name) {
                prop_assert_eq!(key.segments().collect::<Vec<_>>().join("/"), name);
                prop_assert_eq!(key.segments().next_back(), Some(key.name()));
                prop_assert!(key.segments().all(|s| !s.is_empty() && s != "." && s != ".."));
            }
        }
    }
}
