//! Parts and wholes of one value against the account of what is resident, which the property tests of `zstore-cache` keep: every answer
//! is right, and what is missing, and nothing else, is asked for.
//!
//! A finding is kept there as a named test: `cargo fuzz fmt ranges FILE` prints its sizes and its moves, ready to be written down.

#![no_main]

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use zstore_core::ByteRange;

use crate::account::{BLOCK, Op, block_on, run};
use crate::edge::edge;
use crate::sequence::sequence;

#[path = "../../crates/zstore-cache/tests/it/account.rs"]
#[allow(dead_code, reason = "its strategies are for the property tests")]
mod account;
mod edge;
mod sequence;
#[path = "../../crates/zstore-cache/tests/it/setup.rs"]
#[allow(dead_code, reason = "not all of it is asked here")]
mod setup;

const OPS_MAX: usize = 100;
const PARTS_MAX: u64 = 4;
/// Room for several runs and gaps.
const SIZE_MAX: u64 = 40 * BLOCK;

#[derive(Debug)]
struct Game {
    size: u64,
    gap: u64,
    /// 0 for blocks alone.
    whole_max: u64,
    ops: Vec<Op>,
}

impl Arbitrary<'_> for Game {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let size = edge(bytes, BLOCK, SIZE_MAX - 1)? + 1;
        let gap = edge(bytes, BLOCK, 5 * BLOCK)?;
        let whole_max = if bytes.ratio(1, 4)? { edge(bytes, BLOCK, SIZE_MAX)? } else { 0 };
        let ops = sequence(bytes, OPS_MAX, |bytes| op(bytes, size))?;
        Ok(Self { size, gap, whole_max, ops })
    }
}

fn op(bytes: &mut Unstructured<'_>, size: u64) -> Result<Op> {
    Ok(match bytes.int_in_range(0..=7)? {
        0..=5 => {
            let count = bytes.int_in_range(1..=PARTS_MAX)?;
            Op::Parts((0..count).map(|_| part(bytes, size)).collect::<Result<_>>()?)
        }
        6 => Op::Whole,
        _ => Op::Reopen,
    })
}

fn part(bytes: &mut Unstructured<'_>, size: u64) -> Result<ByteRange> {
    Ok(match bytes.int_in_range(0..=5)? {
        0..=3 => {
            let start = edge(bytes, BLOCK, size - 1)?;
            ByteRange::Bounded(start..start + edge(bytes, BLOCK, 3 * BLOCK)?)
        }
        4 => ByteRange::From(edge(bytes, BLOCK, size - 1)?),
        _ => ByteRange::Suffix(edge(bytes, BLOCK, 2 * BLOCK)?),
    })
}

fuzz_target!(|game: Game| {
    block_on(run(game.size, game.gap, game.whole_max, game.ops));
});
