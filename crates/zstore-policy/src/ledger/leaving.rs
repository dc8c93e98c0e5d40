//! Departures: why, what is left to do, and how many there were.

use crate::policy::Slot;

/// Why something leaves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// For space: the policy chose it.
    Evicted,
    /// For age: its time had passed.
    Expired,
    /// Because a caller said so.
    Invalidated,
    /// A newer copy takes its place.
    Replaced,
    /// Its bytes did not pass a check.
    Corrupt,
    /// Everything was told to leave.
    Cleared,
    /// It never was resident: a reservation was given up after writing may have begun.
    Spoiled,
}

impl Reason {
    /// Every reason, in the order of [`Tally`]'s fields.
    pub const ALL: [Self; 7] =
        [Self::Evicted, Self::Expired, Self::Invalidated, Self::Replaced, Self::Corrupt, Self::Cleared, Self::Spoiled];
}

/// Something out of service whose bytes may still be in the tier.
///
/// Remove the bytes, then pass it to [`left`](super::Ledger::left); or, where they could not be removed, to
/// [`strand`](super::Ledger::strand), on the ledger that made it. One that is dropped instead stays charged for ever:
/// the ledger cannot know that the bytes are gone.
#[must_use = "a lost leaving stays charged for ever: remove its bytes and pass it to `left`, or `strand` it"]
#[derive(Debug)]
pub struct Leaving<K, R> {
    /// What leaves.
    pub key: K,
    /// What stays charged until it has left, in bytes. A note for the caller: the ledger goes by its own books.
    pub weight: u64,
    /// Why.
    pub reason: Reason,
    /// What the caller kept beside it; `None` for a spoiled reservation, which never had one.
    pub record: Option<R>,
    pub(super) slot: Slot,
}

/// How many went out of service, by [`Reason`], since the ledger was made. Counted as they go, not when their bytes do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// For space.
    pub evicted: u64,
    /// For age.
    pub expired: u64,
    /// Because a caller said so.
    pub invalidated: u64,
    /// For a newer copy.
    pub replaced: u64,
    /// For bytes that did not pass a check.
    pub corrupt: u64,
    /// When everything was told to leave.
    pub cleared: u64,
    /// Reservations given up after writing may have begun.
    pub spoiled: u64,
}

impl Tally {
    /// The count of one reason.
    pub fn of(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Evicted => self.evicted,
            Reason::Expired => self.expired,
            Reason::Invalidated => self.invalidated,
            Reason::Replaced => self.replaced,
            Reason::Corrupt => self.corrupt,
            Reason::Cleared => self.cleared,
            Reason::Spoiled => self.spoiled,
        }
    }

    /// Counts one more.
    pub(super) fn count(&mut self, reason: Reason) {
        let count = match reason {
            Reason::Evicted => &mut self.evicted,
            Reason::Expired => &mut self.expired,
            Reason::Invalidated => &mut self.invalidated,
            Reason::Replaced => &mut self.replaced,
            Reason::Corrupt => &mut self.corrupt,
            Reason::Cleared => &mut self.cleared,
            Reason::Spoiled => &mut self.spoiled,
        };
        *count += 1;
    }
}
