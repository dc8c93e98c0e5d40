//! Deleting all values below a prefix.

use std::sync::Arc;

use zstore_core::{Prefix, Store, StoreExt};

use super::{
    case::{Case, listing, write_case},
    expect::{expect_missing, expect_names, expect_value, key, prefix},
    failure::{Failure, Outcome},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W6, a_deleted_prefix_holds_nothing, listing),
    write_case!(W6, deleting_a_prefix_goes_by_whole_segments, listing),
    write_case!(W6, deleting_a_prefix_leaves_the_value_of_that_name, listing),
    write_case!(W6, deleting_the_root_prefix_empties_the_store, listing),
    write_case!(W6, deleting_an_empty_prefix_is_a_success, listing),
    write_case!(W6, a_deleted_prefix_can_be_written_again, listing),
    write_case!(W6, a_prefix_of_many_values_is_deleted_whole, listing),
];

async fn write_names(store: &dyn Store, names: &[&str]) -> Outcome {
    for name in names {
        store.put(&key(name)?, (*name).to_owned()).await?;
    }
    Ok(())
}

async fn a_deleted_prefix_holds_nothing(store: Arc<dyn Store>) -> Outcome {
    write_names(&*store, &["foo/a", "foo/b/c", "foo/b/d/e"]).await?;
    store.delete_prefix(&prefix("foo")?).await?;
    for name in ["foo/a", "foo/b/c", "foo/b/d/e"] {
        expect_missing(&*store, name).await?;
    }
    expect_names(&*store, "", &[]).await
}

async fn deleting_a_prefix_goes_by_whole_segments(store: Arc<dyn Store>) -> Outcome {
    let left = ["foo-bar/x", "foo.txt", "foobar/y", "other/foo/z"];
    write_names(&*store, &left).await?;
    write_names(&*store, &["foo/a"]).await?;
    store.delete_prefix(&prefix("foo")?).await?;
    for name in left {
        expect_value(&*store, name, name.as_bytes()).await?;
    }
    expect_names(&*store, "", &left).await
}

async fn deleting_a_prefix_leaves_the_value_of_that_name(store: Arc<dyn Store>) -> Outcome {
    write_names(&*store, &["foo", "d/foo"]).await?;
    store.delete_prefix(&prefix("foo")?).await?;
    store.delete_prefix(&prefix("d/foo")?).await?;
    expect_value(&*store, "foo", b"foo").await?;
    expect_value(&*store, "d/foo", b"d/foo").await
}

async fn deleting_the_root_prefix_empties_the_store(store: Arc<dyn Store>) -> Outcome {
    write_names(&*store, &["a", "b/c", "b/d/e"]).await?;
    store.delete_prefix(&Prefix::root()).await?;
    expect_names(&*store, "", &[]).await?;
    for name in ["a", "b/c", "b/d/e"] {
        expect_missing(&*store, name).await?;
    }
    write_names(&*store, &["a"]).await?;
    expect_value(&*store, "a", b"a").await
}

async fn deleting_an_empty_prefix_is_a_success(store: Arc<dyn Store>) -> Outcome {
    let success = async |below: Prefix| {
        let deleted = store.delete_prefix(&below).await;
        deleted.map_err(|error| Failure::new(format!("saw an error for a delete_prefix of nothing: {error}")))
    };
    success(Prefix::root()).await?;
    success(prefix("nothing")?).await?;
    success(prefix("no/such/prefix")?).await?;
    write_names(&*store, &["foo/a"]).await?;
    success(prefix("foo/b")?).await?;
    expect_value(&*store, "foo/a", b"foo/a").await
}

async fn a_deleted_prefix_can_be_written_again(store: Arc<dyn Store>) -> Outcome {
    for _ in 0..2 {
        write_names(&*store, &["foo/a", "foo/b/c"]).await?;
        expect_names(&*store, "foo", &["foo/a", "foo/b/c"]).await?;
        store.delete_prefix(&prefix("foo")?).await?;
        expect_names(&*store, "foo", &[]).await?;
    }
    Ok(())
}

async fn a_prefix_of_many_values_is_deleted_whole(store: Arc<dyn Store>) -> Outcome {
    // More than a request of any store we know of deletes at once, which is a thousand.
    for at in 0..1_100 {
        store.put(&key(&format!("foo/{}/{at}", at % 7))?, "x").await?;
    }
    write_names(&*store, &["bar"]).await?;
    store.delete_prefix(&prefix("foo")?).await?;
    expect_names(&*store, "", &["bar"]).await
}
