//! Several ranges of one value.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{ByteRange, ErrorKind, Key, Ranges, ReadStore, Store, StoreExt};

use super::{
    case::{Case, Values, always, read_case, write_case},
    expect::{TEN, expect_error, key, meta, pattern, show},
    failure::{Failure, Outcome, ensure},
    read::{ten, ten_and_empty},
};

pub(super) const CASES: &[Case] = &[
    read_case!(R5, parts_come_in_the_order_asked, always, ten),
    read_case!(R5, parts_resolve_as_single_ranges_do, always, ten),
    read_case!(R5, parts_tell_the_size_and_version_of_the_whole, always, ten),
    read_case!(R5, no_ranges_at_all_ask_for_the_metadata, always, ten),
    read_case!(R5, a_bad_range_fails_the_good_ones, always, ten),
    read_case!(R5, parts_of_a_value_of_no_bytes_are_empty, always, ten_and_empty),
    read_case!(R5, many_ranges_are_all_answered, always, striped),
    write_case!(R5, parts_after_an_overwrite_are_all_of_the_new_value, always),
];

const STRIPED_BYTES: usize = 64 * 1024;

fn striped() -> Values {
    vec![("striped".into(), pattern(STRIPED_BYTES))]
}

/// The parts of a value that is there, looked over: one for each range, and each as long as it says.
pub(super) async fn parts(store: &dyn ReadStore, key: &Key, ranges: &[ByteRange]) -> Outcome<Ranges> {
    let Some(found) = store.get_ranges(key, ranges).await? else {
        return Err(Failure::new(format!("saw nothing for get_ranges of {key:?}, which has a value")));
    };
    ensure!(found.meta.key == *key, "saw metadata of {:?} in the answer for {key:?}", found.meta.key);
    let count = found.parts.len();
    ensure!(count == ranges.len(), "saw {count} parts for {} ranges of {key:?}", ranges.len());
    for part in &found.parts {
        let fits = part.range.end.checked_sub(part.range.start) == Some(part.bytes.len() as u64);
        ensure!(fits, "saw {} bytes called {:?} of {key:?}", part.bytes.len(), part.range);
    }
    Ok(found)
}

async fn expect_parts(store: &dyn ReadStore, ranges: &[ByteRange], expected: &[&[u8]]) -> Outcome {
    let found = parts(store, &key("a")?, ranges).await?;
    for ((range, part), bytes) in ranges.iter().zip(&found.parts).zip(expected) {
        ensure!(part.bytes == *bytes, "saw {} for bytes {range} instead of {}", show(&part.bytes), show(bytes));
    }
    Ok(())
}

async fn parts_come_in_the_order_asked(store: Arc<dyn ReadStore>) -> Outcome {
    let bounded = [7..9, 0..2, 4..6, 0..2].map(ByteRange::Bounded);
    expect_parts(&*store, &bounded, &[b"78", b"01", b"45", b"01"]).await?;
    let overlapping = [ByteRange::From(3), ByteRange::Bounded(2..5), ByteRange::Suffix(8), ByteRange::Bounded(0..10)];
    expect_parts(&*store, &overlapping, &[b"3456789", b"234", b"23456789", TEN]).await
}

async fn parts_resolve_as_single_ranges_do(store: Arc<dyn ReadStore>) -> Outcome {
    let ranges = [
        ByteRange::Bounded(8..100),
        ByteRange::Suffix(3),
        ByteRange::Suffix(99),
        ByteRange::Suffix(0),
        ByteRange::From(8),
        ByteRange::From(10),
        ByteRange::Bounded(5..5),
    ];
    expect_parts(&*store, &ranges, &[b"89", b"789", TEN, b"", b"89", b"", b""]).await?;
    let found = parts(&*store, &key("a")?, &ranges).await?;
    for (range, part) in ranges.iter().zip(found.parts) {
        let resolved = range.resolve(10).map_err(|past| Failure::new(past.to_string()))?;
        ensure!(part.range == resolved, "saw the range {:?} for bytes {range} instead of {resolved:?}", part.range);
    }
    Ok(())
}

