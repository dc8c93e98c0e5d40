//! A ledger so naive that it can be believed: every figure is a scan of a list.
//!
//! It does not predict who leaves (ties are the ledger's to break): it is told, and convicts a wrong choice.

use std::ops::RangeInclusive;

use zstore_policy::{Reason, Refused, Tick};

/// A value in service. `serial` names the bytes; the list is in order of last use.
#[derive(Debug, Clone)]
pub(crate) struct Resident {
    pub(crate) key: u8,
    pub(crate) serial: u64,
    pub(crate) weight: u64,
    pub(crate) expires: Option<Tick>,
}

/// Bytes out of service that may still be there.
#[derive(Debug, Clone)]
struct Departed {
    serial: u64,
    weight: u64,
    owner: Option<u64>,
    stranded: bool,
}

/// A reservation, named by the serial of the bytes to come.
#[derive(Debug, Clone)]
struct Claim {
    serial: u64,
    weight: u64,
    credit: u64,
}

/// The naive ledger.
#[derive(Debug)]
pub(crate) struct Model {
    bound: u64,
    overhead: u64,
    /// Victims must be the least recent.
    pub(crate) lru: bool,
    pub(crate) residents: Vec<Resident>,
    departed: Vec<Departed>,
    claims: Vec<Claim>,
    pub(crate) tally: [u64; 7],
}

impl Model {
    pub(crate) fn new(bound: Option<u64>, overhead: u64, lru: bool) -> Self {
        Self {
            bound: bound.unwrap_or(u64::MAX),
            overhead,
            lru,
            residents: Vec::new(),
            departed: Vec::new(),
            claims: Vec::new(),
            tally: [0; 7],
        }
    }

    pub(crate) fn overhead(&self) -> u64 {
        self.overhead
    }

    pub(crate) fn set_bound(&mut self, bound: u64) {
        self.bound = bound;
    }

    pub(crate) fn bound(&self) -> u64 {
        self.bound
    }

    pub(crate) fn resident_weight(&self) -> u64 {
        self.residents.iter().map(|resident| resident.weight).sum()
    }

    pub(crate) fn is_paid(&self, serial: u64) -> bool {
        self.departed.iter().all(|departed| departed.owner != Some(serial))
    }

    fn credits(&self, paid: bool) -> u64 {
        let claims = self.claims.iter().filter(|claim| self.is_paid(claim.serial) == paid);
        claims.map(|claim| claim.credit).sum()
    }

    pub(crate) fn charged(&self) -> u64 {
        let departed: u64 = self.departed.iter().map(|departed| departed.weight).sum();
        self.overhead + self.resident_weight() + departed + self.credits(true)
    }

    pub(crate) fn promised(&self) -> u64 {
        self.credits(false)
    }

    pub(crate) fn total(&self) -> u64 {
        self.charged() + self.promised()
    }

    pub(crate) fn weight_stale(&self, now: Tick) -> u64 {
        let stale = self.residents.iter().filter(|resident| resident.expires.is_some_and(|expires| expires <= now));
        stale.map(|resident| resident.weight).sum()
    }

    pub(crate) fn find(&self, key: u8) -> Option<&Resident> {
        self.residents.iter().find(|resident| resident.key == key)
    }

    /// A fresh resident was served: it is the most recent now.
    pub(crate) fn hit(&mut self, key: u8) {
        if let Some(at) = self.residents.iter().position(|resident| resident.key == key) {
            let resident = self.residents.remove(at);
            self.residents.push(resident);
        }
    }

    /// What must leave for a claim of this weight.
    pub(crate) fn needed(&self, weight: u64) -> Result<u64, Refused> {
        if weight > self.bound.saturating_sub(self.overhead) {
            return Err(Refused::TooLarge);
        }
        // Written as one inequality, unlike the ledger: what is there, less who leaves, plus the newcomer, fits.
        let after = u128::from(self.total()) + u128::from(weight);
        let needed = after.saturating_sub(u128::from(self.bound));
        match u64::try_from(needed) {
            Ok(needed) if needed <= self.resident_weight() => Ok(needed),
            _ => Err(Refused::NoRoom),
        }
    }

