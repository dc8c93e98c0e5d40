//! The meter.

use std::sync::Arc;

use futures::FutureExt;
use tokio::task::JoinSet;
use zstore_core::{ErrorKind, Key, Operation, Prefix, ReadStore, Store, StoreExt};
use zstore_testkit::{Calls, Faulty, Gated, MapStore, Metered};

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn prefix(name: &str) -> Prefix {
    Prefix::new(name).unwrap()
}

#[tokio::test]
async fn it_follows_every_write() {
    let store = Metered::new(MapStore::new());
    store.put(&key("a"), "12345").await.unwrap();
    store.put(&key("d/b"), "123").await.unwrap();
    assert_eq!(store.held_bytes(), 8);
    store.put(&key("a"), "1").await.unwrap();
    assert_eq!(store.held_bytes(), 4);
    assert!(store.create(&key("a"), "refused").await.is_err());
    assert_eq!(store.held_bytes(), 4);
    store.delete(&key("missing")).await.unwrap();
    store.delete(&key("a")).await.unwrap();
    assert_eq!(store.held_bytes(), 3);
    store.delete_prefix(&prefix("d")).await.unwrap();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn an_overwrite_holds_both_values_until_it_is_answered() {
    let store = Arc::new(Metered::new(Gated::new(MapStore::new())));
    store.put(&key("a"), "12345").await.unwrap();
    let held = store.inner().hold_after(Operation::Set);
    let writer = Arc::clone(&store);
    let set = tokio::spawn(async move { writer.put(&key("a"), "123").await });
    held.arrived(1).await;
    assert_eq!(store.held_bytes(), 8);
    held.release();
    set.await.unwrap().unwrap();
    assert_eq!((store.held_bytes(), store.held_bytes_max()), (3, 8));
}

#[tokio::test]
async fn a_set_is_charged_before_the_store_is_asked_and_a_delete_credited_after() {
    let store = Arc::new(Metered::new(Gated::new(MapStore::new())));
    let held = store.inner().hold(Operation::Set);
    let writer = Arc::clone(&store);
    let set = tokio::spawn(async move { writer.put(&key("a"), "12345").await });
    held.arrived(1).await;
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (5, 0));
    held.release();
    set.await.unwrap().unwrap();
    let held = store.inner().hold_after(Operation::Delete);
    let deleter = Arc::clone(&store);
    let delete = tokio::spawn(async move { deleter.delete(&key("a")).await });
    held.arrived(1).await;
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (5, 0));
    held.release();
    delete.await.unwrap().unwrap();
    assert_eq!(store.held_bytes(), 0);
}

#[tokio::test]
async fn writes_of_one_key_that_overlap_are_settled_by_what_the_store_holds() {
    let store = Arc::new(Metered::new(Gated::new(MapStore::new())));
    let first_answer = store.inner().hold_after(Operation::Set);
    let writer = Arc::clone(&store);
    let first = tokio::spawn(async move { writer.put(&key("a"), "12345").await });
    first_answer.arrived(1).await;
    // The delete lands after the set and is answered before it: to believe the last answer would be to believe the set.
    store.delete(&key("a")).await.unwrap();
    first_answer.release();
    first.await.unwrap().unwrap();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn a_dropped_set_stays_charged_until_it_is_settled() {
    let store = Metered::new(Gated::new(MapStore::new()));
    let held = store.inner().hold_after(Operation::Set);
    assert!(store.put(&key("a"), "12345").now_or_never().is_none());
    drop(held);
    let held = store.inner().hold(Operation::Set);
    assert!(store.put(&key("b"), "123").now_or_never().is_none());
    drop(held);
    assert_eq!(store.held_bytes(), 8);
    store.settle().await.unwrap();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (5, 5));
}

