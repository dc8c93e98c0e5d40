//! The watch: the present time, and whether the clock was set back since.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use zstore_core::{Clock, Timestamp};

/// Readings of several threads may reach us out of order, but not by so much: a clock that falls behind by more was
/// set back.
const SETBACK_MS: u64 = 1_000;
/// The latest reading is noted in steps of this, so that hits do not fight for one cache line.
const STEP_MS: u64 = 100;

/// A time, and how often the clock had been set back by then: two times with a setback between them cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    setbacks: u64,
}

impl Moment {
    /// How long before `self` that was; none if the clock was set back since, or if that is still to come.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        // Readings of one instant may differ by the slack that is no setback.
        let ahead = earlier.at.as_millis().saturating_sub(self.at.as_millis());
        let elapsed = self.at.as_millis().saturating_sub(earlier.at.as_millis());
        (earlier.setbacks == self.setbacks && ahead <= SETBACK_MS).then_some(Duration::from_millis(elapsed))
    }

    /// Whether that was not after `self`, as far as anyone can tell.
    pub(crate) fn may_follow(self, earlier: Self) -> bool {
        earlier.setbacks != self.setbacks || earlier.at <= self.at
    }
}

/// A moment that may be set to a later one.
#[derive(Debug)]
pub(crate) struct Mark {
    at_ms: AtomicU64,
    setbacks: AtomicU64,
}

impl Mark {
    pub(crate) const fn new(moment: Moment) -> Self {
        Self { at_ms: AtomicU64::new(moment.at.as_millis()), setbacks: AtomicU64::new(moment.setbacks) }
    }

    /// Whoever reads meanwhile gets the old moment, the new one, or one that compares with none.
    pub(crate) fn set(&self, moment: Moment) {
        self.setbacks.store(u64::MAX, Ordering::SeqCst);
        self.at_ms.store(moment.at.as_millis(), Ordering::SeqCst);
        self.setbacks.store(moment.setbacks, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> Moment {
        let setbacks = self.setbacks.load(Ordering::SeqCst);
        let at = Timestamp::from_millis(self.at_ms.load(Ordering::SeqCst));
        Moment { at, setbacks }
    }
}

/// A clock that notices when it is set back.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: Arc<dyn Clock>,
    /// About the latest time that was read.
    latest_ms: AtomicU64,
    /// How long the clock had been running by then, or a little later.
    running_ms: AtomicU64,
    setbacks: AtomicU64,
    /// The latest time that it showed, or would have shown, before it was set back: it shows times until then twice.
    twice_until_ms: AtomicU64,
}

impl Watch {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let latest_ms = AtomicU64::new(clock.now().as_millis());
        let running_ms = AtomicU64::new(whole_ms(clock.running()));
        Self { clock, latest_ms, running_ms, setbacks: AtomicU64::new(0), twice_until_ms: AtomicU64::new(0) }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let (now_ms, latest_ms) = (now.as_millis(), self.latest_ms.load(Ordering::Acquire));
        // The clock was set back too if it shows less time than has run, though nobody looked meanwhile.
        let running_ms = whole_ms(self.clock.running());
        let ran_ms = running_ms.saturating_sub(self.running_ms.load(Ordering::Acquire));
        if now_ms.saturating_add(SETBACK_MS) < latest_ms.saturating_add(ran_ms) {
            self.twice_until_ms.fetch_max(latest_ms.saturating_add(ran_ms), Ordering::AcqRel);
            // Counted before the latest time falls back: whoever reads the new time sees the count too.
            self.setbacks.fetch_add(1, Ordering::AcqRel);
            self.running_ms.fetch_max(running_ms, Ordering::AcqRel);
            self.latest_ms.store(now_ms, Ordering::Release);
        } else if now_ms >= latest_ms.saturating_add(STEP_MS) {
            // In this order: a reader between the two sees that less time has run, and no setback.
            self.running_ms.fetch_max(running_ms, Ordering::AcqRel);
            self.latest_ms.fetch_max(now_ms, Ordering::AcqRel);
        }
        now
    }

    /// The time `at`, if it is one that this watch has not seen pass: what another process noted. If it is still to
    /// come, it was told by another clock, and if it was shown twice, nobody knows how long ago it was: then it
    /// compares with no time of this one.
    pub(crate) fn noted(&self, at: Timestamp) -> Moment {
        let now = self.moment();
        let is_known = now.since(Moment { at, ..now }).is_some()
            && (now.setbacks == 0 || at.as_millis() > self.twice_until_ms.load(Ordering::Acquire));
        Moment { at, setbacks: if is_known { now.setbacks } else { u64::MAX } }
    }

    /// For the difference of two readings.
    pub(crate) fn running(&self) -> Duration {
        self.clock.running()
    }

