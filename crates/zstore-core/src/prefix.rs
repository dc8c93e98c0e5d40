//! Prefixes: the segment-wise beginnings of keys.

use std::{fmt, str::FromStr, sync::Arc};

use crate::key::{InvalidKey, Key, validate_segments};

/// The beginning of some keys, by whole segments; the root prefix is the beginning of all.
///
/// A prefix holds the keys strictly below it: `foo` holds `foo/bar`, and neither `foo` itself nor `foo-bar/baz`.
///
/// # Cost
/// As for [`Key`]: validated once, cloned by pointer.
///
/// # Examples
/// ```
/// use zstore_core::{Key, Prefix};
///
/// let prefix = Prefix::new("foo")?;
/// assert!(prefix.holds(&Key::new("foo/bar")?));
/// assert!(!prefix.holds(&Key::new("foo-bar")?));
/// assert_eq!(prefix.key("c/0")?.as_str(), "foo/c/0");
/// # Ok::<(), zstore_core::InvalidKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Prefix(Option<Arc<str>>);

impl Prefix {
    /// Validates `name` as a prefix by the rules of [`Key`]; the empty name is the root, and one trailing slash is
    /// allowed.
    ///
    /// # Errors
    /// [`InvalidKey`] names the first rule that `name` breaks.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidKey> {
        let whole = name.as_ref();
        if whole.is_empty() {
            return Ok(Self::root());
        }
        let name = whole.strip_suffix('/').unwrap_or(whole);
        validate_segments(name).map_err(|_| match validate_segments(whole) {
            Err(error) => error,
            Ok(()) => InvalidKey::new(whole, "it has an empty segment (a leading, trailing or doubled slash)"),
        })?;
        Ok(Self(Some(name.into())))
    }

    /// The prefix of every key.
    #[must_use]
    pub const fn root() -> Self {
        Self(None)
    }

    /// Whether this is the prefix of every key.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The whole name, without a trailing slash; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether `key` is strictly below this prefix.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.strip(key.as_str()).is_some()
    }

    /// What follows this prefix and its slash in `name`, if `name` is strictly below it.
    #[must_use]
    pub fn strip<'a>(&self, name: &'a str) -> Option<&'a str> {
        match &self.0 {
            None => Some(name),
            Some(prefix) => name.strip_prefix(&**prefix)?.strip_prefix('/'),
        }
    }

    /// The key `name` below this prefix.
    ///
    /// # Errors
    /// [`InvalidKey`] if `name` is not a key.
    pub fn key(&self, name: impl AsRef<str>) -> Result<Key, InvalidKey> {
        Ok(self.join(&Key::new(name)?))
    }

    /// `key`, moved below this prefix.
    #[must_use]
    pub fn join(&self, key: &Key) -> Key {
        match &self.0 {
            None => key.clone(),
            Some(prefix) => Key::trusted(&format!("{prefix}/{key}")),
        }
    }

    /// `prefix`, moved below this prefix.
    #[must_use]
    pub fn join_prefix(&self, prefix: &Self) -> Self {
        match (&self.0, &prefix.0) {
            (_, None) => self.clone(),
            (None, _) => prefix.clone(),
            (Some(this), Some(below)) => Self(Some(format!("{this}/{below}").into())),
        }
    }
}

impl From<&Key> for Prefix {
    /// The prefix of the keys below `key`.
    fn from(key: &Key) -> Self {
        Self(Some(key.as_str().into()))
    }
}

impl FromStr for Prefix {
    type Err = InvalidKey;

    fn from_str(name: &str) -> Result<Self, InvalidKey> {
        Self::new(name)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_whole_segments_strictly_below_it() {
        let prefix = Prefix::new("foo/").unwrap();
        assert_eq!(prefix.as_str(), "foo");
        for (key, held) in
            [("foo/bar", true), ("foo/bar/baz", true), ("foo", false), ("foo-bar/x", false), ("x/foo/y", false)]
        {
            assert_eq!(prefix.holds(&Key::new(key).unwrap()), held, "{key}");
            assert!(Prefix::root().holds(&Key::new(key).unwrap()));
        }
    }

    #[test]
    fn names_that_break_a_rule_are_refused() {
        for name in ["/", "//", "a//", "/a", "a/./b", "..", "a\0"] {
            assert!(Prefix::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn joining_moves_names_below() {
        let (a, b) = (Prefix::new("a").unwrap(), Prefix::new("b/c").unwrap());
        assert_eq!(a.join_prefix(&b).as_str(), "a/b/c");
        assert_eq!(a.join_prefix(&Prefix::root()), a);
        assert_eq!(Prefix::root().join_prefix(&b), b);
        assert_eq!(a.strip(a.join(&Key::new("k").unwrap()).as_str()), Some("k"));
    }
}
