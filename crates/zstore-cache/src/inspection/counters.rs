//! Counters of what a cache does: for all of it, for each array if asked, and for a metrics recorder if there is one.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use zstore_core::Key;
use zstore_policy::Reason;

use crate::{Stats, inspection::arrays::Arrays, inspection::exporter::Exporter, inspection::histogram::Durations};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Hits,
    AbsentHits,
    Misses,
    Coalesced,
    Revalidated,
    Stale,
    Bypassed,
    SourceRequests,
    SourceBytes,
    TierBytes,
    Evictions,
    Expirations,
    Corrupt,
    Refused,
    TierFaults,
}

impl Count {
    pub(crate) const ALL: [Self; 15] = [
        Self::Hits,
        Self::AbsentHits,
        Self::Misses,
        Self::Coalesced,
        Self::Revalidated,
        Self::Stale,
        Self::Bypassed,
        Self::SourceRequests,
        Self::SourceBytes,
        Self::TierBytes,
        Self::Evictions,
        Self::Expirations,
        Self::Corrupt,
        Self::Refused,
        Self::TierFaults,
    ];

    /// As what something that leaves for this reason is counted.
    pub(crate) const fn of_leaving(reason: Reason) -> Option<Self> {
        match reason {
            Reason::Evicted => Some(Self::Evictions),
            Reason::Expired => Some(Self::Expirations),
            _ => None,
        }
    }
}

/// One number for each [`Count`].
#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; Count::ALL.len()]);

impl Counters {
    pub(crate) fn add(&self, count: Count, more: u64) {
        self.0[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        let get = |count: Count| self.0[count as usize].load(Ordering::Relaxed);
        Stats {
            hits: get(Count::Hits),
            absent_hits: get(Count::AbsentHits),
            misses: get(Count::Misses),
            coalesced: get(Count::Coalesced),
            revalidated: get(Count::Revalidated),
            stale: get(Count::Stale),
            bypassed: get(Count::Bypassed),
            source_requests: get(Count::SourceRequests),
            source_bytes: get(Count::SourceBytes),
            tier_bytes: get(Count::TierBytes),
            evictions: get(Count::Evictions),
            expirations: get(Count::Expirations),
            corrupt: get(Count::Corrupt),
            refused: get(Count::Refused),
            tier_faults: get(Count::TierFaults),
            ..Stats::default()
        }
    }
}

/// All that a cache counts.
#[derive(Debug)]
pub(crate) struct Tallies {
    all: Counters,
    pub(crate) arrays: Option<Arrays>,
    exporter: Exporter,
    source_latency: Durations,
    tier_latency: Durations,
}

impl Tallies {
    pub(crate) fn new(namespace: &str, by_array: bool) -> Self {
        Self {
            all: Counters::default(),
            arrays: by_array.then(Arrays::default),
            exporter: Exporter::new(namespace),
            source_latency: Durations::default(),
            tier_latency: Durations::default(),
        }
    }

    /// Counts what concerns one value.
    pub(crate) fn add(&self, key: &Key, count: Count, more: u64) {
        self.add_everywhere(count, more);
        if let Some(arrays) = &self.arrays {
            arrays.of(key).add(count, more);
        }
    }

    /// Counts what concerns no value in particular.
    pub(crate) fn add_everywhere(&self, count: Count, more: u64) {
        if more > 0 {
            self.all.add(count, more);
            self.exporter.add(count, more);
        }
    }

    pub(crate) fn source_took(&self, duration: Duration) {
        self.source_latency.record(duration);
        self.exporter.source_took(duration);
    }

    pub(crate) fn tier_took(&self, duration: Duration) {
        self.tier_latency.record(duration);
        self.exporter.tier_took(duration);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { source_latency: self.source_latency.read(), tier_latency: self.tier_latency.read(), ..self.all.stats() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_place_of_its_own() {
        for (at, count) in Count::ALL.into_iter().enumerate() {
            assert_eq!(count as usize, at);
        }
    }
}
