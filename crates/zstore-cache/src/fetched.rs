//! What a flight brought home.

use bytes::Bytes;
use zstore_core::{Fetch, Meta, Object, Part, Ranges, Version};

/// The source's answer to a flight.
#[derive(Clone, Debug)]
pub(crate) enum Fetched {
    /// There is no such value.
    Missing,
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
            Self::Missing | Self::Unchanged(_) => None,
        }
    }

    /// How many bytes came.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Missing | Self::Unchanged(_) => 0,
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
