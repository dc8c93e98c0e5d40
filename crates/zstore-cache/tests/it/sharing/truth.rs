//! C1: what is written through one is not answered with older bytes by another.

use std::{fs, path::Path, sync::Arc, time::Duration};

use tempfile::TempDir;
use zstore_cache::CacheStore;
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Gated};

use super::{blobs, files, loaded, open};
use crate::setup::{Source, built, key, pattern, plant, read, source};

/// How long a cache that is in no hurry waits for its tier.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_is_written_or_deleted_through_one_is_not_answered_with_older_bytes_by_another() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let (one, other) = (open(&source, scratch.path(), None).await, open(&source, scratch.path(), None).await);
    let memory = built(other.under(Arc::new(MemoryStore::new()))).await;
    let names = ["set", "deleted", "below/a", "invalidated"];
    for name in names {
        plant(&source, name, "old").await;
    }
    let see = async |name: &str| {
        let part = other.get_range(&key(name), ByteRange::Bounded(0..3)).await.unwrap();
        let size = other.head(&key(name)).await.unwrap().map(|meta| meta.size);
        (read(&other, name).await, part, size, read(&memory, name).await)
    };
    for name in names {
        for cache in [&one, &other] {
            assert_eq!(read(cache, name).await.unwrap(), "old");
        }
        assert_eq!(read(&memory, name).await.unwrap(), "old");
    }
    one.put(&key("set"), "newer").await.unwrap();
    let seen = ["newer", "new"].map(|value| Some(value.into()));
    let [newer, new] = seen;
    assert_eq!(see("set").await, (newer.clone(), new, Some(5), newer));
    one.delete(&key("deleted")).await.unwrap();
    assert_eq!(see("deleted").await, (None, None, None, None));
    one.delete_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    assert_eq!(see("below/a").await, (None, None, None, None));
    plant(&source, "invalidated", "other").await;
    one.invalidate(&key("invalidated")).await.unwrap();
    assert_eq!(read(&other, "invalidated").await.unwrap(), "other");
    for cache in [&one, &other] {
        cache.flush().await;
        cache.check().unwrap();
    }
}

#[tokio::test]
async fn a_write_through_one_keeps_what_another_was_fetching_from_landing_and_from_being_joined() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", "old").await;
    let (one, other) = (open(&source, scratch.path(), None).await, open(&source, scratch.path(), None).await);
    one.flush().await;
    // The source has answered with the old value, and the answer is on its way.
    let held = source.inner().hold_after(Operation::Get);
    let early = tokio::spawn({
        let other = other.clone();
        async move { read(&other, "k").await }
    });
    held.arrived(1).await;
    one.put(&key("k"), "new").await.unwrap();
    let late = tokio::spawn({
        let other = other.clone();
        async move { read(&other, "k").await }
    });
    // It finds what the other cache wrote, and does not join.
    assert_eq!(late.await.unwrap().unwrap(), "new");
    held.release();
    assert!(early.await.unwrap().is_some());
    assert_eq!(read(&other, "k").await.unwrap(), "new");
    other.flush().await;
    one.flush().await;
    assert_eq!(read(&one, "k").await.unwrap(), "new");
    assert_eq!(read(&other, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn clearing_one_clears_what_others_hold_of_the_same_source() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "a", "value").await;
    plant(&source, "b", pattern(300_000)).await;
    let (one, other) = (loaded(&source, scratch.path(), None).await, loaded(&source, scratch.path(), None).await);
    read(&one, "a").await.unwrap();
    one.get_range(&key("b"), ByteRange::Suffix(10)).await.unwrap();
    one.flush().await;
    other.clear_cache().await.unwrap();
    assert_eq!(blobs(scratch.path()), 0);
    let requests = source.count();
    assert_eq!(read(&one, "a").await.unwrap(), "value");
    assert_eq!(source.count(), requests + 1);
    one.check().unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_joined_is_read_and_what_is_written_past_it_is_not_answered_from_it() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for name in ["a", "b", "below/c"] {
        plant(&source, name, "old").await;
    }
    let cache = loaded(&source, scratch.path(), None).await;
    for name in ["a", "b", "below/c"] {
        read(&cache, name).await.unwrap();
    }
    cache.flush().await;
    drop(cache);
    // As in a directory that may not be written, whoever runs this.
    fs::remove_file(scratch.path().join("shares")).unwrap();
    fs::create_dir(scratch.path().join("shares")).unwrap();
    let cache = loaded(&source, scratch.path(), None).await;
    let requests = source.count();
    let warmed = cache.warm_keys(["a", "b"].map(key)).run().await.unwrap();
    assert_eq!((warmed.resident.values, warmed.unkept.values), (2, 0), "nothing new need be kept");
    for name in ["a", "b", "below/c"] {
        assert_eq!(read(&cache, name).await.unwrap(), "old");
    }
    assert_eq!(source.count(), requests, "what is there is served");
    let before = blobs(scratch.path());
    plant(&source, "d", "new").await;
    read(&cache, "d").await.unwrap();
    cache.flush().await;
    assert_eq!(blobs(scratch.path()), before, "nothing is stored");
    // Though files cannot be removed either.
    let kept = files(&scratch.path().join("blobs"));
    let copies: Vec<Vec<u8>> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    cache.put(&key("a"), "new").await.unwrap();
    cache.delete_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    for (path, bytes) in kept.iter().zip(copies) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(read(&cache, "a").await.unwrap(), "new");
    assert_eq!(cache.head(&key("below/c")).await.unwrap(), None);
    assert_eq!(read(&cache, "below/c").await, None);
    assert_eq!(read(&cache, "b").await.unwrap(), "old");
}

/// A directory whose calls wait at gates and fail as they are told.
type Guarded = Gated<Faulty<LocalStore>>;

