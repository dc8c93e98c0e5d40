//! Runs: blocks that are near each other, fetched as one.
//!
//! Another request costs about as much as some hundred KiB more of one that is made anyway, so that a narrow gap is
//! fetched rather than skipped. What to fetch together is decided here; how the source does it (one connection,
//! several, one file) is the source's own affair.

use std::{collections::BTreeSet, ops::Range};

/// When blocks are near enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nearness {
    pub(crate) block_bytes: u64,
    /// Bytes between two blocks that are fetched rather than skipped.
    pub(crate) gap_bytes_max: u64,
    /// Bytes of one call, and so of one run. One block is never too much.
    pub(crate) call_bytes_max: u64,
}

/// Blocks in a row, by their indices.
pub(crate) type Run = Range<u64>;

impl Nearness {
    /// The same without a bound on one call.
    pub(crate) const fn in_one_call(self) -> Self {
        Self { call_bytes_max: u64::MAX, ..self }
    }

    /// The fewest runs that hold all of `blocks`, with no wider gap in any of them than is allowed.
    pub(crate) fn runs(&self, blocks: &BTreeSet<u64>) -> Vec<Run> {
        let (gap_max, run_max) = (self.gap_bytes_max / self.block_bytes, self.call_blocks_max());
        let mut runs: Vec<Run> = Vec::new();
        for &index in blocks {
            match runs.last_mut() {
                Some(run) if index - run.end <= gap_max && index - run.start < run_max => run.end = index + 1,
                _ => runs.push(index..index + 1),
            }
        }
        runs
    }

    /// The runs by the calls of the source they are fetched with: as many in one as its bound allows.
    pub(crate) fn calls(&self, blocks: &BTreeSet<u64>) -> Vec<Vec<Run>> {
        let mut calls: Vec<(u64, Vec<Run>)> = Vec::new();
        for run in self.runs(blocks) {
            let length = run.end - run.start;
            match calls.last_mut() {
                Some((total, call)) if *total + length <= self.call_blocks_max() => {
                    *total += length;
                    call.push(run);
                }
                _ => calls.push((length, vec![run])),
            }
        }
        calls.into_iter().map(|(_, call)| call).collect()
    }

    const fn call_blocks_max(&self) -> u64 {
        match self.call_bytes_max / self.block_bytes {
            0 => 1,
            blocks => blocks,
        }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a run is a range of blocks")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn narrow_gaps_are_fetched_and_wide_ones_and_long_runs_are_not() {
        let nearness = Nearness { block_bytes: 10, gap_bytes_max: 29, call_bytes_max: 60 };
        for (blocks, calls) in [
            (vec![], vec![]),
            (vec![7], vec![vec![7..8]]),
            (vec![1, 2, 3], vec![vec![1..4]]),
            (vec![1, 4], vec![vec![1..5]]),
            (vec![1, 5], vec![vec![1..2, 5..6]]),
            (vec![0, 1, 2, 3, 4, 5, 6], vec![vec![0..6], vec![6..7]]),
            (vec![0, 3, 6], vec![vec![0..4, 6..7]]),
            (vec![0, 3, 10, 13], vec![vec![0..4], vec![10..14]]),
        ] {
            assert_eq!(nearness.calls(&blocks.iter().copied().collect()), calls, "{blocks:?}");
        }
        let blocks = [0, 1, 2, 3, 4, 5, 6, 20].into();
        assert_eq!(nearness.in_one_call().calls(&blocks), [[0..7, 20..21]]);
    }

    #[test]
    fn a_block_longer_than_a_call_may_be_is_a_call() {
        let nearness = Nearness { block_bytes: 100, gap_bytes_max: 0, call_bytes_max: 60 };
        assert_eq!(nearness.calls(&[0, 1].into()), [[0..1], [1..2]]);
    }

    proptest! {
        #[test]
        fn runs_hold_every_block_and_no_gap_too_wide_and_no_call_too_long(
            blocks in prop::collection::btree_set(0u64..200, 0..40),
            gap in 0u64..8,
            call in 1u64..40,
        ) {
            let nearness = Nearness { block_bytes: 1, gap_bytes_max: gap, call_bytes_max: call };
            let calls = nearness.calls(&blocks);
            let runs: Vec<Run> = calls.iter().flatten().cloned().collect();
            prop_assert!(blocks.iter().all(|block| runs.iter().any(|run| run.contains(block))));
            // A run begins and ends with what was asked for, and skips no more than the gap.
            for run in &runs {
                prop_assert!(blocks.contains(&run.start) && blocks.contains(&(run.end - 1)));
                let within: Vec<u64> = blocks.range(run.clone()).copied().collect();
                prop_assert!(within.windows(2).all(|pair| pair[1] - pair[0] - 1 <= gap));
            }
            let length = |runs: &Vec<Run>| runs.iter().map(|run| run.end - run.start).sum::<u64>();
            prop_assert!(calls.iter().all(|runs| length(runs) <= call));
            let apart = |pair: &[Run]| {
                let (before, after) = (&pair[0], &pair[1]);
                before.end <= after.start && (after.start - before.end > gap || after.start - before.start >= call)
            };
            prop_assert!(runs.windows(2).all(apart), "two runs could have been one");
        }
    }
}
