//! Near ranges fetched as one.

use std::ops::Range;

use zstore_core::{ByteRange, Part};

use crate::fault::{Failure, Fault};

/// Ranges with a gap no wider than this are fetched as one. Another request costs about a round trip: 5 ms to a near
/// data centre, in which a link of 100 Mbit/s moves 5 ms x 12.5 MB/s = 62.5 KB. To skip less than that costs more
/// than to fetch it.
pub(crate) const GAP_BYTES_MAX: u64 = 64 << 10;

/// The ranges to fetch so that all of `ranges` can be cut from what comes: none of them empty, none within `gap` of
/// another.
pub(crate) fn coalesce(ranges: &[ByteRange], gap_bytes_max: u64) -> Vec<ByteRange> {
    let mut bounded: Vec<Range<u64>> = Vec::new();
    let (mut tail, mut suffix): (Option<u64>, Option<u64>) = (None, None);
    for range in ranges {
        match range {
            // An empty range needs no bytes, and one that is backwards has none; both are judged when the size is
            // known.
            ByteRange::Bounded(range) if range.start >= range.end => {}
            ByteRange::Bounded(range) => bounded.push(range.clone()),
            ByteRange::From(start) => tail = Some(tail.map_or(*start, |tail| tail.min(*start))),
            ByteRange::Suffix(0) => {}
            ByteRange::Suffix(length) => suffix = suffix.max(Some(*length)),
        }
    }
    bounded.sort_by_key(|range| range.start);
    let mut spans: Vec<Range<u64>> = Vec::new();
    for range in bounded {
        match spans.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap_bytes_max) => last.end = last.end.max(range.end),
            _ => spans.push(range),
        }
    }
    while let (Some(start), Some(last)) = (tail, spans.last()) {
        if last.end.saturating_add(gap_bytes_max) < start {
            break;
        }
        tail = Some(start.min(last.start));
        spans.pop();
    }
    if tail == Some(0) {
        suffix = None;
    }
    let spans = spans.into_iter().map(ByteRange::Bounded);
    spans.chain(tail.map(ByteRange::From)).chain(suffix.map(ByteRange::Suffix)).collect()
}

/// The parts of a value of `size` bytes that `ranges` mean, cut from what was fetched for them.
pub(crate) fn cut(ranges: &[ByteRange], size: u64, fetched: &[Part]) -> Result<Vec<Part>, Failure> {
    let parts = ranges.iter().map(|range| {
        let range = range.resolve(size)?;
        if range.is_empty() {
            return Ok(Part { range, bytes: Default::default() });
        }
        let holds = |part: &&Part| part.range.start <= range.start && range.end <= part.range.end;
        let Some(part) = fetched.iter().find(holds) else {
            let why = format!("bytes {}..{} were not fetched", range.start, range.end);
            return Err(Failure::from(Fault::Other { why }));
        };
        let at = |position: u64| usize::try_from(position - part.range.start).unwrap_or(usize::MAX);
        let bytes = part.bytes.slice(at(range.start)..at(range.end));
        Ok(Part { range, bytes })
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_joined_across_small_gaps_only() {
        use ByteRange::{Bounded, From, Suffix};
        for (ranges, spans) in [
            (vec![], vec![]),
            (vec![Bounded(3..3), Suffix(0)], vec![]),
            (vec![Bounded(20..30), Bounded(0..10)], vec![Bounded(0..30)]),
            (vec![Bounded(0..10), Bounded(21..30)], vec![Bounded(0..10), Bounded(21..30)]),
            (vec![Bounded(0..30), Bounded(5..6)], vec![Bounded(0..30)]),
            (vec![From(40), From(60), Bounded(20..30), Bounded(0..5)], vec![Bounded(0..5), From(20)]),
            (vec![Suffix(4), Suffix(8), Bounded(0..1)], vec![Bounded(0..1), Suffix(8)]),
            (vec![From(5), Suffix(8), Bounded(0..1)], vec![From(0)]),
            (vec![Bounded(0..u64::MAX), From(u64::MAX)], vec![From(0)]),
        ] {
            assert_eq!(coalesce(&ranges, 10), spans, "{ranges:?}");
        }
    }

    fn any_range() -> impl Strategy<Value = ByteRange> {
        (0u64..24, 0u64..24, 0u8..3).prop_map(|(a, b, form)| match form {
            0 => ByteRange::Bounded(a..b),
            1 => ByteRange::From(a),
            _ => ByteRange::Suffix(a),
        })
    }

    proptest! {
        #[test]
        fn every_range_can_be_cut_from_the_spans(
            ranges in prop::collection::vec(any_range(), 0..6),
            gap in 0u64..6,
            size in 0u64..24,
        ) {
            let value: Bytes = (0..size as u8).collect();
            let slice = |range: &Range<u64>| value.slice(range.start as usize..range.end as usize);
            let spans: Result<Vec<Part>, _> = coalesce(&ranges, gap)
                .iter()
                .map(|span| span.resolve(size).map(|range| Part { bytes: slice(&range), range }))
                .collect();
            let expected: Result<Vec<Part>, _> =
                ranges.iter().map(|range| range.resolve(size).map(|range| Part { bytes: slice(&range), range })).collect();
            match (spans, expected) {
                (Ok(fetched), Ok(expected)) => prop_assert_eq!(cut(&ranges, size, &fetched).unwrap(), expected),
                (Ok(fetched), Err(_)) => prop_assert!(cut(&ranges, size, &fetched).is_err()),
                // A span that starts past the end was asked for by a range that does.
                (Err(_), expected) => prop_assert!(expected.is_err()),
            }
        }
    }
}
