//! Ways in which a medium damages bytes.

use bytes::Bytes;

use crate::seed::Seed;

/// What became of the bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Only the first half was written, as after a crash of a store that writes in place.
    Truncated,
    /// The second half is zeroes, as after a crash of a file system that grew the file first.
    ZeroedTail,
    /// One bit, in the middle byte, is the other way.
    FlippedBit,
}

impl Damage {
    const ALL: [Self; 3] = [Self::Truncated, Self::ZeroedTail, Self::FlippedBit];

    pub(crate) const fn any(seed: &mut Seed) -> Self {
        Self::ALL[seed.below(Self::ALL.len() as u64) as usize]
    }

    /// The damaged bytes. No bytes at all cannot be damaged; a tail that is zeroes already is cut off instead.
    #[must_use]
    pub fn apply(self, bytes: &Bytes) -> Bytes {
        let half = bytes.len() / 2;
        match self {
            Self::Truncated => bytes.slice(..half),
            Self::ZeroedTail => {
                let (head, tail) = bytes.split_at(half);
                if tail.iter().all(|byte| *byte == 0) {
                    return Self::Truncated.apply(bytes);
                }
                [head, &vec![0; tail.len()]].concat().into()
            }
            Self::FlippedBit => flip_bit(bytes, half, 0b0001_0000),
        }
    }
}

/// `bytes` with a bit of the byte at `at` the other way; unchanged if there is no such byte.
pub(crate) fn flip_bit(bytes: &Bytes, at: usize, bit: u8) -> Bytes {
    let mut damaged = bytes.to_vec();
    if let Some(byte) = damaged.get_mut(at) {
        *byte ^= bit;
    }
    damaged.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_damage_changes_the_bytes_in_its_own_way() {
        let bytes = Bytes::from_static(&[1, 2, 3, 4, 5]);
        assert_eq!(Damage::Truncated.apply(&bytes), [1, 2][..]);
        assert_eq!(Damage::ZeroedTail.apply(&bytes), [1, 2, 0, 0, 0][..]);
        assert_eq!(Damage::FlippedBit.apply(&bytes), [1, 2, 3 ^ 16, 4, 5][..]);
        assert_eq!(Damage::ZeroedTail.apply(&Bytes::from_static(&[1, 2, 0, 0])), [1, 2][..]);
        assert!(Damage::ALL.iter().all(|damage| damage.apply(&Bytes::new()).is_empty()));
    }
}