async fn guarded(source: &Arc<Source>, path: &Path, patience: Duration) -> (Arc<Guarded>, CacheStore<Source, Guarded>) {
    let tier = Arc::new(Gated::new(Faulty::new(LocalStore::create_cache(path).unwrap())));
    let cache = built(CacheStore::builder(Arc::clone(source), Arc::clone(&tier)).tier_timeout(patience)).await;
    cache.flush().await;
    (tier, cache)
}

#[tokio::test]
async fn what_could_not_be_removed_below_a_prefix_is_not_served_again() {
    for (everything, names) in
        [(false, &["below/own", "below/others"][..]), (true, &["below/own", "below/others"]), (false, &["below/own"])]
    {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        let (_, other) = guarded(&source, scratch.path(), PATIENCE).await;
        let (tier, cache) = guarded(&source, scratch.path(), PATIENCE).await;
        for name in names {
            plant(&source, name, "old").await;
            read(if *name == "below/own" { &cache } else { &other }, name).await.unwrap();
        }
        other.flush().await;
        cache.flush().await;
        tier.inner().fail_always(Operation::Delete, ErrorKind::Io);
        let prefix = if everything { Prefix::root() } else { Prefix::new("below").unwrap() };
        // A second time, when all that is left is owed already.
        for _ in 0..2 {
            cache.delete_prefix(&prefix).await.unwrap();
        }
        assert_ne!(blobs(scratch.path()), 0, "nothing could be removed");
        for name in names {
            assert_eq!(read(&cache, name).await, None, "{name}");
        }
        tier.inner().heal();
        cache.delete_prefix(&prefix).await.unwrap();
        plant(&source, "below/own", "new").await;
        assert_eq!(read(&cache, "below/own").await.unwrap(), "new");
    }
}

/// One who is stopped in the middle of a landing does not stop writers for ever, nor does what it lands then stay.
#[tokio::test]
async fn a_landing_that_outlasts_the_patience_of_a_writer_does_not_stay() {
    for after in [false, true] {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        plant(&source, "k", "old").await;
        let (tier, slow) = guarded(&source, scratch.path(), PATIENCE).await;
        let (_, writer) = guarded(&source, scratch.path(), Duration::from_millis(50)).await;
        let held = if after { tier.hold_after(Operation::Set) } else { tier.hold(Operation::Set) };
        assert_eq!(read(&slow, "k").await.unwrap(), "old");
        held.arrived(1).await;
        writer.put(&key("k"), "new").await.unwrap();
        held.release();
        slow.flush().await;
        for cache in [&slow, &writer] {
            assert_eq!(read(cache, "k").await.unwrap(), "new");
        }
    }
}

/// It is there for as long as it takes the one who landed it to see that he was late; he may be killed before.
#[tokio::test]
async fn what_lands_later_than_a_writer_had_patience_for_is_believed_by_nobody() {
    for how in ["set", "delete below", "drop", "drop below"] {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        plant(&source, "below/k", "old").await;
        let (tier, slow) = guarded(&source, scratch.path(), PATIENCE).await;
        let (_, writer) = guarded(&source, scratch.path(), Duration::from_millis(50)).await;
        let (before, after) = (tier.hold(Operation::Set), tier.hold_after(Operation::Set));
        assert_eq!(read(&slow, "below/k").await.unwrap(), "old");
        before.arrived(1).await;
        let (name, prefix) = (key("below/k"), Prefix::new("below").unwrap());
        match how {
            "set" => drop(writer.put(&name, "new").await.unwrap()),
            "delete below" => writer.delete_prefix(&prefix).await.unwrap(),
            _ => {
                plant(&source, "below/k", "new").await;
                if how == "drop" { writer.invalidate(&name).await } else { writer.invalidate_prefix(&prefix).await }
                    .unwrap();
            }
        }
        let expected = (how != "delete below").then(|| "new".into());
        before.release();
        after.arrived(1).await;
        assert_ne!(blobs(scratch.path()), 0, "older bytes are there");
        let (_, later) = guarded(&source, scratch.path(), PATIENCE).await;
        for cache in [&writer, &later] {
            assert_eq!(read(cache, "below/k").await, expected, "{how}");
        }
        after.release();
        slow.flush().await;
        assert_eq!(read(&slow, "below/k").await, expected, "{how}");
    }
}

/// Nobody but the one who wrote would know it otherwise, and he may be killed.
#[tokio::test]
async fn what_could_not_be_removed_when_it_was_written_is_believed_by_nobody_who_comes_later() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let names = ["set", "deleted", "below/a"];
    for name in names {
        plant(&source, name, "old").await;
    }
    let (tier, cache) = guarded(&source, scratch.path(), PATIENCE).await;
    let (_, other) = guarded(&source, scratch.path(), PATIENCE).await;
    for name in names {
        read(&cache, name).await.unwrap();
        cache.flush().await;
        read(&other, name).await.unwrap();
    }
    tier.inner().fail_always(Operation::Delete, ErrorKind::Io);
    tier.inner().fail_always(Operation::Set, ErrorKind::Io);
    cache.put(&key("set"), "new").await.unwrap();
    cache.delete(&key("deleted")).await.unwrap();
    cache.delete_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    drop((tier, cache));
    let (_, later) = guarded(&source, scratch.path(), PATIENCE).await;
    for cache in [&other, &later] {
        assert_eq!(read(cache, "set").await.unwrap(), "new");
        assert_eq!(read(cache, "deleted").await, None);
        assert_eq!(read(cache, "below/a").await, None);
    }
    // What comes after it is believed again.
    later.flush().await;
    let requests = source.count();
    assert_eq!(read(&later, "set").await.unwrap(), "new");
    assert_eq!(source.count(), requests);
}
