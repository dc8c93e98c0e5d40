//! Faults in writes that nothing else disturbs.

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use std::sync::Arc;
use zstore_core::{Error, ErrorKind, Key, Operation, Payload, Prefix, Result, SetMode, Version};

use super::{Conviction, convicts, ground::Ground};

type Writing = BoxFuture<'static, Result<Version>>;

/// An honest set of something else.
fn set_changed(g: &Ground, k: &Key, v: Payload, m: SetMode, change: impl FnOnce(Bytes) -> Bytes) -> Writing {
    let set = g.set(k, change(v.into_bytes()).into(), m);
    async { set }.boxed()
}

/// A set that refuses where `refuses` says so.
fn set_unless(g: &Ground, k: &Key, v: Payload, m: SetMode, refuses: bool) -> Writing {
    let set = if refuses { Err(refusal(g, k)) } else { g.set(k, v, m) };
    async { set }.boxed()
}

fn refusal(ground: &Ground, key: &Key) -> Error {
    ground.error(ErrorKind::PreconditionFailed, Operation::Set, key.as_str())
}

/// A set that forgets its condition where `forgets` says so.
fn set_whatever(g: &Ground, k: &Key, v: Payload, m: SetMode, forgets: bool) -> Writing {
    let set = g.set(k, v, if forgets { SetMode::Overwrite } else { m });
    async { set }.boxed()
}

/// A set that writes before it looks at its condition.
fn set_first(ground: Arc<Ground>, key: Key, value: Payload, mode: SetMode) -> Writing {
    let refused = ground.set(&key, value.clone(), mode).err();
    let version = ground.put(&key, value.into_bytes());
    async { refused.map_or(Ok(version), Err) }.boxed()
}

fn done(ground: &Ground, delete: impl FnOnce(&Ground)) -> BoxFuture<'static, Result<()>> {
    delete(ground);
    async { Ok(()) }.boxed()
}

/// A set that does nothing for a key that once was deleted.
fn set_but_for_the_dead(g: Arc<Ground>, k: Key, v: Payload, m: SetMode) -> Writing {
    match g.past(&k).filter(|_| g.head(&k).is_none()) {
        Some(past) => async { Ok(past.meta.version) }.boxed(),
        None => set_changed(&g, &k, v, m, |bytes| bytes),
    }
}

