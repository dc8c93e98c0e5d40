//! How many requests each question costs.

use std::sync::Arc;

use zstore_core::{
    ByteRange, ErrorKind, Fetch, GetOptions, Key, Operation, Prefix, ReadStore, ReadStoreExt, StoreExt, Version,
};
use zstore_origin::{Counts, Origin};
use zstore_remote::{RemoteBuilder, RemoteReader};
use zstore_testkit::{Gated, MapStore, Recorder};

use crate::server::key;

/// A value of 1 MiB behind an origin, and a reader of it.
async fn megabyte() -> (Origin, RemoteReader) {
    let store = MapStore::new();
    store.put(&key(), vec![7; 1 << 20]).await.unwrap();
    let origin = Origin::builder(Arc::new(store)).bind().await.unwrap();
    let reader = RemoteReader::from_url(&origin.url()).unwrap();
    (origin, reader)
}

fn counted(origin: &Origin) -> Counts {
    let counts = origin.counts();
    origin.reset_counts();
    counts
}

#[tokio::test]
async fn a_get_is_one_request_that_moves_its_own_bytes() {
    let (origin, reader) = megabyte().await;
    for (range, bytes) in [
        (None, 1 << 20),
        (Some(ByteRange::From(0)), 1 << 20),
        (Some(ByteRange::Bounded(5..105)), 100),
        (Some(ByteRange::From((1 << 20) - 7)), 7),
        (Some(ByteRange::Suffix(8)), 8),
        (Some(ByteRange::Suffix(1 << 30)), 1 << 20),
    ] {
        let options = GetOptions { range: range.clone(), ..GetOptions::default() };
        let object = reader.get(&key(), &options).await.unwrap().into_object().unwrap();
        assert_eq!((object.bytes.len() as u64, object.meta.size), (bytes, 1 << 20), "{range:?}");
        let counts = counted(&origin);
        assert_eq!((counts.requests, counts.gets, counts.body_bytes), (1, 1, bytes), "{range:?}");
    }
}

#[tokio::test]
async fn what_needs_no_bytes_moves_none() {
    let (origin, reader) = megabyte().await;
    let version = reader.head(&key()).await.unwrap().unwrap().version;
    assert_eq!(counted(&origin).heads, 1);

    let same = GetOptions::default().if_none_match(version);
    assert!(matches!(reader.get(&key(), &same).await, Ok(Fetch::NotModified(_))));
    let counts = counted(&origin);
    assert_eq!((counts.requests, counts.not_modified, counts.body_bytes), (1, 1, 0));

    for range in [ByteRange::Suffix(0), ByteRange::Bounded(3..3)] {
        assert_eq!(reader.get_range(&key(), range).await.unwrap().unwrap().len(), 0);
        let counts = counted(&origin);
        assert_eq!((counts.requests, counts.heads), (1, 1));
    }
}

#[tokio::test]
async fn an_unhappy_question_costs_one_request_more() {
    let (origin, reader) = megabyte().await;
    let at_end = reader.get_range(&key(), ByteRange::From(1 << 20)).await.unwrap();
    assert_eq!(at_end.unwrap().len(), 0);
    // The refusal has a body of its own, of one line.
    let counts = counted(&origin);
    assert_eq!((counts.requests, counts.heads, counts.body_bytes < 100), (2, 1, true));

    let past_end = reader.get_range(&key(), ByteRange::From((1 << 20) + 1)).await.unwrap_err();
    assert_eq!(past_end.kind(), ErrorKind::InvalidRange);
    assert_eq!(counted(&origin).requests, 2);

    let other = GetOptions::default().if_match(Version::from_e_tag("\"other\""));
    assert_eq!(reader.get(&key(), &other).await.unwrap_err().kind(), ErrorKind::PreconditionFailed);
    assert_eq!(counted(&origin).requests, 2);
}

#[tokio::test]
async fn a_missing_value_is_found_missing_in_one_request() {
    let origin = Origin::builder(Arc::new(MapStore::new())).bind().await.unwrap();
    let reader = RemoteReader::from_url(&origin.url()).unwrap();
    assert_eq!(reader.get(&key(), &GetOptions::default()).await.unwrap(), Fetch::Missing);
    assert_eq!(reader.head(&key()).await.unwrap(), None);
    assert_eq!(reader.get_ranges(&key(), &[ByteRange::Suffix(8), ByteRange::From(3)]).await.unwrap(), None);
    assert_eq!(origin.counts().requests, 3);
}

#[tokio::test]
async fn distant_ranges_are_a_request_each_and_near_ones_are_one() {
    let (origin, reader) = megabyte().await;
    let distant: Vec<_> = (0..4).map(|at| ByteRange::Bounded(at * 200_000..at * 200_000 + 10)).collect();
    let ranges = reader.get_ranges(&key(), &distant).await.unwrap().unwrap();
    assert!(ranges.parts.iter().all(|part| part.bytes.len() == 10));
    let counts = counted(&origin);
    assert_eq!((counts.requests, counts.body_bytes), (4, 40));

    let near: Vec<_> = (0..4).map(|at| ByteRange::Bounded(at * 50..at * 50 + 10)).collect();
    let ranges = reader.get_ranges(&key(), &near).await.unwrap().unwrap();
    assert_eq!(ranges.parts[3].range, 150..160);
    let counts = counted(&origin);
    assert_eq!((counts.requests, counts.body_bytes), (1, 160));

    assert_eq!(reader.get_ranges(&key(), &[]).await.unwrap().unwrap().meta.size, 1 << 20);
    assert_eq!(counted(&origin).heads, 1);
}

#[tokio::test]
async fn a_web_server_is_not_asked_to_list() {
    let (origin, reader) = megabyte().await;
    let error = reader.list_dir(&Prefix::root()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("does not list"), "{error}");
    assert_eq!(reader.list_all(&Prefix::root()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(origin.counts().requests, 0);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let store = Arc::new(Recorder::new(Gated::new(MapStore::new())));
    let keys: Vec<Key> = (0..20).map(|at| Key::new(format!("{at}")).unwrap()).collect();
    for key in &keys {
        store.put(key, vec![7; 1 << 20]).await.unwrap();
    }
    store.clear();
    let origin = Origin::builder(Arc::clone(&store) as Arc<dyn ReadStore>).bind().await.unwrap();
    let reader = RemoteBuilder::new(origin.url()).max_requests(2).open_reader().unwrap();
    let held = store.inner().hold(Operation::Get);
    let reads = keys.into_iter().map(|key| {
        let reader = reader.clone();
        tokio::spawn(async move { reader.get_bytes(&key).await.unwrap().unwrap().len() })
    });
    let reads: Vec<_> = reads.collect();
    held.arrived(2).await;
    held.release();
    for read in reads {
        assert_eq!(read.await.unwrap(), 1 << 20);
    }
    assert_eq!((store.count(), store.in_flight_max()), (20, 2));
}