    pub(crate) fn moment(&self) -> Moment {
        let at = self.now();
        Moment { at, setbacks: self.setbacks.load(Ordering::Acquire) }
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Debug)]
    struct Hands(Mutex<u64>);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(*self.0.lock())
        }
    }

    #[test]
    fn times_before_and_after_a_setback_cannot_be_compared() {
        let hands = Arc::new(Hands(Mutex::new(1_000_000)));
        let watch = Watch::new(Arc::clone(&hands) as _);
        let before = watch.moment();
        *hands.0.lock() = 1_060_000;
        assert_eq!(watch.moment().since(before), Some(Duration::from_secs(60)));
        *hands.0.lock() = 1_030_000;
        let after = watch.moment();
        assert_eq!(after.since(before), None, "it is any time from half a minute to for ever");
        *hands.0.lock() = 1_090_000;
        assert_eq!(watch.moment().since(before), None, "and stays so");
        assert_eq!(watch.moment().since(after), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_reading_that_comes_late_is_no_setback() {
        let hands = Arc::new(Hands(Mutex::new(1_000_500)));
        let watch = Watch::new(Arc::clone(&hands) as _);
        let first = watch.moment();
        *hands.0.lock() = 1_000_000;
        assert_eq!(watch.moment().since(first), Some(Duration::ZERO));
    }

    fn moment(at_ms: u64, setbacks: u64) -> Moment {
        Moment { at: Timestamp::from_millis(at_ms), setbacks }
    }

    #[test]
    fn a_second_behind_is_slack_and_more_is_a_setback() {
        for (behind, setback) in [(SETBACK_MS, false), (SETBACK_MS + 1, true)] {
            let hands = Arc::new(Hands(Mutex::new(1_000_000)));
            let watch = Watch::new(Arc::clone(&hands) as _);
            let first = watch.moment();
            *hands.0.lock() -= behind;
            assert_eq!(watch.moment().since(first).is_none(), setback, "{behind} ms");
            // Of one clock, without looking for setbacks.
            assert_eq!(moment(1_000_000 - behind, 0).since(moment(1_000_000, 0)).is_none(), setback, "{behind} ms");
        }
    }

    /// What it shows and how long it has been running, which nobody looked at meanwhile.
    #[derive(Debug)]
    struct Apart(Mutex<(u64, u64)>);

    impl Clock for Apart {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.lock().0)
        }

        fn running(&self) -> Duration {
            Duration::from_millis(self.0.lock().1)
        }
    }

    #[test]
    fn a_clock_that_shows_less_than_has_run_was_set_back() {
        for (readings, setbacks) in [
            ([(1_000_500, 11_500), (1_060_500, 71_500)], 0),
            ([(1_000_500, 11_501), (1_060_501, 71_501)], 1),
            // The time that ran until the first is not held against the second.
            ([(1_060_000, 70_000), (1_059_500, 70_400)], 0),
            ([(1_060_000, 70_000), (1_059_500, 70_501)], 1),
            // What is not a step further is no new latest time.
            ([(1_000_099, 10_000), (999_050, 10_000)], 0),
            ([(1_000_100, 10_000), (999_050, 10_000)], 1),
        ] {
            let hands = Arc::new(Apart(Mutex::new((1_000_000, 10_000))));
            let watch = Watch::new(Arc::clone(&hands) as _);
            for reading in readings {
                *hands.0.lock() = reading;
                assert_eq!(watch.moment().at.as_millis(), reading.0, "{readings:?}");
                assert_eq!(watch.running(), Duration::from_millis(reading.1));
            }
            assert_eq!(watch.moment().setbacks, setbacks, "{readings:?}");
        }
    }

    #[test]
    fn one_may_follow_another_unless_both_are_of_one_clock_and_it_was_earlier() {
        assert!(moment(5, 0).may_follow(moment(4, 0)));
        assert!(moment(5, 0).may_follow(moment(5, 0)));
        assert!(!moment(5, 0).may_follow(moment(6, 0)));
        assert!(moment(5, 1).may_follow(moment(6, 0)));
    }

    #[test]
    fn what_was_noted_of_a_time_to_come_or_shown_twice_compares_with_none() {
        let hands = Arc::new(Hands(Mutex::new(10_000)));
        let watch = Watch::new(Arc::clone(&hands) as _);
        let noted = |at_ms: u64| watch.noted(Timestamp::from_millis(at_ms));
        assert_eq!(watch.moment().since(noted(4_000)), Some(Duration::from_secs(6)));
        assert_eq!(watch.moment().since(noted(12_000)), None);
        assert_eq!(moment(20_000, 0).since(noted(12_000)), None, "nor later");
        *hands.0.lock() = 50_000;
        watch.now();
        // Whatever was noted until then may be older than it looks.
        *hands.0.lock() = 20_000;
        assert_eq!(watch.moment().since(noted(4_000)), None);
        *hands.0.lock() = 60_000;
        assert_eq!(watch.moment().since(noted(50_000)), None);
        assert_eq!(watch.moment().since(noted(51_000)), Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_mark_is_what_it_was_set_to() {
        let mark = Mark::new(moment(5, 1));
        assert_eq!(mark.get(), moment(5, 1));
        mark.set(moment(9, 2));
        assert_eq!(mark.get(), moment(9, 2));
    }
}
