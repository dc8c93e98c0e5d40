//! Faults in whole values, conditions, metadata, answers at hand, names and errors.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use zstore_core::{
    ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Prefix, Result, Version,
};

use super::{Conviction, convicts, ground::Ground};

/// An honest get, and then something done to the object.
fn bent(ground: &Ground, key: &Key, options: &GetOptions, bend: impl FnOnce(&mut Object)) -> Result<Fetch> {
    let mut fetch = ground.get(key, options)?;
    if let Fetch::Object(object) = &mut fetch {
        bend(object);
    }
    Ok(fetch)
}

/// Cuts an answer after so many bytes, and tells the truth about it.
fn cut(object: &mut Object, bytes_max: usize) {
    object.bytes.truncate(bytes_max);
    object.range.end = object.range.start + object.bytes.len() as u64;
}

/// A get that forgets what it was asked besides the range.
fn unconditional(ground: &Ground, key: &Key, options: &GetOptions) -> Result<Fetch> {
    ground.get(key, &GetOptions { range: options.range.clone(), ..GetOptions::default() })
}

fn empty_object(key: &Key) -> Fetch {
    let meta = Meta { key: key.clone(), size: 0, modified: None, version: Version::default() };
    Fetch::Object(Object { meta, range: 0..0, bytes: Bytes::new() })
}

fn io(ground: &Ground, key: &Key) -> Error {
    ground.error(ErrorKind::Io, Operation::Get, key.as_str())
}

