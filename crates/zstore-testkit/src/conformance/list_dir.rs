//! The direct children of a prefix.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{Prefix, ReadStore, Store, StoreExt};

use super::{
    case::{Case, Values, listing, read_case, write_case},
    expect::{expect_children, key, meta},
    failure::{Outcome, ensure},
    list::tree,
};

pub(super) const CASES: &[Case] = &[
    read_case!(R9, the_children_of_a_prefix_are_told_apart, listing, tree),
    read_case!(R9, the_children_of_the_root_are_told_apart, listing, tree),
    read_case!(R9, the_children_of_nothing_are_none, listing, tree),
    read_case!(R9, children_come_in_order, listing, unordered),
    read_case!(R9, many_children_come_once_each, listing, many),
    read_case!(R9, a_listed_child_tells_what_a_head_tells, listing, tree),
    write_case!(R9, a_prefix_that_holds_no_value_is_no_child, listing),
];

/// Where `-` and `.` sort before `/`, the order of keys and the order of prefixes part.
fn unordered() -> Values {
    let names = ["z", "d/b", "d/a/x", "d/a-b/x", "d/c.d/x", "d/c/x", "d/a.txt", "d/B", "d/10", "d/9", "d/a/y"];
    names.iter().map(|name| ((*name).into(), Bytes::from_static(b"."))).collect()
}

const MANY: usize = 550;

fn many() -> Values {
    let value = |at| (format!("many/v{at:04}"), Bytes::from_static(b"."));
    let below = |at| (format!("many/p{at:04}/x"), Bytes::from_static(b"."));
    (0..MANY).map(value).chain((0..MANY).map(below)).collect()
}

async fn the_children_of_a_prefix_are_told_apart(store: Arc<dyn ReadStore>) -> Outcome {
    expect_children(&*store, "foo", &["foo/a"], &["foo/b"]).await?;
    expect_children(&*store, "foo/b", &["foo/b/c", "foo/b/d"], &[]).await?;
    expect_children(&*store, "other", &[], &["other/foo"]).await
}

async fn the_children_of_the_root_are_told_apart(store: Arc<dyn ReadStore>) -> Outcome {
    expect_children(&*store, "", &["foo.txt", "top"], &["foo", "foo-bar", "foobar", "other"]).await
}

async fn the_children_of_nothing_are_none(store: Arc<dyn ReadStore>) -> Outcome {
    for below in ["nothing", "fo", "top", "foo/a", "foo/b/c/d"] {
        expect_children(&*store, below, &[], &[]).await?;
    }
    Ok(())
}

async fn children_come_in_order(store: Arc<dyn ReadStore>) -> Outcome {
    expect_children(&*store, "d", &["d/10", "d/9", "d/B", "d/a.txt", "d/b"], &["d/a", "d/a-b", "d/c", "d/c.d"]).await
}

async fn many_children_come_once_each(store: Arc<dyn ReadStore>) -> Outcome {
    let (values, prefixes): (Vec<_>, Vec<_>) =
        (0..MANY).map(|at| (format!("many/v{at:04}"), format!("many/p{at:04}"))).unzip();
    let names = |all: &[String], seen: &[String]| format!("saw {} of {} children", seen.len(), all.len());
    let listing = store.list_dir(&Prefix::new("many")?).await?;
    let seen: Vec<_> = listing.values.iter().map(|meta| meta.key.to_string()).collect();
    ensure!(seen == values, "{}, or some twice or out of order", names(&values, &seen));
    let seen: Vec<_> = listing.prefixes.iter().map(ToString::to_string).collect();
    ensure!(seen == prefixes, "{} that are prefixes, or some twice or out of order", names(&prefixes, &seen));
    Ok(())
}

async fn a_listed_child_tells_what_a_head_tells(store: Arc<dyn ReadStore>) -> Outcome {
    for listed in store.list_dir(&Prefix::root()).await?.values {
        let head = meta(&*store, &listed.key).await?;
        ensure!(
            listed.size == head.size,
            "saw {} bytes of {:?} listed, {} in a head",
            listed.size,
            listed.key,
            head.size
        );
        let agrees = !listed.version.is_known() || listed.is_same_value(&head);
        ensure!(agrees, "saw {:?} of {:?} listed, and {:?} in a head", listed.version, listed.key, head.version);
    }
    Ok(())
}

async fn a_prefix_that_holds_no_value_is_no_child(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a/b/c/1")?, "x").await?;
    store.put(&key("a/d/1")?, "x").await?;
    store.put(&key("a/e/1")?, "x").await?;
    expect_children(&*store, "a", &[], &["a/b", "a/d", "a/e"]).await?;
    store.delete(&key("a/b/c/1")?).await?;
    expect_children(&*store, "a", &[], &["a/d", "a/e"]).await?;
    store.delete_prefix(&Prefix::new("a/d")?).await?;
    expect_children(&*store, "a", &[], &["a/e"]).await?;
    store.delete(&key("a/e/1")?).await?;
    expect_children(&*store, "", &[], &[]).await
}
