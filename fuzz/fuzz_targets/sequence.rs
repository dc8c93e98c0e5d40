//! Sequences from a fuzzer's bytes.

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// As many as there are bytes for, up to a bound.
pub(crate) fn sequence<'a, T>(
    bytes: &mut Unstructured<'a>,
    count_max: usize,
    one: impl Fn(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut sequence = Vec::new();
    while !bytes.is_empty() && sequence.len() < count_max {
        sequence.push(one(bytes)?);
    }
    Ok(sequence)
}
