//! What a flight brought home.

use bytes::Bytes;
use zstore_core::{Fetch, Meta, Object, Part, Ranges, Version};

/// The source's answer to a flight.
#[derive(Clone, Debug)]
pub(crate) enum Fetched {
    /// There is no such value.
    Missing,
    /// Another cache that shares the directory fetched it meanwhile: it is to be looked for again.
    Here,
    /// The value still has the version that was asked about.
    Unchanged(Version),
    /// What is known of the value, and the pieces of it that were asked for: none at all for a head.
    Value { meta: Meta, pieces: Vec<Part> },
}

impl Fetched {
    /// What is known of the value.
    pub(crate) const fn meta(&self) -> Option<&Meta> {
        match self {
            Self::Value { meta, .. } => Some(meta),
            Self::Missing | Self::Here | Self::Unchanged(_) => None,
        }
    }

    /// How many bytes came.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Missing | Self::Here | Self::Unchanged(_) => 0,
            Self::Value { pieces, .. } => pieces.iter().map(|piece| piece.bytes.len() as u64).sum(),
        }
    }

    /// Whether each piece is as long as it says and lies within the value.
    pub(crate) fn is_sound(&self) -> bool {
        let Self::Value { meta, pieces } = self else { return true };
        pieces.iter().all(|piece| {
            let length = piece.range.end.checked_sub(piece.range.start);
            length == Some(piece.bytes.len() as u64) && piece.range.end <= meta.size
        })
    }

    /// Whether it answers a question for the whole value.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Missing) || self.whole().is_some()
    }

    /// The whole value, if one piece holds it.
    pub(crate) fn whole(&self) -> Option<(&Meta, &Bytes)> {
        let Self::Value { meta, pieces } = self else { return None };
        let whole = pieces.iter().find(|piece| piece.range == (0..meta.size))?;
        Some((meta, &whole.bytes))
    }
}

impl From<Fetch> for Fetched {
    fn from(fetch: Fetch) -> Self {
        match fetch {
            Fetch::Missing => Self::Missing,
            Fetch::NotModified(version) => Self::Unchanged(version),
            Fetch::Object(Object { meta, range, bytes }) => Self::Value { meta, pieces: vec![Part { range, bytes }] },
        }
    }
}

impl From<Option<Ranges>> for Fetched {
    fn from(ranges: Option<Ranges>) -> Self {
        ranges.map_or(Self::Missing, |Ranges { meta, parts }| Self::Value { meta, pieces: parts })
    }
}

impl From<Option<Meta>> for Fetched {
    fn from(meta: Option<Meta>) -> Self {
        meta.map_or(Self::Missing, |meta| Self::Value { meta, pieces: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use zstore_core::Key;

    use super::*;

    /// Of a value of 4 bytes.
    fn fetched(pieces: &[(u64, u64, &'static str)]) -> Fetched {
        let meta = Meta { key: Key::new("a").unwrap(), size: 4, modified: None, version: Version::default() };
        let piece = |(start, end, bytes): &(u64, u64, &'static str)| Part {
            range: *start..*end,
            bytes: Bytes::from_static(bytes.as_bytes()),
        };
        Fetched::Value { meta, pieces: pieces.iter().map(piece).collect() }
    }

    #[test]
    fn a_piece_is_as_long_as_it_says_and_lies_within_the_value() {
        for sound in [&[][..], &[(0, 4, "abcd")], &[(0, 1, "a"), (3, 4, "d")], &[(4, 4, "")]] {
            assert!(fetched(sound).is_sound(), "{sound:?}");
        }
        for unsound in [(0, 4, "abc"), (0, 2, "abc"), (2, 5, "cde"), (5, 5, ""), (2, 1, "")] {
            assert!(!fetched(&[(0, 1, "a"), unsound]).is_sound(), "{unsound:?}");
        }
        assert!(Fetched::Missing.is_sound() && Fetched::Unchanged(Version::default()).is_sound());
    }

    #[test]
    fn only_a_piece_of_all_bytes_is_the_whole() {
        let whole = fetched(&[(0, 2, "ab"), (0, 4, "abcd")]);
        assert_eq!(whole.whole().map(|(meta, bytes)| (meta.size, &bytes[..])), Some((4, &b"abcd"[..])));
        assert!(whole.is_whole() && whole.meta().is_some());
        for part in [fetched(&[]), fetched(&[(0, 2, "ab"), (2, 4, "cd")]), Fetched::Unchanged(Version::default())] {
            assert!(!part.is_whole() && part.whole().is_none(), "{part:?}");
        }
        assert!(Fetched::Missing.is_whole(), "it answers what was asked");
        assert!(Fetched::Missing.whole().is_none() && Fetched::Missing.meta().is_none());
    }

    #[test]
    fn the_bytes_of_all_pieces_came() {
        assert_eq!(fetched(&[(0, 1, "a"), (2, 4, "cd")]).bytes(), 3);
        assert_eq!((Fetched::Missing.bytes(), Fetched::Unchanged(Version::default()).bytes()), (0, 0));
    }
}
