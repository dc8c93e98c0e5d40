//! Claims on room: what a reservation gets, and what it must wait for.

use std::error::Error;
use std::fmt;

use super::leaving::Leaving;
use super::lookup::Terms;
use crate::policy::Slot;

/// Tells a claim from every other the ledger ever made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ClaimId {
    pub(super) slot: Slot,
    pub(super) serial: u64,
}

/// Room for one value, and no one else's.
///
/// End it by [`commit`](super::Ledger::commit), [`abort`](super::Ledger::abort) or [`spoil`](super::Ledger::spoil) on
/// the ledger that made it. One that is dropped instead keeps its room for ever: the ledger cannot know whether bytes
/// were written under it.
#[must_use = "a lost reservation keeps its room for ever: commit, abort or spoil it"]
#[derive(Debug)]
pub struct Reservation<K> {
    /// What will be resident.
    pub key: K,
    /// The room asked for, in bytes. A note for the caller: the ledger goes by its own books.
    pub weight: u64,
    /// What it will be resident with.
    pub terms: Terms,
    pub(super) claim: ClaimId,
}

/// A reservation, and who must leave before anything is written under it.
#[must_use = "holds a reservation and leavings, which stay charged until they are given back"]
#[derive(Debug)]
pub struct Grant<K, R> {
    /// The room, once it is paid for.
    pub reservation: Reservation<K>,
    /// Out of service already. Remove the bytes of each and pass it to [`left`](super::Ledger::left); only after the
    /// last may writing begin.
    pub leaving: Vec<Leaving<K, R>>,
}

/// Why room was not granted. Nothing has changed in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Heavier than the whole bound less the overhead: it will never fit.
    TooLarge,
    /// It would fit, but too much is reserved, leaving or stranded at the moment.
    NoRoom,
    /// The policy would rather keep those who would have to leave for it.
    NotAdmitted,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "heavier than the cache may ever hold",
            Self::NoRoom => "all other room is reserved or still being vacated",
            Self::NotAdmitted => "worth less to the cache than what would have to leave for it",
        })
    }
}

impl Error for Refused {}
