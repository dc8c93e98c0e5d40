//! Every case convicts a wrong store, and for the right reason.

use std::collections::{BTreeMap, BTreeSet};

use zstore_testkit::conformance::{self, Case};

use crate::wrong::{Conviction, Wrong, convictions};

fn cases_by_name() -> BTreeMap<&'static str, &'static Case> {
    conformance::cases().map(|case| (case.name, case)).collect()
}

/// What is wrong with a conviction, if anything is.
async fn acquittal(case: &Case, conviction: &'static Conviction) -> Option<String> {
    let Conviction { fault, saw, hooks, .. } = conviction;
    let make = || async { Wrong::new(*hooks) };
    // A store may be too wrong for the suite to find out about it; then its case is run all the same.
    if let Ok(facts) = conformance::facts(make).await
        && !(case.needs)(&facts)
    {
        return Some(format!("{}: is never run on a store that {fault}", case.name));
    }
    match conformance::check(case, make).await {
        Err(seen) if seen.contains(saw) => None,
        Err(seen) => Some(format!("{}: convicts a store that {fault}, but not of {saw:?}: {seen}", case.name)),
        Ok(()) => Some(format!("{}: acquits a store that {fault}", case.name)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_store_is_convicted_by_its_case() {
    let cases = cases_by_name();
    let mut acquittals = Vec::new();
    for conviction in convictions() {
        let case = cases.get(conviction.case).unwrap_or_else(|| panic!("there is no case {}", conviction.case));
        acquittals.extend(acquittal(case, conviction).await);
    }
    assert!(acquittals.is_empty(), "{} of {}:\n{}", acquittals.len(), convictions().count(), acquittals.join("\n"));
}

#[test]
fn each_case_convicts_a_wrong_store() {
    let convicting: BTreeSet<_> = convictions().map(|conviction| conviction.case).collect();
    let idle: Vec<_> = cases_by_name().into_keys().filter(|case| !convicting.contains(case)).collect();
    assert!(idle.is_empty(), "{idle:#?}");
}

#[test]
fn each_case_has_a_name_of_its_own() {
    assert_eq!(cases_by_name().len(), conformance::cases().count());
}

#[test]
fn each_law_has_a_case() {
    let laws: BTreeSet<_> = conformance::cases().map(Case::law_number).collect();
    let numbered = |letter, last| (1..=last).map(move |number| format!("{letter}{number}"));
    for law in numbered('R', 12).chain(numbered('W', 7)).chain(["Capabilities".into(), "Errors".into()]) {
        assert!(laws.contains(law.as_str()), "{law}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_names_the_law_and_the_case() {
    let case = cases_by_name()["a_suffix_of_no_bytes_is_empty"];
    let conviction = convictions().find(|conviction| conviction.case == case.name).unwrap();
    let verdict = conformance::check(case, || async { Wrong::new(conviction.hooks) }).await.unwrap_err();
    assert!(verdict.contains("R2 Ranges") && verdict.contains(case.name), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_that_writes_says_so_of_a_store_that_only_reads() {
    let case = cases_by_name()["a_written_value_is_read"];
    let verdict = conformance::check_read_only(case, |_| async { zstore_testkit::MapStore::new() }).await.unwrap_err();
    assert!(verdict.contains("can only be read"), "{verdict}");
}

// Time is paused, so the wait for the end of the case passes at once.
#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_convicted() {
    let make = || async {
        let store = zstore_testkit::Faulty::new(zstore_testkit::MapStore::new());
        store.hang(zstore_core::Operation::Get);
        store
    };
    let case = cases_by_name()["a_written_value_is_read"];
    let verdict = conformance::check(case, make).await.unwrap_err();
    assert!(verdict.contains("saw no end"), "{verdict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_made_fails_the_case() {
    async fn none() -> zstore_testkit::MapStore {
        panic!("no room for a store")
    }
    let verdict = conformance::check(cases_by_name()["a_written_value_is_read"], none).await.unwrap_err();
    assert!(verdict.contains("saw a panic: no room for a store"), "{verdict}");
    assert!(conformance::facts(none).await.is_err());
}
