//! zarrs' storages as stores, beyond what the conformance suite asks.

use std::{sync::Arc, time::Duration};

use zarrs_storage::{
    StoreKey,
    storage_adapter::{async_to_sync::AsyncToSyncStorageAdapter, sync_to_async::SyncToAsyncStorageAdapter},
    store::AsyncMemoryStore,
};
use zstore_cache::CacheStore;
use zstore_core::{
    ByteRange, ErrorKind, Fetch, GetOptions, Key, Operation, ReadStore, ReadStoreExt, SetMode, Store, StoreExt, Version,
};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, ManualClock};
use zstore_zarrs::{Layout, TokioBlockOn, TokioSpawnBlocking, ZarrsSource, ZarrsStore};

use crate::shifting::Shifting;

const OLD: Option<&[u8]> = Some(b"0123456789");
const NEW: Option<&[u8]> = Some(b"the newer value");

fn key() -> Key {
    Key::new("k").unwrap()
}

fn shifting(states: &[Option<&'static [u8]>]) -> ZarrsSource<Shifting> {
    ZarrsSource::unlisted(Arc::new(Shifting::new(states)), "shifting", Layout::Names).unwrap()
}

/// What was asked since the last time.
fn asked(source: &ZarrsSource<Shifting>) -> Vec<&'static str> {
    std::mem::take(&mut *source.storage().asked.lock())
}

async fn memory() -> ZarrsSource<AsyncMemoryStore> {
    let source = ZarrsSource::new(Arc::new(AsyncMemoryStore::new()), "memory", Layout::Names).unwrap();
    source.put(&key(), "0123456789").await.unwrap();
    source
}

#[tokio::test]
async fn a_value_is_one_call_and_parts_are_three_however_many() {
    let source = shifting(&[OLD]);
    assert_eq!(source.get_bytes(&key()).await.unwrap().unwrap(), "0123456789");
    assert_eq!(asked(&source), ["get"]);
    let three = ["size_key", "get_partial_many", "size_key"];
    assert_eq!(source.get_range(&key(), ByteRange::Suffix(3)).await.unwrap().unwrap(), "789");
    assert_eq!(asked(&source), three);
    let ranges = [ByteRange::Bounded(2..4), ByteRange::From(8), ByteRange::From(10), ByteRange::Suffix(1)];
    let found = source.get_ranges(&key(), &ranges).await.unwrap().unwrap();
    let parts: Vec<_> = found.parts.iter().map(|part| &part.bytes[..]).collect();
    assert_eq!(parts, [&b"23"[..], b"89", b"", b"9"]);
    assert_eq!((found.meta.size, found.meta.modified, found.meta.version), (10, None, Version::default()));
    assert_eq!(asked(&source), three);
    assert_eq!(source.get_range(&key(), ByteRange::Suffix(0)).await.unwrap().unwrap(), "");
    assert_eq!(asked(&source), ["size_key", "size_key"], "no bytes are wanted");
    assert_eq!(source.head(&key()).await.unwrap().unwrap().size, 10);
    assert_eq!(asked(&source), ["size_key"]);
}

#[tokio::test]
async fn a_storage_without_parts_is_asked_for_the_whole_alone() {
    let mut storage = Shifting::new(&[OLD]);
    storage.has_parts = false;
    let source = ZarrsSource::unlisted(Arc::new(storage), "no parts", Layout::Names).unwrap();
    assert!(!source.capabilities().native_ranges);
    assert_eq!(source.get_range(&key(), ByteRange::Bounded(2..4)).await.unwrap().unwrap(), "23");
    assert_eq!(asked(&source), ["get"]);
}

/// Seen red without the second question for the size.
#[tokio::test]
async fn parts_of_a_value_that_changes_meanwhile_are_all_of_one_state() {
    let ranges = [ByteRange::Bounded(0..3), ByteRange::Suffix(3)];
    for (states, expected, size) in [
        (&[OLD, NEW][..], ["the", "lue"], 15),
        (&[OLD, OLD, NEW], ["the", "lue"], 15),
        (&[NEW, OLD], ["012", "789"], 10),
        (&[NEW, NEW, OLD], ["012", "789"], 10),
        // As a file shows that is being written.
        (&[Some(b""), NEW], ["the", "lue"], 15),
    ] {
        let source = shifting(states);
        let found = source.get_ranges(&key(), &ranges).await.unwrap().unwrap();
        let parts: Vec<_> = found.parts.iter().map(|part| &part.bytes[..]).collect();
        assert_eq!((parts, found.meta.size), (expected.map(str::as_bytes).to_vec(), size), "{states:?}");
    }
}

