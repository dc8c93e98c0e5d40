//! Faults in ranges, one and several.

use std::ops::Range;

use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, Key, Object, Operation, Part, Ranges, ReadStore, Result};

use super::{Conviction, convicts, ground::Ground};

/// Answers the bytes that `pick` makes of the range and the size, and refuses where it makes none.
fn picked(
    ground: &Ground,
    key: &Key,
    options: &GetOptions,
    pick: impl FnOnce(&ByteRange, u64) -> Option<Range<u64>>,
) -> Result<Fetch> {
    let (Some(range), Some(whole)) = (&options.range, ground.whole(key)) else { return ground.get(key, options) };
    let picked = pick(range, whole.meta.size);
    let range = picked.ok_or_else(|| ground.error(ErrorKind::InvalidRange, Operation::Get, key.as_str()))?;
    let bytes = whole.bytes.slice(range.start as usize..range.end as usize);
    Ok(Fetch::Object(Object { range, bytes, ..whole }))
}

/// As it should be.
fn resolved(range: &ByteRange, size: u64) -> Option<Range<u64>> {
    range.resolve(size).ok()
}

fn honest(ground: &Ground, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
    Ground::now(ground.map.get_ranges(key, ranges))
}

/// Honest parts, and then something done to them.
fn bent(ground: &Ground, key: &Key, ranges: &[ByteRange], bend: impl FnOnce(&mut Ranges)) -> Result<Option<Ranges>> {
    let mut found = honest(ground, key, ranges)?;
    if let Some(found) = &mut found {
        bend(found);
    }
    Ok(found)
}

/// The first part from the state before, where there was one with such bytes.
pub(super) fn mixed(ground: &Ground, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
    bent(ground, key, ranges, |found| {
        let (Some(past), Some(part)) = (ground.past(key), found.parts.first_mut()) else { return };
        if past.meta.size >= part.range.end {
            part.bytes = past.bytes.slice(part.range.start as usize..part.range.end as usize);
        }
    })
}

