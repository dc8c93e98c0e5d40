//! Gets under conditions.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, ReadStore, Store, StoreExt, Version};

use super::{
    case::{Case, Values, read_case, strong_versions, write_case},
    expect::{TEN, expect_error, foreign_version, key, object, show, whole},
    failure::{Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    read_case!(R6, the_present_version_is_not_modified, strong_versions, two),
    read_case!(R6, a_value_of_another_version_is_modified, strong_versions, two),
    read_case!(R6, a_value_of_the_wanted_version_is_answered, strong_versions, two),
    read_case!(R6, a_value_that_is_not_the_wanted_version_is_refused, strong_versions, two),
    read_case!(R6, a_missing_value_is_missing_under_any_condition, strong_versions, two),
    read_case!(R6, conditions_hold_for_parts_too, strong_versions, two),
    read_case!(R6, an_unknown_version_matches_nothing, strong_versions, two),
    write_case!(R6, conditions_tell_an_overwritten_value_from_the_old, strong_versions),
];

fn two() -> Values {
    vec![("a".into(), Bytes::from_static(TEN)), ("b".into(), Bytes::from_static(b"another"))]
}

fn if_match(version: &Version) -> GetOptions {
    GetOptions::default().if_match(version.clone())
}

fn if_none_match(version: &Version) -> GetOptions {
    GetOptions::default().if_none_match(version.clone())
}

/// The version of `a`, and two that `a` is not: that of `b` and one that no store gives.
async fn versions(store: &dyn ReadStore) -> Outcome<(Version, [Version; 2])> {
    let present = whole(store, &key("a")?).await?.meta.version;
    let other = whole(store, &key("b")?).await?.meta.version;
    Ok((present, [other, foreign_version()]))
}

async fn the_present_version_is_not_modified(store: Arc<dyn ReadStore>) -> Outcome {
    let (present, _) = versions(&*store).await?;
    let fetch = store.get(&key("a")?, &if_none_match(&present)).await?;
    let told = matches!(&fetch, Fetch::NotModified(version) if *version == present);
    ensure!(told, "saw {fetch:?} for if_none_match with the present version {present:?}");
    Ok(())
}

async fn a_value_of_another_version_is_modified(store: Arc<dyn ReadStore>) -> Outcome {
    for other in versions(&*store).await?.1 {
        let object = object(&key("a")?, store.get(&key("a")?, &if_none_match(&other)).await?)?;
        ensure!(object.bytes == TEN, "saw {} for if_none_match with another version", show(&object.bytes));
    }
    Ok(())
}

async fn a_value_of_the_wanted_version_is_answered(store: Arc<dyn ReadStore>) -> Outcome {
    let (present, _) = versions(&*store).await?;
    let object = object(&key("a")?, store.get(&key("a")?, &if_match(&present)).await?)?;
    ensure!(object.bytes == TEN, "saw {} for if_match with the present version", show(&object.bytes));
    Ok(())
}

async fn a_value_that_is_not_the_wanted_version_is_refused(store: Arc<dyn ReadStore>) -> Outcome {
    for other in versions(&*store).await?.1 {
        let fetch = store.get(&key("a")?, &if_match(&other)).await;
        expect_error(&format!("if_match with {other:?}"), ErrorKind::PreconditionFailed, fetch)?;
    }
    Ok(())
}

async fn a_missing_value_is_missing_under_any_condition(store: Arc<dyn ReadStore>) -> Outcome {
    let (present, [other, foreign]) = versions(&*store).await?;
    for version in [present, other, foreign] {
        for options in [if_match(&version), if_none_match(&version)] {
            let fetch = store.get(&key("missing")?, &options).await?;
            ensure!(fetch == Fetch::Missing, "saw {fetch:?} for a missing value under {options:?}");
        }
    }
    Ok(())
}

async fn conditions_hold_for_parts_too(store: Arc<dyn ReadStore>) -> Outcome {
    let (key, (present, [other, _])) = (key("a")?, versions(&*store).await?);
    let part = |options| GetOptions { range: Some(ByteRange::Bounded(2..5)), ..options };
    let wanted = object(&key, store.get(&key, &part(if_match(&present))).await?)?.bytes;
    ensure!(wanted == "234", "saw {} for bytes 2..5 under if_match", show(&wanted));
    let modified = object(&key, store.get(&key, &part(if_none_match(&other))).await?)?.bytes;
    ensure!(modified == "234", "saw {} for bytes 2..5 under if_none_match", show(&modified));
    let fetch = store.get(&key, &part(if_none_match(&present))).await?;
    ensure!(matches!(fetch, Fetch::NotModified(_)), "saw {fetch:?} for bytes 2..5 of a value that is not modified");
    let fetch = store.get(&key, &part(if_match(&other))).await;
    expect_error("bytes 2..5 of another version", ErrorKind::PreconditionFailed, fetch).map(drop)
}

async fn an_unknown_version_matches_nothing(store: Arc<dyn ReadStore>) -> Outcome {
    let (key, unknown) = (key("a")?, Version::default());
    let object = object(&key, store.get(&key, &if_none_match(&unknown)).await?)?;
    ensure!(object.bytes == TEN, "saw {} for if_none_match with an unknown version", show(&object.bytes));
    let fetch = store.get(&key, &if_match(&unknown)).await;
    expect_error("if_match with an unknown version", ErrorKind::PreconditionFailed, fetch).map(drop)
}

async fn conditions_tell_an_overwritten_value_from_the_old(store: Arc<dyn Store>) -> Outcome {
    let key = key("a")?;
    let old = store.put(&key, "old").await?;
    let new = store.put(&key, "new").await?;
    let seen = object(&key, store.get(&key, &if_none_match(&old)).await?)?.bytes;
    ensure!(seen == "new", "saw {} for what is no longer the old version", show(&seen));
    let fetch = store.get(&key, &if_match(&old)).await;
    expect_error("if_match with the old version", ErrorKind::PreconditionFailed, fetch)?;
    let fetch = store.get(&key, &if_none_match(&new)).await?;
    ensure!(matches!(fetch, Fetch::NotModified(_)), "saw {fetch:?} for if_none_match with the version just set");
    Ok(())
}
