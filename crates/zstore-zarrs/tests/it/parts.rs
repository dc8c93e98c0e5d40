//! Parts of values, read and written.

use std::sync::Arc;

use futures::{TryStreamExt, future::try_join_all};
use object_store::local::LocalFileSystem;
use zarrs_storage::{
    AsyncReadableStorageTraits, AsyncWritableStorageTraits, Bytes, StorageError, StoreKey, byte_range::ByteRange,
};
use zstore_core::{Key, Prefix, ReadStore, StoreExt};
use zstore_memory::MemoryStore;
use zstore_remote::RemoteStore;
use zstore_zarrs::ZarrsStore;

use crate::counted::{Asked, Counted};

async fn counted(key: &StoreKey, value: &'static [u8]) -> (Arc<Counted>, ZarrsStore<Counted>) {
    let counted = Arc::new(Counted::default());
    counted.store.put(&Key::new(key.as_str()).unwrap(), value).await.unwrap();
    (Arc::clone(&counted), ZarrsStore::new(counted))
}

#[tokio::test]
async fn several_parts_are_one_request_and_no_head() {
    let key = StoreKey::new("k").unwrap();
    let (counted, store) = counted(&key, b"0123456789").await;
    let wanted = [ByteRange::FromStart(2, Some(3)), ByteRange::Suffix(1), ByteRange::FromStart(8, None)];
    let parts = store.get_partial_many(&key, Box::new(wanted.into_iter())).await.unwrap().unwrap();
    assert_eq!(parts.try_collect::<Vec<_>>().await.unwrap(), [&b"234"[..], b"9", b"89"]);
    assert_eq!(counted.take(), Asked { get_ranges: 1, ..Asked::default() });
}

#[tokio::test]
async fn one_part_and_the_whole_are_one_get_each() {
    let key = StoreKey::new("k").unwrap();
    let (counted, store) = counted(&key, b"0123456789").await;
    assert_eq!(store.get_partial(&key, ByteRange::Suffix(2)).await.unwrap().unwrap(), "89");
    assert_eq!(store.get(&key).await.unwrap().unwrap(), "0123456789");
    assert_eq!(counted.take(), Asked { get: 2, ..Asked::default() });
    assert_eq!(store.size_key(&key).await.unwrap(), Some(10));
    assert_eq!(counted.take(), Asked { head: 1, ..Asked::default() });
}

#[tokio::test]
async fn a_range_past_the_end_is_an_error_and_never_cut_short() {
    let key = StoreKey::new("k").unwrap();
    let (_, store) = counted(&key, b"0123").await;
    for past in [
        ByteRange::FromStart(2, Some(3)),
        ByteRange::FromStart(5, Some(1)),
        ByteRange::FromStart(5, None),
        ByteRange::FromStart(0, Some(u64::MAX)),
        ByteRange::Suffix(5),
    ] {
        let error = store.get_partial(&key, past).await.unwrap_err();
        assert!(matches!(error, StorageError::InvalidByteRangeError(_)), "{past:?}: {error:?}");
        let wanted = [ByteRange::FromStart(0, Some(1)), past];
        let Err(many) = store.get_partial_many(&key, Box::new(wanted.into_iter())).await else {
            panic!("{past:?} was answered");
        };
        assert!(matches!(many, StorageError::InvalidByteRangeError(_)), "{past:?}: {many:?}");
        assert!(error.to_string().ends_with("for bytes of length 4"), "{error}");
        assert!(many.to_string().ends_with("for bytes of length 4"), "{many}");
    }
}

#[tokio::test]
async fn what_is_missing_is_none_whatever_part_is_wanted() {
    let (_, store) = counted(&StoreKey::new("k").unwrap(), b"").await;
    let missing = StoreKey::new("missing").unwrap();
    assert_eq!(store.get(&missing).await.unwrap(), None);
    assert_eq!(store.get_partial(&missing, ByteRange::FromStart(9, Some(9))).await.unwrap(), None);
    let wanted = [ByteRange::Suffix(9), ByteRange::FromStart(9, None)];
    assert!(store.get_partial_many(&missing, Box::new(wanted.into_iter())).await.unwrap().is_none());
    assert_eq!(store.size_key(&missing).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_written_by_many_at_once_all_land() {
    let store = ZarrsStore::new(Arc::new(MemoryStore::new()));
    let key = StoreKey::new("k").unwrap();
    let writers = (0..8u8).map(|i| {
        let (store, key) = (store.clone(), key.clone());
        tokio::spawn(async move { store.set_partial(&key, i.into(), Bytes::from(vec![i])).await })
    });
    for written in try_join_all(writers).await.unwrap() {
        written.unwrap();
    }
    assert_eq!(store.get(&key).await.unwrap().unwrap(), &[0, 1, 2, 3, 4, 5, 6, 7][..]);
}

#[tokio::test]
async fn a_part_is_written_to_objects_that_cannot_update_once_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let store = RemoteStore::new(files, Prefix::root(), "files").unwrap();
    let mut capabilities = store.capabilities();
    capabilities.update = false;
    let key = StoreKey::new("k").unwrap();
    let told = ZarrsStore::new(Arc::new(store.clone().with_capabilities(capabilities)));
    told.set(&key, Bytes::from_static(b"0123456789")).await.unwrap();
    told.set_partial(&key, 3, Bytes::from_static(b"xyz")).await.unwrap();
    assert_eq!(told.get(&key).await.unwrap().unwrap(), "012xyz6789");
    // Taken for a cloud's, they refuse what a cloud would do.
    let error = ZarrsStore::new(Arc::new(store)).set_partial(&key, 0, Bytes::from_static(b"!")).await.unwrap_err();
    assert!(matches!(error, StorageError::Unsupported(_)), "{error}");
}