pub(super) const TABLE: &[Conviction] = &[
    // R2
    convicts!(a_range_inside_a_value_answers_its_bytes, "counts the last byte in", "2345",
    get: |g, k, o| picked(g, k, o, |range, size| {
        resolved(range, size).map(|range| range.start..(range.end + 1).min(size))
    })),
    convicts!(a_range_inside_a_value_answers_its_bytes, "answers the whole value", "0123456789",
        get: |g, k, o| picked(g, k, o, |_, size| Some(0..size))),
    convicts!(a_range_inside_a_value_answers_its_bytes, "tells the range from its own start", "saw the range 0..3",
    get: |g, k, o| Ok(match g.get(k, o)? {
        Fetch::Object(object) => Fetch::Object(Object { range: 0..object.bytes.len() as u64, ..object }),
        other => other,
    })),
    convicts!(a_range_inside_a_value_answers_its_bytes, "answers short", "called 2..5",
    get: |g, k, o| Ok(match g.get(k, o)? {
        Fetch::Object(object) => Fetch::Object(Object { bytes: object.bytes.slice(1..), ..object }),
        other => other,
    })),
    convicts!(a_range_that_ends_past_the_value_is_cut_short, "refuses an end past the value", "InvalidRange",
    get: |g, k, o| picked(g, k, o, |range, size| {
        resolved(range, size).filter(|_| !matches!(range, ByteRange::Bounded(range) if range.end > size))
    })),
    convicts!(a_range_that_starts_at_the_end_is_empty, "refuses a start at the end, as HTTP does", "InvalidRange",
        get: |g, k, o| picked(g, k, o, |range, size| resolved(range, size).filter(|range| range.start < size))),
    convicts!(a_range_that_starts_past_the_end_is_refused, "answers nothing for a start past the end", "where InvalidRange was due",
        get: |g, k, o| picked(g, k, o, |range, size| resolved(range, size).or(Some(size..size)))),
    convicts!(a_range_that_ends_before_it_starts_is_refused, "takes a backward range for an empty one", "where InvalidRange was due",
    get: |g, k, o| picked(g, k, o, |range, size| match range {
        ByteRange::Bounded(range) if range.end < range.start => Some(range.start.min(size)..range.start.min(size)),
        range => resolved(range, size),
    })),
    convicts!(a_range_of_no_bytes_is_empty, "refuses a range of no bytes", "InvalidRange",
        get: |g, k, o| picked(g, k, o, |range, size| resolved(range, size).filter(|range| !range.is_empty()))),
    convicts!(a_range_of_no_bytes_is_empty, "takes a range of no bytes for all", "0123456789",
    get: |g, k, o| picked(g, k, o, |range, size| {
        resolved(range, size).map(|range| if range.is_empty() { 0..size } else { range })
    })),
    convicts!(an_open_range_answers_the_rest, "takes the start for the length", "\"0123\"",
    get: |g, k, o| picked(g, k, o, |range, size| match range {
        ByteRange::From(start) if *start > 0 => Some(0..*start),
        range => resolved(range, size),
    })),
    convicts!(a_suffix_answers_the_last_bytes, "takes a suffix from the wrong end", "\"0\"",
    get: |g, k, o| picked(g, k, o, |range, size| match range {
        ByteRange::Suffix(length) => Some(0..(*length).min(size)),
        range => resolved(range, size),
    })),
    convicts!(a_suffix_answers_the_last_bytes, "takes a suffix for a start", "123456789",
    get: |g, k, o| picked(g, k, o, |range, size| match range {
        ByteRange::Suffix(start) => Some((*start).min(size)..size),
        range => resolved(range, size),
    })),
    convicts!(a_suffix_longer_than_the_value_is_all_of_it, "refuses a suffix longer than the value", "InvalidRange",
    get: |g, k, o| picked(g, k, o, |range, size| {
        resolved(range, size).filter(|_| !matches!(range, ByteRange::Suffix(length) if *length > size))
    })),
    convicts!(a_suffix_of_no_bytes_is_empty, "takes a suffix of no bytes for all", "0123456789",
    get: |g, k, o| picked(g, k, o, |range, size| match range {
        ByteRange::Suffix(0) => Some(0..size),
        range => resolved(range, size),
    })),
    convicts!(a_value_of_no_bytes_has_empty_ranges_alone, "refuses all ranges of no bytes", "InvalidRange",
        get: |g, k, o| picked(g, k, o, |range, size| resolved(range, size).filter(|_| size > 0))),
    convicts!(a_value_of_no_bytes_has_empty_ranges_alone, "refuses no range of no bytes", "where InvalidRange was due",
        get: |g, k, o| picked(g, k, o, |range, size| if size == 0 { Some(0..0) } else { resolved(range, size) })),
    convicts!(every_small_range_resolves_as_the_contract_says, "errs at one edge alone", "bytes 9..9 of 10",
    get: |g, k, o| picked(g, k, o, |range, size| match range {
        ByteRange::Bounded(range) if *range == (9..9) => Some(9..10),
        range => resolved(range, size),
    })),
    // R5
    convicts!(parts_come_in_the_order_asked, "sorts the parts", "\"01\" for bytes 7..9",
        get_ranges: |g, k, r| bent(g, k, r, |found| found.parts.sort_by_key(|part| part.range.start))),
    convicts!(parts_come_in_the_order_asked, "answers the same part once", "3 parts for 4 ranges",
    get_ranges: |g, k, r| bent(g, k, r, |found| {
        found.parts.sort_by_key(|part| part.range.start);
        found.parts.dedup();
    })),
    convicts!(parts_resolve_as_single_ranges_do, "takes suffixes from the wrong end", "\"012\" for bytes last 3",
    get_ranges: |g, k, r| {
        let from_start = |range: &ByteRange| match range {
            ByteRange::Suffix(length) => ByteRange::Bounded(0..*length),
            range => range.clone(),
        };
        honest(g, k, &r.iter().map(from_start).collect::<Vec<_>>())
    }),
    convicts!(parts_resolve_as_single_ranges_do, "tells ranges as they were asked", "called 8..100",
    get_ranges: |g, k, r| bent(g, k, r, |found| for (part, range) in found.parts.iter_mut().zip(r) {
        if let ByteRange::Bounded(range) = range {
            part.range = range.clone();
        }
    })),
    convicts!(parts_tell_the_size_and_version_of_the_whole, "tells the size of the parts", "a size of 3",
    get_ranges: |g, k, r| bent(g, k, r, |found| {
        found.meta.size = found.parts.iter().map(|part| part.bytes.len() as u64).sum();
    })),
    convicts!(parts_tell_the_size_and_version_of_the_whole, "tells no version with parts", "e_tag: None",
        get_ranges: |g, k, r| bent(g, k, r, |found| found.meta.version = zstore_core::Version::default())),
    convicts!(no_ranges_at_all_ask_for_the_metadata, "takes no ranges for no value", "saw nothing for get_ranges",
        get_ranges: |g, k, r| Ok(honest(g, k, r)?.filter(|_| !r.is_empty()))),
    convicts!(no_ranges_at_all_ask_for_the_metadata, "refuses no ranges", "invalid argument",
    get_ranges: |g, k, r| if r.is_empty() {
        Err(g.error(ErrorKind::InvalidArgument, Operation::GetRanges, k.as_str()))
    } else {
        honest(g, k, r)
    }),
    convicts!(a_bad_range_fails_the_good_ones, "leaves bad ranges out", "where InvalidRange was due",
    get_ranges: |g, k, r| {
        let size = g.head(k).map_or(0, |meta| meta.size);
        let good: Vec<_> = r.iter().filter(|range| range.resolve(size).is_ok()).cloned().collect();
        honest(g, k, &good)
    }),
    convicts!(parts_of_a_value_of_no_bytes_are_empty, "takes no bytes for no value in parts", "saw nothing for get_ranges",
        get_ranges: |g, k, r| Ok(honest(g, k, r)?.filter(|found| found.meta.size > 0))),
    convicts!(many_ranges_are_all_answered, "answers a hundred ranges at most", "100 parts for 128 ranges",
        get_ranges: |g, k, r| bent(g, k, r, |found| found.parts.truncate(100))),
    convicts!(many_ranges_are_all_answered, "cuts joined neighbours in the wrong place", "for bytes",
    get_ranges: |g, k, r| {
        let whole = g.whole(k);
        bent(g, k, r, |found| for part in &mut found.parts {
            let Part { range, bytes } = part;
            if let Some(whole) = whole.as_ref().filter(|_| range.start > 0) {
                *bytes = whole.bytes.slice(range.start as usize - 1..range.end as usize - 1);
            }
        })
    }),
    convicts!(parts_after_an_overwrite_are_all_of_the_new_value, "mixes two states in the parts", "after an overwrite",
        get_ranges: mixed),
];
