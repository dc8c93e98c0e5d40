//! C7: nobody sees another's bytes, and nothing is deleted that we did not write.

use std::sync::Arc;

use zstore_cache::CacheStore;
use zstore_core::{ErrorKind, Key, Operation, Prefix, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_testkit::Faulty;

use crate::setup::{built, key, plant, read, source, tier};

#[tokio::test]
async fn a_directory_of_somebody_else_is_refused_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("thesis.txt"), "years of work").unwrap();
    let tier = Arc::new(LocalStore::open(directory.path()).unwrap());
    let error = CacheStore::builder(source(), tier).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let line = error.to_string();
    assert!(line.contains("not empty") && line.contains("choose an empty place"), "{line}");
    assert!(line.contains(&directory.path().canonicalize().unwrap().display().to_string()), "{line}");
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
}

#[tokio::test]
async fn a_directory_of_another_format_is_refused_and_not_touched() {
    let tier = tier();
    tier.put(&key("zstore-format"), "zstore cache, format 99\n").await.unwrap();
    tier.put(&key("blobs/x"), "of the future").await.unwrap();
    let error = CacheStore::builder(source(), Arc::clone(&tier)).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("another version of zstore"), "{error}");
    assert_eq!(read(&*tier, "blobs/x").await.unwrap(), "of the future");
}

#[tokio::test]
async fn a_directory_marked_half_way_is_ours() {
    let tier = tier();
    built(CacheStore::builder(source(), Arc::clone(&tier))).await;
    tier.delete(&key("zstore-format")).await.unwrap();
    let source = source();
    plant(&source, "k", "value").await;
    let cache = built(CacheStore::builder(source, tier)).await;
    read(&cache, "k").await;
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, 1);
}

#[tokio::test]
async fn a_foreign_directory_that_could_not_be_read_at_first_is_never_written() {
    let inner = MemoryStore::new();
    inner.put(&key("thesis.txt"), "years of work").await.unwrap();
    let tier = Arc::new(Faulty::new(inner));
    tier.fail_always(Operation::Get, ErrorKind::Io);
    let source = source();
    plant(&source, "k", "value").await;
    let clock = Arc::new(zstore_testkit::ManualClock::default());
    let cache = built(CacheStore::builder(source, Arc::clone(&tier)).clock(Arc::clone(&clock) as _)).await;
    tier.heal();
    for _ in 0..3 {
        clock.advance(std::time::Duration::from_secs(60));
        assert_eq!(read(&cache, "k").await.unwrap(), "value");
        cache.flush().await;
    }
    cache.clear_cache().await.unwrap();
    let held: Vec<Key> = tier.list_all(&Prefix::root()).await.unwrap().into_iter().map(|meta| meta.key).collect();
    assert_eq!(held, [key("thesis.txt")]);
}