#[tokio::test]
async fn a_range_is_judged_by_the_state_that_is_read() {
    let past = ByteRange::Bounded(12..14);
    let now_there = shifting(&[OLD, NEW]);
    assert_eq!(now_there.get_range(&key(), past.clone()).await.unwrap().unwrap(), "lu");
    let never_there = shifting(&[OLD]).get_range(&key(), past.clone()).await.unwrap_err();
    assert_eq!(never_there.kind(), ErrorKind::InvalidRange);
    let gone_since = shifting(&[NEW, OLD]).get_range(&key(), past.clone()).await.unwrap_err();
    assert_eq!(gone_since.kind(), ErrorKind::InvalidRange);
    let shown = "get \"k\" in ZarrsSource(shifting): no bytes 12..14 in a value of 10 bytes";
    assert_eq!(gone_since.to_string(), shown);
    let deleted = shifting(&[NEW, None]);
    assert_eq!(deleted.get_range(&key(), past).await.unwrap(), None);
}

#[tokio::test]
async fn no_version_is_that_of_a_value() {
    let source = memory().await;
    let version = Version::from_e_tag("\"1\"");
    let unknown = [version.clone(), Version::default()];
    for version in unknown {
        let refused = source.get(&key(), &GetOptions::default().if_match(version.clone())).await.unwrap_err();
        assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::PreconditionFailed, false));
        let answered = source.get(&key(), &GetOptions::default().if_none_match(version.clone())).await.unwrap();
        assert_eq!(answered.into_object().unwrap().bytes, "0123456789");
        let missing = Key::new("missing").unwrap();
        let answered = source.get(&missing, &GetOptions::default().if_match(version)).await.unwrap();
        assert_eq!(answered, Fetch::Missing);
    }
    for mode in [SetMode::Create, SetMode::Update(version)] {
        let refused = source.set(&key(), "new".into(), mode).await.unwrap_err();
        assert_eq!((refused.kind(), refused.operation()), (ErrorKind::Unsupported, Operation::Set));
    }
    let capabilities = source.capabilities();
    assert!(!capabilities.create && !capabilities.update && !capabilities.conditional_get);
    assert_eq!(source.get_bytes(&key()).await.unwrap().unwrap(), "0123456789");
}

#[test]
fn a_name_that_tells_nothing_is_refused() {
    for name in ["", "two\nlines"] {
        let refused = ZarrsSource::new(Arc::new(AsyncMemoryStore::new()), name, Layout::Names).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        assert!(refused.to_string().ends_with("give it one line of text that tells its data from any other's"));
    }
}

#[tokio::test]
async fn what_a_cache_over_it_holds_is_fetched_anew_past_its_age_and_written_through() {
    let (source, clock) = (Arc::new(memory().await), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::new(MemoryStore::new()));
    let cache =
        builder.max_age(Duration::from_secs(60)).clock(Arc::<ManualClock>::clone(&clock)).build().await.unwrap();
    let read = async || {
        let bytes = cache.get_bytes(&key()).await.unwrap().unwrap();
        cache.flush().await;
        bytes
    };
    assert_eq!(read().await, "0123456789");
    // Behind the cache's back, and of one size: nothing tells, until the age does.
    source.put(&key(), "9876543210").await.unwrap();
    assert_eq!(read().await, "0123456789");
    clock.advance(Duration::from_secs(61));
    assert_eq!(read().await, "9876543210");
    cache.put(&key(), "through").await.unwrap();
    assert_eq!(read().await, "through");
    assert_eq!(source.get_bytes(&key()).await.unwrap().unwrap(), "through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_ours_comes_back_through_all_adapters() {
    let below = Arc::new(Faulty::new(MemoryStore::new()));
    let handle = tokio::runtime::Handle::current();
    let theirs = Arc::new(ZarrsStore::new(Arc::clone(&below)));
    let blocking = Arc::new(AsyncToSyncStorageAdapter::new(theirs, TokioBlockOn::new(handle.clone()).unwrap()));
    let waiting = Arc::new(SyncToAsyncStorageAdapter::new(blocking, TokioSpawnBlocking::new(handle)));
    let source = ZarrsSource::new(waiting, "there and back", Layout::Names).unwrap();
    source.put(&key(), "0123456789").await.unwrap();
    assert_eq!(source.get_range(&key(), ByteRange::From(7)).await.unwrap().unwrap(), "789");
    // A whole value is one range of it to zarrs' adapters.
    below.fail_always(Operation::GetRanges, ErrorKind::TimedOut);
    let error = source.get_bytes(&key()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::TimedOut, true));
    // The names are those that the caller knows.
    assert_eq!(error.to_string(), "get ranges of \"k\" in ZarrsSource(there and back): injected: no answer in time");
}

#[tokio::test]
async fn names_that_no_key_can_have_are_told_when_they_are_listed() {
    use zarrs_storage::AsyncWritableStorageTraits;
    let source = memory().await;
    source.storage().set(&StoreKey::new("d/../e").unwrap(), "x".into()).await.unwrap();
    let error = source.list_all(&zstore_core::Prefix::root()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidKey, Operation::List));
    assert!(error.to_string().contains("\"d/../e\" is not a key"), "{error}");
    // Elsewhere it is in nobody's way.
    assert_eq!(source.get_bytes(&key()).await.unwrap().unwrap(), "0123456789");
}
