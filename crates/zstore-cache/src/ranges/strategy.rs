//! In what units parts of values are fetched and kept.

/// How parts of values are fetched and kept, so that what is near them is there when it is asked for.
///
/// The default is `WholeUpTo` 1 MiB, and blocks of 64 KiB: docs/RANGES.md has the figures it was chosen by. Whatever
/// is chosen, a part that lies in resident bytes makes no request. A value asked for as a whole is completed from its
/// resident blocks where that saves more than the requests cost, else fetched whole. A source without native ranges
/// is always read whole.
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// # use zstore_memory::MemoryStore;
/// use zstore_cache::{CacheStore, RangeStrategy};
///
/// # let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
/// let blocks = RangeStrategy::Blocks { block_size: 1 << 20 };
/// let builder = CacheStore::builder(source, tier).range_strategy(blocks);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeStrategy {
    /// In aligned blocks.
    Blocks {
        /// Bytes of a block: a power of two from 4 KiB to 1 GiB.
        block_size: u64,
    },
    /// Values of up to so many bytes as wholes, larger ones in aligned blocks.
    ///
    /// The first part that is read of a value comes in blocks, and tells how large the value is: there is no request
    /// to ask for the size. The second one that is missing brings the whole, and whoever asked for it waits for that.
    WholeUpTo {
        /// Bytes of the largest value that is fetched whole for a part of it. Of a bounded cache, no value comes
        /// whole that takes more than a quarter of the bound.
        size_max: u64,
        /// Bytes of a block: a power of two from 4 KiB to 1 GiB.
        block_size: u64,
    },
}

/// A block is as long as what one checksum covers, so that a range read transfers, keeps and checks the same bytes.
/// In the model of docs/RANGES.md smaller blocks save at most a third of the bytes of a plane of large inner chunks,
/// and cost four times the requests for small ones; blocks four times as large take twice the time for that plane.
const BLOCK_BYTES: u64 = zstore_format::CHECKED_BYTES as u64;
/// A value that is sent in the time of one more request, 10 ms x 100 MB/s = 1 MB, comes whole when a second part of
/// it is missing: of one value read part by part that never takes twice the time of the best that could have been
/// done, and saves all further requests.
const WHOLE_BYTES_MAX: u64 = 1 << 20;
/// Missing blocks that lie no further apart than this are fetched as one. Sources have about eight ranges of a value
/// under way at once, so that one more costs an eighth of its latency: from 10 ms x 100 MB/s / 8 = 125 KB to 50 ms x
/// 100 MB/s / 8 = 625 KB. Between the two.
pub(crate) const GAP_BYTES: u64 = 256 << 10;
/// What is longer comes in several calls. A connection to an object store gives 50 to 100 MB/s, so that 16 MiB take
/// about 0.2 s: against that a round trip is nothing, and what breaks off in the middle costs no more than that.
pub(crate) const CALL_BYTES_MAX: u64 = 16 << 20;
/// A value that is fetched whole for a part of it may take so much of the room: one part of four.
const WHOLE_SHARE: u64 = 4;

impl Default for RangeStrategy {
    fn default() -> Self {
        Self::WholeUpTo { size_max: WHOLE_BYTES_MAX, block_size: BLOCK_BYTES }
    }
}

impl RangeStrategy {
    pub(crate) const fn block_bytes(self) -> u64 {
        match self {
            Self::Blocks { block_size } | Self::WholeUpTo { block_size, .. } => block_size,
        }
    }

    /// The most bytes of a value that is fetched whole for a part of it by a cache of so many bytes.
    pub(crate) fn whole_bytes_max(self, cache_bytes_max: Option<u64>) -> u64 {
        match self {
            Self::Blocks { .. } => 0,
            Self::WholeUpTo { size_max, .. } => cache_bytes_max.map_or(size_max, |max| size_max.min(max / WHOLE_SHARE)),
        }
    }

    /// What is wrong with it.
    pub(crate) fn check(self) -> Result<(), String> {
        let block_bytes = self.block_bytes();
        if !(4096..=1 << 30).contains(&block_bytes) || !block_bytes.is_power_of_two() {
            return Err(format!("block_size is {block_bytes} bytes; it must be a power of two from 4 KiB to 1 GiB"));
        }
        match self {
            Self::WholeUpTo { size_max: 0, .. } => {
                Err("size_max of WholeUpTo is 0, which no value comes under; use Blocks".into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_its_page_says() {
        let default = RangeStrategy::WholeUpTo { size_max: 1_048_576, block_size: 65_536 };
        assert_eq!(RangeStrategy::default(), default);
        assert_eq!((GAP_BYTES, CALL_BYTES_MAX), (262_144, 16_777_216));
    }

    #[test]
    fn a_block_is_a_power_of_two_from_4_kib_to_1_gib() {
        let check = |block_size: u64| RangeStrategy::Blocks { block_size }.check();
        assert!([4096, 8192, 1 << 30].into_iter().all(|block_size| check(block_size).is_ok()));
        assert!([0, 2048, 4097, 6144, 1 << 31].into_iter().all(|block_size| check(block_size).is_err()));
        assert!(RangeStrategy::WholeUpTo { size_max: 1, block_size: 4096 }.check().is_ok());
        assert!(RangeStrategy::WholeUpTo { size_max: 0, block_size: 4096 }.check().is_err());
    }

    #[test]
    fn a_whole_takes_a_quarter_of_the_room_at_most() {
        let strategy = RangeStrategy::WholeUpTo { size_max: 100, block_size: 4096 };
        for (room, whole) in [(None, 100), (Some(1_000), 100), (Some(200), 50), (Some(3), 0)] {
            assert_eq!(strategy.whole_bytes_max(room), whole, "{room:?}");
        }
        assert_eq!(RangeStrategy::Blocks { block_size: 4096 }.whole_bytes_max(None), 0);
    }
}
