//! Faults in listings.

use std::collections::BTreeSet;

use zstore_core::{DirListing, ErrorKind, Key, Meta, Operation, Prefix, Result};

use super::{Conviction, convicts, ground::Ground};

/// A listing by the beginning of strings.
fn by_string(ground: &Ground, prefix: &Prefix) -> Vec<Meta> {
    ground.all().into_iter().filter(|meta| meta.key.as_str().starts_with(prefix.as_str())).collect()
}

/// A listing that holds the value named like the prefix too.
fn with_own(ground: &Ground, prefix: &Prefix) -> Result<Vec<Meta>> {
    let own = ground.all().into_iter().filter(|meta| meta.key.as_str() == prefix.as_str());
    Ok(own.chain(ground.list(prefix)).collect())
}

/// An honest listing of children, and then something done to it.
fn bent(ground: &Ground, prefix: &Prefix, bend: impl FnOnce(&mut DirListing)) -> Result<DirListing> {
    let mut listing = ground.list_dir(prefix);
    bend(&mut listing);
    Ok(listing)
}

fn refuse_nothing<T>(ground: &Ground, prefix: &Prefix, answer: T) -> Result<T> {
    if ground.list(prefix).is_empty() {
        Err(ground.error(ErrorKind::Io, Operation::List, prefix.as_str()))
    } else {
        Ok(answer)
    }
}

/// The first states of values that were overwritten or deleted, in place of what they are.
fn ghosts(ground: &Ground, prefix: &Prefix, names: &[&str]) -> Vec<Meta> {
    let mut seen = ground.list(prefix);
    let present: BTreeSet<Key> = seen.iter().map(|meta| meta.key.clone()).collect();
    let ghosts = names.iter().map(|name| Key::new(name).unwrap()).filter(|key| prefix.holds(key));
    seen.extend(ghosts.filter(|key| !present.contains(key)).filter_map(|key| Some(ground.past(&key)?.meta)));
    seen
}

