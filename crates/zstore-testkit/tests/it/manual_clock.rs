//! The manual clock.

use std::time::Duration;

use zstore_core::{Clock, Timestamp};
use zstore_testkit::ManualClock;

#[test]
fn it_stands_still_until_moved_and_goes_back_when_told() {
    let clock = ManualClock::new(Timestamp::from_millis(10_000));
    assert_eq!(clock.now(), clock.now());
    clock.advance(Duration::from_millis(500));
    assert_eq!(clock.now(), Timestamp::from_millis(10_500));
    clock.set(Timestamp::from_millis(3));
    assert_eq!(clock.now(), Timestamp::from_millis(3));
}

#[test]
fn it_stops_at_the_end_of_time() {
    let clock = ManualClock::default();
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Timestamp::from_millis(u64::MAX));
}
