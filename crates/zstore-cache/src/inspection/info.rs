//! What a cache is and holds.

use crate::{Freshness, WriteMode};

/// How a cache is set up, and what it holds at present.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheInfo {
    /// The tier, as it shows itself.
    pub tier: String,
    /// Whose bytes the cache holds.
    pub namespace: String,
    /// How old an answer may be, and what happens to what is older.
    pub freshness: Freshness,
    /// The bound in bytes on what the tier holds for this cache, `overhead_size` included; unbounded if none.
    pub max_size: Option<u64>,
    /// Bytes the tier may hold for this cache at this instant, their headers included: what is resident, being
    /// written or being removed. With `overhead_size` it is what `max_size` bounds. What an earlier process left in a
    /// tier that could not be opened yet is not known, and not in it. In a directory that is shared it is this cache's
    /// part; until it is known what an earlier one left, it is what may be there of it, which may be more than the
    /// bound of this one.
    pub current_size: u64,
    /// Bytes of the marker files that make the tier a cache.
    pub overhead_size: u64,
    /// Whether written values are kept.
    pub write_mode: WriteMode,
    /// Keys of which anything is in the tier.
    pub tracked_keys: u64,
    /// Blobs that are resident: whole values, blocks of values, absences.
    pub resident_blobs: u64,
    /// Fetches and writes under way, and keys whose blobs are being written or removed: 0 when the cache is at rest.
    pub under_way: u64,
}
