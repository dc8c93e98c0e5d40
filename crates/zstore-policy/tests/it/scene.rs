//! Small ledgers to tell a law by.

use zstore_policy::{Grant, Leaving, Ledger, Lru, Reason, Refused, Reservation, Terms, Tick};

pub(crate) type Books = Ledger<&'static str, u32>;

pub(crate) const NOW: Tick = 1_000;

pub(crate) fn books(weight_max: u64) -> Books {
    Ledger::new(Some(weight_max), Box::new(Lru::new()))
}

/// Admits a value, whoever has to leave for it.
pub(crate) fn admit(books: &mut Books, key: &'static str, weight: u64, expires: Option<Tick>) {
    let terms = Terms { expires, ..Terms::default() };
    let Grant { reservation, leaving } = books.reserve(key, weight, terms, NOW).unwrap();
    leaving.into_iter().for_each(|leaving| books.left(leaving));
    books.commit(reservation, 0).unwrap();
    books.check().unwrap();
}

/// A full ledger of 10 bytes: "a" of 6, the less recent, and "b" of 4.
pub(crate) fn full() -> Books {
    let mut books = books(10);
    admit(&mut books, "a", 6, None);
    admit(&mut books, "b", 4, None);
    books
}

pub(crate) fn keys(leaving: &[Leaving<&'static str, u32>]) -> Vec<(&'static str, Reason)> {
    leaving.iter().map(|leaving| (leaving.key, leaving.reason)).collect()
}

pub(crate) fn refusal(granted: Result<Grant<&'static str, u32>, Refused>) -> Refused {
    granted.unwrap_err()
}

/// A grant with exactly one victim.
pub(crate) fn single(grant: Grant<&'static str, u32>) -> (Reservation<&'static str>, Leaving<&'static str, u32>) {
    let Grant { reservation, mut leaving } = grant;
    let victim = leaving.pop().unwrap();
    assert!(leaving.is_empty());
    (reservation, victim)
}
