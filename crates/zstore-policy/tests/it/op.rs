//! The moves of a ledger's caller ([`Op`]) and of a policy's ([`PolicyOp`]), with strategies that make them.

use proptest::collection::vec;
use proptest::prelude::*;
use zstore_policy::Reason;

/// One move of a caller. `nth` chooses among what is outstanding, modulo its count; a move with nothing to act on is
/// void.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Advance {
        by: u64,
    },
    Probe {
        key: u8,
    },
    Reserve {
        key: u8,
        weight: u64,
        life: Option<u64>,
    },
    /// Begins to write under a reservation, if it is paid.
    Start {
        nth: usize,
    },
    Commit {
        nth: usize,
    },
    /// Gives a reservation back; one that was started is spoiled instead.
    Abort {
        nth: usize,
    },
    Spoil {
        nth: usize,
    },
    Leave {
        key: u8,
        reason: Reason,
    },
    LeaveWhere {
        odd: bool,
        reason: Reason,
    },
    Expire,
    Left {
        nth: usize,
    },
    Strand {
        nth: usize,
    },
    Retry,
    Recover {
        key: u8,
        weight: u64,
        life: Option<u64>,
    },
    Trim,
    /// Sets another bound, so much above the overhead.
    Bound {
        room: u64,
    },
    Renew {
        key: u8,
        life: Option<u64>,
    },
}

/// Moves over few keys and small weights, so that they meet. Recoveries and other bounds are rare: each may
/// end the promise of the bound.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let key = || 0_u8..8;
    let weight = || 0_u64..=16;
    let nth = || 0_usize..8;
    let life = || prop_oneof![Just(None), (0_u64..6).prop_map(Some)];
    let reason = || (0..Reason::ALL.len()).prop_map(|index| Reason::ALL[index]);
    prop_oneof![
        3 => (1_u64..4).prop_map(|by| Op::Advance { by }),
        8 => key().prop_map(|key| Op::Probe { key }),
        16 => (key(), weight(), life()).prop_map(|(key, weight, life)| Op::Reserve { key, weight, life }),
        6 => nth().prop_map(|nth| Op::Start { nth }),
        16 => nth().prop_map(|nth| Op::Commit { nth }),
        3 => nth().prop_map(|nth| Op::Abort { nth }),
        2 => nth().prop_map(|nth| Op::Spoil { nth }),
        3 => (key(), reason()).prop_map(|(key, reason)| Op::Leave { key, reason }),
        1 => (any::<bool>(), reason()).prop_map(|(odd, reason)| Op::LeaveWhere { odd, reason }),
        1 => Just(Op::Expire),
        24 => nth().prop_map(|nth| Op::Left { nth }),
        4 => nth().prop_map(|nth| Op::Strand { nth }),
        3 => Just(Op::Retry),
        1 => (key(), weight(), life()).prop_map(|(key, weight, life)| Op::Recover { key, weight, life }),
        1 => Just(Op::Trim),
        1 => (0_u64..=40).prop_map(|room| Op::Bound { room }),
        3 => (key(), life()).prop_map(|(key, life)| Op::Renew { key, life }),
    ]
}

/// A cache reopened past its bound: recoveries, then moves among which trims are common.
pub(crate) fn reopening() -> impl Strategy<Value = Vec<Op>> {
    let life = || prop_oneof![Just(None), (0_u64..6).prop_map(Some)];
    let recover = || (0_u8..8, 0_u64..=16, life()).prop_map(|(key, weight, life)| Op::Recover { key, weight, life });
    let moves = prop_oneof![12 => op(), 1 => recover(), 2 => Just(Op::Trim)];
    (vec(recover(), 0..12), vec(moves, 0..80)).prop_map(|(recoveries, moves)| [recoveries, moves].concat())
}

/// Bounds from nothing to roomy, with and without an overhead; sometimes none at all.
pub(crate) fn bounds() -> impl Strategy<Value = (Option<u64>, u64)> {
    prop_oneof![
        8 => (0_u64..=40, 0_u64..=3).prop_map(|(room, overhead)| (Some(room + overhead), overhead)),
        1 => (0_u64..=3).prop_map(|overhead| (None, overhead)),
    ]
}

/// One call of a policy's caller. An insertion of a held slot is void: the trait forbids it.
#[derive(Debug, Clone)]
pub(crate) enum PolicyOp {
    Capacity { weight_max: Option<u64> },
    Admit { id: u64, weight: u64, needed: u64 },
    Insert { slot: u32, id: u64, weight: u64, cost: u64 },
    Hit { slot: u32 },
    Remove { slot: u32 },
    Victim,
}

/// Calls over few slots and ids, so that slots are reused and ids come back. Weights go with capacities from far too
/// small to roomy; a few are as large as can be.
pub(crate) fn policy_op() -> impl Strategy<Value = PolicyOp> {
    let slot = || 0_u32..12;
    let id = || 0_u64..20;
    let weight = || prop_oneof![20 => 0_u64..9, 1 => 100_u64..1_000, 1 => Just(u64::MAX)];
    let cost = || prop_oneof![8 => 0_u64..4, 1 => Just(u64::MAX)];
    let capacity = prop_oneof![0_u64..100, 100_u64..1_000, Just(u64::MAX)];
    prop_oneof![
        1 => proptest::option::weighted(0.8, capacity).prop_map(|weight_max| PolicyOp::Capacity { weight_max }),
        4 => (id(), weight(), weight()).prop_map(|(id, weight, needed)| PolicyOp::Admit { id, weight, needed }),
        24 => (slot(), id(), weight(), cost())
            .prop_map(|(slot, id, weight, cost)| PolicyOp::Insert { slot, id, weight, cost }),
        24 => slot().prop_map(|slot| PolicyOp::Hit { slot }),
        8 => slot().prop_map(|slot| PolicyOp::Remove { slot }),
        12 => Just(PolicyOp::Victim),
    ]
}
