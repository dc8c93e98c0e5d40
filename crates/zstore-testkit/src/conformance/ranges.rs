//! Which bytes a range means.

use std::{ops::Range, sync::Arc};

use zstore_core::{ByteRange, ErrorKind, GetOptions, ReadStore};

use super::{
    case::{Case, always, read_case},
    expect::{TEN, expect_error, key, object, show},
    failure::{Failure, Outcome, ensure},
    read::{ten, ten_and_empty},
};

pub(super) const CASES: &[Case] = &[
    read_case!(R2, a_range_inside_a_value_answers_its_bytes, always, ten),
    read_case!(R2, a_range_that_ends_past_the_value_is_cut_short, always, ten),
    read_case!(R2, a_range_that_starts_at_the_end_is_empty, always, ten),
    read_case!(R2, a_range_that_starts_past_the_end_is_refused, always, ten),
    read_case!(R2, a_range_that_ends_before_it_starts_is_refused, always, ten),
    read_case!(R2, a_range_of_no_bytes_is_empty, always, ten),
    read_case!(R2, an_open_range_answers_the_rest, always, ten),
    read_case!(R2, a_suffix_answers_the_last_bytes, always, ten),
    read_case!(R2, a_suffix_longer_than_the_value_is_all_of_it, always, ten),
    read_case!(R2, a_suffix_of_no_bytes_is_empty, always, ten),
    read_case!(R2, a_value_of_no_bytes_has_empty_ranges_alone, always, ten_and_empty),
    read_case!(R2, every_small_range_resolves_as_the_contract_says, always, ten),
];

/// Looks for the bytes that `expected` names in the value `name`, which is `whole`; for a refusal if that is none.
async fn expect_range(
    store: &dyn ReadStore,
    (name, whole): (&str, &[u8]),
    range: ByteRange,
    expected: Option<Range<usize>>,
) -> Outcome {
    let key = key(name)?;
    let fetch = store.get(&key, &GetOptions::range(range.clone())).await;
    let call = format!("bytes {range} of {}", whole.len());
    let Some(expected) = expected else {
        return expect_error(&call, ErrorKind::InvalidRange, fetch).map(drop);
    };
    let fetch =
        fetch.map_err(|error| Failure::new(format!("saw an error for {call}: {error} ({:?})", error.kind())))?;
    let seen = object(&key, fetch)?;
    let bytes = &whole[expected.clone()];
    ensure!(seen.bytes == bytes, "saw {} for {call} instead of {}", show(&seen.bytes), show(bytes));
    let expected = expected.start as u64..expected.end as u64;
    ensure!(seen.range == expected, "saw the range {:?} for {call} instead of {expected:?}", seen.range);
    Ok(())
}

async fn expect_of_ten(store: &dyn ReadStore, range: ByteRange, expected: Option<Range<usize>>) -> Outcome {
    expect_range(store, ("a", TEN), range, expected).await
}

async fn a_range_inside_a_value_answers_its_bytes(store: Arc<dyn ReadStore>) -> Outcome {
    for range in [2..5, 0..1, 9..10, 0..10] {
        expect_of_ten(&*store, (range.start as u64..range.end as u64).into(), Some(range)).await?;
    }
    Ok(())
}

async fn a_range_that_ends_past_the_value_is_cut_short(store: Arc<dyn ReadStore>) -> Outcome {
    for (range, expected) in [(8..11, 8..10), (0..100, 0..10), (9..u64::MAX, 9..10)] {
        expect_of_ten(&*store, range.into(), Some(expected)).await?;
    }
    Ok(())
}

async fn a_range_that_starts_at_the_end_is_empty(store: Arc<dyn ReadStore>) -> Outcome {
    for range in [ByteRange::Bounded(10..20), ByteRange::Bounded(10..10), ByteRange::From(10)] {
        expect_of_ten(&*store, range, Some(10..10)).await?;
    }
    Ok(())
}

async fn a_range_that_starts_past_the_end_is_refused(store: Arc<dyn ReadStore>) -> Outcome {
    for range in [
        ByteRange::Bounded(11..20),
        ByteRange::Bounded(11..11),
        ByteRange::From(11),
        ByteRange::From(u64::MAX),
        ByteRange::Bounded(u64::MAX - 1..u64::MAX),
    ] {
        expect_of_ten(&*store, range, None).await?;
    }
    Ok(())
}

async fn a_range_that_ends_before_it_starts_is_refused(store: Arc<dyn ReadStore>) -> Outcome {
    for (start, end) in [(5, 4), (9, 0), (11, 3)] {
        expect_of_ten(&*store, ByteRange::Bounded(Range { start, end }), None).await?;
    }
    Ok(())
}

async fn a_range_of_no_bytes_is_empty(store: Arc<dyn ReadStore>) -> Outcome {
    for at in [0, 3, 9] {
        expect_of_ten(&*store, (at as u64..at as u64).into(), Some(at..at)).await?;
    }
    Ok(())
}

async fn an_open_range_answers_the_rest(store: Arc<dyn ReadStore>) -> Outcome {
    for start in [0, 4, 9] {
        expect_of_ten(&*store, ByteRange::From(start as u64), Some(start..10)).await?;
    }
    Ok(())
}

async fn a_suffix_answers_the_last_bytes(store: Arc<dyn ReadStore>) -> Outcome {
    for length in [1, 4, 10] {
        expect_of_ten(&*store, ByteRange::Suffix(length as u64), Some(10 - length..10)).await?;
    }
    Ok(())
}

async fn a_suffix_longer_than_the_value_is_all_of_it(store: Arc<dyn ReadStore>) -> Outcome {
    for length in [11, 1_000_000, u64::MAX] {
        expect_of_ten(&*store, ByteRange::Suffix(length), Some(0..10)).await?;
    }
    Ok(())
}

async fn a_suffix_of_no_bytes_is_empty(store: Arc<dyn ReadStore>) -> Outcome {
    expect_of_ten(&*store, ByteRange::Suffix(0), Some(10..10)).await
}

async fn a_value_of_no_bytes_has_empty_ranges_alone(store: Arc<dyn ReadStore>) -> Outcome {
    for range in [
        ByteRange::Bounded(0..0),
        ByteRange::Bounded(0..5),
        ByteRange::From(0),
        ByteRange::Suffix(0),
        ByteRange::Suffix(5),
    ] {
        expect_range(&*store, ("empty", b""), range, Some(0..0)).await?;
    }
    for range in [ByteRange::Bounded(1..2), ByteRange::From(1)] {
        expect_range(&*store, ("empty", b""), range, None).await?;
    }
    Ok(())
}

async fn every_small_range_resolves_as_the_contract_says(store: Arc<dyn ReadStore>) -> Outcome {
    for range in small_ranges() {
        let expected = range.resolve(10).ok().map(|range| range.start as usize..range.end as usize);
        expect_of_ten(&*store, range, expected).await?;
    }
    Ok(())
}

/// Ranges of every form around both ends of ten bytes, where the mistakes are: a full table would be 195 requests.
fn small_ranges() -> Vec<ByteRange> {
    const EDGES: [u64; 7] = [0, 1, 5, 9, 10, 11, 12];
    let bounded = EDGES.iter().flat_map(|&start| EDGES.map(|end| ByteRange::Bounded(start..end)));
    let open = EDGES.iter().flat_map(|&edge| [ByteRange::From(edge), ByteRange::Suffix(edge)]);
    bounded.chain(open).collect()
}
