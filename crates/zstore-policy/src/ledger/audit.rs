//! The ledger recounts itself.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use super::Ledger;
use super::balance::{Balance, Claim};
use super::claim::ClaimId;
use super::table::Entry;
use crate::policy::Slot;

impl<K: Hash + Eq + Clone, R> Ledger<K, R> {
    /// Recounts everything from the slots up: the sums, the ways to find a resident, what each claim may still
    /// expect, the bound, and the policy's view.
    ///
    /// # Errors
    ///
    /// What was found wrong, for a developer to read.
    ///
    /// # Cost
    ///
    /// Linear in the residents, with allocations: for tests and audits.
    pub fn check(&self) -> Result<(), String> {
        self.check_index()?;
        self.check_claims()?;
        self.check_balance()?;
        self.check_bound()?;
        let (seen, held) = (self.policy.len(), self.len());
        require(seen == held, || format!("the policy has {seen} slots, the ledger {held} residents"))?;
        require(self.policy.is_empty() == (held == 0), || {
            format!("the policy is wrong about being empty with {held} residents")
        })?;
        self.check_order()?;
        self.policy.check()
    }

    /// The policy tells of every resident, once, and of nobody else.
    fn check_order(&self) -> Result<(), String> {
        let mut told = BTreeSet::new();
        let mut wrong = None;
        self.policy.for_each_held(&mut |slot| {
            if !told.insert(slot) || self.table.held(slot).is_none() {
                wrong = Some(slot);
            }
        });
        let held = self.len();
        require(wrong.is_none() && told.len() == held, || {
            format!("the policy's order has {} slots of {held} residents, {wrong:?} among them wrongly", told.len())
        })
    }

    /// Residents are found by key and by age, the vacant are listed, and nobody else is.
    fn check_index(&self) -> Result<(), String> {
        let table = &self.table;
        let (mut residents, mut expiring) = (0, 0);
        for (slot, held) in table.residents() {
            residents += 1;
            require(table.slot_of(&held.key) == Some(slot), || {
                format!("the resident in {slot:?} is not found by its key")
            })?;
            let Some(expires) = held.expires() else {
                continue;
            };
            expiring += 1;
            require(table.expiries.contains(&(expires, slot)), || {
                format!("the resident in {slot:?} is not found by its age")
            })?;
        }
        let counts = (table.keys.len(), table.expiries.len());
        require(counts == (residents, expiring), || {
            format!("{residents} residents, {expiring} expiring, but the indexes have {counts:?}")
        })?;

        let listed: BTreeSet<Slot> = table.vacant.iter().copied().collect();
        let vacant = |slot: &Slot| matches!(table.entries.get(slot.index()), Some(Entry::Vacant));
        let count = table.entries.iter().filter(|entry| matches!(entry, Entry::Vacant)).count();
        let sound = listed.len() == table.vacant.len() && listed.len() == count && listed.iter().all(vacant);
        require(sound, || format!("{count} vacant slots, but the list has {:?}", table.vacant))
    }

    /// Every claim can still get what it lacks from its own victims, and waits for exactly those.
    fn check_claims(&self) -> Result<(), String> {
        let mut owned: BTreeMap<ClaimId, (usize, u64)> = BTreeMap::new();
        for entry in &self.table.entries {
            if let Entry::Departed(departed) = entry
                && let Some(owner) = departed.owner
            {
                let (count, weight) = owned.entry(owner).or_default();
                *count += 1;
                *weight += departed.weight;
            }
        }
        for (slot, claim) in self.claims() {
            let id = ClaimId { slot, serial: claim.serial };
            let (unpaid, due) = owned.get(&id).copied().unwrap_or_default();
            require(claim.unpaid == unpaid, || format!("{claim:?} has {unpaid} victims that have not left"))?;
            require(claim.credit <= claim.weight && claim.weight - claim.credit <= due, || {
                format!("{claim:?} can get no more than {due} from its victims")
            })?;
        }
        Ok(())
    }

    /// The sums are what the entries add up to.
    fn check_balance(&self) -> Result<(), String> {
        let mut count = Balance::new(self.balance.bound);
        count.overhead = self.balance.overhead;
        count.over = self.balance.over;
        for entry in &self.table.entries {
            match entry {
                Entry::Vacant => {}
                Entry::Claimed(claim) => count.open(claim),
                Entry::Held(held) => count.resident += held.weight,
                Entry::Departed(departed) => count.leaving += departed.weight,
            }
        }
        let mut slots = BTreeSet::new();
        for slot in self.stranded.iter().map(|leaving| leaving.slot) {
            let departed = self.table.departed(slot);
            require(departed.is_some() && slots.insert(slot), || {
                format!("{slot:?} is stranded but not departed, or stranded twice")
            })?;
            count.strand(departed.map_or(0, |departed| departed.weight));
        }
        require(count == self.balance, || format!("the books say {:?}, a recount {count:?}", self.balance))
    }

