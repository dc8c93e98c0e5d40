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

    #[test]
    fn each_count_is_told_under_its_own_name_of_the_cache_and_of_the_array() {
        let tallies = Tallies::new("n", true);
        let key = Key::new("a/zarr.json").unwrap();
        (1..).zip(Count::ALL).for_each(|(more, count)| tallies.add(&key, count, more));
        let stats = Stats {
            hits: 1,
            absent_hits: 2,
            misses: 3,
            coalesced: 4,
            revalidated: 5,
            stale: 6,
            bypassed: 7,
            source_requests: 8,
            source_bytes: 9,
            tier_bytes: 10,
            evictions: 11,
            expirations: 12,
            corrupt: 13,
            refused: 14,
            tier_faults: 15,
            ..Stats::default()
        };
        assert_eq!(tallies.stats(), stats);
        let arrays = tallies.arrays.as_ref().unwrap().stats(std::iter::empty());
        assert_eq!(
            arrays.into_iter().map(|array| (array.array, array.stats)).collect::<Vec<_>>(),
            [("a".into(), stats)]
        );
    }

    #[test]
    fn what_the_source_and_what_the_tier_took_are_two_histograms() {
        let tallies = Tallies::new("n", false);
        tallies.source_took(Duration::from_millis(1));
        (0..2).for_each(|_| tallies.tier_took(Duration::from_millis(5)));
        let (source, tier) = (tallies.stats().source_latency, tallies.stats().tier_latency);
        assert_eq!((source.count(), source.total()), (1, Duration::from_millis(1)));
        assert_eq!((tier.count(), tier.total()), (2, Duration::from_millis(10)));
    }

    #[test]
    fn who_leaves_for_room_or_age_is_counted_and_who_was_told_to_is_not() {
        let counted = Reason::ALL.map(Count::of_leaving);
        assert_eq!(counted[..2], [Some(Count::Evictions), Some(Count::Expirations)]);
        assert_eq!(counted[2..], [None; 5]);
    }
}
