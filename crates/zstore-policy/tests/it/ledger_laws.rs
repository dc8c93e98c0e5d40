//! The laws L1 to L8 and L10 of `Ledger`, one by one, in small scenes that can be followed by hand.

use zstore_policy::{Grant, Ledger, Lookup, Lru, Reason, Refused, Terms, Tick};

use crate::scene::{Books, NOW, admit, books, full, keys, refusal, single};

#[test]
fn l1_a_reservation_never_takes_the_sum_past_the_bound() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 5, Terms::default(), NOW).unwrap());
    assert_eq!((books.charged(), books.promised()), (10, 0));
    books.left(victim);
    assert_eq!((books.charged(), books.promised()), (9, 0));
    books.commit(reservation, 0).unwrap();
    assert_eq!((books.charged(), books.resident_weight()), (9, 9));
    books.check().unwrap();
}

#[test]
fn l1_the_overhead_is_charged_and_leaves_less_room() {
    let mut books = books(10).with_overhead(3);
    assert_eq!(books.charged(), 3);
    assert_eq!(refusal(books.reserve("a", 8, Terms::default(), NOW)), Refused::TooLarge);
    admit(&mut books, "a", 7, None);
    assert_eq!((books.charged(), books.resident_weight()), (10, 7));
    let (_reservation, victim) = single(books.reserve("b", 1, Terms::default(), NOW).unwrap());
    assert_eq!(victim.key, "a");
}

#[test]
fn l1_without_a_bound_everything_fits() {
    let mut books: Books = Ledger::new(None, Box::new(Lru::new()));
    assert_eq!(books.weight_max(), None);
    for key in ["a", "b", "c"] {
        admit(&mut books, key, u64::MAX / 4, None);
    }
    assert_eq!(books.len(), 3);
}

#[test]
fn l2_two_reservations_never_count_on_the_same_free_room() {
    let mut books = books(10);
    admit(&mut books, "a", 6, None);
    // The first takes the 4 free bytes and the 6 of "a"; nothing is left for a second, not even the 4.
    let first = books.reserve("b", 8, Terms::default(), NOW).unwrap();
    assert_eq!(keys(&first.leaving), [("a", Reason::Evicted)]);
    assert_eq!((books.charged(), books.promised()), (6, 4));
    assert_eq!(refusal(books.reserve("c", 1, Terms::default(), NOW)), Refused::NoRoom);
    let (reservation, victim) = single(first);
    books.left(victim);
    // "a" weighed 6, of which 4 were missing: the rest is anybody's.
    assert_eq!((books.charged(), books.promised()), (8, 0));
    let second = books.reserve("c", 2, Terms::default(), NOW).unwrap();
    assert!(second.leaving.is_empty());
    books.commit(reservation, 0).unwrap();
    books.commit(second.reservation, 0).unwrap();
    books.check().unwrap();
}

#[test]
fn l3_anothers_victims_do_not_pay_for_a_reservation() {
    let mut books = full();
    let (first, of_first) = single(books.reserve("c", 6, Terms::default(), NOW).unwrap());
    let (second, of_second) = single(books.reserve("d", 4, Terms::default(), NOW).unwrap());
    assert_eq!((of_first.key, of_second.key), ("a", "b"));
    books.left(of_first);
    assert!(books.is_paid(&first));
    assert!(!books.is_paid(&second));
    books.left(of_second);
    assert!(books.is_paid(&second));
    books.abort(first);
    books.abort(second);
    assert_eq!(books.charged(), 0);
}

#[test]
fn l3_an_unpaid_reservation_cannot_be_committed() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 6, Terms::default(), NOW).unwrap());
    let reservation = books.commit(reservation, 7).unwrap_err();
    assert_eq!(books.probe("c", NOW), Lookup::Absent);
    books.check().unwrap();
    books.left(victim);
    books.commit(reservation, 7).unwrap();
    assert_eq!(books.probe("c", NOW), Lookup::Fresh(&7));
}

#[test]
fn l4_weight_is_given_back_when_bytes_are_gone_and_not_before() {
    let mut books = full();
    let leaving = books.leave("a", Reason::Invalidated).unwrap();
    assert_eq!((leaving.weight, leaving.reason, leaving.record), (6, Reason::Invalidated, Some(0)));
    assert_eq!(books.probe("a", NOW), Lookup::Absent);
    assert_eq!((books.charged(), books.resident_weight()), (10, 4));
    assert_eq!(refusal(books.reserve("c", 5, Terms::default(), NOW)), Refused::NoRoom);
    books.left(leaving);
    assert_eq!(books.charged(), 4);
    assert!(books.leave("a", Reason::Invalidated).is_none());
}