    /// L1, from the recounted sums.
    fn check_bound(&self) -> Result<(), String> {
        let balance = &self.balance;
        require(balance.over || balance.total() <= balance.bound, || {
            format!("{} bytes are charged or promised: {balance:?}", balance.total())
        })
    }

    fn claims(&self) -> impl Iterator<Item = (Slot, &Claim)> {
        (0..=u32::MAX).zip(&self.table.entries).filter_map(|(index, entry)| match entry {
            Entry::Claimed(claim) => Some((Slot::new(index), claim)),
            _ => None,
        })
    }
}

fn require(sound: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if sound { Ok(()) } else { Err(complaint()) }
}

#[cfg(test)]
mod tests {
    //! Each fault a recount is there to find, planted.

    use super::*;
    use crate::{Candidate, Leaving, Lru, Reason, Terms};

    type Books = Ledger<&'static str, ()>;

    /// Of 10 bytes: "a" of 5, expiring, was evicted for the unpaid "d" and stranded; "b" of 5 is resident.
    fn books() -> Books {
        let mut books = Ledger::new(Some(10), Box::new(Lru::new()));
        for (key, weight) in [("a", 5), ("b", 4), ("c", 1)] {
            let terms = Terms { expires: Some(9), ..Terms::default() };
            books.recover(key, weight, (), terms).unwrap();
        }
        let leaving = books.leave("c", Reason::Cleared).unwrap();
        books.left(leaving);
        let mut grant = books.reserve("d", 3, Terms::default(), 0).unwrap();
        books.strand(grant.leaving.pop().unwrap());
        books.check().unwrap();
        books
    }

    /// `check` complains, in these words, about books in which this was done.
    fn convicts(complaint: &str, plant: impl FnOnce(&mut Books)) {
        let mut books = books();
        plant(&mut books);
        let found = books.check().unwrap_err();
        assert!(found.contains(complaint), "{found}");
    }

    fn claim(books: &mut Books) -> &mut Claim {
        let mut entries = books.table.entries.iter_mut();
        let claim = entries.find_map(|entry| if let Entry::Claimed(claim) = entry { Some(claim) } else { None });
        claim.unwrap()
    }

    #[test]
    fn finds_a_resident_missing_from_the_keys() {
        convicts("not found by its key", |books| books.table.keys.clear());
    }

    #[test]
    fn finds_a_key_too_many() {
        convicts("but the indexes have", |books| {
            books.table.keys.insert_unique(0, Slot::new(0), |_| 0);
        });
    }

    #[test]
    fn finds_a_resident_missing_from_the_ages() {
        convicts("not found by its age", |books| books.table.expiries.clear());
    }

    #[test]
    fn finds_an_age_too_many() {
        convicts("but the indexes have", |books| assert!(books.table.expiries.insert((1, Slot::new(0)))));
    }

    #[test]
    fn finds_a_slot_listed_vacant_that_is_not() {
        convicts("vacant slots", |books| books.table.vacant.push(Slot::new(0)));
    }

    #[test]
    fn finds_a_vacant_slot_that_is_not_listed() {
        convicts("vacant slots", |books| books.table.entries.push(Entry::Vacant));
    }

    #[test]
    fn finds_a_claim_that_forgot_a_victim() {
        convicts("victims that have not left", |books| claim(books).unpaid = 0);
    }

    #[test]
    fn finds_a_claim_that_can_never_be_paid() {
        convicts("can get no more than", |books| claim(books).weight = 9);
    }

    #[test]
    fn finds_a_sum_that_is_off() {
        convicts("a recount", |books| books.balance.resident += 1);
        convicts("a recount", |books| books.balance.stranded -= 1);
        convicts("a recount", |books| books.balance.promised = 0);
        convicts("a recount", |books| books.balance.owed += 1);
    }

    #[test]
    fn finds_one_stranded_twice() {
        convicts("stranded twice", |books| {
            let Leaving { key, weight, reason, record, slot } = books.stranded.pop().unwrap();
            books.stranded.push(Leaving { key, weight, reason, record, slot });
            books.stranded.push(Leaving { key, weight, reason, record: None, slot });
        });
    }

    #[test]
    fn finds_a_sum_past_the_bound() {
        convicts("charged or promised", |books| books.balance.bound = 9);
    }

    #[test]
    fn finds_a_policy_with_one_resident_too_few() {
        convicts("the policy has 0 slots", |books| books.policy.remove(Slot::new(1)));
    }

    #[test]
    fn finds_a_policy_that_holds_another_than_the_resident() {
        convicts("the policy's order", |books| {
            books.policy.remove(Slot::new(1));
            books.policy.insert(Candidate { slot: Slot::new(7), id: 0, weight: 4, cost: 1 });
        });
    }
}
