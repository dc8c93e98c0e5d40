//! Law L9 of `Ledger`: what its policy hears, and what a lawless one can do.

use std::sync::{Arc, Mutex};

use zstore_policy::{Candidate, Ledger, Lookup, Lru, Policy, Reason, Slot, Terms};

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

    let grant = books.reserve("a", 5, NOW).unwrap();
    assert!(watched.calls().is_empty());
    let terms = Terms { expires: Some(NOW + 1), id: 77, cost: 3 };
    books.commit(grant.reservation, 0, terms).unwrap();
    assert_eq!(watched.calls(), ["insert id 77 weight 5 cost 3"]);

    assert_eq!(books.probe("a", NOW), Lookup::Fresh(&0));
    assert_eq!(watched.calls(), ["hit"]);
    assert_eq!(books.probe("a", NOW + 1), Lookup::Stale(&0));
    assert_eq!(books.probe("b", NOW), Lookup::Absent);
    assert!(books.peek("a").is_some());
    assert!(books.renew("a", None));
    assert!(watched.calls().is_empty());

    let (_reservation, victim) = single(books.reserve("b", 9, NOW).unwrap());
    assert_eq!((victim.key, watched.calls()), ("a", vec!["victim".to_owned()]));
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
    let grant = books.reserve("c", 1, NOW + 1).unwrap();
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
        fn len(&self) -> usize {
            0
        }
        fn check(&self) -> Result<(), String> {
            Ok(())
        }
    }

    let mut books: Books = Ledger::new(Some(10), Box::new(Forgetful));
    let grant = books.reserve("a", 6, NOW).unwrap();
    books.commit(grant.reservation, 0, Terms::default()).unwrap();
    assert!(books.check().unwrap_err().contains("policy"));
    // It names nobody; the ledger makes room all the same.
    assert_eq!(keys(&books.reserve("b", 6, NOW).unwrap().leaving), [("a", Reason::Evicted)]);
}
