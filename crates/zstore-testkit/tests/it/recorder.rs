//! The recorder.

use std::sync::Arc;

use futures::StreamExt;
use zstore_core::{ByteRange, GetOptions, Key, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_testkit::{Gated, MapStore, Recorder, Request};

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

#[tokio::test]
async fn it_records_every_request_in_order_with_its_ranges() {
    let store = Recorder::new(MapStore::new());
    store.put(&key("d/a"), "value").await.unwrap();
    store.get(&key("d/a"), &GetOptions::range(1..3)).await.unwrap();
    store.get_ranges(&key("d/a"), &[ByteRange::From(1), ByteRange::Suffix(1)]).await.unwrap();
    store.head(&key("d/a")).await.unwrap();
    store.list_all(&Prefix::root()).await.unwrap();
    store.list_dir(&Prefix::new("d").unwrap()).await.unwrap();
    store.delete(&key("d/a")).await.unwrap();
    store.delete_prefix(&Prefix::new("d").unwrap()).await.unwrap();
    let request =
        |operation, key: &str, ranges: &[ByteRange]| Request { operation, key: key.into(), ranges: ranges.to_vec() };
    assert_eq!(
        store.requests(),
        [
            request(Operation::Set, "d/a", &[]),
            request(Operation::Get, "d/a", &[ByteRange::Bounded(1..3)]),
            request(Operation::GetRanges, "d/a", &[ByteRange::From(1), ByteRange::Suffix(1)]),
            request(Operation::Head, "d/a", &[]),
            request(Operation::List, "", &[]),
            request(Operation::List, "d", &[]),
            request(Operation::Delete, "d/a", &[]),
            request(Operation::DeletePrefix, "d", &[]),
        ]
    );
    assert_eq!((store.count(), store.count_of(Operation::List)), (8, 2));
    assert_eq!((store.bytes_written(), store.bytes_read()), (5, 2 + 4 + 1));
    store.clear();
    assert_eq!((store.count(), store.bytes_written(), store.bytes_read()), (0, 0, 0));
}

#[tokio::test]
async fn an_answer_at_hand_is_no_request() {
    let store = Recorder::new(MapStore::new());
    store.put(&key("a"), "value").await.unwrap();
    store.clear();
    assert!(store.get_now(&key("a"), &GetOptions::default()).is_some());
    assert_eq!((store.count(), store.bytes_read()), (0, 0));
}

#[tokio::test]
async fn it_counts_what_is_in_flight_at_once_and_forgets_what_is_dropped() {
    let gate = Gated::new(MapStore::new());
    let held = gate.hold(Operation::Get);
    let store = Arc::new(Recorder::new(gate));
    let gets: Vec<_> = (0..3)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.get(&key("a"), &GetOptions::default()).await })
        })
        .collect();
    held.arrived(3).await;
    assert_eq!((store.in_flight(), store.in_flight_max()), (3, 3));
    gets[0].abort();
    for (at, get) in gets.into_iter().enumerate() {
        if at == 0 {
            assert!(get.await.unwrap_err().is_cancelled());
            assert_eq!(store.in_flight(), 2);
            held.release_one();
            held.release_one();
        } else {
            get.await.unwrap().unwrap();
        }
    }
    store.head(&key("a")).await.unwrap();
    assert_eq!((store.in_flight(), store.in_flight_max()), (0, 3));
}

#[tokio::test]
async fn a_listing_is_in_flight_until_its_stream_is_dropped() {
    let store = Recorder::new(MapStore::new());
    store.put(&key("a"), "value").await.unwrap();
    let mut listing = store.list(&Prefix::root());
    assert!(listing.next().await.unwrap().is_ok());
    assert_eq!(store.in_flight(), 1);
    drop(listing);
    assert_eq!(store.in_flight(), 0);
}

#[test]
fn names_are_composed() {
    let store = Recorder::new(Gated::new(MapStore::new()));
    let inner = store.inner().inner().to_string();
    assert_eq!(store.to_string(), format!("Recorder(Gated({inner}))"));
}