#[tokio::test]
async fn a_failed_write_is_charged_for_what_is_there() {
    let store = Metered::new(Faulty::new(MapStore::new()));
    store.put(&key("d/a"), "12345").await.unwrap();
    store.inner().fail_always(Calls::Writes, ErrorKind::Io);
    store.put(&key("d/a"), "1").await.unwrap_err();
    store.delete(&key("d/a")).await.unwrap_err();
    store.delete_prefix(&prefix("d")).await.unwrap_err();
    assert_eq!(store.held_bytes(), 5);
    store.inner().heal();
    store.inner().fail_after(Calls::Of(Operation::DeletePrefix), ErrorKind::TimedOut);
    store.delete_prefix(&prefix("d")).await.unwrap_err();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn a_value_written_while_its_prefix_is_deleted_is_charged_if_it_stays() {
    let store = Arc::new(Metered::new(Gated::new(MapStore::new())));
    store.put(&key("d/a"), "12345").await.unwrap();
    let held = store.inner().hold_after(Operation::DeletePrefix);
    let deleter = Arc::clone(&store);
    let delete = tokio::spawn(async move { deleter.delete_prefix(&prefix("d")).await });
    held.arrived(1).await;
    store.put(&key("d/new"), "123").await.unwrap();
    held.release();
    delete.await.unwrap().unwrap();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (3, 3));
}

#[tokio::test]
async fn a_value_written_while_its_prefix_is_deleted_is_credited_if_it_goes() {
    let store = Arc::new(Metered::new(Gated::new(MapStore::new())));
    let held = store.inner().hold(Operation::DeletePrefix);
    let deleter = Arc::clone(&store);
    let delete = tokio::spawn(async move { deleter.delete_prefix(&prefix("d")).await });
    held.arrived(1).await;
    store.put(&key("d/new"), "123").await.unwrap();
    assert_eq!(store.held_bytes(), 3);
    held.release();
    delete.await.unwrap().unwrap();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn a_size_asked_for_before_the_last_write_is_of_no_use() {
    let store = Metered::new(Gated::new(MapStore::new()));
    let held = store.inner().hold_after(Operation::Set);
    assert!(store.put(&key("a"), "12345").now_or_never().is_none());
    drop(held);
    // Both ask for the size of what is in doubt; the write is answered first, and the older answer comes last.
    let (held, a) = (store.inner().hold_after(Operation::Head), key("a"));
    let mut settle = std::pin::pin!(store.settle());
    let mut put = std::pin::pin!(store.put(&a, "123"));
    assert!(settle.as_mut().now_or_never().is_none() && put.as_mut().now_or_never().is_none());
    held.arrived(2).await;
    drop(held);
    put.await.unwrap();
    settle.await.unwrap();
    assert_eq!((store.held_bytes(), store.recount().await.unwrap()), (3, 3));
}

#[tokio::test]
async fn it_opens_on_what_is_there() {
    let inner = MapStore::new();
    inner.put(&key("a"), "12345").await.unwrap();
    let store = Metered::open(inner).await.unwrap();
    assert_eq!((store.held_bytes(), store.held_bytes_max()), (5, 5));
    store.delete(&key("a")).await.unwrap();
    assert_eq!(store.held_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_equals_a_recount_after_a_thousand_writes_at_once() {
    let store = Arc::new(Metered::new(MapStore::new()));
    let mut tasks = JoinSet::new();
    for at in 0..1_000_usize {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let key = key(&format!("d{}/{}", at % 3, at % 7));
            match at % 5 {
                0 => store.delete(&key).await.unwrap(),
                1 if at % 50 == 1 => store.delete_prefix(&prefix(&format!("d{}", at % 3))).await.unwrap(),
                _ => drop(store.put(&key, vec![0; at % 97]).await.unwrap()),
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(store.held_bytes(), store.recount().await.unwrap());
    assert!(store.held_bytes_max() >= store.held_bytes());
    assert!(store.list_dir(&Prefix::root()).await.unwrap().prefixes.len() <= 3);
}
