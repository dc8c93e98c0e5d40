//! The gate.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use zstore_core::{GetOptions, Key, Operation, Prefix, ReadStore, ReadStoreExt, StoreExt};
use zstore_testkit::{Gated, MapStore, Recorder};

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

type Gate = Arc<Gated<Recorder<MapStore>>>;

fn gate() -> Gate {
    Arc::new(Gated::new(Recorder::new(MapStore::new())))
}

fn set(store: &Gate, name: &'static str) -> tokio::task::JoinHandle<zstore_core::Result<zstore_core::Version>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.put(&key(name), "value").await })
}

#[tokio::test]
async fn a_call_held_before_has_not_touched_the_store() {
    let store = gate();
    let held = store.hold(Operation::Set);
    let set = set(&store, "a");
    held.arrived(1).await;
    assert_eq!((held.arrived_count(), store.inner().count()), (1, 0));
    held.release();
    set.await.unwrap().unwrap();
    assert_eq!(store.inner().count(), 1);
}

#[tokio::test]
async fn a_call_held_after_has_been_done() {
    let store = gate();
    let held = store.hold_after(Operation::Set);
    let set = set(&store, "a");
    held.arrived(1).await;
    assert!(store.exists(&key("a")).await.unwrap());
    assert!(!set.is_finished());
    held.release();
    set.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_the_chosen_operation_and_key_are_held() {
    let store = gate();
    let held = store.hold_key(Operation::Set, "a");
    store.put(&key("b"), "value").await.unwrap();
    assert!(!store.exists(&key("a")).await.unwrap());
    let set = set(&store, "a");
    held.arrived(1).await;
    assert_eq!(held.arrived_count(), 1);
    drop(held); // Dropping it is releasing it.
    set.await.unwrap().unwrap();
    let held = store.hold_key_after(Operation::Get, "a");
    assert!(store.get_bytes(&key("b")).await.unwrap().is_some());
    assert!(store.get_bytes(&key("a")).now_or_never().is_none());
    assert_eq!(held.arrived_count(), 1);
}

#[tokio::test]
async fn calls_are_let_through_one_by_one() {
    let store = gate();
    let held = store.hold(Operation::Set);
    let sets = ["a", "b", "c"].map(|name| set(&store, name));
    held.arrived(3).await;
    held.release_one();
    while store.inner().count() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sets.iter().filter(|set| !set.is_finished()).count(), 2);
    held.release();
    for set in sets {
        set.await.unwrap().unwrap();
    }
    assert_eq!(store.inner().count(), 3);
}

#[tokio::test]
async fn nothing_is_at_hand_while_gets_are_held() {
    let store = gate();
    store.put(&key("a"), "value").await.unwrap();
    let at_hand = || store.get_now(&key("a"), &GetOptions::default()).is_some();
    assert!(at_hand());
    let held = store.hold_after(Operation::Get);
    assert!(!at_hand());
    held.release();
    assert!(at_hand());
}

#[tokio::test]
async fn a_listing_is_held_before_its_first_item() {
    let store = gate();
    for name in ["a", "b"] {
        store.put(&key(name), "value").await.unwrap();
    }
    let held = store.hold(Operation::List);
    let mut listing = store.list(&Prefix::root());
    assert!(listing.next().now_or_never().is_none());
    held.release();
    assert_eq!(listing.count().await, 2);
    let held = store.hold_after(Operation::List);
    let mut listing = store.list(&Prefix::root());
    assert!(listing.next().now_or_never().is_none());
    assert_eq!(held.arrived_count(), 1);
    held.release();
    assert_eq!(listing.count().await, 2);
}
