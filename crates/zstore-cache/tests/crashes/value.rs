//! Values that tell in each word of 8 bytes which value they are, which writing of it, and where the word lies.

use bytes::Bytes;

/// How many values there are.
pub(crate) const VALUES: u64 = 48;
/// The last of them are written and deleted together, below a prefix.
pub(crate) const BELOW: std::ops::Range<u64> = 44..48;
const PLACE_BITS: u32 = 20;
const VALUE_BITS: u32 = 8;

pub(crate) fn name(value: u64) -> String {
    if BELOW.contains(&value) { format!("below/{value}") } else { format!("array/c/{value}") }
}

/// Bytes of a writing: of any size from one word to some blocks.
pub(crate) fn size(value: u64, writing: u64) -> u64 {
    let words = match value % 6 {
        0 => 1,
        1 => 40,
        2 => 512,
        3 => 1500,
        4 => 4000,
        _ => 10_000,
    };
    8 * (words + writing % 3)
}

pub(crate) fn bytes(value: u64, writing: u64) -> Bytes {
    let words = size(value, writing) / 8;
    let word = |place: u64| (writing << (PLACE_BITS + VALUE_BITS) | value << PLACE_BITS | place).to_le_bytes();
    (0..words).flat_map(word).collect::<Vec<u8>>().into()
}

/// Which writing of a value these bytes are of, which begin at a word.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn writing(value: u64, start: u64, bytes: &[u8]) -> Result<u64, String> {
    let mut found = None;
    for (place, word) in (start / 8..).zip(bytes.chunks(8)) {
        let word = word.try_into().map(u64::from_le_bytes).map_err(|_| format!("{} bytes at the end", word.len()))?;
        let (of, at) = (word >> PLACE_BITS & ((1 << VALUE_BITS) - 1), word & ((1 << PLACE_BITS) - 1));
        let writing = word >> (PLACE_BITS + VALUE_BITS);
        if of != value || at != place {
            return Err(format!("word {place} of value {value} says it is word {at} of value {of}"));
        }
        if found.is_some_and(|found| found != writing) {
            return Err(format!("value {value} is of writings {found:?} and {writing}"));
        }
        found = Some(writing);
    }
    found.ok_or_else(|| format!("value {value} has no bytes"))
}