    pub(crate) fn claim(&mut self, serial: u64, weight: u64) {
        let free = self.bound.saturating_sub(self.total());
        let credit = weight.min(free);
        self.claims.push(Claim { serial, weight, credit });
    }

    /// How far past the bound it will be when all that is leaving has left, the stranded staying.
    pub(crate) fn excess(&self) -> u64 {
        let mut total = self.overhead + self.resident_weight();
        total += self.weight_departed(|departed| departed.stranded);
        for claim in &self.claims {
            let due = |departed: &Departed| departed.owner == Some(claim.serial) && !departed.stranded;
            total += claim.weight.min(claim.credit + self.weight_departed(due));
        }
        total.saturating_sub(self.bound)
    }

    fn weight_departed(&self, chosen: impl Fn(&Departed) -> bool) -> u64 {
        let chosen = self.departed.iter().filter(|departed| chosen(departed));
        chosen.map(|departed| departed.weight).sum()
    }

    /// Who left to make `needed` room, in order: the expired first, the longest stale ahead, then the least recent.
    /// Nobody leaves once the most of it has been found, and the least of it is found.
    pub(crate) fn made_room(
        &mut self,
        needed: RangeInclusive<u64>,
        now: Tick,
        owner: Option<u64>,
        gone: &[(u8, Reason)],
    ) {
        let mut weight = 0;
        for (key, reason) in gone {
            assert!(weight < *needed.end(), "{key} left although {weight} bytes had been found");
            let stale = self.residents.iter().filter_map(|resident| resident.expires).min();
            let leaves = self.find(*key).cloned().expect("only a resident can leave");
            if let Some(expires) = stale.filter(|expires| *expires <= now) {
                assert_eq!(*reason, Reason::Expired, "{key} left before the expired");
                assert_eq!(leaves.expires, Some(expires), "{key} is not the longest stale");
            } else {
                assert_eq!(*reason, Reason::Evicted);
                assert!(!self.lru || self.residents[0].key == *key, "{key} is not the least recent");
            }
            weight += leaves.weight;
            self.depart(*key, *reason, owner);
        }
        assert!(weight >= *needed.start(), "only {weight} of {needed:?} bytes leave");
    }

    pub(crate) fn depart(&mut self, key: u8, reason: Reason, owner: Option<u64>) {
        let at = self.residents.iter().position(|resident| resident.key == key);
        let resident = self.residents.remove(at.expect("only a resident can leave"));
        self.tally[reason as usize] += 1;
        self.departed.push(Departed { serial: resident.serial, weight: resident.weight, owner, stranded: false });
    }

    pub(crate) fn left(&mut self, serial: u64) {
        let at = self.departed.iter().position(|departed| departed.serial == serial);
        let departed = self.departed.remove(at.expect("it was leaving"));
        let owner = self.claims.iter_mut().find(|claim| departed.owner == Some(claim.serial));
        if let Some(claim) = owner {
            claim.credit = claim.weight.min(claim.credit + departed.weight);
        }
    }

    pub(crate) fn set_stranded(&mut self, serial: u64, stranded: bool) {
        let departed = self.departed.iter_mut().find(|departed| departed.serial == serial);
        departed.expect("it was leaving").stranded = stranded;
    }

    pub(crate) fn commit(&mut self, key: u8, serial: u64, expires: Option<Tick>) {
        let claim = self.end(serial);
        assert_eq!(claim.credit, claim.weight, "a paid claim has all its room");
        self.admit(key, serial, claim.weight, expires);
    }

    pub(crate) fn admit(&mut self, key: u8, serial: u64, weight: u64, expires: Option<Tick>) {
        self.residents.push(Resident { key, serial, weight, expires });
    }

    pub(crate) fn abort(&mut self, serial: u64) {
        self.end(serial);
    }

    pub(crate) fn spoil(&mut self, serial: u64) -> u64 {
        let weight = self.end(serial).credit;
        self.tally[Reason::Spoiled as usize] += 1;
        self.departed.push(Departed { serial, weight, owner: None, stranded: false });
        weight
    }

    fn end(&mut self, serial: u64) -> Claim {
        let at = self.claims.iter().position(|claim| claim.serial == serial);
        self.claims.remove(at.expect("the claim is open"))
    }
}