#[test]
fn l4_an_aborted_reservation_gives_its_room_back() {
    let mut books = books(10);
    let grant = books.reserve("a", 7, Terms::default(), NOW).unwrap();
    assert_eq!(books.charged(), 7);
    books.abort(grant.reservation);
    assert_eq!(books.charged(), 0);
    books.check().unwrap();
}

#[test]
fn l4_victims_of_an_aborted_reservation_leave_for_everybody() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 6, Terms::default(), NOW).unwrap());
    books.abort(reservation);
    assert_eq!((books.charged(), books.promised()), (10, 0));
    books.check().unwrap();
    // Its slot is taken again: the late departure must not pay the newcomer.
    let (newcomer, of_newcomer) = single(books.reserve("d", 4, Terms::default(), NOW).unwrap());
    books.left(victim);
    assert_eq!((books.charged(), books.promised()), (4, 0));
    assert!(!books.is_paid(&newcomer));
    books.left(of_newcomer);
    assert!(books.is_paid(&newcomer));
    books.check().unwrap();
    books.abort(newcomer);
}

#[test]
fn l4_a_spoiled_reservation_stays_charged_until_its_bytes_are_gone() {
    let mut books = books(10);
    let grant = books.reserve("a", 7, Terms::default(), NOW).unwrap();
    let leaving = books.spoil(grant.reservation);
    assert_eq!((leaving.key, leaving.weight, leaving.reason), ("a", 7, Reason::Spoiled));
    assert_eq!((leaving.record, books.charged()), (None, 7));
    assert_eq!(refusal(books.reserve("b", 4, Terms::default(), NOW)), Refused::NoRoom);
    books.left(leaving);
    assert_eq!((books.charged(), books.tally().spoiled), (0, 1));
    books.check().unwrap();
}

#[test]
fn l4_an_unpaid_reservation_is_spoiled_for_what_it_has() {
    let mut books = books(10);
    admit(&mut books, "a", 6, None);
    let (reservation, victim) = single(books.reserve("b", 8, Terms::default(), NOW).unwrap());
    let leaving = books.spoil(reservation);
    assert_eq!((leaving.weight, books.charged(), books.promised()), (4, 10, 0));
    books.left(victim);
    books.left(leaving);
    assert_eq!(books.charged(), 0);
    books.check().unwrap();
}

#[test]
fn l4_the_stranded_stay_charged_until_a_retry_succeeds() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 5, Terms::default(), NOW).unwrap());
    books.strand(victim);
    assert!(!books.is_paid(&reservation));
    books.abort(reservation);
    assert_eq!(books.charged(), 10);
    books.check().unwrap();

    let mut taken = books.take_stranded();
    assert_eq!((keys(&taken), books.charged()), (vec![("a", Reason::Evicted)], 10));
    assert!(books.take_stranded().is_empty());
    books.left(taken.pop().unwrap());
    assert_eq!(books.charged(), 4);
    books.check().unwrap();
}

#[test]
fn l4_a_stranded_victim_that_leaves_at_last_pays_its_reservation() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 5, Terms::default(), NOW).unwrap());
    books.strand(victim);
    books.take_stranded().into_iter().for_each(|leaving| books.left(leaving));
    books.commit(reservation, 0).unwrap();
    assert_eq!(books.charged(), 9);
    books.check().unwrap();
}

#[test]
fn l4_an_abort_gives_back_only_what_really_left() {
    let mut books = full();
    let Grant { reservation, leaving } = books.reserve("c", 10, Terms::default(), NOW).unwrap();
    let mut leaving = leaving.into_iter();
    books.left(leaving.next().unwrap());
    books.strand(leaving.next().unwrap());
    assert_eq!((books.charged(), books.promised()), (4, 6));
    books.abort(reservation);
    assert_eq!((books.charged(), books.promised()), (4, 0));
    assert_eq!(refusal(books.reserve("d", 7, Terms::default(), NOW)), Refused::NoRoom);
    admit(&mut books, "d", 6, None);
}

