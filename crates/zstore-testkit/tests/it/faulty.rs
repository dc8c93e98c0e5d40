//! The faults.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use zstore_core::{ErrorKind, GetOptions, Key, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_testkit::{Calls, Damage, Faulty, MapStore, Rates, Recorder};

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn faulty() -> Faulty<Recorder<MapStore>> {
    Faulty::new(Recorder::new(MapStore::new()))
}

#[tokio::test]
async fn a_failed_call_names_what_failed_and_does_not_reach_the_store() {
    let store = faulty();
    store.fail_always(Operation::Set, ErrorKind::Full);
    let error = store.put(&key("a"), "value").await.unwrap_err();
    assert_eq!((error.kind(), error.operation(), error.key()), (ErrorKind::Full, Operation::Set, Some("a")));
    assert_eq!(error.to_string(), format!("set \"a\" in {store}: injected: no space left on device"));
    assert_eq!((store.inner().count(), store.injected_count()), (0, 1));
    store.get_bytes(&key("a")).await.unwrap();
}

#[tokio::test]
async fn every_kind_of_call_can_fail() {
    let store = faulty();
    store.fail_always(Calls::All, ErrorKind::Io);
    let root = Prefix::root();
    assert!(store.get(&key("a"), &GetOptions::default()).await.is_err());
    assert!(store.get_ranges(&key("a"), &[]).await.is_err());
    assert!(store.head(&key("a")).await.is_err());
    assert!(store.list(&root).next().await.unwrap().is_err());
    assert!(store.list_dir(&root).await.is_err());
    assert!(store.put(&key("a"), "").await.is_err());
    assert!(store.delete(&key("a")).await.is_err());
    assert!(store.delete_prefix(&root).await.is_err());
    assert_eq!((store.inner().count(), store.injected_count()), (0, 8));
}

#[tokio::test]
async fn the_nth_call_fails_alone() {
    let store = faulty();
    store.fail_nth(Operation::Get, 2, ErrorKind::TimedOut);
    let mut failed = Vec::new();
    for _ in 0..3 {
        failed.push(store.get_bytes(&key("a")).await.is_err());
    }
    assert_eq!(failed, [false, true, false]);
}

#[tokio::test]
async fn a_lost_answer_follows_a_write_that_was_done() {
    let store = faulty();
    store.fail_after(Calls::Writes, ErrorKind::TimedOut);
    assert_eq!(store.put(&key("a"), "value").await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(store.get_bytes(&key("a")).await.unwrap().unwrap(), "value");
}

#[tokio::test]
async fn a_torn_set_stores_damage_and_claims_what_it_is_told_to() {
    let store = faulty();
    store.tear_nth(1, Damage::Truncated, None);
    store.put(&key("a"), "12345678").await.unwrap();
    assert_eq!(store.get_bytes(&key("a")).await.unwrap().unwrap(), "1234");
    store.tear_always(Damage::ZeroedTail, Some(ErrorKind::Io));
    assert_eq!(store.put(&key("a"), "12345678").await.unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(store.get_bytes(&key("a")).await.unwrap().unwrap(), "1234\0\0\0\0");
    store.heal();
    store.put(&key("a"), "12345678").await.unwrap();
    store.damage(&key("a"), Damage::FlippedBit).await.unwrap();
    assert_eq!(store.get_bytes(&key("a")).await.unwrap().unwrap(), "1234%678");
}

#[tokio::test]
async fn a_hung_call_never_answers_and_others_do() {
    let store = faulty();
    store.hang(Operation::Head);
    assert!(store.head(&key("a")).now_or_never().is_none());
    assert!(store.get_bytes(&key("a")).now_or_never().is_some());
    store.heal();
    assert!(store.head(&key("a")).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_answers_when_its_time_has_come() {
    let store = faulty();
    store.delay(Operation::Get, Duration::from_secs(5));
    let (start, key) = (tokio::time::Instant::now(), key("a"));
    let get = store.get_bytes(&key);
    let mut get = std::pin::pin!(get);
    assert!((&mut get).now_or_never().is_none());
    get.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn what_corrupts_has_no_shared_memory_and_nothing_at_hand() {
    let store = faulty();
    store.put(&key("a"), "value").await.unwrap();
    assert!(store.inner().capabilities().shared_memory && !store.capabilities().shared_memory);
    assert!(store.inner().get_now(&key("a"), &GetOptions::default()).is_some());
    assert_eq!(store.get_now(&key("a"), &GetOptions::default()), None);
}

async fn run_by_seed(seed: u64) -> (Vec<Option<ErrorKind>>, usize) {
    let rates = Rates { error: 0.1, lost_answer: 0.1, torn_write: 0.2, ..Rates::default() };
    let store = Faulty::with_seed(MapStore::new(), seed, rates);
    let mut outcomes = Vec::new();
    for at in 0..100 {
        outcomes.push(store.put(&key(&at.to_string()), "12345678").await.err().map(|error| error.kind()));
    }
    let mut torn = 0;
    for at in 0..100 {
        let bytes = store.inner().get_bytes(&key(&at.to_string())).await.unwrap();
        torn += usize::from(bytes.is_some_and(|bytes| bytes != "12345678"));
    }
    (outcomes, torn)
}

#[tokio::test]
async fn a_seed_replays_its_faults() {
    let (outcomes, torn) = run_by_seed(42).await;
    assert_eq!(run_by_seed(42).await, (outcomes.clone(), torn));
    assert_ne!(run_by_seed(43).await.0, outcomes);
    assert!(torn > 5 && outcomes.iter().flatten().count() > 5, "{torn} torn, {outcomes:?}");
}

#[tokio::test]
async fn reads_by_seed_answer_fewer_or_other_bytes_than_were_written() {
    let (truncated, flipped) =
        (Rates { truncated_read: 1.0, ..Rates::default() }, Rates { flipped_read: 1.0, ..Rates::default() });
    for (rates, same_length) in [(truncated, false), (flipped, true)] {
        let store = Faulty::with_seed(MapStore::new(), 1, rates);
        store.inner().put(&key("a"), "12345678").await.unwrap();
        let object = store.get(&key("a"), &GetOptions::default()).await.unwrap().into_object().unwrap();
        assert_ne!(object.bytes, "12345678");
        assert_eq!((object.bytes.len() == 8, object.range), (same_length, 0..8));
        let found = store.get_ranges(&key("a"), &[zstore_core::ByteRange::From(0)]).await.unwrap().unwrap();
        assert_ne!(found.parts[0].bytes, "12345678");
    }
}
