//! The values below a prefix.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{Prefix, ReadStore, ReadStoreExt, Store, StoreExt};

use super::{
    case::{Case, Values, listing, read_case, write_case},
    expect::{expect_names, key, meta, names_below, prefix},
    failure::{Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    read_case!(R8, a_listing_yields_every_value_below_a_prefix, listing, tree),
    read_case!(R8, a_listing_goes_by_whole_segments, listing, tree),
    read_case!(R8, a_listing_of_the_root_yields_every_value, listing, tree),
    read_case!(R8, a_listing_of_nothing_is_empty, listing, tree),
    read_case!(R8, a_listing_does_not_yield_the_value_named_like_the_prefix, listing, tree),
    read_case!(R8, a_listing_tells_what_a_head_tells, listing, tree),
    read_case!(R8, a_long_listing_yields_each_value_once, listing, many),
    read_case!(R8, a_listing_reaches_any_depth, listing, deep),
    write_case!(R8, an_empty_store_lists_nothing, listing),
    write_case!(R8, a_listing_follows_every_write, listing),
];

/// Names that a listing by the beginning of strings confuses.
const TREE: [&str; 8] = ["foo/a", "foo/b/c", "foo/b/d", "foo-bar/x", "foo.txt", "foobar/y", "other/foo/z", "top"];

pub(super) fn tree() -> Values {
    TREE.iter().map(|name| ((*name).into(), Bytes::from(format!("value of {name}")))).collect()
}

/// More than one page of any store we know of, which is a thousand.
const MANY: usize = 1_100;

fn many() -> Values {
    (0..MANY).map(|at| (format!("many/{:02}/{at:04}", at % 10), Bytes::from_static(b"."))).collect()
}

const DEEP: &str = "d/e/e/p/e/r/t/h/a/n/y/o/u/t/h/i/n/k";

fn deep() -> Values {
    vec![(DEEP.into(), Bytes::from_static(b"deep"))]
}

async fn a_listing_yields_every_value_below_a_prefix(store: Arc<dyn ReadStore>) -> Outcome {
    expect_names(&*store, "foo", &["foo/a", "foo/b/c", "foo/b/d"]).await?;
    expect_names(&*store, "foo/b", &["foo/b/c", "foo/b/d"]).await?;
    expect_names(&*store, "other", &["other/foo/z"]).await
}

async fn a_listing_goes_by_whole_segments(store: Arc<dyn ReadStore>) -> Outcome {
    for (below, astray) in [
        ("foo", ["foo-bar/x", "foo.txt", "foobar/y", "other/foo/z"]),
        ("fo", TREE.first_chunk().copied().unwrap_or_default()),
    ] {
        let seen = names_below(&*store, below).await?;
        for name in astray {
            ensure!(!seen.iter().any(|seen| seen == name), "saw {name:?} below {below:?}");
        }
    }
    Ok(())
}

async fn a_listing_of_the_root_yields_every_value(store: Arc<dyn ReadStore>) -> Outcome {
    let mut names = TREE;
    names.sort_unstable();
    expect_names(&*store, "", &names).await
}

async fn a_listing_of_nothing_is_empty(store: Arc<dyn ReadStore>) -> Outcome {
    for below in ["nothing", "foo/nothing", "foo/b/c/nothing", "f"] {
        expect_names(&*store, below, &[]).await?;
    }
    ensure!(store.is_empty_below(&prefix("nothing")?).await?, "saw values below a prefix that has none");
    Ok(())
}

async fn a_listing_does_not_yield_the_value_named_like_the_prefix(store: Arc<dyn ReadStore>) -> Outcome {
    expect_names(&*store, "top", &[]).await?;
    expect_names(&*store, "foo/a", &[]).await
}

async fn a_listing_tells_what_a_head_tells(store: Arc<dyn ReadStore>) -> Outcome {
    for listed in store.list_all(&Prefix::root()).await? {
        let head = meta(&*store, &listed.key).await?;
        ensure!(
            listed.size == head.size,
            "saw {} bytes of {:?} listed, and {} in a head",
            listed.size,
            listed.key,
            head.size
        );
        // Some stores know less of a version when they list; what they do tell must be true.
        let agrees = !listed.version.is_known() || listed.is_same_value(&head);
        ensure!(agrees, "saw {:?} of {:?} listed, and {:?} in a head", listed.version, listed.key, head.version);
    }
    Ok(())
}

async fn a_long_listing_yields_each_value_once(store: Arc<dyn ReadStore>) -> Outcome {
    let mut seen = names_below(&*store, "many").await?;
    let yielded = seen.len();
    seen.dedup();
    ensure!(seen.len() == yielded, "saw {} values yielded more than once", yielded - seen.len());
    ensure!(seen.len() == MANY, "saw {} values of {MANY}", seen.len());
    Ok(())
}

async fn a_listing_reaches_any_depth(store: Arc<dyn ReadStore>) -> Outcome {
    expect_names(&*store, "d", &[DEEP]).await?;
    expect_names(&*store, "d/e/e/p/e/r", &[DEEP]).await
}

async fn an_empty_store_lists_nothing(store: Arc<dyn Store>) -> Outcome {
    expect_names(&*store, "", &[]).await?;
    let children = store.list_dir(&Prefix::root()).await?;
    ensure!(children.values.is_empty() && children.prefixes.is_empty(), "saw {children:?} in an empty store");
    Ok(())
}

async fn a_listing_follows_every_write(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a/1")?, "x").await?;
    store.put(&key("a/2")?, "x").await?;
    expect_names(&*store, "a", &["a/1", "a/2"]).await?;
    store.put(&key("a/1")?, "longer").await?;
    expect_names(&*store, "a", &["a/1", "a/2"]).await?;
    let size = store.size_below(&prefix("a")?).await?;
    ensure!(size == 7, "saw {size} bytes listed after an overwrite that makes them 7");
    store.delete(&key("a/2")?).await?;
    expect_names(&*store, "a", &["a/1"]).await
}