pub(super) const TABLE: &[Conviction] = &[
    // R8
    convicts!(a_listing_yields_every_value_below_a_prefix, "lists the direct children alone", "[\"foo/a\"] below",
        list: |g, p| Ok(g.list_dir(p).values)),
    convicts!(a_listing_yields_every_value_below_a_prefix, "names values from the prefix on", "[\"a\", ",
        list: |g, p| Ok(g.list(p).into_iter().map(|meta| {
            let key = Key::new(p.strip(meta.key.as_str()).unwrap()).unwrap();
            Meta { key, ..meta }
        }).collect())),
    convicts!(a_listing_goes_by_whole_segments, "lists by the beginning of strings", "\"foo-bar/x\" below \"foo\"",
        list: |g, p| Ok(by_string(g, p))),
    convicts!(a_listing_goes_by_whole_segments, "lists wherever the name occurs", "\"other/foo/z\" below \"foo\"",
        list: |g, p| Ok(g.all().into_iter().filter(|meta| meta.key.segments().any(|s| s == p.as_str())).collect())),
    convicts!(a_listing_of_the_root_yields_every_value, "lists nothing below the root", "saw [] below \"\"",
        list: |g, p| Ok(if p.is_root() { Vec::new() } else { g.list(p) })),
    convicts!(a_listing_of_nothing_is_empty, "fails to list nothing", "input or output failed",
        list: |g, p| refuse_nothing(g, p, g.list(p))),
    convicts!(a_listing_does_not_yield_the_value_named_like_the_prefix, "lists the value named like the prefix", "[\"top\"]",
        list: with_own),
    convicts!(a_listing_tells_what_a_head_tells, "lists no sizes", "0 bytes of",
        list: |g, p| Ok(g.list(p).into_iter().map(|meta| Meta { size: 0, ..meta }).collect())),
    convicts!(a_listing_tells_what_a_head_tells, "lists a version of its own", "\\\"x\\\"",
        list: |g, p| Ok(g.list(p).into_iter().map(|meta| {
            Meta { version: zstore_core::Version::from_e_tag("\"x\""), ..meta }
        }).collect())),
    convicts!(a_long_listing_yields_each_value_once, "lists one page alone", "saw 1000 values of 1100",
        list: |g, p| Ok(g.list(p).into_iter().take(1_000).collect())),
    convicts!(a_long_listing_yields_each_value_once, "begins each page with the last of the one before", "1 values yielded",
        list: |g, p| Ok(g.list(p).into_iter().enumerate().flat_map(|(at, meta)| {
            std::iter::repeat_n(meta, if at == 999 { 2 } else { 1 })
        }).collect())),
    convicts!(a_listing_reaches_any_depth, "gives up after eight segments", "saw [] below \"d\"",
        list: |g, p| Ok(g.list(p).into_iter().filter(|meta| meta.key.segments().count() <= 8).collect())),
    convicts!(an_empty_store_lists_nothing, "fails to list an empty store", "input or output failed",
        list: |g, p| refuse_nothing(g, p, g.list(p))),
    convicts!(an_empty_store_lists_nothing, "has a child when empty", "in an empty store",
        list_dir: |g, p| bent(g, p, |listing| listing.prefixes.push(Prefix::new("lost+found").unwrap()))),
    convicts!(a_listing_follows_every_write, "lists what was deleted", "\"a/2\"",
        list: |g, p| Ok(ghosts(g, p, &["a/2"]))),
    convicts!(a_listing_follows_every_write, "lists the size at first", "2 bytes listed",
        list: |g, p| Ok(g.list(p).into_iter().map(|meta| {
            Meta { size: g.first(&meta.key).map_or(meta.size, |object| object.meta.size), ..meta }
        }).collect())),
    convicts!(a_listing_leaves_out_a_value_named_like_the_prefix, "lists the value above its own prefix", "[\"a\", \"a/b\"",
        list: with_own),
    convicts!(a_deleted_value_is_no_longer_listed, "lists a deleted value", "\"d/a\"",
        list: |g, p| Ok(ghosts(g, p, &["d/a"]))),
    // R9
    convicts!(the_children_of_a_prefix_are_told_apart, "takes all below for children", "\"foo/b/c\"",
        list_dir: |g, p| Ok(DirListing { values: g.list(p), prefixes: g.list_dir(p).prefixes })),
    convicts!(the_children_of_a_prefix_are_told_apart, "finds no prefixes", "saw the prefixes []",
        list_dir: |g, p| bent(g, p, |listing| listing.prefixes.clear())),
    convicts!(the_children_of_the_root_are_told_apart, "has no children at the root", "saw the values []",
    list_dir: |g, p| bent(g, p, |listing| if p.is_root() {
        *listing = DirListing::default();
    })),
    convicts!(the_children_of_nothing_are_none, "fails to list the children of nothing", "input or output failed",
        list_dir: |g, p| refuse_nothing(g, p, g.list_dir(p))),
    convicts!(the_children_of_nothing_are_none, "takes a value for a child of itself", "saw the values [\"top\"]",
    list_dir: |g, p| bent(g, p, |listing| if listing.values.is_empty() {
        listing.values.extend(g.all().into_iter().filter(|meta| meta.key.as_str() == p.as_str()));
    })),
    convicts!(children_come_in_order, "lists values backwards", "\"d/b\", \"d/a.txt\"",
        list_dir: |g, p| bent(g, p, |listing| listing.values.reverse())),
    convicts!(children_come_in_order, "orders prefixes as keys below them are", "[\"d/a-b\", \"d/a\"",
        list_dir: |g, p| bent(g, p, |listing| listing.prefixes.sort_by_key(|prefix| format!("{prefix}/")))),
    convicts!(children_come_in_order, "lists a prefix for each value below", "[\"d/a\", \"d/a\"",
    list_dir: |g, p| bent(g, p, |listing| {
        let times = |prefix: &Prefix| g.list(prefix).len();
        let all = listing.prefixes.iter().flat_map(|prefix| std::iter::repeat_n(prefix.clone(), times(prefix)));
        listing.prefixes = all.collect();
    })),
    convicts!(many_children_come_once_each, "lists one page of prefixes", "saw 500 of 550 children that are prefixes",
        list_dir: |g, p| bent(g, p, |listing| listing.prefixes.truncate(500))),
    convicts!(many_children_come_once_each, "lists one page of values", "saw 500 of 550 children",
        list_dir: |g, p| bent(g, p, |listing| listing.values.truncate(500))),
    convicts!(a_listed_child_tells_what_a_head_tells, "lists children without a size", "0 bytes of",
        list_dir: |g, p| bent(g, p, |listing| listing.values.iter_mut().for_each(|meta| meta.size = 0))),
    convicts!(a_prefix_that_holds_no_value_is_no_child, "lists what is empty", "\"a/b\"",
    list_dir: |g, p| bent(g, p, |listing| {
        let empty = Prefix::new("a/b").unwrap();
        if p.as_str() == "a" && g.list(&empty).is_empty() {
            listing.prefixes.insert(0, empty);
        }
    })),
    convicts!(a_value_and_a_prefix_of_one_name_are_both_children, "takes a name for one thing alone", "saw the prefixes []",
    list_dir: |g, p| bent(g, p, |listing| {
        let values: BTreeSet<&str> = listing.values.iter().map(|meta| meta.key.as_str()).collect();
        listing.prefixes.retain(|prefix| !values.contains(prefix.as_str()));
    })),
];
