//! What a cache has done since it was built.

use crate::Histogram;

/// Counts since the cache was built. Every number only grows.
///
/// Each read (get, `get_ranges` or head) that was answered is counted once: as a hit, revalidated, stale, a miss,
/// coalesced, or bypassed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Reads answered without asking the source.
    pub hits: u64,
    /// Hits whose answer was that the value is missing. They are counted in `hits` too.
    pub absent_hits: u64,
    /// Reads that asked the source, for all that was wanted or for a part of it.
    pub misses: u64,
    /// Reads that asked nobody because they joined what others were fetching. They are no hits, for their readers
    /// waited for the source, and no misses, for they made no request.
    pub coalesced: u64,
    /// Reads answered with what was resident after the source said that it still has this version.
    pub revalidated: u64,
    /// Reads answered with what was resident though it had passed its age, as [`Freshness`](crate::Freshness) allows.
    pub stale: u64,
    /// Reads that asked the source while the tier was left alone for its faults.
    pub bypassed: u64,
    /// Calls to the source to read. One call may be several requests on the wire if a remote store splits it.
    pub source_requests: u64,
    /// Bytes of values that came from the source.
    pub source_bytes: u64,
    /// Bytes of values that were read from what was resident; of a part, all of the blocks it lies in.
    pub tier_bytes: u64,
    /// What was resident and left to make room.
    pub evictions: u64,
    /// What was resident and left for its age.
    pub expirations: u64,
    /// Blobs in the tier that were damaged: dropped, and fetched anew when asked for.
    pub corrupt: u64,
    /// Fetched or written values that found no room in the tier, or that the policy did not admit. A value that comes
    /// while all room is being written in or vacated waits for its turn, for as long as one operation on the tier may
    /// take.
    pub refused: u64,
    /// Failed or unanswered operations on the tier. None of them failed a read or a write.
    pub tier_faults: u64,
    /// How long calls to the source to read took.
    pub source_latency: Histogram,
    /// How long reads of blobs from the tier took. A tier in the same memory is not read.
    pub tier_latency: Histogram,
}

impl Stats {
    /// All reads that were answered.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.hits + self.misses + self.coalesced + self.revalidated + self.stale + self.bypassed
    }

    /// The part of all reads that was answered with what was resident: hits, revalidated and stale ones; 0 before the
    /// first read.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        let reads = self.reads();
        if reads == 0 { 0.0 } else { (self.hits + self.revalidated + self.stale) as f64 / reads as f64 }
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(earlier.hits),
            absent_hits: self.absent_hits.saturating_sub(earlier.absent_hits),
            misses: self.misses.saturating_sub(earlier.misses),
            coalesced: self.coalesced.saturating_sub(earlier.coalesced),
            revalidated: self.revalidated.saturating_sub(earlier.revalidated),
            stale: self.stale.saturating_sub(earlier.stale),
            bypassed: self.bypassed.saturating_sub(earlier.bypassed),
            source_requests: self.source_requests.saturating_sub(earlier.source_requests),
            source_bytes: self.source_bytes.saturating_sub(earlier.source_bytes),
            tier_bytes: self.tier_bytes.saturating_sub(earlier.tier_bytes),
            evictions: self.evictions.saturating_sub(earlier.evictions),
            expirations: self.expirations.saturating_sub(earlier.expirations),
            corrupt: self.corrupt.saturating_sub(earlier.corrupt),
            refused: self.refused.saturating_sub(earlier.refused),
            tier_faults: self.tier_faults.saturating_sub(earlier.tier_faults),
            source_latency: self.source_latency.since(&earlier.source_latency),
            tier_latency: self.tier_latency.since(&earlier.tier_latency),
        }
    }
}
