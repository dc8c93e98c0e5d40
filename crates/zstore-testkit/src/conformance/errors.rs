//! What an error tells.

use std::sync::Arc;

use zstore_core::{ByteRange, Error, ErrorKind, GetOptions, Key, Operation, ReadStore, SetMode, Store, StoreExt};

use super::{
    case::{Case, Facts, always, read_case, strong_versions, write_case},
    expect::{expect_error, foreign_version, key},
    failure::{Outcome, ensure},
    read::ten,
};

pub(super) const CASES: &[Case] = &[
    read_case!(ERRORS, an_invalid_range_names_get_key_and_store, always, ten),
    read_case!(ERRORS, an_invalid_range_of_several_names_key_and_store, always, ten),
    read_case!(ERRORS, a_failed_condition_names_get_key_and_store, strong_versions, ten),
    write_case!(ERRORS, a_failed_create_names_set_key_and_store, creates),
];

fn creates(facts: &Facts) -> bool {
    facts.capabilities.create
}

/// Looks for the names in an error. A wrapper may hand on the names its inner store uses: a longer key, an inner store.
fn expect_names(store: &dyn ReadStore, operations: &[Operation], key: &Key, error: &Error) -> Outcome {
    let seen = error.operation();
    ensure!(operations.contains(&seen), "saw {seen:?} in an error where {operations:?} was done");
    let named = error.key().is_some_and(|seen| seen.ends_with(key.as_str()));
    ensure!(named, "saw the key {:?} in an error about {key:?}", error.key());
    let shown = store.to_string();
    let named = error.store().is_some_and(|seen| !seen.is_empty() && shown.contains(seen));
    ensure!(named, "saw the store {:?} in an error of {shown}", error.store());
    let line = error.to_string();
    let tidy = !line.contains('\n') && !line.starts_with(char::is_uppercase) && !line.ends_with('.');
    ensure!(tidy, "saw an error that is not one plain line in lower case: {line:?}");
    ensure!(!error.is_retryable(), "saw an error that the caller must change something about called retryable: {line}");
    Ok(())
}

async fn an_invalid_range_names_get_key_and_store(store: Arc<dyn ReadStore>) -> Outcome {
    let key = key("a")?;
    let fetch = store.get(&key, &GetOptions::range(ByteRange::From(11))).await;
    let error = expect_error("bytes 11.. of 10", ErrorKind::InvalidRange, fetch)?;
    expect_names(&*store, &[Operation::Get], &key, &error)
}

async fn an_invalid_range_of_several_names_key_and_store(store: Arc<dyn ReadStore>) -> Outcome {
    let key = key("a")?;
    let found = store.get_ranges(&key, &[ByteRange::From(0), ByteRange::From(11)]).await;
    let error = expect_error("bytes 11.. of 10", ErrorKind::InvalidRange, found)?;
    // A store that answers several ranges by single gets tells of the get that failed.
    expect_names(&*store, &[Operation::GetRanges, Operation::Get], &key, &error)
}

async fn a_failed_condition_names_get_key_and_store(store: Arc<dyn ReadStore>) -> Outcome {
    let key = key("a")?;
    let fetch = store.get(&key, &GetOptions::default().if_match(foreign_version())).await;
    let error = expect_error("a version no store gives", ErrorKind::PreconditionFailed, fetch)?;
    expect_names(&*store, &[Operation::Get], &key, &error)
}

async fn a_failed_create_names_set_key_and_store(store: Arc<dyn Store>) -> Outcome {
    let key = key("a/b")?;
    store.put(&key, "first").await?;
    let set = store.set(&key, "second".into(), SetMode::Create).await;
    let error = expect_error("a create of what is there", ErrorKind::PreconditionFailed, set)?;
    expect_names(&*store, &[Operation::Set], &key, &error)
}