#[test]
fn l4_what_is_lost_stays_charged() {
    let mut books = full();
    let _lost = books.leave("a", Reason::Cleared);
    let _lost = books.reserve("c", 4, Terms::default(), NOW).unwrap();
    assert_eq!(books.charged(), 10);
    assert_eq!(refusal(books.reserve("d", 1, Terms::default(), NOW)), Refused::NoRoom);
    books.check().unwrap();
}

#[test]
fn l5_a_refused_reservation_evicts_nobody() {
    let mut books = full();
    let leaving = books.leave("b", Reason::Invalidated).unwrap();
    assert_eq!(refusal(books.reserve("c", 11, Terms::default(), NOW)), Refused::TooLarge);
    assert_eq!(refusal(books.reserve("c", 7, Terms::default(), NOW)), Refused::NoRoom);
    assert_eq!(books.len(), 1);
    assert_eq!(books.tally().evicted, 0);
    assert_eq!(books.reserve("c", 6, Terms::default(), NOW).unwrap().leaving.len(), 1);
    books.left(leaving);
}

#[test]
fn l6_the_expired_go_before_the_least_recent() {
    let mut books = books(12);
    admit(&mut books, "old", 4, None);
    admit(&mut books, "stale", 4, Some(NOW + 5));
    admit(&mut books, "staler", 4, Some(NOW + 4));
    let grant = books.reserve("new", 9, Terms::default(), NOW + 5).unwrap();
    let expected = [("staler", Reason::Expired), ("stale", Reason::Expired), ("old", Reason::Evicted)];
    assert_eq!(keys(&grant.leaving), expected);
    assert_eq!((books.tally().expired, books.tally().evicted), (2, 1));
}

#[test]
fn l6_nobody_leaves_while_there_is_room() {
    let mut books = books(10);
    admit(&mut books, "a", 4, Some(NOW));
    let grant = books.reserve("b", 6, Terms::default(), NOW).unwrap();
    assert!(grant.leaving.is_empty());
    assert_eq!(books.probe("a", NOW), Lookup::Stale(&0));
}

#[test]
fn l6_no_more_leave_than_needed() {
    let mut books = books(4);
    for key in ["a", "b", "c", "d"] {
        admit(&mut books, key, 1, None);
    }
    assert_eq!(books.probe("a", NOW), Lookup::Fresh(&0));
    let grant = books.reserve("e", 2, Terms::default(), NOW).unwrap();
    assert_eq!(keys(&grant.leaving), [("b", Reason::Evicted), ("c", Reason::Evicted)]);
}

#[test]
fn l7_a_resident_is_stale_from_its_expiry_on() {
    let mut books = books(10);
    admit(&mut books, "a", 1, Some(NOW + 10));
    assert_eq!(books.probe("a", NOW + 9), Lookup::Fresh(&0));
    assert_eq!(books.probe("a", NOW + 10), Lookup::Stale(&0));
    assert!(books.renew("a", Some(NOW + 11)));
    assert_eq!(books.probe("a", NOW + 10), Lookup::Fresh(&0));
    assert!(books.renew("a", None));
    assert_eq!(books.probe("a", Tick::MAX), Lookup::Fresh(&0));
    assert!(!books.renew("b", None));
    books.check().unwrap();
}

#[test]
fn l7_expire_takes_exactly_the_stale() {
    let mut books = books(10);
    admit(&mut books, "never", 1, None);
    admit(&mut books, "later", 1, Some(NOW + 2));
    admit(&mut books, "now", 1, Some(NOW + 1));
    let leaving = books.expire(NOW + 1);
    assert_eq!(keys(&leaving), [("now", Reason::Expired)]);
    assert_eq!((books.len(), books.charged()), (2, 3));
    books.check().unwrap();
}

#[test]
fn l8_a_key_is_resident_once() {
    let mut books = books(10);
    let first = books.reserve("a", 2, Terms::default(), NOW).unwrap().reservation;
    let second = books.reserve("a", 3, Terms::default(), NOW).unwrap().reservation;
    books.commit(first, 1).unwrap();
    let second = books.commit(second, 2).unwrap_err();
    assert_eq!(books.recover("a", 1, 3, Terms::default()), Err(("a", 3)));
    assert_eq!(books.probe("a", NOW), Lookup::Fresh(&1));
    assert_eq!(books.charged(), 5);
    let leaving = books.spoil(second);
    books.left(leaving);
    assert_eq!(books.charged(), 2);
    books.check().unwrap();
}

