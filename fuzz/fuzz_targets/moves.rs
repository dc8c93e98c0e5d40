//! Moves of ledgers and policies from a fuzzer's bytes, within the bounds that the strategies of the property tests have.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use zstore_policy::Reason;

use crate::op::{Op, PolicyOp};

/// A bound and an overhead: from nothing to roomy, or none at all.
pub(crate) fn bound(bytes: &mut Unstructured<'_>) -> Result<(Option<u64>, u64)> {
    let overhead = bytes.int_in_range(0..=3)?;
    let room = bytes.int_in_range(0..=45_u64)?;
    Ok(((room <= 40).then_some(room + overhead), overhead))
}

/// Enough to age a sketch, and not so many that a run takes long.
pub(crate) const MOVES_MAX: usize = 1_000;

pub(crate) fn op(bytes: &mut Unstructured<'_>) -> Result<Op> {
    Ok(match bytes.int_in_range(0..=23)? {
        0 => Op::Advance { by: bytes.int_in_range(1..=3)? },
        1..=3 => Op::Probe { key: key(bytes)? },
        4..=8 => Op::Reserve { key: key(bytes)?, weight: weight(bytes)?, life: life(bytes)? },
        9 => Op::Start { nth: nth(bytes)? },
        10..=12 => Op::Commit { nth: nth(bytes)? },
        13 => Op::Abort { nth: nth(bytes)? },
        14 => Op::Spoil { nth: nth(bytes)? },
        15 => Op::Leave { key: key(bytes)?, reason: reason(bytes)? },
        16 => match bytes.int_in_range(0..=4)? {
            0 => Op::LeaveWhere { odd: bytes.arbitrary()?, reason: reason(bytes)? },
            1 => Op::Expire,
            2 => Op::Trim,
            _ => Op::Recover { key: key(bytes)?, weight: weight(bytes)?, life: life(bytes)? },
        },
        17..=20 => Op::Left { nth: nth(bytes)? },
        21 => Op::Strand { nth: nth(bytes)? },
        22 => Op::Retry,
        _ => Op::Renew { key: key(bytes)?, life: life(bytes)? },
    })
}

pub(crate) fn policy_op(bytes: &mut Unstructured<'_>) -> Result<PolicyOp> {
    let slot = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=11);
    let id = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=19);
    Ok(match bytes.int_in_range(0..=15)? {
        0 => PolicyOp::Capacity { weight_max: if bytes.ratio(1, 8)? { None } else { Some(extreme(bytes, 999)?) } },
        1 | 2 => PolicyOp::Admit { id: id(bytes)?, weight: extreme(bytes, 8)?, needed: extreme(bytes, 8)? },
        3..=7 => PolicyOp::Insert {
            slot: slot(bytes)?,
            id: id(bytes)?,
            weight: extreme(bytes, 8)?,
            cost: extreme(bytes, 3)?,
        },
        8..=11 => PolicyOp::Hit { slot: slot(bytes)? },
        12 => PolicyOp::Remove { slot: slot(bytes)? },
        _ => PolicyOp::Victim,
    })
}

/// Up to `most`, or else as much as can be, or a hundred times more.
fn extreme(bytes: &mut Unstructured<'_>, most: u64) -> Result<u64> {
    Ok(match bytes.int_in_range(0..=most + 2)? {
        beyond if beyond == most + 1 => u64::MAX,
        beyond if beyond == most + 2 => bytes.int_in_range(0..=most * 100)?,
        small => small,
    })
}

fn key(bytes: &mut Unstructured<'_>) -> Result<u8> {
    bytes.int_in_range(0..=7)
}

fn weight(bytes: &mut Unstructured<'_>) -> Result<u64> {
    bytes.int_in_range(0..=16)
}

fn nth(bytes: &mut Unstructured<'_>) -> Result<usize> {
    bytes.int_in_range(0..=7)
}

fn life(bytes: &mut Unstructured<'_>) -> Result<Option<u64>> {
    // Never, half of the time.
    Ok(Some(bytes.int_in_range(0..=11)?).filter(|life| *life < 6))
}

fn reason(bytes: &mut Unstructured<'_>) -> Result<Reason> {
    bytes.choose(&Reason::ALL).copied()
}