pub(super) const TABLE: &[Conviction] = &[
    // R1
    convicts!(a_get_without_a_range_answers_the_whole_value, "forgets the last byte", "0..9",
        get: |g, k, o| bent(g, k, o, |object| cut(object, 9))),
    convicts!(a_get_without_a_range_answers_the_whole_value, "tells of another key", "metadata of \"x\"",
        get: |g, k, o| bent(g, k, o, |object| object.meta.key = Key::new("x").unwrap())),
    convicts!(a_get_without_a_range_answers_the_whole_value, "tells another size", "10 bytes called 0..10",
        get: |g, k, o| bent(g, k, o, |object| object.meta.size = 9)),
    convicts!(a_get_without_a_range_answers_the_whole_value, "answers other bytes", "1123456789",
        get: |g, k, o| bent(g, k, o, |object| object.bytes = Bytes::from_static(b"1123456789"))),
    convicts!(a_large_value_is_answered_whole, "answers a mebibyte at most", "0..1048576",
        get: |g, k, o| bent(g, k, o, |object| cut(object, 1024 * 1024))),
    convicts!(a_large_value_is_answered_whole, "fills up with zeroes", "3145729 bytes",
    get: |g, k, o| bent(g, k, o, |object| {
        let mut bytes = object.bytes.to_vec();
        bytes.iter_mut().skip(2_000_000).for_each(|byte| *byte = 0);
        object.bytes = bytes.into();
    })),
    // R3
    convicts!(a_value_of_no_bytes_is_a_value, "takes no bytes for no value", "Missing",
        get: |g, k, o| Ok(g.get(k, o)?.into_object().filter(|o| o.meta.size > 0).map_or(Fetch::Missing, Fetch::Object))),
    convicts!(a_value_of_no_bytes_is_a_value, "takes no bytes for no value in a head", "nothing for a head",
        head: |g, k| Ok(g.head(k).filter(|meta| meta.size > 0))),
    convicts!(a_missing_value_is_an_answer, "answers empty bytes for nothing", "size: 0",
        get: |g, k, o| if g.head(k).is_none() { Ok(empty_object(k)) } else { g.get(k, o) }),
    convicts!(a_missing_value_is_an_answer, "fails where there is nothing", "input or output failed",
        get: |g, k, o| if g.head(k).is_none() { Err(io(g, k)) } else { g.get(k, o) }),
    convicts!(a_missing_value_is_an_answer, "fails to head what is not there", "input or output failed",
        head: |g, k| g.head(k).map(Some).ok_or_else(|| io(g, k))),
    convicts!(a_missing_value_is_an_answer, "fails to get ranges of what is not there", "input or output failed",
    get_ranges: |g, k, r| match Ground::now(zstore_core::ReadStore::get_ranges(&g.map, k, r))? {
        None => Err(io(g, k)),
        found => Ok(found),
    }),
    convicts!(a_part_of_a_missing_value_is_missing, "takes nothing for a value of no bytes", "InvalidRange",
    get: |g, k, o| match (g.head(k), &o.range) {
        (None, Some(_)) => Err(g.error(ErrorKind::InvalidRange, Operation::Get, k.as_str())),
        _ => g.get(k, o),
    }),
    convicts!(a_name_below_a_value_is_missing, "finds a file where it wants a directory", "Conflict",
    get: |g, k, o| if g.all().iter().any(|meta| Prefix::from(&meta.key).holds(k)) {
        Err(g.error(ErrorKind::Conflict, Operation::Get, k.as_str()))
    } else {
        g.get(k, o)
    }),
    convicts!(a_name_above_values_is_missing, "finds a directory where it wants a file", "Conflict",
    get: |g, k, o| if g.list(&Prefix::from(k)).is_empty() {
        g.get(k, o)
    } else {
        Err(g.error(ErrorKind::Conflict, Operation::Get, k.as_str()))
    }),
    // R4
    convicts!(a_part_tells_the_size_and_version_of_the_whole, "tells the size of the part", "called 2..4 of a value of 2",
        get: |g, k, o| bent(g, k, o, |object| object.meta.size = object.bytes.len() as u64)),
    convicts!(a_part_tells_the_size_and_version_of_the_whole, "tells where the part ends as the size", "a size of 4",
        get: |g, k, o| bent(g, k, o, |object| object.meta.size = object.range.end)),
    convicts!(a_part_tells_the_size_and_version_of_the_whole, "tells no version of a part", "e_tag: None",
    get: |g, k, o| bent(g, k, o, |object| if o.range.is_some() {
        object.meta.version = Version::default();
    })),
    convicts!(an_unchanged_value_keeps_its_version, "makes a version for each answer", "though nobody wrote",
        version: |g, _, _| Version::from_e_tag(format!("\"{}\"", g.gets.load(Ordering::SeqCst)))),
    convicts!(an_unchanged_value_keeps_its_version, "tells a version in a head alone", "no version",
        get: |g, k, o| bent(g, k, o, |object| object.meta.version = Version::default())),
    convicts!(values_are_told_apart_by_key, "answers the first value for all", "first",
        get: |g, k, o| bent(g, k, o, |object| object.bytes = Bytes::from_static(b"first"))),
    // R6
    convicts!(the_present_version_is_not_modified, "ignores if_none_match", "Object",
        get: unconditional),
    convicts!(a_value_of_another_version_is_modified, "takes any version for the present one", "NotModified",
    get: |g, k, o| match (&o.if_none_match, g.head(k)) {
        (Some(_), Some(meta)) => Ok(Fetch::NotModified(meta.version)),
        _ => g.get(k, o),
    }),
    convicts!(a_value_of_the_wanted_version_is_answered, "refuses every if_match", "not the version it should be",
    get: |g, k, o| match (&o.if_match, g.head(k)) {
        (Some(_), Some(_)) => Err(g.error(ErrorKind::PreconditionFailed, Operation::Get, k.as_str())),
        _ => g.get(k, o),
    }),
    convicts!(a_value_that_is_not_the_wanted_version_is_refused, "ignores if_match", "where PreconditionFailed was due",
        get: unconditional),
    convicts!(a_missing_value_is_missing_under_any_condition, "refuses if_match of what is not there", "PreconditionFailed",
    get: |g, k, o| match (&o.if_match, g.head(k)) {
        (Some(_), None) => Err(g.error(ErrorKind::PreconditionFailed, Operation::Get, k.as_str())),
        _ => g.get(k, o),
    }),
    convicts!(conditions_hold_for_parts_too, "ignores conditions with a range", "not modified",
        get: |g, k, o| if o.range.is_some() { unconditional(g, k, o) } else { g.get(k, o) }),
    convicts!(conditions_hold_for_parts_too, "ignores the range under a condition", "0123456789",
        get: |g, k, o| if o.if_match.is_some() { g.get(k, &GetOptions { range: None, ..o.clone() }) } else { g.get(k, o) }),
    convicts!(an_unknown_version_matches_nothing, "takes an unknown version for any", "NotModified",
    get: |g, k, o| match (&o.if_none_match, g.head(k)) {
        (Some(version), Some(meta)) if !version.is_known() => Ok(Fetch::NotModified(meta.version)),
        _ => g.get(k, o),
    }),
    convicts!(an_unknown_version_matches_nothing, "sends no if_match of an unknown version", "where PreconditionFailed was due",
    get: |g, k, o| match &o.if_match {
        Some(version) if !version.is_known() => unconditional(g, k, o),
        _ => g.get(k, o),
    }),
    convicts!(conditions_tell_an_overwritten_value_from_the_old, "takes an old version for the present one", "NotModified",
    get: |g, k, o| match g.past(k) {
        Some(past) if o.if_none_match.as_ref() == Some(&past.meta.version) => Ok(Fetch::NotModified(past.meta.version)),
        _ => g.get(k, o),
    }),
    // R7
    convicts!(a_head_tells_what_a_get_tells, "tells another size in a head", "11 bytes in a head and 10",
        head: |g, k| Ok(g.head(k).map(|meta| Meta { size: meta.size + 1, ..meta }))),
    convicts!(a_head_tells_what_a_get_tells, "tells no version in a head", "e_tag: None",
        head: |g, k| Ok(g.head(k).map(|meta| Meta { version: Version::default(), ..meta }))),
    convicts!(a_head_of_a_missing_value_is_none, "heads what is not there", "size: 0",
        head: |g, k| Ok(g.head(k).or_else(|| empty_object(k).into_object().map(|object| object.meta)))),
    convicts!(a_head_follows_every_write, "remembers the first head", "4 bytes in a head after a set of 11",
        head: |g, k| Ok(g.first(k).map(|object| object.meta).or_else(|| g.head(k)))),
    convicts!(a_head_follows_every_write, "heads what was deleted", "for a head of a deleted value",
        head: |g, k| Ok(g.head(k).or_else(|| g.past(k).map(|object| object.meta)))),
    // R10
    convicts!(an_answer_at_hand_is_what_a_get_answers, "has the whole value at hand for any range", "at hand where a get answers",
        get_now: |g, k, _| g.get(k, &GetOptions::default()).ok()),
    convicts!(an_answer_at_hand_is_what_a_get_answers, "says Missing where it must ask", "Missing at hand",
        get_now: |_, _, _| Some(Fetch::Missing)),
    convicts!(an_answer_at_hand_is_what_a_get_answers, "ignores conditions at hand", "at hand where a get answers",
        get_now: |g, k, o| unconditional(g, k, o).ok()),
    convicts!(an_answer_at_hand_is_never_older_than_the_last_write, "has the value before at hand", "after \"other\" was set",
        get_now: |g, k, _| g.past(k).map(Fetch::Object)),
    convicts!(an_answer_at_hand_never_outlives_a_deletion, "has a deleted value at hand", "at hand after its deletion",
    get_now: |g, k, o| match g.get(k, o) {
        Ok(Fetch::Missing) => g.past(k).map(Fetch::Object),
        fetch => fetch.ok(),
    }),
    // R12
    convicts!(a_store_shows_its_type_and_what_it_holds, "shows no data", "\"wrong store\"",
        show: |_| "wrong store".into()),
    convicts!(a_store_shows_its_type_and_what_it_holds, "shows its type alone", "\"Wrong()\"",
        show: |_| "Wrong()".into()),
    convicts!(a_store_shows_the_same_at_any_time, "shows how often it was shown", "before a get and",
        show: |g| format!("Wrong({})", g.shows.load(Ordering::SeqCst))),
    convicts!(stores_of_different_data_show_differently, "shows the same for all data", "both show as \"Wrong(store)\"",
        show: |_| "Wrong(store)".into()),
    // Errors
    convicts!(an_invalid_range_names_get_key_and_store, "names no key", "saw the key None",
        get: |g, k, o| g.get(k, o).map_err(|error| Error::new(error.kind(), Operation::Get).with_store(&g.map))),
    convicts!(an_invalid_range_names_get_key_and_store, "names no store", "saw the store None",
        get: |g, k, o| g.get(k, o).map_err(|error| Error::new(error.kind(), Operation::Get).with_key(k))),
    convicts!(an_invalid_range_names_get_key_and_store, "names another operation", "saw Set",
        get: |g, k, o| g.get(k, o).map_err(|error| g.error(error.kind(), Operation::Set, k.as_str()))),
    convicts!(an_invalid_range_names_get_key_and_store, "tells a story", "not one plain line",
        get: |g, k, o| g.get(k, o).map_err(|error| error.with_detail("no.\nthen again, no"))),
    convicts!(an_invalid_range_of_several_names_key_and_store, "names no store of several ranges", "saw the store None",
        get_ranges: |g, k, r| Ground::now(zstore_core::ReadStore::get_ranges(&g.map, k, r))
            .map_err(|error| Error::new(error.kind(), Operation::GetRanges).with_key(k))),
    convicts!(a_failed_condition_names_get_key_and_store, "names no key of a condition", "saw the key None",
        get: |g, k, o| g.get(k, o).map_err(|error| Error::new(error.kind(), Operation::Get).with_store(&g.map))),
    convicts!(a_failed_create_names_set_key_and_store, "calls a set a get", "saw Get",
    set: |g, k, v, m| Box::pin(async move {
        g.set(&k, v, m).map_err(|error| g.error(error.kind(), Operation::Get, k.as_str()))
    })),
    // Capabilities
    convicts!(a_listing_is_refused_without_the_capability, "lists nothing though it cannot list", "as if there were nothing",
        capabilities: |can| can.listing = false, list: |_, _| Ok(Vec::new())),
    convicts!(a_listing_is_refused_without_the_capability, "lists though it says it cannot", "where Unsupported was due",
        capabilities: |can| can.listing = false),
    convicts!(a_part_of_a_missing_value_is_missing, "takes an odd range for empty bytes", "size: 0",
    get: |g, k, o| match (g.head(k), &o.range) {
        (None, Some(ByteRange::Bounded(range))) if range.is_empty() => Ok(empty_object(k)),
        _ => g.get(k, o),
    }),
];
