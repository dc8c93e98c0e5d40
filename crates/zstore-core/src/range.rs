//! Byte ranges: which part of a value is wanted.

use std::{fmt, ops::Range};

/// A part of a value, in bytes.
///
/// # Examples
/// ```
/// use zstore_core::ByteRange;
///
/// assert_eq!(ByteRange::Bounded(2..100).resolve(10)?, 2..10); // an end past the value is cut short
/// assert_eq!(ByteRange::From(10).resolve(10)?, 10..10); // a start at the end is empty, and no error
/// assert_eq!(ByteRange::Suffix(100).resolve(10)?, 0..10); // a suffix longer than the value is all of it
/// assert!(ByteRange::From(11).resolve(10).is_err());
/// # Ok::<(), zstore_core::RangePastEnd>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ByteRange {
    /// From a first byte to before a last; one with an end before its start is never valid.
    Bounded(Range<u64>),
    /// From a first byte to the end.
    From(u64),
    /// The last so many bytes.
    Suffix(u64),
}

impl ByteRange {
    /// The bytes meant, of a value of `size` bytes.
    ///
    /// # Errors
    /// [`RangePastEnd`] if the range starts after the value's end, or ends before it starts.
    pub fn resolve(&self, size: u64) -> Result<Range<u64>, RangePastEnd> {
        let (start, end) = match *self {
            Self::Bounded(Range { start, end }) => (start, if start <= end { end.min(size) } else { start }),
            Self::From(start) => (start, size),
            Self::Suffix(length) => (size.saturating_sub(length), size),
        };
        let backwards = matches!(self, Self::Bounded(range) if range.end < range.start);
        if start > size || backwards {
            return Err(RangePastEnd { range: self.clone(), size });
        }
        Ok(start..end)
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        Self::Bounded(range)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bounded(range) => write!(f, "{}..{}", range.start, range.end),
            Self::From(start) => write!(f, "{start}.."),
            Self::Suffix(length) => write!(f, "last {length}"),
        }
    }
}

/// A range that no value of that size has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangePastEnd {
    range: ByteRange,
    size: u64,
}

impl fmt::Display for RangePastEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no bytes {} in a value of {} bytes", self.range, self.size)
    }
}

impl std::error::Error for RangePastEnd {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_resolve_as_the_contract_says() {
        for (range, size, expected) in [
            (ByteRange::Bounded(0..0), 0, Some(0..0)),
            (ByteRange::Bounded(3..3), 5, Some(3..3)),
            (ByteRange::Bounded(5..9), 5, Some(5..5)),
            (ByteRange::Bounded(6..9), 5, None),
            (ByteRange::Bounded(Range { start: 4, end: 2 }), 5, None),
            (ByteRange::From(0), 0, Some(0..0)),
            (ByteRange::From(1), 0, None),
            (ByteRange::Suffix(0), 5, Some(5..5)),
            (ByteRange::Suffix(2), 5, Some(3..5)),
            (ByteRange::Suffix(u64::MAX), 5, Some(0..5)),
        ] {
            assert_eq!(range.resolve(size).ok(), expected, "{range} of {size}");
        }
    }

    proptest! {
        #[test]
        fn a_resolved_range_lies_within_the_value(start in 0u64..20, end in 0u64..20, size in 0u64..20) {
            for range in [ByteRange::Bounded(start..end), ByteRange::From(start), ByteRange::Suffix(start)] {
                if let Ok(found) = range.resolve(size) {
                    prop_assert!(found.start <= found.end && found.end <= size);
                }
            }
        }
    }
}
