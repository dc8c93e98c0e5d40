//! Sizes and places: half of them anywhere, half of them where blocks meet.

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Up to `max`, with blocks of `block` bytes.
pub(crate) fn edge(bytes: &mut Unstructured<'_>, block: u64, max: u64) -> Result<u64> {
    if bytes.arbitrary()? {
        return bytes.int_in_range(0..=max);
    }
    let (blocks, side) = (bytes.int_in_range(0..=max / block)?, bytes.int_in_range(0..=2_u64)?);
    Ok((blocks * block + side).saturating_sub(1).min(max))
}
