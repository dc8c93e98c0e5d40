//! What the benches ask for: keys, values, and an order of asking that is the same for all subjects and in every run.
#![forbid(unsafe_code)]

use bytes::Bytes;
use zstore_core::{InvalidKey, Key};

/// Names of chunks, as Zarr spells them.
///
/// # Errors
/// None: the names are keys.
pub fn chunk_keys(count: usize) -> Result<Vec<Key>, InvalidKey> {
    (0..count).map(|index| Key::new(format!("temperature/c/{}/{}", index / 100, index % 100))).collect()
}

/// A value of so many bytes that differs from others.
#[must_use]
pub fn chunk(index: usize, bytes: usize) -> Bytes {
    let seed = index.to_le_bytes();
    (0..bytes).map(|at| seed[at % seed.len()].wrapping_add(at as u8)).collect()
}

/// So many of the keys, each as likely as any other at every place, in an order that is the same in every run.
#[must_use]
pub fn uniform(keys: &[Key], count: usize) -> Vec<Key> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // xorshift64: no bias that a cache could use.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize
    };
    (0..count).filter_map(|_| keys.get(next() % keys.len())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_is_asked_for_and_the_order_never_changes() {
        let keys = chunk_keys(100).unwrap();
        let asked = uniform(&keys, 10_000);
        assert_eq!(asked.len(), 10_000);
        assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 100);
        assert_eq!(asked, uniform(&keys, 10_000));
    }

    #[test]
    fn values_are_as_long_as_asked_and_differ() {
        assert_eq!(chunk(1, 4096).len(), 4096);
        assert_ne!(chunk(1, 4096), chunk(2, 4096));
    }
}
