//! Ages and durations as people write them.

use std::time::{Duration, SystemTime};

use zstore_core::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// Reads a duration: `30d`, `12h`, `1d12h`, `90 min`.
///
/// # Errors
/// What is wrong with the text, and what would be right, in a few words.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || format!("{text:?} is not a duration; write 30d, 12h, 45min, 90s or 1d12h");
    let too_long = || format!("{text:?} is longer than there can be");
    let mut rest = text.trim();
    let mut seconds: u64 = 0;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(refuse)?;
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(refuse());
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(unit_seconds(unit).ok_or_else(refuse)?).ok_or_else(too_long)?;
        seconds = seconds.checked_add(part).ok_or_else(too_long)?;
        rest = tail.trim_start();
    }
    Ok(Duration::from_secs(seconds))
}

fn unit_seconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => WEEK,
        _ => return None,
    })
}

/// A duration for a person to read, in the largest unit of which there are two: `36 h`, `9 d`.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min")];
    let fitting = units.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = fitting.unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

/// The present.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// How old something of that time is; of no age if the time is still to come, as by another machine's clock.
pub(crate) fn of(time: Timestamp, now: Timestamp) -> Duration {
    now.since(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("30d", 30 * DAY),
            ("12h", 12 * HOUR),
            ("1d12h", 36 * HOUR),
            ("1d 12h", 36 * HOUR),
            ("45min", 45 * MINUTE),
            ("45m", 45 * MINUTE),
            ("2 weeks", 2 * WEEK),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_would_be_one() {
        for text in ["", " ", "30", "d", "30 parsecs", "-1d", "1.5d", "d30", "1d12"] {
            assert!(parse(text).is_err_and(|error| error.contains("write 30d")), "{text}");
        }
        for text in ["99999999999999999999s", "18446744073709551615d", "18446744073709551615s1s"] {
            assert!(parse(text).is_err_and(|error| error.contains("longer")), "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_in_the_unit_of_which_there_are_two() {
        let shown = [0, 119, 120, 2 * HOUR, 36 * HOUR, 2 * DAY].map(|seconds| show(Duration::from_secs(seconds)));
        assert_eq!(shown, ["0 s", "119 s", "2 min", "2 h", "36 h", "2 d"]);
    }

    #[test]
    fn what_is_still_to_come_has_no_age() {
        let at = Timestamp::from_millis;
        assert_eq!([of(at(1000), at(3000)), of(at(3000), at(1000))], [Duration::from_secs(2), Duration::ZERO]);
    }
}
