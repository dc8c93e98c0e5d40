//! Law L9 of `Ledger`: what its policy hears, and what a lawless one can do.

use std::sync::{Arc, Mutex};

use zstore_policy::{Candidate, Ledger, Lookup, Lru, Policy, Reason, Refused, Slot, Terms};

use crate::scene::{Books, NOW, admit, books, keys, single};

/// An LRU that notes every call, readable from outside the ledger that owns it.
#[derive(Debug, Default, Clone)]
struct Watched(Arc<Mutex<(Lru, Vec<String>)>>);

impl Watched {
    fn note(&self, call: String) -> std::sync::MutexGuard<'_, (Lru, Vec<String>)> {
        let mut inner = self.0.lock().unwrap();
        inner.1.push(call);
        inner
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

impl Policy for Watched {
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        self.note(format!("capacity {weight_max:?}")).0.set_capacity(weight_max);
    }

    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        let Candidate { id, weight, .. } = candidate;
        self.note(format!("admit id {id} weight {weight} for {needed}")).0.admit(candidate, needed)
    }

    fn insert(&mut self, candidate: Candidate) {
        let Candidate { id, weight, cost, .. } = candidate;
        self.note(format!("insert id {id} weight {weight} cost {cost}")).0.insert(candidate);
    }

    fn hit(&mut self, slot: Slot) {
        self.note("hit".to_owned()).0.hit(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.note("remove".to_owned()).0.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.note("victim".to_owned()).0.victim()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.0.lock().unwrap().0.for_each_held(visit);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }

    fn check(&self) -> Result<(), String> {
        self.0.lock().unwrap().0.check()
    }
}

#[test]
fn l9_the_policy_hears_of_each_resident_once_and_of_fresh_hits_only() {
    let watched = Watched::default();
    let mut books: Books = Ledger::new(Some(10), Box::new(watched.clone())).with_overhead(1);
    assert_eq!(watched.calls(), ["capacity Some(10)", "capacity Some(9)"]);

    let terms = Terms { expires: Some(NOW + 1), id: 77, cost: 3 };
    let grant = books.reserve("a", 5, terms, NOW).unwrap();
    assert!(watched.calls().is_empty());
    books.commit(grant.reservation, 0).unwrap();
    assert_eq!(watched.calls(), ["insert id 77 weight 5 cost 3"]);

    assert_eq!(books.probe("a", NOW), Lookup::Fresh(&0));
    assert_eq!(watched.calls(), ["hit"]);
    assert_eq!(books.probe("a", NOW + 1), Lookup::Stale(&0));
    assert_eq!(books.probe("b", NOW), Lookup::Absent);
    assert!(books.peek("a").is_some());
    assert!(books.renew("a", None));
    assert!(watched.calls().is_empty());

    let (_reservation, victim) = single(books.reserve("b", 9, Terms::default(), NOW).unwrap());
    let asked = vec!["admit id 0 weight 9 for 5".to_owned(), "victim".to_owned()];
    assert_eq!((victim.key, watched.calls()), ("a", asked));
    books.recover("c", 1, 0, Terms::default()).unwrap();
    let leaving = books.leave("c", Reason::Replaced).unwrap();
    assert_eq!(watched.calls(), ["insert id 0 weight 1 cost 1", "remove"]);
    books.left(leaving);
    books.check().unwrap();
}

#[test]
fn l9_a_stale_probe_does_not_make_a_resident_recent() {
    let mut books = books(2);
    admit(&mut books, "a", 1, Some(NOW + 1));
    admit(&mut books, "b", 1, None);
    assert_eq!(books.probe("a", NOW + 1), Lookup::Stale(&0));
    assert!(books.renew("a", None));
    let grant = books.reserve("c", 1, Terms::default(), NOW + 1).unwrap();
    assert_eq!(keys(&grant.leaving), [("a", Reason::Evicted)]);
}

#[test]
fn check_reports_a_policy_that_lost_count() {
    #[derive(Debug)]
    struct Forgetful;

    impl Policy for Forgetful {
        fn insert(&mut self, _: Candidate) {}
        fn hit(&mut self, _: Slot) {}
        fn remove(&mut self, _: Slot) {}
        fn victim(&mut self) -> Option<Slot> {
            None
        }
        fn for_each_held(&self, _: &mut dyn FnMut(Slot)) {}
        fn len(&self) -> usize {
            0
        }
        fn check(&self) -> Result<(), String> {
            Ok(())
        }
    }

    let mut books: Books = Ledger::new(Some(10), Box::new(Forgetful));
    let grant = books.reserve("a", 6, Terms::default(), NOW).unwrap();
    books.commit(grant.reservation, 0).unwrap();
    assert!(books.check().unwrap_err().contains("policy"));
    assert_eq!(books.in_order().len(), 1, "whom the policy forgot is told of all the same");
    // It names nobody; the ledger makes room all the same.
    assert_eq!(keys(&books.reserve("b", 6, Terms::default(), NOW).unwrap().leaving), [("a", Reason::Evicted)]);
}

/// An LRU that admits nobody.
#[derive(Debug, Default)]
struct Closed(Lru);

impl Policy for Closed {
    fn admit(&mut self, _: &Candidate, _: u64) -> bool {
        false
    }

    fn insert(&mut self, candidate: Candidate) {
        self.0.insert(candidate);
    }

    fn hit(&mut self, slot: Slot) {
        self.0.hit(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.0.remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.0.victim()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.0.for_each_held(visit);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}

/// Of 10 bytes: "stale" of 3, "a" of 4, and 3 free.
fn closed() -> Books {
    let mut books: Books = Ledger::new(Some(10), Box::<Closed>::default());
    admit(&mut books, "stale", 3, Some(NOW));
    admit(&mut books, "a", 4, None);
    books
}

#[test]
fn l5_a_candidate_that_is_not_admitted_changes_nothing() {
    let mut books = closed();
    let refused = books.reserve("b", 7, Terms::default(), NOW).unwrap_err();
    assert_eq!(refused, Refused::NotAdmitted);
    assert_eq!((books.len(), books.charged(), books.promised()), (2, 7, 0));
    assert_eq!(books.tally().expired, 0);
    books.check().unwrap();
}

#[test]
fn l9_nobody_is_asked_for_free_room_or_for_that_of_the_expired() {
    let mut books = closed();
    let grant = books.reserve("b", 6, Terms::default(), NOW).unwrap();
    assert_eq!(keys(&grant.leaving), [("stale", Reason::Expired)]);
    // Before its time it is a resident like the others.
    let mut books = closed();
    assert_eq!(books.reserve("b", 6, Terms::default(), NOW - 1).unwrap_err(), Refused::NotAdmitted);
    assert!(books.reserve("b", 3, Terms::default(), NOW - 1).unwrap().leaving.is_empty());
}

#[test]
fn residents_are_told_of_in_the_order_in_which_they_would_leave() {
    let mut books = books(10);
    for key in ["a", "b", "c"] {
        admit(&mut books, key, 1, None);
    }
    assert_eq!(books.probe("a", NOW), Lookup::Fresh(&0));
    let order: Vec<&str> = books.in_order().into_iter().map(|(key, _)| *key).collect();
    assert_eq!(order, ["b", "c", "a"]);
}