async fn parts_tell_the_size_and_version_of_the_whole(store: Arc<dyn ReadStore>) -> Outcome {
    let key = key("a")?;
    let head = meta(&*store, &key).await?;
    let found = parts(&*store, &key, &[ByteRange::Bounded(1..2), ByteRange::Suffix(2)]).await?.meta;
    ensure!(found.size == head.size, "saw a size of {} with parts of a value of {}", found.size, head.size);
    ensure!(found.version == head.version, "saw {:?} with parts of {:?}", found.version, head.version);
    Ok(())
}

async fn no_ranges_at_all_ask_for_the_metadata(store: Arc<dyn ReadStore>) -> Outcome {
    let present = key("a")?;
    let head = meta(&*store, &present).await?;
    let found = parts(&*store, &present, &[]).await?.meta;
    let same = (found.size, &found.version) == (head.size, &head.version);
    ensure!(same, "saw {found:?} for no ranges where a head tells {head:?}");
    let missing = store.get_ranges(&key("b")?, &[]).await?;
    ensure!(missing.is_none(), "saw {missing:?} for no ranges of a missing value");
    Ok(())
}

async fn a_bad_range_fails_the_good_ones(store: Arc<dyn ReadStore>) -> Outcome {
    for bad in [ByteRange::From(11), ByteRange::Bounded(11..12)] {
        for ranges in [[bad.clone(), ByteRange::Bounded(0..2)], [ByteRange::Bounded(0..2), bad.clone()]] {
            let found = store.get_ranges(&key("a")?, &ranges).await;
            expect_error(&format!("ranges of which one is bytes {bad} of 10"), ErrorKind::InvalidRange, found)?;
        }
    }
    Ok(())
}

async fn parts_of_a_value_of_no_bytes_are_empty(store: Arc<dyn ReadStore>) -> Outcome {
    let found = parts(&*store, &key("empty")?, &[ByteRange::From(0), ByteRange::Suffix(4)]).await?;
    ensure!(found.meta.size == 0, "saw a size of {} for a value of no bytes", found.meta.size);
    Ok(())
}

async fn many_ranges_are_all_answered(store: Arc<dyn ReadStore>) -> Outcome {
    let (whole, key) = (pattern(STRIPED_BYTES), key("striped")?);
    // A stride that is coprime to their number visits them all, out of order; neighbours touch, so that they may be
    // joined.
    let starts = (0..128_u64).map(|at| at * 37 % 128 * 512);
    let ranges: Vec<_> = starts.map(|start| ByteRange::Bounded(start..start + 512)).collect();
    for (range, part) in ranges.iter().zip(parts(&*store, &key, &ranges).await?.parts) {
        let bytes = whole.slice(part.range.start as usize..part.range.end as usize);
        ensure!(ByteRange::Bounded(part.range) == *range, "saw another range for bytes {range}");
        ensure!(part.bytes == bytes, "saw {} for bytes {range} instead of {}", show(&part.bytes), show(&bytes));
    }
    Ok(())
}

async fn parts_after_an_overwrite_are_all_of_the_new_value(store: Arc<dyn Store>) -> Outcome {
    let key = key("a")?;
    let ranges = [ByteRange::Bounded(0..4), ByteRange::Bounded(6..8), ByteRange::Suffix(2)];
    for letter in [b'x', b'y', b'z'] {
        store.put(&key, Bytes::from(vec![letter; 16])).await?;
        for part in parts(&*store, &key, &ranges).await?.parts {
            let new = part.bytes.iter().all(|byte| *byte == letter);
            ensure!(new, "saw {} after an overwrite by {:?}s", show(&part.bytes), char::from(letter));
        }
    }
    Ok(())
}