pub(super) const TABLE: &[Conviction] = &[
    // W1
    convicts!(a_written_value_is_read, "forgets what is written", "Missing",
        set: |_, _, _, _| async { Ok(Version::default()) }.boxed()),
    convicts!(a_written_value_is_read, "answers the value before", "instead of b\"deeper\"",
        set: |g, k, v, m| set_changed(&g, &k, v, m, |b| if b == "deeper" { "value".into() } else { b })),
    convicts!(an_overwritten_value_is_gone_whatever_its_size, "writes over what is there without cutting it", "than it was",
    set: |g, k, v, m| {
        let old = g.whole(&k).map(|object| object.bytes).unwrap_or_default();
        set_changed(&g, &k, v, m, |new| [&new, &old[new.len().min(old.len())..]].concat().into())
    }),
    convicts!(an_overwritten_value_is_gone_whatever_its_size, "takes a value of one size for the same", "short",
    set: |g, k, v, m| {
        let old = g.whole(&k).map(|object| object.bytes);
        set_changed(&g, &k, v, m, |new| old.filter(|old| old.len() == new.len()).unwrap_or(new))
    }),
    convicts!(a_written_value_of_no_bytes_is_read, "takes a set of no bytes for a delete", "Missing",
    set: |g, k, v, m| {
        let empty = v.size() == 0;
        let set = g.set(&k, v, m);
        if empty {
            g.delete(&k);
        }
        async { set }.boxed()
    }),
    convicts!(every_byte_is_kept, "writes line ends of its own", "instead of",
    set: |g, k, v, m| set_changed(&g, &k, v, m, |bytes| {
        let mut bytes = bytes.to_vec();
        if let Some(at) = bytes.windows(2).position(|pair| pair == b"\r\n") {
            bytes.remove(at);
        }
        bytes.into()
    })),
    convicts!(every_byte_is_kept, "stops at a zero", "instead of",
    set: |g, k, v, m| set_changed(&g, &k, v, m, |bytes| {
        let end = bytes.iter().skip(1).position(|byte| *byte == 0).map_or(bytes.len(), |at| at + 1);
        bytes.slice(..end)
    })),
    convicts!(a_payload_in_pieces_is_read_as_one, "writes the first piece alone", "\"head \"",
    set: |g, k, v, m| {
        let first = v.pieces().next().cloned().unwrap_or_default();
        set_changed(&g, &k, v, m, |_| first)
    }),
    convicts!(a_payload_in_pieces_is_read_as_one, "writes 1,024 pieces at most", "4096 bytes",
    set: |g, k, v, m| {
        let first: Payload = v.pieces().take(1_024).cloned().collect();
        set_changed(&g, &k, first, m, |bytes| bytes)
    }),
    convicts!(a_large_payload_is_kept, "writes four mebibytes at most", "4194304 bytes",
        set: |g, k, v, m| set_changed(&g, &k, v, m, |bytes| bytes.slice(..bytes.len().min(4 * 1024 * 1024)))),
    convicts!(a_value_is_read_in_every_way_once_written, "heads what was there before", "1 bytes in a head",
        head: |g, k| Ok(g.past(k).map(|object| object.meta).or_else(|| g.head(k)))),
    convicts!(a_value_is_read_in_every_way_once_written, "gets ranges of what was there before", "in get_ranges after",
    get_ranges: |g, k, r| {
        let found = Ground::now(zstore_core::ReadStore::get_ranges(&g.map, k, r))?;
        Ok(found.map(|mut found| {
            if let (Some(part), Some(past)) = (found.parts.first_mut(), g.past(k)) {
                (part.range, part.bytes) = (0..past.meta.size, past.bytes);
            }
            found
        }))
    }),
    // W2
    convicts!(a_write_leaves_other_values_alone, "gives all values a new version", "though nobody wrote",
        version: |g, _, _| Version::from_e_tag(format!("\"{}\"", g.writes.load(std::sync::atomic::Ordering::SeqCst)))),
    convicts!(a_write_leaves_other_values_alone, "takes the last segment for the name", "instead of",
        rename: |name| name.rsplit('/').next().unwrap_or(name).to_owned()),
    convicts!(a_refused_create_changes_nothing, "writes before it looks", "another value",
        set: set_first),
    convicts!(a_refused_update_changes_nothing, "writes before it looks", "another value",
        set: set_first),
    // W3
    convicts!(a_create_writes_where_there_is_nothing, "refuses every create", "not the version it should be",
        set: |g, k, v, m| { let create = m == SetMode::Create; set_unless(&g, &k, v, m, create) }),
    convicts!(a_create_is_refused_where_there_is_a_value, "creates over a value", "where PreconditionFailed was due",
        set: |g, k, v, m| { let create = m == SetMode::Create; set_whatever(&g, &k, v, m, create) }),
    convicts!(a_create_is_refused_by_a_value_of_no_bytes, "takes no bytes for nothing", "where PreconditionFailed was due",
    set: |g, k, v, m| {
        let empty = g.head(&k).is_some_and(|meta| meta.size == 0);
        set_whatever(&g, &k, v, m, empty)
    }),
    convicts!(a_create_writes_where_a_value_was_deleted, "remembers what was deleted", "not the version it should be",
    set: |g, k, v, m| {
        let create_again = m == SetMode::Create && g.past(&k).is_some();
        set_unless(&g, &k, v, m, create_again)
    }),
    convicts!(an_update_of_the_present_version_writes, "refuses every update", "not the version it should be",
        set: |g, k, v, m| { let update = matches!(m, SetMode::Update(_)); set_unless(&g, &k, v, m, update) }),
    convicts!(an_update_of_an_old_version_is_refused, "updates whatever the version", "where PreconditionFailed was due",
        set: |g, k, v, m| { let update = matches!(m, SetMode::Update(_)); set_whatever(&g, &k, v, m, update) }),
    convicts!(an_update_of_a_missing_value_is_refused, "updates what is not there", "where PreconditionFailed was due",
        set: |g, k, v, m| { let missing = g.head(&k).is_none(); set_whatever(&g, &k, v, m, missing) }),
    convicts!(an_update_of_an_unknown_version_is_refused, "takes an unknown version for any", "where PreconditionFailed was due",
    set: |g, k, v, m| {
        let unknown = m == SetMode::Update(Version::default());
        set_whatever(&g, &k, v, m, unknown)
    }),
    // W4
    convicts!(a_set_answers_the_version_a_head_then_tells, "answers no version of a set", "saw a set answer",
    set: |g, k, v, m| {
        let set = g.set(&k, v, m);
        async { set.map(|_| Version::default()) }.boxed()
    }),
    convicts!(another_value_has_another_version, "tells one version of every value", "and of the value before it",
        version: |_, _, _| Version::from_e_tag("\"one\"")),
    convicts!(quick_overwrites_of_one_size_have_versions_of_their_own, "makes versions of sizes", "which wrote other bytes",
        version: |g, k, _| Version::from_e_tag(format!("\"{}\"", g.head(k).map_or(0, |meta| meta.size)))),
    convicts!(a_value_written_after_a_deletion_has_another_version, "counts versions anew after a deletion", "which was deleted before",
        version: |g, k, _| Version::from_e_tag(format!("\"{}-{}\"", k, g.past_count(k) / usize::MAX))),
    // W5
    convicts!(a_deleted_value_is_missing, "deletes nothing", "which is missing",
        delete: |_, _| async { Ok(()) }.boxed()),
    convicts!(a_deleted_value_is_missing, "empties what it should delete", "size: 0",
        delete: |g, k| done(&g, |g| { g.put(&k, ""); })),
    convicts!(deleting_what_is_missing_is_a_success, "fails to delete what is not there", "saw an error for a delete",
    delete: |g, k| {
        let missing = g.head(&k).is_none();
        g.delete(&k);
        async move { if missing { Err(g.error(ErrorKind::Io, Operation::Delete, k.as_str())) } else { Ok(()) } }.boxed()
    }),
    convicts!(deleting_a_value_leaves_its_siblings, "deletes by the beginning of strings", "\"d/ab\"",
        delete: |g, k| done(&g, |g| g.delete_where(|key| key.as_str().starts_with(k.as_str())))),
    convicts!(deleting_a_value_leaves_its_siblings, "deletes the directory as well", "\"d/b\"",
        delete: |g, k| done(&g, |g| g.delete_where(|key| key.segments().next() == k.segments().next()))),
    convicts!(deleting_a_name_above_values_leaves_them, "deletes what is below", "\"d/e/a\"",
        delete: |g, k| done(&g, |g| g.delete_where(|key| *key == k || Prefix::from(&k).holds(key)))),
    convicts!(deleting_a_name_below_a_value_leaves_it, "deletes what is above", "\"a\"",
        delete: |g, k| done(&g, |g| g.delete_where(|key| *key == k || Prefix::from(key).holds(&k)))),
    convicts!(a_deleted_value_can_be_written_again, "keeps the dead dead", "Missing",
        set: set_but_for_the_dead),
    convicts!(deleting_a_key_leaves_those_below_and_above, "deletes what is below a key", "\"a/b/c\"",
        delete: |g, k| done(&g, |g| g.delete_where(|key| *key == k || Prefix::from(&k).holds(key)))),
    // W6
    convicts!(a_deleted_prefix_holds_nothing, "deletes no prefix", "which is missing",
        delete_prefix: |_, _| async { Ok(()) }.boxed()),
    convicts!(a_deleted_prefix_holds_nothing, "deletes direct children alone", "\"foo/b/c\"",
        delete_prefix: |g, p| done(&g, |g| g.list_dir(&p).values.iter().for_each(|meta| g.delete(&meta.key)))),
    convicts!(deleting_a_prefix_goes_by_whole_segments, "deletes a prefix by the beginning of strings", "\"foo-bar/x\"",
        delete_prefix: |g, p| done(&g, |g| g.delete_where(|key| key.as_str().starts_with(p.as_str())))),
    convicts!(deleting_a_prefix_leaves_the_value_of_that_name, "deletes the value of that name", "\"foo\"",
        delete_prefix: |g, p| done(&g, |g| g.delete_where(|key| key.as_str() == p.as_str() || p.holds(key)))),
    convicts!(deleting_the_root_prefix_empties_the_store, "spares the root", "below \"\"",
        delete_prefix: |g, p| done(&g, |g| if !p.is_root() { g.delete_where(|key| p.holds(key)) })),
    convicts!(deleting_an_empty_prefix_is_a_success, "fails to delete nothing", "saw an error for a delete_prefix",
    delete_prefix: |g, p| {
        let nothing = g.list(&p).is_empty();
        g.delete_where(|key| p.holds(key));
        async move { if nothing { Err(g.error(ErrorKind::Io, Operation::DeletePrefix, p.as_str())) } else { Ok(()) } }.boxed()
    }),
    convicts!(a_deleted_prefix_can_be_written_again, "keeps dead prefixes dead", "saw [] below",
        set: set_but_for_the_dead),
    convicts!(a_prefix_of_many_values_is_deleted_whole, "deletes a thousand at most", "\"foo/",
        delete_prefix: |g, p| done(&g, |g| g.list(&p).iter().take(1_000).for_each(|meta| g.delete(&meta.key)))),
    convicts!(deleting_below_a_key_leaves_its_own_value, "deletes the value above", "\"a/b\"",
        delete_prefix: |g, p| done(&g, |g| g.delete_where(|key| key.as_str() == p.as_str() || p.holds(key)))),
    // R11
    convicts!(a_key_and_one_below_it_both_have_values, "refuses a key below a value", "something else is in the way",
    set: |g, k, v, m| {
        let clash = g.all().iter().any(|meta| Prefix::from(&meta.key).holds(&k));
        let error = g.error(ErrorKind::Conflict, Operation::Set, k.as_str());
        let set = if clash { Err(error) } else { g.set(&k, v, m) };
        async { set }.boxed()
    }),
    convicts!(a_key_and_one_below_it_both_have_values, "overwrites a value by a directory", "Missing",
    set: |g, k, v, m| {
        g.delete_where(|key| Prefix::from(key).holds(&k));
        set_changed(&g, &k, v, m, |bytes| bytes)
    }),
    // Capabilities
    convicts!(a_create_is_refused_without_the_capability, "creates though it says it cannot", "where Unsupported was due",
        capabilities: |can| can.create = false),
    convicts!(an_update_is_refused_without_the_capability, "updates though it says it cannot", "where Unsupported was due",
        capabilities: |can| can.update = false),
    convicts!(a_key_below_a_value_is_refused_without_the_capability, "takes a key below a value", "where Conflict was due",
        capabilities: |can| can.overlapping_keys = false),
    convicts!(a_key_above_values_is_refused_without_the_capability, "takes a key above values", "where Conflict was due",
        capabilities: |can| can.overlapping_keys = false),
    convicts!(deleting_a_prefix_is_refused_without_the_capability, "deletes though it says it cannot", "where Unsupported was due",
        capabilities: |can| can.listing = false),
];
