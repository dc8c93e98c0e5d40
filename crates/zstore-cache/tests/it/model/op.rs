//! What is done to a cache, and how it is set up: the moves of the property tests and of the fuzzer.

use proptest::prelude::*;
use zstore_cache::RangeStrategy;
use zstore_core::ByteRange;
use zstore_testkit::Rates;

/// Few, so that moves meet.
pub(crate) const KEYS: [&str; 3] = ["a/1", "a", "b"];

/// How the cache is set up: which of [`POLICIES`](super::world::POLICIES) and of the ways to be fresh.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) policy: usize,
    pub(crate) freshness: Freshness,
    pub(crate) strategy: RangeStrategy,
    pub(crate) rates: Rates,
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Aged,
    Refetched,
    Revalidated,
    StaleWhileRevalidate,
    StaleIfError,
}

/// One move. Numbers tell which of [`KEYS`].
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Get(usize),
    /// With the version the source has, or another one.
    GetIfNoneMatch(usize, bool),
    Range(usize, ByteRange),
    Ranges(usize, Vec<ByteRange>),
    Head(usize),
    Set(usize, u8, usize),
    Create(usize, u8),
    /// With the version the source has, or another one.
    Update(usize, u8, bool),
    Delete(usize),
    /// Everything, or what is below `a`.
    DeletePrefix(bool),
    Clear,
    Invalidate(usize),
    InvalidatePrefix(bool),
    /// Behind the cache's back.
    Plant(usize, u8, usize),
    /// Behind the cache's back.
    Vanish(usize),
    SourceDown(bool),
    Advance(u64),
    SetBack(u64),
    Reopen,
    Flush,
}

fn range() -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        (0u64..20_000, 0u64..20_000).prop_map(|(start, len)| ByteRange::Bounded(start..start + len)),
        (0u64..20_000).prop_map(ByteRange::From),
        (0u64..20_000).prop_map(ByteRange::Suffix),
    ]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let at = || 0..KEYS.len();
    prop_oneof![
        10 => at().prop_map(Op::Get),
        1 => (at(), any::<bool>()).prop_map(|(at, right)| Op::GetIfNoneMatch(at, right)),
        6 => (at(), range()).prop_map(|(at, range)| Op::Range(at, range)),
        2 => (at(), prop::collection::vec(range(), 0..4)).prop_map(|(at, ranges)| Op::Ranges(at, ranges)),
        1 => at().prop_map(Op::Head),
        4 => (at(), any::<u8>(), 0usize..20_000).prop_map(|(at, byte, len)| Op::Set(at, byte, len)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Op::Create(at, byte)),
        1 => (at(), any::<u8>(), any::<bool>()).prop_map(|(at, byte, right)| Op::Update(at, byte, right)),
        1 => at().prop_map(Op::Delete),
        1 => any::<bool>().prop_map(Op::DeletePrefix),
        1 => Just(Op::Clear),
        1 => at().prop_map(Op::Invalidate),
        1 => any::<bool>().prop_map(Op::InvalidatePrefix),
        5 => (at(), any::<u8>(), 0usize..20_000).prop_map(|(at, byte, len)| Op::Plant(at, byte, len)),
        1 => at().prop_map(Op::Vanish),
        1 => any::<bool>().prop_map(Op::SourceDown),
        5 => (0u64..40_000).prop_map(Op::Advance),
        1 => (2_000u64..60_000).prop_map(Op::SetBack),
        1 => Just(Op::Reopen),
        1 => Just(Op::Flush),
    ]
}

fn freshness() -> impl Strategy<Value = Freshness> {
    prop_oneof![
        Just(Freshness::Aged),
        Just(Freshness::Refetched),
        Just(Freshness::Revalidated),
        Just(Freshness::StaleWhileRevalidate),
        Just(Freshness::StaleIfError),
    ]
}

/// A cache over a tier that fails at these rates.
pub(crate) fn setup(rates: Rates) -> impl Strategy<Value = Setup> {
    let strategy = prop_oneof![
        Just(RangeStrategy::Blocks { block_size: 4096 }),
        Just(RangeStrategy::WholeUpTo { size_max: 8192, block_size: 4096 }),
    ];
    (0..super::world::POLICIES.len(), freshness(), strategy, any::<u64>())
        .prop_map(move |(policy, freshness, strategy, seed)| Setup { policy, freshness, strategy, rates, seed })
}
