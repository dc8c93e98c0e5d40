//! Deleting one value.

use std::sync::Arc;

use zstore_core::{Store, StoreExt};

use super::{
    case::{Case, always, listing, write_case},
    expect::{expect_missing, expect_names, expect_value, key},
    failure::{Failure, Outcome},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W5, a_deleted_value_is_missing, always),
    write_case!(W5, a_deleted_value_is_no_longer_listed, listing),
    write_case!(W5, deleting_what_is_missing_is_a_success, always),
    write_case!(W5, deleting_a_value_leaves_its_siblings, always),
    write_case!(W5, deleting_a_name_above_values_leaves_them, always),
    write_case!(W5, deleting_a_name_below_a_value_leaves_it, always),
    write_case!(W5, a_deleted_value_can_be_written_again, always),
];

async fn a_deleted_value_is_missing(store: Arc<dyn Store>) -> Outcome {
    for (name, value) in [("a", "value"), ("c/0/1", "deeper"), ("empty", "")] {
        store.put(&key(name)?, value).await?;
        store.delete(&key(name)?).await?;
        expect_missing(&*store, name).await?;
    }
    Ok(())
}

async fn a_deleted_value_is_no_longer_listed(store: Arc<dyn Store>) -> Outcome {
    for name in ["d/a", "d/b"] {
        store.put(&key(name)?, "value").await?;
    }
    store.delete(&key("d/a")?).await?;
    expect_names(&*store, "d", &["d/b"]).await?;
    expect_names(&*store, "", &["d/b"]).await
}

async fn deleting_what_is_missing_is_a_success(store: Arc<dyn Store>) -> Outcome {
    let success = async |name: &str| {
        let deleted = store.delete(&key(name)?).await;
        deleted.map_err(|error| Failure::new(format!("saw an error for a delete of what is missing: {error}")))
    };
    success("a").await?;
    success("no/such/parent").await?;
    store.put(&key("b")?, "value").await?;
    success("b").await?;
    success("b").await
}

async fn deleting_a_value_leaves_its_siblings(store: Arc<dyn Store>) -> Outcome {
    let names = ["d/a", "d/b", "d/ab", "d/e/a", "a"];
    for name in names {
        store.put(&key(name)?, name).await?;
    }
    store.delete(&key("d/a")?).await?;
    for name in &names[1..] {
        expect_value(&*store, name, name.as_bytes()).await?;
    }
    Ok(())
}

async fn deleting_a_name_above_values_leaves_them(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("d/e/a")?, "value").await?;
    store.delete(&key("d")?).await?;
    store.delete(&key("d/e")?).await?;
    expect_value(&*store, "d/e/a", b"value").await
}

async fn deleting_a_name_below_a_value_leaves_it(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "value").await?;
    store.delete(&key("a/b")?).await?;
    expect_value(&*store, "a", b"value").await
}

async fn a_deleted_value_can_be_written_again(store: Arc<dyn Store>) -> Outcome {
    for value in ["first", "second"] {
        store.put(&key("d/e/a")?, value).await?;
        expect_value(&*store, "d/e/a", value.as_bytes()).await?;
        store.delete(&key("d/e/a")?).await?;
        expect_missing(&*store, "d/e/a").await?;
    }
    Ok(())
}
