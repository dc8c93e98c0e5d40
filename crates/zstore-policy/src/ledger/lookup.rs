//! What a ledger says about a key at a time.

/// A time, in milliseconds since the Unix epoch. Always passed in: nothing here asks a clock.
pub type Tick = u64;

/// The answer to [`Ledger::probe`](super::Ledger::probe).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup<'a, R> {
    /// Resident and not expired.
    Fresh(&'a R),
    /// Resident, and `expires <= now`. Still in service: the caller chooses to revalidate, serve, or let it leave.
    Stale(&'a R),
    /// Not resident. It may be leaving, or reserved.
    Absent,
}

/// One resident as [`Ledger::peek`](super::Ledger::peek) and [`Ledger::iter`](super::Ledger::iter) show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resident<'a, R> {
    /// What the caller keeps beside it.
    pub record: &'a R,
    /// What it is charged for, in bytes.
    pub weight: u64,
    /// Stale from this tick on; `None` is never.
    pub expires: Option<Tick>,
}

/// What a resident is admitted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Stale from this tick on; `None` is never, and so is the last tick of all.
    pub expires: Option<Tick>,
    /// A stable opaque identity for the policy, usually a hash of the key: see
    /// [`Candidate::id`](crate::Candidate::id).
    pub id: u64,
    /// What a miss would cost, in a unit the caller keeps to.
    pub cost: u64,
}

impl Default for Terms {
    /// Never stale, of identity 0, of unknown cost.
    fn default() -> Self {
        Self { expires: None, id: 0, cost: 1 }
    }
}
