//! The exporter: what is counted goes to the program's metrics recorder too, with the feature `metrics`.
//!
//! Names and labels are in the crate's documentation. Handles are taken from the recorder when the cache is built, so
//! that counting is one atomic addition; a recorder that is installed later sees nothing.

use std::time::Duration;

use crate::inspection::counters::Count;

#[cfg(not(feature = "metrics"))]
#[derive(Debug)]
pub(crate) struct Exporter;

#[cfg(not(feature = "metrics"))]
impl Exporter {
    pub(crate) const fn new(_namespace: &str) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn add(&self, _count: Count, _more: u64) {}

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn source_took(&self, _duration: Duration) {}

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn tier_took(&self, _duration: Duration) {}
}

#[cfg(feature = "metrics")]
pub(crate) struct Exporter {
    counters: [metrics::Counter; Count::ALL.len()],
    source_seconds: metrics::Histogram,
    tier_seconds: metrics::Histogram,
}

#[cfg(feature = "metrics")]
impl Exporter {
    pub(crate) fn new(namespace: &str) -> Self {
        let cache = namespace.to_owned();
        Self {
            counters: Count::ALL.map(|count| match name(count) {
                (name, Some(outcome)) => metrics::counter!(name, "cache" => cache.clone(), "outcome" => outcome),
                (name, None) => metrics::counter!(name, "cache" => cache.clone()),
            }),
            source_seconds: metrics::histogram!("zstore_source_request_seconds", "cache" => cache.clone()),
            tier_seconds: metrics::histogram!("zstore_tier_read_seconds", "cache" => cache),
        }
    }

    pub(crate) fn add(&self, count: Count, more: u64) {
        self.counters[count as usize].increment(more);
    }

    pub(crate) fn source_took(&self, duration: Duration) {
        self.source_seconds.record(duration);
    }

    pub(crate) fn tier_took(&self, duration: Duration) {
        self.tier_seconds.record(duration);
    }
}

#[cfg(feature = "metrics")]
impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// The name of a counter, and the outcome of reads that it is about.
#[cfg(feature = "metrics")]
const fn name(count: Count) -> (&'static str, Option<&'static str>) {
    const READS: &str = "zstore_reads_total";
    match count {
        Count::Hits => (READS, Some("hit")),
        Count::Misses => (READS, Some("miss")),
        Count::Coalesced => (READS, Some("coalesced")),
        Count::Revalidated => (READS, Some("revalidated")),
        Count::Stale => (READS, Some("stale")),
        Count::Bypassed => (READS, Some("bypass")),
        Count::AbsentHits => ("zstore_absent_hits_total", None),
        Count::SourceRequests => ("zstore_source_requests_total", None),
        Count::SourceBytes => ("zstore_source_bytes_total", None),
        Count::TierBytes => ("zstore_tier_bytes_total", None),
        Count::Evictions => ("zstore_evictions_total", None),
        Count::Expirations => ("zstore_expirations_total", None),
        Count::Corrupt => ("zstore_corrupt_total", None),
        Count::Refused => ("zstore_refused_total", None),
        Count::TierFaults => ("zstore_tier_faults_total", None),
    }
}
