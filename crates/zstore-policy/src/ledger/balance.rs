//! The weight of everything, in five sums, and the argument that they stay within the bound.
//!
//! ```text
//! overhead  fixed: marker files and the like
//! resident  in service
//! leaving   out of service, bytes perhaps still there
//! stranded  the same, and the last attempt to remove the bytes failed
//! reserved  credit of paid claims: their bytes may be appearing
//! promised  credit of unpaid claims: room kept free, no bytes yet
//! ```
//!
//! **Claim.** If callers write only under paid claims, then real bytes <= `charged` <= `total` <= bound, at every
//! instant, unless a recovery went past the bound; and past the bound, nothing but a recovery makes `total` grow.
//!
//! **Why.** `total` changes in these ways only:
//!
//! - A claim of weight `w` takes `min(w, free)` of credit: `total` grows to the bound at most, and by nothing past it.
//! - Its victims go from `resident` to `leaving`, as does anyone who leaves: no change.
//! - A victim has left: `leaving` falls by its weight `v`, the credit of its owner rises by `min(v, w - credit)`, which
//!   is at most `v`. Credit is one owner's alone, so no room is counted on twice.
//! - The last victim was paid: `promised` becomes `reserved`. Commit: `reserved` becomes `resident`. Spoil: credit
//!   becomes `leaving`. Strand and retry: between `leaving` and `stranded`. No change.
//! - Abort, or a leaving without a living owner has left: it falls.
//!
//! A paid claim holds all of `w`, since its victims were chosen to weigh `w - credit` at least. They were chosen to
//! weigh `excess` more than that when the bound was passed, so that a claim is never paid before it has brought the
//! ledger back.

/// What one reservation has been given so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    /// Tells this claim from another one that had the same slot.
    pub(super) serial: u64,
    /// Bytes asked for.
    pub(super) weight: u64,
    /// Bytes of room that are this claim's alone; at most `weight`.
    pub(super) credit: u64,
    /// Victims that have not left yet.
    pub(super) unpaid: usize,
}

impl Claim {
    /// Whether every victim has left, so that writing may begin.
    pub(super) fn is_paid(&self) -> bool {
        self.unpaid == 0
    }

    /// One victim of this weight has left.
    fn pay(&mut self, weight: u64) {
        self.credit += weight.min(self.weight - self.credit);
        self.unpaid = self.unpaid.saturating_sub(1);
    }
}

/// Sums of weights, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Balance {
    /// The most that `total` may be; no bound is `u64::MAX`, which no sum of real bytes reaches.
    pub(super) bound: u64,
    pub(super) overhead: u64,
    pub(super) resident: u64,
    pub(super) leaving: u64,
    pub(super) stranded: u64,
    pub(super) reserved: u64,
    pub(super) promised: u64,
    /// What unpaid claims still wait for: the sum of `weight - credit`. Part of no total.
    pub(super) owed: u64,
    /// A recovery went past the bound, or the bound below the total, and nothing brought the total back since.
    pub(super) over: bool,
}

