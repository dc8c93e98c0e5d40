//! A clock that stands still until a test moves it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use zstore_core::{Clock, Timestamp};

/// A [`Clock`] that a test sets and moves, backwards too.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use zstore_core::{Clock, Timestamp};
/// use zstore_testkit::ManualClock;
///
/// let clock = ManualClock::new(Timestamp::from_millis(1_000));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now(), Timestamp::from_millis(2_000));
/// clock.set(Timestamp::from_millis(0));
/// assert_eq!(clock.now(), Timestamp::from_millis(0));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    /// Milliseconds since the Unix epoch. Sequentially consistent, so that a test that moves it before it signals
    /// another task need not think about it.
    millis: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { millis: AtomicU64::new(now.as_millis()) }
    }

    /// Moves the clock forward; at the end of time it stays there.
    pub fn advance(&self, duration: Duration) {
        let moved = |millis| Some(Timestamp::from_millis(millis).saturating_add(duration).as_millis());
        // The closure always answers, so the update always happens and there is no failure to report.
        let _ = self.millis.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// Sets the clock to `now`, which may be earlier than what it shows: wall clocks do that.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// The first of January 2024, UTC: far enough from the epoch that a test can look back.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_704_067_200_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}
