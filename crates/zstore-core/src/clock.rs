//! Where time comes from. This is the only file that asks the system for it.

use std::{
    fmt::Debug,
    time::{Duration, Instant, SystemTime},
};

use crate::Timestamp;

/// A source of the present time.
pub trait Clock: Debug + Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;

    /// How long the clock has been running since some moment of its own: the difference of two readings is how long
    /// something took.
    ///
    /// Provided: what [`now`](Self::now) shows, in milliseconds, set back whenever that is.
    fn running(&self) -> Duration {
        Duration::from_millis(self.now().as_millis())
    }
}

/// The system's clock, made safe for measuring ages.
///
/// It is the later of two readings: the wall clock, and the wall clock at construction plus the time that has run
/// since. So a wall clock set back does not make old data young again, and a machine that slept (when the running
/// time stood still) wakes to the right time.
#[derive(Debug)]
pub struct SystemClock {
    wall_at_start: Timestamp,
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { wall_at_start: SystemTime::now().into(), start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        later(self.wall_at_start, self.start.elapsed(), SystemTime::now().into())
    }

    fn running(&self) -> Duration {
        self.start.elapsed()
    }
}

fn later(wall_at_start: Timestamp, running: Duration, wall: Timestamp) -> Timestamp {
    wall_at_start.saturating_add(running).max(wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_set_back_does_not_turn_time_back() {
        let (start, hour) = (Timestamp::from_millis(10_000_000), Duration::from_secs(3600));
        assert_eq!(later(start, hour, start), start.saturating_add(hour));
    }

    #[test]
    fn a_machine_that_slept_wakes_to_the_wall_clock() {
        let start = Timestamp::from_millis(10_000_000);
        let woken = start.saturating_add(Duration::from_secs(8 * 3600));
        assert_eq!(later(start, Duration::from_secs(1), woken), woken);
    }
}
