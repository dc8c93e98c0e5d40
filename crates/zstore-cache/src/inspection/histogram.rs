//! Histograms of how long things took.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Two for each doubling, from a microsecond to 100 seconds.
const BUCKETS: usize = 54;

/// How long things took.
///
/// Durations are counted in buckets, two for each doubling. So a quantile is never too low and at most half too high,
/// from 1 µs to 100 s; what took longer is told as 100 s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    total: Duration,
}

impl Histogram {
    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long they took together.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// How long they took on average; `None` if there was none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let mean_ns = self.total.as_nanos().checked_div(u128::from(self.count()))?;
        Some(Duration::from_nanos(u64::try_from(mean_ns).unwrap_or(u64::MAX)))
    }

    /// The duration that this part of them did not exceed, `0.5` for the median; `None` if there was none.
    ///
    /// It is the upper end of a bucket.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((count as f64 * part.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut below = 0;
        self.counts
            .iter()
            .position(|in_bucket| {
                below += in_bucket;
                below >= rank
            })
            .map(upper_end)
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, earlier) in counts.iter_mut().zip(&earlier.counts) {
            *count = count.saturating_sub(*earlier);
        }
        Self { counts, total: self.total.saturating_sub(earlier.total) }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: Duration::ZERO }
    }
}

/// A histogram that many count into at once.
#[derive(Debug)]
pub(crate) struct Durations {
    counts: [AtomicU64; BUCKETS],
    total_ns: AtomicU64,
}

impl Durations {
    pub(crate) fn record(&self, duration: Duration) {
        self.counts[bucket(duration)].fetch_add(1, Ordering::Relaxed);
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.total_ns.fetch_add(ns, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Histogram {
        Histogram {
            counts: std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed)),
            total: Duration::from_nanos(self.total_ns.load(Ordering::Relaxed)),
        }
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), total_ns: AtomicU64::new(0) }
    }
}

/// Bucket 0 is up to 1 µs, then come up to 1.5 µs, 2 µs, 3 µs, 4 µs, and so on; the last takes all the rest.
fn bucket(duration: Duration) -> usize {
    (0..BUCKETS - 1).find(|at| duration <= upper_end(*at)).unwrap_or(BUCKETS - 1)
}

const fn upper_end(bucket: usize) -> Duration {
    let doubled = 1_000_u64 << (bucket / 2);
    Duration::from_nanos(if bucket.is_multiple_of(2) { doubled } else { doubled + doubled / 2 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quantile_is_the_upper_end_of_its_bucket() {
        let durations = Durations::default();
        assert_eq!((durations.read().quantile(0.5), durations.read().mean()), (None, None));
        for ms in [1, 1, 1, 1, 1, 1, 1, 1, 1, 100] {
            durations.record(Duration::from_millis(ms));
        }
        let read = durations.read();
        assert_eq!((read.count(), read.mean()), (10, Some(Duration::from_micros(10_900))));
        assert_eq!(read.quantile(0.9), Some(Duration::from_nanos(1_024_000)));
        assert_eq!(read.quantile(0.91), Some(Duration::from_nanos(131_072_000)));
        let later = Durations::default().read().since(&read);
        assert_eq!(later.count(), 0);
    }

    #[test]
    fn what_was_counted_since_is_the_difference() {
        let durations = Durations::default();
        durations.record(Duration::from_millis(1));
        let before = durations.read();
        durations.record(Duration::from_millis(1));
        durations.record(Duration::from_millis(30));
        let since = durations.read().since(&before);
        assert_eq!((since.count(), since.total()), (2, Duration::from_millis(31)));
        assert_eq!(since.quantile(0.5), Some(Duration::from_nanos(1_024_000)));
        let none = before.since(&durations.read());
        assert_eq!((none.count(), none.total(), none.quantile(1.0)), (0, Duration::ZERO, None));
    }

    #[test]
    fn what_takes_longer_than_is_told_apart_is_told_as_the_longest() {
        for longer in [Duration::from_secs(101), Duration::from_secs(134), Duration::MAX] {
            let durations = Durations::default();
            durations.record(longer);
            assert_eq!(durations.read().quantile(0.0), Some(Duration::from_nanos(100_663_296_000)), "{longer:?}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_lies_in_its_bucket_and_in_none_before(ns in 0u64..100_000_000_000) {
            let duration = Duration::from_nanos(ns);
            let at = bucket(duration);
            prop_assert!(duration <= upper_end(at) || at == BUCKETS - 1);
            prop_assert!(at == 0 || duration > upper_end(at - 1));
        }
    }
}
