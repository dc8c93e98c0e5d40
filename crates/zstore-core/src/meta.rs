//! What is known of a value besides its bytes.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{Key, Prefix};

/// What tells one state of a value from another, as the store tells it.
///
/// A version is opaque: only equality means anything. A store that cannot tell versions apart leaves both fields
/// empty. A clone copies pointers, so that an answer from memory needs no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// The entity tag, as HTTP spells it, quotes and weakness mark included.
    pub e_tag: Option<Arc<str>>,
    /// The version id of a store that keeps old versions.
    pub id: Option<Arc<str>>,
}

impl Version {
    /// A version known by its entity tag alone.
    #[must_use]
    pub fn from_e_tag(e_tag: impl Into<Arc<str>>) -> Self {
        Self { e_tag: Some(e_tag.into()), id: None }
    }

    /// Whether this version tells anything at all.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.e_tag.is_some() || self.id.is_some()
    }

    /// Whether both are known to name the same state of a value.
    ///
    /// Ids are compared if both have one, else entity tags; an unknown version matches nothing, itself included. Weak
    /// entity tags match nothing either: two values under one weak tag need not be the same bytes (RFC 9110, 8.8.3.2).
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        match (&self.id, &other.id, &self.e_tag, &other.e_tag) {
            (Some(a), Some(b), _, _) => a == b,
            (_, _, Some(a), Some(b)) => a == b && !a.starts_with("W/"),
            _ => false,
        }
    }
}

/// What a store knows of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The value's name.
    pub key: Key,
    /// The size of the whole value in bytes, whatever part of it was asked for.
    pub size: u64,
    /// When the value was last written, if the store knows.
    pub modified: Option<Timestamp>,
    /// Which state of the value this is.
    pub version: Version,
}

impl Meta {
    /// Whether both may be told of one state of a value: by version if both are known, else by size and time of
    /// writing.
    ///
    /// Two answers to parts of one value must pass this before their bytes are put side by side.
    #[must_use]
    pub fn is_same_value(&self, other: &Self) -> bool {
        if self.version.is_known() && other.version.is_known() {
            self.size == other.size && (self.version.matches(&other.version) || self.version == other.version)
        } else {
            self.size == other.size && self.modified == other.modified
        }
    }
}

/// The direct children of a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirListing {
    /// The values directly below, in the order of their keys.
    pub values: Vec<Meta>,
    /// The prefixes directly below that hold values, in their order.
    pub prefixes: Vec<Prefix>,
}

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The point so many milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The point `duration` later, or the end of time.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time passed since `earlier`; none if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the epoch become the epoch.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(0).saturating_add(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_match_by_id_first_and_never_when_unknown_or_weak() {
        let tag = Version::from_e_tag("\"a\"");
        assert!(tag.matches(&tag.clone()));
        assert!(!tag.matches(&Version::from_e_tag("\"b\"")));
        assert!(!Version::default().matches(&Version::default()));
        assert!(!Version::from_e_tag("W/\"a\"").matches(&Version::from_e_tag("W/\"a\"")));
        let with_id = |id: &str| Version { e_tag: tag.e_tag.clone(), id: Some(id.into()) };
        assert!(!with_id("1").matches(&with_id("2")));
        assert!(with_id("1").matches(&tag));
    }

    #[test]
    fn values_without_versions_are_told_apart_by_size_and_time() {
        let meta = |size, modified| Meta {
            key: Key::new("k").unwrap(),
            size,
            modified: Some(Timestamp::from_millis(modified)),
            version: Version::default(),
        };
        assert!(meta(1, 1).is_same_value(&meta(1, 1)));
        assert!(!meta(1, 1).is_same_value(&meta(2, 1)));
        assert!(!meta(1, 1).is_same_value(&meta(1, 2)));
    }

    #[test]
    fn time_saturates() {
        let end = Timestamp::from_millis(u64::MAX);
        assert_eq!(end.saturating_add(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_millis(1).since(end), None);
        assert_eq!(end.since(end), Some(Duration::ZERO));
    }
}
