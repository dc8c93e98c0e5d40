//! Sets under a condition.

use std::sync::Arc;

use zstore_core::{ErrorKind, SetMode, Store, StoreExt, Version};

use super::{
    case::{Case, Facts, write_case},
    expect::{expect_error, expect_missing, expect_value, foreign_version, key, meta},
    failure::{Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W3, a_create_writes_where_there_is_nothing, creates),
    write_case!(W3, a_create_is_refused_where_there_is_a_value, creates),
    write_case!(W3, a_create_is_refused_by_a_value_of_no_bytes, creates),
    write_case!(W3, a_create_writes_where_a_value_was_deleted, creates),
    write_case!(W3, an_update_of_the_present_version_writes, updates),
    write_case!(W3, an_update_of_an_old_version_is_refused, updates),
    write_case!(W3, an_update_of_a_missing_value_is_refused, updates),
    write_case!(W3, an_update_of_an_unknown_version_is_refused, updates),
    write_case!(W2, a_refused_create_changes_nothing, creates),
    write_case!(W2, a_refused_update_changes_nothing, updates),
    write_case!(CAPABILITIES, a_create_is_refused_without_the_capability, |facts| !creates(facts)),
    write_case!(CAPABILITIES, an_update_is_refused_without_the_capability, |facts| !updates(facts)),
];

fn creates(facts: &Facts) -> bool {
    facts.capabilities.create
}

fn updates(facts: &Facts) -> bool {
    facts.capabilities.update
}

/// Tries a set that must be refused because its condition does not hold.
async fn expect_refused(store: &dyn Store, mode: SetMode) -> Outcome {
    let call = format!("a set under {mode:?}");
    let set = store.set(&key("a")?, "refused".into(), mode).await;
    expect_error(&call, ErrorKind::PreconditionFailed, set).map(drop)
}

async fn a_create_writes_where_there_is_nothing(store: Arc<dyn Store>) -> Outcome {
    store.create(&key("a")?, "first").await?;
    expect_value(&*store, "a", b"first").await?;
    store.create(&key("d/a")?, "deeper").await?;
    expect_value(&*store, "d/a", b"deeper").await
}

async fn a_create_is_refused_where_there_is_a_value(store: Arc<dyn Store>) -> Outcome {
    store.create(&key("a")?, "first").await?;
    expect_refused(&*store, SetMode::Create).await?;
    store.put(&key("a")?, "second").await?;
    expect_refused(&*store, SetMode::Create).await
}

async fn a_create_is_refused_by_a_value_of_no_bytes(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "").await?;
    expect_refused(&*store, SetMode::Create).await
}

async fn a_create_writes_where_a_value_was_deleted(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "old").await?;
    store.delete(&key("a")?).await?;
    store.create(&key("a")?, "new").await?;
    expect_value(&*store, "a", b"new").await
}

async fn an_update_of_the_present_version_writes(store: Arc<dyn Store>) -> Outcome {
    let mut version = store.put(&key("a")?, "first").await?;
    for value in ["second", "third!", "a longer one"] {
        version = store.set(&key("a")?, value.into(), SetMode::Update(version)).await?;
        expect_value(&*store, "a", value.as_bytes()).await?;
    }
    let told = meta(&*store, &key("a")?).await?.version;
    store.set(&key("a")?, "by head".into(), SetMode::Update(told)).await?;
    expect_value(&*store, "a", b"by head").await
}

async fn an_update_of_an_old_version_is_refused(store: Arc<dyn Store>) -> Outcome {
    let old = store.put(&key("a")?, "first").await?;
    store.put(&key("a")?, "other").await?;
    expect_refused(&*store, SetMode::Update(old)).await?;
    expect_refused(&*store, SetMode::Update(foreign_version())).await
}

async fn an_update_of_a_missing_value_is_refused(store: Arc<dyn Store>) -> Outcome {
    expect_refused(&*store, SetMode::Update(foreign_version())).await?;
    let gone = store.put(&key("a")?, "first").await?;
    store.delete(&key("a")?).await?;
    expect_refused(&*store, SetMode::Update(gone)).await?;
    expect_missing(&*store, "a").await
}

async fn an_update_of_an_unknown_version_is_refused(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "first").await?;
    expect_refused(&*store, SetMode::Update(Version::default())).await
}

/// Tries a set that must be refused and looks for any trace of it.
async fn expect_no_trace(store: &dyn Store, mode: SetMode) -> Outcome {
    let before = meta(store, &key("a")?).await?;
    let set = store.set(&key("a")?, "another value".into(), mode).await;
    ensure!(set.is_err(), "saw {set:?} for a set that must be refused");
    expect_value(store, "a", b"first").await?;
    let after = meta(store, &key("a")?).await?;
    ensure!(before.version == after.version, "saw a refused set turn {:?} to {:?}", before.version, after.version);
    Ok(())
}

async fn a_refused_create_changes_nothing(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "first").await?;
    expect_no_trace(&*store, SetMode::Create).await
}

async fn a_refused_update_changes_nothing(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "first").await?;
    expect_no_trace(&*store, SetMode::Update(foreign_version())).await
}

async fn a_create_is_refused_without_the_capability(store: Arc<dyn Store>) -> Outcome {
    let set = store.create(&key("a")?, "first").await;
    expect_error("a create", ErrorKind::Unsupported, set)?;
    expect_missing(&*store, "a").await
}

async fn an_update_is_refused_without_the_capability(store: Arc<dyn Store>) -> Outcome {
    let version = store.put(&key("a")?, "first").await?;
    let set = store.set(&key("a")?, "second".into(), SetMode::Update(version)).await;
    expect_error("an update", ErrorKind::Unsupported, set)?;
    expect_value(&*store, "a", b"first").await
}
