//! C5: one account of what is resident. However bytes came, they are not asked for again, and what is missing is asked
//! for exactly.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use proptest::prelude::*;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, ReadStore, ReadStoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Recorder};

use crate::setup::{key, pattern};

pub(crate) const BLOCK: u64 = 4096;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Parts(Vec<ByteRange>),
    Whole,
    Reopen,
}

/// What a cache is expected to hold of one value, and so to ask for.
struct Model {
    size: u64,
    gap: u64,
    whole_max: u64,
    is_whole: bool,
    blocks: BTreeSet<u64>,
}

impl Model {
    /// How many requests of how many bytes an operation makes.
    fn expect(&mut self, op: &Op) -> (u64, u64) {
        match op {
            Op::Reopen => (0, 0),
            Op::Whole => self.expect_whole(),
            _ if self.is_whole => (0, 0),
            Op::Parts(parts) if self.blocks.is_empty() => self.expect_unknown(parts),
            Op::Parts(parts) => {
                let wanted = parts.iter().map(|part| part.resolve(self.size).unwrap());
                let missing: BTreeSet<u64> =
                    wanted.flat_map(blocks_of).filter(|block| !self.blocks.contains(block)).collect();
                match missing.is_empty() {
                    true => (0, 0),
                    false if self.size <= self.whole_max => self.expect_whole(),
                    false => (1, self.fetch(&self.runs(&missing))),
                }
            }
        }
    }

    fn expect_whole(&mut self) -> (u64, u64) {
        if self.is_whole {
            return (0, 0);
        }
        let missing = blocks_of(0..self.size).filter(|block| !self.blocks.contains(block)).collect();
        let runs = self.runs(&missing);
        if runs.is_empty() {
            return (0, 0);
        }
        let bytes: u64 = runs.iter().map(|run| run.end - run.start).sum();
        if !self.blocks.is_empty() && self.size - bytes > runs.len() as u64 * self.gap {
            return (1, self.fetch(&runs));
        }
        self.is_whole = true;
        (1, self.size)
    }

    fn expect_unknown(&mut self, parts: &[ByteRange]) -> (u64, u64) {
        let bounded = parts.iter().all(|part| matches!(part, ByteRange::Bounded(range) if !range.is_empty()));
        if bounded {
            let wanted = parts.iter().map(|part| part.resolve(self.size).unwrap());
            return (1, self.fetch(&self.runs(&wanted.flat_map(blocks_of).collect())));
        }
        let widened = parts.iter().map(|part| match part {
            ByteRange::Bounded(range) if range.is_empty() => range.clone(),
            ByteRange::Bounded(range) => {
                range.start / BLOCK * BLOCK..(range.end.div_ceil(BLOCK) * BLOCK).min(self.size)
            }
            ByteRange::From(start) => start / BLOCK * BLOCK..self.size,
            ByteRange::Suffix(0) => self.size..self.size,
            ByteRange::Suffix(length) => self.size.saturating_sub(length + BLOCK - 1)..self.size,
        });
        (1, self.fetch(&widened.collect::<Vec<_>>()))
    }

    /// Keeps what comes, and says how much that is.
    fn fetch(&mut self, ranges: &[Range<u64>]) -> u64 {
        for range in ranges {
            self.is_whole |= *range == (0..self.size);
            let whole = |block: &u64| block * BLOCK >= range.start && ((block + 1) * BLOCK).min(self.size) <= range.end;
            self.blocks.extend(blocks_of(range.clone()).filter(whole));
        }
        ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// What is fetched for `missing`: of any two of them so near that the bytes between are no more than the gap, those
    /// too.
    fn runs(&self, missing: &BTreeSet<u64>) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for extent in missing.iter().map(|block| block * BLOCK..((block + 1) * BLOCK).min(self.size)) {
            match runs.last_mut() {
                Some(run) if extent.start - run.end <= self.gap => run.end = extent.end,
                _ => runs.push(extent),
            }
        }
        runs
    }
}

fn blocks_of(range: Range<u64>) -> impl Iterator<Item = u64> {
    let end = if range.is_empty() { 0 } else { range.end.div_ceil(BLOCK) };
    range.start / BLOCK..end
}

pub(crate) async fn run(size: u64, gap: u64, whole_max: u64, ops: Vec<Op>) {
    let source = Arc::new(Recorder::new(MemoryStore::new()));
    let value = pattern(usize::try_from(size).unwrap());
    zstore_core::StoreExt::put(source.inner(), &key("k"), value.clone()).await.unwrap();
    let tier = Arc::new(Faulty::new(MemoryStore::new()));
    let strategy = match whole_max {
        0 => RangeStrategy::Blocks { block_size: BLOCK },
        size_max => RangeStrategy::WholeUpTo { size_max, block_size: BLOCK },
    };
    let open = || {
        let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
        builder.range_strategy(strategy).range_gap(gap).build()
    };
    let mut cache = open().await.unwrap();
    let mut model = Model { size, gap, whole_max, is_whole: false, blocks: BTreeSet::new() };
    for op in ops {
        source.clear();
        let expected = model.expect(&op);
        match &op {
            Op::Whole => assert_eq!(cache.get_bytes(&key("k")).await.unwrap().unwrap(), value),
            Op::Reopen => cache = open().await.unwrap(),
            Op::Parts(parts) => {
                let found = cache.get_ranges(&key("k"), parts).await.unwrap().unwrap();
                for (part, found) in parts.iter().zip(found.parts) {
                    let range = part.resolve(size).unwrap();
                    assert_eq!(found.bytes, value.slice(range.start as usize..range.end as usize), "{part}");
                }
            }
        }
        cache.flush().await;
        cache.check().unwrap();
        let blocks = &model.blocks;
        assert_eq!((source.count() as u64, source.bytes_read()), expected, "{op:?} leaves {blocks:?}");
        if model.is_whole {
            model.blocks.clear();
        }
        let kept = if model.is_whole { 1 } else { model.blocks.len() as u64 };
        assert_eq!(cache.info().resident_blobs, kept, "{op:?} leaves {:?}", model.blocks);
    }
}

fn part(size: u64) -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        4 => (0..size, 0..3 * BLOCK).prop_map(|(start, len)| ByteRange::Bounded(start..start + len)),
        1 => (0..size).prop_map(ByteRange::From),
        1 => (0..2 * BLOCK).prop_map(ByteRange::Suffix),
    ]
}

fn op(size: u64) -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => prop::collection::vec(part(size), 1..4).prop_map(Op::Parts),
        1 => Just(Op::Whole),
        1 => Just(Op::Reopen),
    ]
}

pub(crate) fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn only_what_is_missing_is_asked_for(
        (size, ops) in (1..40 * BLOCK).prop_flat_map(|size| (Just(size), prop::collection::vec(op(size), 1..20))),
        gap in prop_oneof![Just(0), Just(BLOCK), Just(3 * BLOCK)],
        whole_max in prop_oneof![3 => Just(0), 1 => Just(20 * BLOCK)],
    ) {
        block_on(run(size, gap, whole_max, ops));
    }
}
