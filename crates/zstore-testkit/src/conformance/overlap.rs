//! Keys that are prefixes of others: `a` and `a/b`.

use std::sync::Arc;

use zstore_core::{ErrorKind, Store, StoreExt};

use super::{
    case::{Case, Facts, write_case},
    expect::{expect_children, expect_error, expect_missing, expect_names, expect_value, key, prefix},
    failure::Outcome,
};

pub(super) const CASES: &[Case] = &[
    write_case!(R11, a_key_and_one_below_it_both_have_values, overlapping),
    write_case!(R8, a_listing_leaves_out_a_value_named_like_the_prefix, listing_overlapping),
    write_case!(R9, a_value_and_a_prefix_of_one_name_are_both_children, listing_overlapping),
    write_case!(W5, deleting_a_key_leaves_those_below_and_above, overlapping),
    write_case!(W6, deleting_below_a_key_leaves_its_own_value, listing_overlapping),
    write_case!(CAPABILITIES, a_key_below_a_value_is_refused_without_the_capability, |facts| !overlapping(facts)),
    write_case!(CAPABILITIES, a_key_above_values_is_refused_without_the_capability, |facts| !overlapping(facts)),
];

fn overlapping(facts: &Facts) -> bool {
    facts.capabilities.overlapping_keys
}

fn listing_overlapping(facts: &Facts) -> bool {
    facts.capabilities.listing && overlapping(facts)
}

const NAMES: [&str; 3] = ["a", "a/b", "a/b/c"];

async fn write_overlapping(store: &dyn Store) -> Outcome {
    for name in NAMES {
        store.put(&key(name)?, name).await?;
    }
    Ok(())
}

async fn a_key_and_one_below_it_both_have_values(store: Arc<dyn Store>) -> Outcome {
    write_overlapping(&*store).await?;
    for name in NAMES {
        expect_value(&*store, name, name.as_bytes()).await?;
    }
    // And the other way about: the one below first.
    for name in ["x/y", "x"] {
        store.put(&key(name)?, name).await?;
    }
    expect_value(&*store, "x/y", b"x/y").await?;
    expect_value(&*store, "x", b"x").await
}

async fn a_listing_leaves_out_a_value_named_like_the_prefix(store: Arc<dyn Store>) -> Outcome {
    write_overlapping(&*store).await?;
    expect_names(&*store, "a", &["a/b", "a/b/c"]).await?;
    expect_names(&*store, "a/b", &["a/b/c"]).await?;
    expect_names(&*store, "", &NAMES).await
}

async fn a_value_and_a_prefix_of_one_name_are_both_children(store: Arc<dyn Store>) -> Outcome {
    write_overlapping(&*store).await?;
    expect_children(&*store, "", &["a"], &["a"]).await?;
    expect_children(&*store, "a", &["a/b"], &["a/b"]).await?;
    expect_children(&*store, "a/b", &["a/b/c"], &[]).await
}

async fn deleting_a_key_leaves_those_below_and_above(store: Arc<dyn Store>) -> Outcome {
    write_overlapping(&*store).await?;
    store.delete(&key("a/b")?).await?;
    expect_missing(&*store, "a/b").await?;
    expect_value(&*store, "a", b"a").await?;
    expect_value(&*store, "a/b/c", b"a/b/c").await
}

async fn deleting_below_a_key_leaves_its_own_value(store: Arc<dyn Store>) -> Outcome {
    write_overlapping(&*store).await?;
    store.delete_prefix(&prefix("a/b")?).await?;
    expect_missing(&*store, "a/b/c").await?;
    expect_value(&*store, "a/b", b"a/b").await?;
    store.delete_prefix(&prefix("a")?).await?;
    expect_missing(&*store, "a/b").await?;
    expect_value(&*store, "a", b"a").await
}

async fn a_key_below_a_value_is_refused_without_the_capability(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "first").await?;
    for name in ["a/b", "a/b/c"] {
        let set = store.put(&key(name)?, "second").await;
        expect_error(&format!("a set of {name:?} below a value"), ErrorKind::Conflict, set)?;
        expect_missing(&*store, name).await?;
    }
    expect_value(&*store, "a", b"first").await?;
    store.delete(&key("a")?).await?;
    store.put(&key("a/b")?, "second").await?;
    expect_value(&*store, "a/b", b"second").await
}

async fn a_key_above_values_is_refused_without_the_capability(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a/b/c")?, "first").await?;
    for name in ["a", "a/b"] {
        let set = store.put(&key(name)?, "second").await;
        expect_error(&format!("a set of {name:?} above a value"), ErrorKind::Conflict, set)?;
        expect_missing(&*store, name).await?;
    }
    expect_value(&*store, "a/b/c", b"first").await?;
    store.delete(&key("a/b/c")?).await?;
    store.put(&key("a")?, "second").await?;
    expect_value(&*store, "a", b"second").await
}