#[test]
fn l10_the_same_calls_give_the_same_answers() {
    let play = || {
        let mut books = books(1_000);
        let keys: [&'static str; 6] = ["a", "b", "c", "d", "e", "f"];
        for (weight, key) in (100..).zip(keys) {
            admit(&mut books, key, weight, Some(NOW + weight % 2));
        }
        let listed: Vec<_> = books.iter().map(|(key, resident)| (*key, resident.weight)).collect();
        let cleared = books.leave_where(Reason::Cleared, |key| *key != "c");
        (listed, crate::scene::keys(&cleared), books.expire(NOW + 1).len())
    };
    let first = play();
    assert_eq!(first.1.len(), 5);
    for _ in 0..20 {
        assert_eq!(play(), first);
    }
}

#[test]
fn recovery_may_pass_the_bound_and_trim_comes_back() {
    let mut books = books(10);
    for key in ["a", "b", "c", "d"] {
        books.recover(key, 5, 0, Terms::default()).unwrap();
    }
    assert_eq!(books.charged(), 20);
    books.check().unwrap();
    let leaving = books.trim(NOW);
    assert_eq!(keys(&leaving), [("a", Reason::Evicted), ("b", Reason::Evicted)]);
    assert!(books.trim(NOW).is_empty(), "what is leaving already counts");
    leaving.into_iter().for_each(|leaving| books.left(leaving));
    assert_eq!(books.charged(), 10);
    assert!(books.trim(NOW).is_empty());
    books.check().unwrap();
}

#[test]
fn trim_takes_nobody_within_the_bound() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 5, Terms::default(), NOW).unwrap());
    books.strand(victim);
    assert!(books.trim(NOW).is_empty());
    books.abort(reservation);
    assert!(books.trim(NOW).is_empty());
}

#[test]
fn trim_makes_room_for_claims_that_are_not_paid_yet() {
    let mut books = full();
    let (reservation, victim) = single(books.reserve("c", 6, Terms::default(), NOW).unwrap());
    books.recover("d", 5, 0, Terms::default()).unwrap();
    // When "a" has left its room is "c"'s: "b" and "d" are 5 bytes too many beside it.
    let leaving = books.trim(NOW);
    assert_eq!(keys(&leaving), [("b", Reason::Evicted), ("d", Reason::Evicted)]);
    leaving.into_iter().for_each(|leaving| books.left(leaving));
    books.left(victim);
    assert_eq!(books.charged(), 6);
    books.abort(reservation);
}

#[test]
fn a_claim_granted_past_the_bound_is_paid_only_once_back_within_it() {
    let mut books = books(10);
    for key in ["a", "b", "c"] {
        books.recover(key, 5, 0, Terms::default()).unwrap();
    }
    let Grant { reservation, leaving } = books.reserve("d", 2, Terms::default(), NOW).unwrap();
    assert_eq!(leaving.len(), 2);
    for leaving in leaving {
        assert!(!books.is_paid(&reservation));
        books.left(leaving);
        books.check().unwrap();
    }
    assert!(books.is_paid(&reservation));
    assert!(books.charged() + books.promised() <= 10);
    books.abort(reservation);
}

#[test]
fn leave_where_takes_exactly_the_chosen() {
    let mut books = full();
    let leaving = books.leave_where(Reason::Cleared, |key| *key == "b");
    assert_eq!(keys(&leaving), [("b", Reason::Cleared)]);
    assert_eq!((books.len(), books.charged()), (1, 10));
    leaving.into_iter().for_each(|leaving| books.left(leaving));
    assert_eq!((books.charged(), books.tally().cleared), (6, 1));
    books.check().unwrap();
}

#[test]
fn a_weightless_value_always_fits_and_can_leave() {
    let mut books = full();
    let grant = books.reserve("empty", 0, Terms::default(), NOW).unwrap();
    assert!(grant.leaving.is_empty());
    books.commit(grant.reservation, 5).unwrap();
    assert_eq!((books.len(), books.charged()), (3, 10));
    let leaving = books.leave("empty", Reason::Invalidated).unwrap();
    books.left(leaving);
    books.check().unwrap();
}

#[test]
fn a_ledger_can_be_sent_to_another_thread() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    assert_eq!(sendable(full()).len(), 2);
    assert!(format!("{:?}", full()).contains("resident: 10"));
    assert_eq!(Refused::NoRoom.to_string(), "all other room is reserved or still being vacated");
}
