//! A cache over a tier that is sound, tears or fails, by the moves, the truth and the checks of the property tests of `zstore-cache`.
//!
//! A finding is kept there as a named test: `cargo fuzz fmt cache FILE` prints its setup and its moves, ready to be written down.

#![no_main]

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use zstore_cache::RangeStrategy;
use zstore_core::ByteRange;
use zstore_testkit::Rates;

use crate::edge::edge;
use crate::op::{Freshness, KEYS, Op, Setup};
use crate::play::{FAILING, TEARING, played};
use crate::sequence::sequence;
use crate::world::POLICIES;

mod edge;
#[path = "../../crates/zstore-cache/tests/it/model/op.rs"]
#[expect(dead_code, reason = "its strategies are for the property tests")]
mod op;
#[path = "../../crates/zstore-cache/tests/it/model/play.rs"]
mod play;
mod sequence;
#[path = "../../crates/zstore-cache/tests/it/model/truth.rs"]
mod truth;
#[path = "../../crates/zstore-cache/tests/it/model/world.rs"]
mod world;

/// Enough to fill the tier several times over, and not so many that a run takes long.
const OPS_MAX: usize = 200;
const BLOCK: u64 = 4096;
/// As in the strategies of the property tests: two of them fill the tier.
const SIZE_MAX: u64 = 20_000;

#[derive(Debug)]
struct Game {
    setup: Setup,
    ops: Vec<Op>,
}

impl Arbitrary<'_> for Game {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let setup = setup(bytes)?;
        let mut ops = sequence(bytes, OPS_MAX, op)?;
        if setup.rates == FAILING {
            // A delete that fails before the process ends may leave a stale copy.
            ops.retain(|op| !matches!(op, Op::Reopen));
        }
        Ok(Self { setup, ops })
    }
}

fn setup(bytes: &mut Unstructured<'_>) -> Result<Setup> {
    Ok(Setup {
        policy: bytes.choose_index(POLICIES.len())?,
        freshness: *bytes.choose(&[
            Freshness::Aged,
            Freshness::Refetched,
            Freshness::Revalidated,
            Freshness::StaleWhileRevalidate,
            Freshness::StaleIfError,
        ])?,
        strategy: *bytes.choose(&[
            RangeStrategy::Blocks { block_size: BLOCK },
            RangeStrategy::WholeUpTo { size_max: 2 * BLOCK, block_size: BLOCK },
        ])?,
        rates: *bytes.choose(&[Rates::default(), TEARING, FAILING])?,
        seed: bytes.int_in_range(0..=u64::from(u16::MAX))?,
    })
}

fn op(bytes: &mut Unstructured<'_>) -> Result<Op> {
    Ok(match bytes.int_in_range(0..=45)? {
        0..=9 => Op::Get(at(bytes)?),
        10 => Op::GetIfNoneMatch(at(bytes)?, bytes.arbitrary()?),
        11..=16 => Op::Range(at(bytes)?, range(bytes)?),
        17 | 18 => {
            let at = at(bytes)?;
            let count = bytes.int_in_range(0..=3)?;
            Op::Ranges(at, (0..count).map(|_| range(bytes)).collect::<Result<_>>()?)
        }
        19 => Op::Head(at(bytes)?),
        20..=23 => Op::Set(at(bytes)?, bytes.arbitrary()?, size(bytes)? as usize),
        24 => Op::Create(at(bytes)?, bytes.arbitrary()?),
        25 => Op::Update(at(bytes)?, bytes.arbitrary()?, bytes.arbitrary()?),
        26 => Op::Delete(at(bytes)?),
        27 => Op::DeletePrefix(bytes.arbitrary()?),
        28 => Op::Clear,
        29 => Op::Invalidate(at(bytes)?),
        30 => Op::InvalidatePrefix(bytes.arbitrary()?),
        31..=35 => Op::Plant(at(bytes)?, bytes.arbitrary()?, size(bytes)? as usize),
        36 => Op::Vanish(at(bytes)?),
        37 => Op::SourceDown(bytes.arbitrary()?),
        38..=42 => Op::Advance(bytes.int_in_range(0..=39_999)?),
        43 => Op::SetBack(bytes.int_in_range(2_000..=59_999)?),
        44 => Op::Reopen,
        _ => Op::Flush,
    })
}

fn at(bytes: &mut Unstructured<'_>) -> Result<usize> {
    bytes.choose_index(KEYS.len())
}

fn size(bytes: &mut Unstructured<'_>) -> Result<u64> {
    edge(bytes, BLOCK, SIZE_MAX)
}

fn range(bytes: &mut Unstructured<'_>) -> Result<ByteRange> {
    Ok(match bytes.int_in_range(0..=2)? {
        0 => {
            let start = size(bytes)?;
            ByteRange::Bounded(start..start + size(bytes)?)
        }
        1 => ByteRange::From(size(bytes)?),
        _ => ByteRange::Suffix(size(bytes)?),
    })
}

fuzz_target!(|game: Game| {
    played(game.setup, game.ops);
});
