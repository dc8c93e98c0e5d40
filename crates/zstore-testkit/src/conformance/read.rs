//! Whole values, missing values, and what an answer tells of them.

use bytes::Bytes;
use std::sync::Arc;
use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, ReadStore};

use super::{
    case::{Case, Values, always, known_versions, read_case},
    expect::{TEN, expect_missing, expect_value, key, meta, object, pattern, show, whole},
    failure::{Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    read_case!(R1, a_get_without_a_range_answers_the_whole_value, always, ten),
    read_case!(R1, a_large_value_is_answered_whole, always, large),
    read_case!(R3, a_value_of_no_bytes_is_a_value, always, ten_and_empty),
    read_case!(R3, a_missing_value_is_an_answer, always, ten),
    read_case!(R3, a_part_of_a_missing_value_is_missing, always, ten),
    read_case!(R3, a_name_below_a_value_is_missing, always, ten),
    read_case!(R3, a_name_above_values_is_missing, always, nested),
    read_case!(R4, a_part_tells_the_size_and_version_of_the_whole, always, ten),
    read_case!(R4, an_unchanged_value_keeps_its_version, known_versions, ten),
    read_case!(R4, values_are_told_apart_by_key, always, twins),
];

/// One value of ten bytes, `a`.
pub(super) fn ten() -> Values {
    vec![("a".into(), Bytes::from_static(TEN))]
}

pub(super) fn ten_and_empty() -> Values {
    vec![("a".into(), Bytes::from_static(TEN)), ("empty".into(), Bytes::new())]
}

const LARGE_BYTES: usize = 3 * 1024 * 1024 + 1;

fn large() -> Values {
    vec![("large".into(), pattern(LARGE_BYTES))]
}

fn nested() -> Values {
    vec![("d/x/y".into(), Bytes::from_static(TEN))]
}

fn twins() -> Values {
    vec![("a".into(), Bytes::from_static(b"first")), ("b".into(), Bytes::from_static(b"other"))]
}

async fn a_get_without_a_range_answers_the_whole_value(store: Arc<dyn ReadStore>) -> Outcome {
    let object = whole(&*store, &key("a")?).await?;
    ensure!(object.bytes == TEN, "saw {} instead of {}", show(&object.bytes), show(TEN));
    ensure!(object.meta.size == 10, "saw a size of {} for 10 bytes", object.meta.size);
    Ok(())
}

async fn a_large_value_is_answered_whole(store: Arc<dyn ReadStore>) -> Outcome {
    expect_value(&*store, "large", &pattern(LARGE_BYTES)).await
}

async fn a_value_of_no_bytes_is_a_value(store: Arc<dyn ReadStore>) -> Outcome {
    expect_value(&*store, "empty", b"").await?;
    let size = meta(&*store, &key("empty")?).await?.size;
    ensure!(size == 0, "saw a head that tells {size} bytes of a value of none");
    Ok(())
}

async fn a_missing_value_is_an_answer(store: Arc<dyn ReadStore>) -> Outcome {
    for name in ["b", "aa", "c/0/1"] {
        expect_missing(&*store, name).await?;
    }
    Ok(())
}

async fn a_part_of_a_missing_value_is_missing(store: Arc<dyn ReadStore>) -> Outcome {
    for range in [ByteRange::Bounded(0..1), ByteRange::Bounded(0..0), ByteRange::From(99), ByteRange::Suffix(1)] {
        let fetch = store.get(&key("b")?, &GetOptions::range(range.clone())).await?;
        ensure!(fetch == Fetch::Missing, "saw {fetch:?} for bytes {range} of a missing value");
    }
    Ok(())
}

async fn a_name_below_a_value_is_missing(store: Arc<dyn ReadStore>) -> Outcome {
    expect_missing(&*store, "a/b").await?;
    expect_missing(&*store, "a/b/c").await
}

async fn a_name_above_values_is_missing(store: Arc<dyn ReadStore>) -> Outcome {
    expect_missing(&*store, "d").await?;
    expect_missing(&*store, "d/x").await
}

async fn a_part_tells_the_size_and_version_of_the_whole(store: Arc<dyn ReadStore>) -> Outcome {
    let key = key("a")?;
    let all = whole(&*store, &key).await?.meta;
    for range in [ByteRange::Bounded(2..4), ByteRange::From(9), ByteRange::Suffix(3), ByteRange::From(10)] {
        let part = object(&key, store.get(&key, &GetOptions::range(range.clone())).await?)?.meta;
        ensure!(part.size == all.size, "saw a size of {} with bytes {range} of a value of {}", part.size, all.size);
        let same = part.version == all.version;
        ensure!(same, "saw {:?} with bytes {range} of a value that is {:?}", part.version, all.version);
    }
    Ok(())
}

async fn an_unchanged_value_keeps_its_version(store: Arc<dyn ReadStore>) -> Outcome {
    let key = key("a")?;
    let first = whole(&*store, &key).await?.meta.version;
    ensure!(first.is_known(), "saw no version in a get of a store that tells versions in a head");
    for _ in 0..3 {
        let again = whole(&*store, &key).await?.meta.version;
        ensure!(again == first, "saw {again:?} after {first:?} though nobody wrote");
    }
    Ok(())
}

async fn values_are_told_apart_by_key(store: Arc<dyn ReadStore>) -> Outcome {
    expect_value(&*store, "b", b"other").await?;
    expect_value(&*store, "a", b"first").await?;
    // An error about one value must not be remembered against another, or against the same in another way.
    let past = store.get(&key("a")?, &GetOptions::range(ByteRange::From(99))).await;
    super::expect::expect_error("bytes 99.. of 5", ErrorKind::InvalidRange, past)?;
    expect_value(&*store, "a", b"first").await
}
