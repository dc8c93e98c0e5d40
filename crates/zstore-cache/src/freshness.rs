//! Freshness: how long what is kept is served without asking the source, and what happens after that.

use std::time::Duration;

use zstore_core::Key;

use zstore_format::Content;

/// The last segments of the keys that describe Zarr arrays and groups, of all versions of the format.
pub(crate) const METADATA_NAMES: [&str; 5] = ["zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"];

/// What happens to a value that has reached its age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// The source is asked whether it still has this version. If it has, nothing is transferred and the value is
    /// fresh again. A value whose version the source does not tell is fetched anew.
    #[default]
    Revalidate,
    /// It is fetched anew.
    Refetch,
}

/// How old an answer may be, and what happens to what is older.
///
/// Ages count from the moment the source was asked. They are told in milliseconds.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use zstore_cache::Freshness;
///
/// // Chunks never change once written; what describes them may, and is asked for again every minute.
/// let growing = Freshness::immutable().metadata_max_age(Duration::from_secs(60));
/// // An hour old at most; for a day more if the source cannot be reached.
/// let robust = Freshness::aged(Duration::from_secs(3600)).stale_if_error(Duration::from_secs(86_400));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Freshness {
    /// How old a value may be and still be served without asking; any age if none.
    pub max_age: Option<Duration>,
    /// The same for the keys that describe Zarr arrays and groups: `zarr.json`, `.zarray`, `.zgroup`, `.zattrs` and
    /// `.zmetadata`; as for all others if none.
    pub metadata_max_age: Option<Duration>,
    /// How long the answer that a value is missing is believed, but never longer than a value would be; not at all if
    /// none.
    pub absent_max_age: Option<Duration>,
    /// What happens to a value that has reached its age.
    pub expiry: Expiry,
    /// For so long after its age a value is still served at once, while the source is asked behind the reader's back.
    pub stale_while_revalidate: Duration,
    /// For so long after its age a value is still served if the source cannot be reached.
    pub stale_if_error: Duration,
}

impl Freshness {
    /// Values are served at any age, and absence is not kept. Right for data that changes through this cache only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Values are served up to this age, and asked for again after that.
    #[must_use]
    pub fn aged(max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..Self::default() }
    }

    /// Data that never changes: what was found is served for ever, and what was missing stays missing.
    #[must_use]
    pub fn immutable() -> Self {
        Self { absent_max_age: Some(Duration::MAX), ..Self::default() }
    }

    /// Data that may change at any time: the source is asked at every read whether it still has this version, and
    /// nothing is transferred if it has.
    #[must_use]
    pub fn revalidate() -> Self {
        Self::aged(Duration::ZERO)
    }

    /// Sets [`metadata_max_age`](Self::metadata_max_age).
    #[must_use]
    pub fn metadata_max_age(self, age: impl Into<Option<Duration>>) -> Self {
        Self { metadata_max_age: age.into(), ..self }
    }

    /// Sets [`absent_max_age`](Self::absent_max_age).
    #[must_use]
    pub fn absent_max_age(self, age: impl Into<Option<Duration>>) -> Self {
        Self { absent_max_age: age.into(), ..self }
    }

    /// Sets [`expiry`](Self::expiry).
    #[must_use]
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }

    /// Sets [`stale_while_revalidate`](Self::stale_while_revalidate).
    #[must_use]
    pub fn stale_while_revalidate(self, bound: Duration) -> Self {
        Self { stale_while_revalidate: bound, ..self }
    }

    /// Sets [`stale_if_error`](Self::stale_if_error).
    #[must_use]
    pub fn stale_if_error(self, bound: Duration) -> Self {
        Self { stale_if_error: bound, ..self }
    }

    /// How old a value of this key may be.
    pub(crate) fn value_age_max(&self, key: &Key) -> Option<Duration> {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        if METADATA_NAMES.contains(&name) { self.metadata_max_age.or(self.max_age) } else { self.max_age }
    }

    /// How old this may be and still be fresh.
    pub(crate) fn age_max(&self, content: &Content) -> Option<Duration> {
        let age = self.value_age_max(content.key());
        match content {
            Content::Absent(_) => [self.absent_max_age, age].into_iter().flatten().min(),
            Content::Whole(_) | Content::Block(..) => age,
        }
    }

    /// How old this may be and still be of use: past that, whatever happens, it will not be served again.
    pub(crate) fn useful_age_max(&self, content: &Content) -> Option<Duration> {
        let age = self.age_max(content)?;
        match content {
            Content::Absent(_) => Some(age),
            _ if self.is_renewable(content) => None,
            _ => Some(age.saturating_add(self.stale_while_revalidate.max(self.stale_if_error))),
        }
    }

    /// The same of what is not known but by name: at most so old.
    pub(crate) fn noted_age_max(&self, key: &Key, is_absence: bool) -> Option<Duration> {
        if is_absence {
            return Some(self.absent_max_age.unwrap_or(Duration::ZERO));
        }
        let age = self.value_age_max(key)?;
        let stale = self.stale_while_revalidate.max(self.stale_if_error);
        (self.expiry != Expiry::Revalidate).then(|| age.saturating_add(stale))
    }

    /// Whether the source can tell that it still has this very version.
    pub(crate) fn is_renewable(&self, content: &Content) -> bool {
        self.expiry == Expiry::Revalidate && content.meta().is_some_and(|meta| meta.version.matches(&meta.version))
    }
}

