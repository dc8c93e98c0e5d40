//! What a flight brought home.

use bytes::Bytes;
use zstore_core::{Meta, Object, Part, Ranges};

/// The source's answer to a flight.
#[derive(Clone, Debug)]
pub(crate) enum Fetched {
    /// There is no such value.
    Missing,
    /// What is known of the value, and the pieces of it that were asked for: none at all for a head.
    Value { meta: Meta, pieces: Vec<Part> },
}

impl Fetched {
    /// How many bytes came.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Missing => 0,
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

    /// The whole value, if one piece holds it.
    pub(crate) fn whole(&self) -> Option<(&Meta, &Bytes)> {
        let Self::Value { meta, pieces } = self else { return None };
        let whole = pieces.iter().find(|piece| piece.range == (0..meta.size))?;
        Some((meta, &whole.bytes))
    }
}

impl From<Option<Object>> for Fetched {
    fn from(object: Option<Object>) -> Self {
        object.map_or(Self::Missing, |Object { meta, range, bytes }| Self::Value {
            meta,
            pieces: vec![Part { range, bytes }],
        })
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