impl Balance {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            bound,
            overhead: 0,
            resident: 0,
            leaving: 0,
            stranded: 0,
            reserved: 0,
            promised: 0,
            owed: 0,
            over: false,
        }
    }

    pub(super) fn set_overhead(&mut self, weight: u64) {
        self.overhead = weight;
        self.over = self.total() > self.bound;
    }

    pub(super) fn set_bound(&mut self, bound: u64) {
        self.bound = bound;
        self.over = self.total() > self.bound;
    }

    /// Bytes the tier may hold at this instant.
    pub(super) fn charged(&self) -> u64 {
        self.overhead
            .saturating_add(self.resident)
            .saturating_add(self.leaving)
            .saturating_add(self.stranded)
            .saturating_add(self.reserved)
    }

    /// Bytes the tier holds or may come to hold without another claim.
    pub(super) fn total(&self) -> u64 {
        self.charged().saturating_add(self.promised)
    }

    /// The heaviest claim that could ever be granted.
    pub(super) fn room_max(&self) -> u64 {
        self.bound.saturating_sub(self.overhead)
    }

    /// Room nobody has a claim on.
    pub(super) fn free(&self) -> u64 {
        self.bound.saturating_sub(self.total())
    }

    /// How far past the bound the total is now.
    pub(super) fn excess(&self) -> u64 {
        self.total().saturating_sub(self.bound)
    }

    /// How far past the bound the total will be when all that is leaving has left and every claim is paid, what is
    /// stranded staying. Never less; it is more where a claim still waits for a stranded victim, and never more than
    /// the excess now.
    pub(super) fn excess_settled(&self) -> u64 {
        let settled = (self.total() - self.leaving).saturating_add(self.owed);
        settled.saturating_sub(self.bound).min(self.excess())
    }

    /// Puts a claim's credit where it belongs.
    pub(super) fn open(&mut self, claim: &Claim) {
        if claim.is_paid() {
            self.reserved += claim.credit;
        } else {
            self.promised += claim.credit;
            self.owed += claim.weight - claim.credit;
        }
    }

    /// Takes it out again: the claim changes or ends.
    pub(super) fn close(&mut self, claim: &Claim) {
        if claim.is_paid() {
            self.reserved -= claim.credit;
        } else {
            self.promised -= claim.credit;
            self.owed -= claim.weight - claim.credit;
        }
    }

    /// A paid claim became a resident.
    pub(super) fn commit(&mut self, claim: &Claim) {
        self.close(claim);
        self.resident += claim.credit;
    }

    /// A claim was written under and will not be committed: its room is free only when its bytes are gone.
    pub(super) fn spoil(&mut self, claim: &Claim) {
        self.close(claim);
        self.leaving += claim.credit;
    }

    /// A claim ended unused.
    pub(super) fn abort(&mut self, claim: &Claim) {
        self.close(claim);
        self.settle();
    }

    /// A resident was found on reopening. Answers whether the sums can hold it.
    pub(super) fn recover(&mut self, weight: u64) -> bool {
        let grown = self.total().checked_add(weight);
        if let Some(total) = grown {
            self.resident += weight;
            self.over |= total > self.bound;
        }
        grown.is_some()
    }

    /// A resident went out of service.
    pub(super) fn depart(&mut self, weight: u64) {
        self.resident -= weight;
        self.leaving += weight;
    }

    /// The bytes of a departed are gone: the owner it was to pay, if that still lives, is paid.
    pub(super) fn left(&mut self, weight: u64, owner: Option<&mut Claim>) {
        self.leaving -= weight;
        if let Some(claim) = owner {
            self.close(claim);
            claim.pay(weight);
            self.open(claim);
        }
        self.settle();
    }

    /// The bytes of a departed could not be removed.
    pub(super) fn strand(&mut self, weight: u64) {
        self.leaving -= weight;
        self.stranded += weight;
    }

    /// Another attempt is made.
    pub(super) fn retry(&mut self, weight: u64) {
        self.stranded -= weight;
        self.leaving += weight;
    }

    fn settle(&mut self) {
        self.over &= self.total() > self.bound;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_past_the_bound_ends_when_enough_has_left() {
        let mut balance = Balance::new(10);
        assert!(balance.recover(10));
        assert!(!balance.over);
        assert!(balance.recover(4));
        assert!(balance.over);
        balance.depart(4);
        assert!(balance.over, "its bytes may still be there");
        balance.left(4, None);
        assert!(!balance.over);
    }

    #[test]
    fn an_overhead_is_past_the_bound_only_if_it_is_more() {
        for (overhead, over) in [(9, false), (10, false), (11, true)] {
            let mut balance = Balance::new(10);
            balance.set_overhead(overhead);
            assert_eq!((balance.over, balance.room_max()), (over, 10_u64.saturating_sub(overhead)), "{overhead} of 10");
        }
    }

    #[test]
    fn weights_that_no_longer_add_up_are_not_recovered() {
        let mut balance = Balance::new(u64::MAX);
        assert!(balance.recover(u64::MAX));
        let before = balance.clone();
        assert!(!balance.recover(1));
        assert_eq!(balance, before);
    }

    #[test]
    fn a_claim_takes_no_more_of_a_victim_than_it_lacks() {
        let mut balance = Balance::new(10);
        assert!(balance.recover(10));
        let mut claim = Claim { serial: 0, weight: 3, credit: 0, unpaid: 1 };
        balance.open(&claim);
        balance.depart(10);
        balance.left(10, Some(&mut claim));
        assert_eq!((claim.credit, balance.reserved, balance.promised, balance.owed), (3, 3, 0, 0));
        assert_eq!(balance.free(), 7);
    }
}