/// Whether something may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// At once.
    Fresh,
    /// It has been past its age for so long; for ever, if its age cannot be told.
    Stale(Duration),
}

impl Standing {
    pub(crate) const fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh)
    }

    /// Whether it has been stale for less long than `bound`.
    pub(crate) fn is_within(self, bound: Duration) -> bool {
        match self {
            Self::Fresh => true,
            Self::Stale(past) => past < bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use zstore_core::{Meta, Version};

    use super::*;

    fn content(name: &str, e_tag: &str) -> Content {
        let version = Version::from_e_tag(e_tag);
        Content::Whole(Meta { key: Key::new(name).unwrap(), size: 1, modified: None, version })
    }

    #[test]
    fn what_describes_an_array_has_an_age_of_its_own() {
        let freshness = Freshness::immutable().metadata_max_age(Duration::from_secs(1));
        for name in ["zarr.json", "a/zarr.json", "a/.zarray", ".zgroup", "a/b/.zattrs", ".zmetadata"] {
            assert_eq!(freshness.age_max(&content(name, "\"1\"")), Some(Duration::from_secs(1)), "{name}");
        }
        for name in ["a/c/0", "zarr.json/c", "xzarr.json", ".zarray/0.0"] {
            assert_eq!(freshness.age_max(&content(name, "\"1\"")), None, "{name}");
        }
        let absent = Content::Absent(Key::new("a/zarr.json").unwrap());
        assert_eq!(freshness.age_max(&absent), Some(Duration::from_secs(1)));
    }

    #[test]
    fn only_what_has_a_strong_version_is_of_use_for_ever() {
        let freshness = Freshness::aged(Duration::from_secs(10)).stale_if_error(Duration::from_secs(5));
        assert_eq!(freshness.useful_age_max(&content("a", "\"1\"")), None);
        assert_eq!(freshness.useful_age_max(&content("a", "W/\"1\"")), Some(Duration::from_secs(15)));
        let refetching = freshness.expiry(Expiry::Refetch);
        assert_eq!(refetching.useful_age_max(&content("a", "\"1\"")), Some(Duration::from_secs(15)));
    }

    #[test]
    fn each_setting_sets_its_own() {
        let seconds = Duration::from_secs;
        let set = Freshness::aged(seconds(1))
            .metadata_max_age(seconds(2))
            .absent_max_age(seconds(3))
            .expiry(Expiry::Refetch)
            .stale_while_revalidate(seconds(4))
            .stale_if_error(seconds(5));
        let expected = Freshness {
            max_age: Some(seconds(1)),
            metadata_max_age: Some(seconds(2)),
            absent_max_age: Some(seconds(3)),
            expiry: Expiry::Refetch,
            stale_while_revalidate: seconds(4),
            stale_if_error: seconds(5),
        };
        assert_eq!(set, expected);
        assert_eq!(Freshness::revalidate().max_age, Some(Duration::ZERO));
        assert_eq!(Freshness::new().max_age, None);
        let immutable = Freshness { absent_max_age: Some(Duration::MAX), ..Freshness::new() };
        assert_eq!(Freshness::immutable(), immutable);
    }

    #[test]
    fn absence_is_believed_no_longer_than_a_value() {
        let absent = Content::Absent(Key::new("a").unwrap());
        let seconds = Duration::from_secs;
        for (absent_max, max, expected) in [(3, 9, 3), (9, 3, 3)] {
            let freshness =
                Freshness::aged(seconds(max)).absent_max_age(seconds(absent_max)).stale_if_error(seconds(5));
            assert_eq!(freshness.age_max(&absent), Some(seconds(expected)));
            assert_eq!(freshness.useful_age_max(&absent), Some(seconds(expected)), "never served past its age");
        }
    }

    #[test]
    fn what_is_stale_is_within_a_bound_that_it_has_not_reached() {
        let second = Duration::from_secs(1);
        assert!(Standing::Fresh.is_fresh() && Standing::Fresh.is_within(Duration::ZERO));
        assert!(!Standing::Stale(Duration::ZERO).is_fresh());
        for (past, bound, within) in [(0, 0, false), (0, 1, true), (1, 1, false), (2, 1, false)] {
            assert_eq!(Standing::Stale(second * past).is_within(second * bound), within, "{past} s of {bound} s");
        }
    }
}
