//! What is known of a value, as `object_store` has it.

use std::time::{Duration, UNIX_EPOCH};

use object_store::{ObjectMeta, PutResult, UpdateVersion, path::Path};
use zstore_core::{Meta, Timestamp, Version};

/// The last millisecond of the year 9999: later times have no date in every calendar, and no store is so late.
const MILLIS_MAX: u64 = 253_402_300_799_999;

pub(crate) fn object_meta(location: Path, meta: &Meta) -> ObjectMeta {
    let since_epoch = Duration::from_millis(meta.modified.map_or(0, shown_millis));
    let (e_tag, version) = version(&meta.version);
    ObjectMeta { location, last_modified: (UNIX_EPOCH + since_epoch).into(), size: meta.size, e_tag, version }
}

/// The time as it is shown, in milliseconds since the epoch.
pub(crate) fn shown_millis(time: Timestamp) -> u64 {
    time.as_millis().min(MILLIS_MAX)
}

pub(crate) fn put_result(written: &Version) -> PutResult {
    let (e_tag, version) = version(written);
    PutResult { e_tag, version, extensions: Default::default() }
}

/// The version that an update replaces.
pub(crate) fn known_version(theirs: UpdateVersion) -> Version {
    Version { e_tag: theirs.e_tag.map(Into::into), id: theirs.version.map(Into::into) }
}

fn version(version: &Version) -> (Option<String>, Option<String>) {
    (version.e_tag.as_deref().map(str::to_owned), version.id.as_deref().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use zstore_core::Key;

    use super::*;

    fn shown(modified: Option<u64>) -> ObjectMeta {
        let version = Version { e_tag: Some("\"a\"".into()), id: Some("7".into()) };
        let modified = modified.map(Timestamp::from_millis);
        object_meta(Path::from("k"), &Meta { key: Key::new("k").unwrap(), size: 5, modified, version })
    }

    #[test]
    fn all_that_is_known_is_shown() {
        let meta = shown(Some(1_500));
        assert_eq!((meta.location.as_ref(), meta.size, meta.last_modified.timestamp_millis()), ("k", 5, 1_500));
        assert_eq!((meta.e_tag.as_deref(), meta.version.as_deref()), (Some("\"a\""), Some("7")));
    }

    #[test]
    fn an_unknown_time_is_the_epoch_and_a_late_one_the_end_of_the_calendar() {
        assert_eq!(shown(None).last_modified.timestamp_millis(), 0);
        assert_eq!(shown(Some(u64::MAX)).last_modified.to_rfc3339(), "9999-12-31T23:59:59.999+00:00");
    }

    #[test]
    fn a_version_survives_there_and_back() {
        let version = Version { e_tag: Some("\"a\"".into()), id: Some("7".into()) };
        assert_eq!(known_version(put_result(&version).into()), version);
    }
}
