//! Ranges: zarrs asks for exact ones, the contract cuts short.

use zarrs_storage::byte_range::{ByteRange as TheirRange, InvalidByteRangeError};
use zstore_core::ByteRange;

/// The same bytes as the contract names them, if the value has them all.
pub(crate) fn range(theirs: TheirRange) -> ByteRange {
    match theirs {
        // An end past all numbers is past every value: `check` finds it out.
        TheirRange::FromStart(start, Some(length)) => ByteRange::Bounded(start..start.saturating_add(length)),
        TheirRange::FromStart(start, None) => ByteRange::From(start),
        TheirRange::Suffix(length) => ByteRange::Suffix(length),
    }
}

/// Refuses a range of which a value of `size` bytes has not every byte.
pub(crate) fn check(theirs: TheirRange, size: u64) -> Result<(), InvalidByteRangeError> {
    let end = match theirs {
        TheirRange::FromStart(start, length) => start.checked_add(length.unwrap_or(0)),
        TheirRange::Suffix(length) => Some(length),
    };
    if end.is_some_and(|end| end <= size) { Ok(()) } else { Err(InvalidByteRangeError::new(theirs, size)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_the_value_has_whole_pass() {
        for (theirs, size, whole) in [
            (TheirRange::FromStart(0, None), 0, true),
            (TheirRange::FromStart(5, None), 5, true),
            (TheirRange::FromStart(6, None), 5, false),
            (TheirRange::FromStart(2, Some(3)), 5, true),
            (TheirRange::FromStart(2, Some(4)), 5, false),
            (TheirRange::FromStart(u64::MAX, Some(u64::MAX)), u64::MAX, false),
            (TheirRange::Suffix(5), 5, true),
            (TheirRange::Suffix(6), 5, false),
            (TheirRange::Suffix(0), 0, true),
        ] {
            assert_eq!(check(theirs, size).is_ok(), whole, "{theirs:?} of {size}");
            if whole {
                assert_eq!(range(theirs).resolve(size).unwrap(), theirs.to_range(size), "{theirs:?} of {size}");
            }
        }
    }
}
