//! C1: no read returns what the source no longer held.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::{FutureExt, future::join_all};
use zstore_cache::{CacheStore, WriteMode};
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStoreExt, SetMode, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, ManualClock, Rates};

use crate::setup::{Cache, Source, built, cache, key, plant, read};

/// A fill of "old" whose answer is withheld, and whoever waits for it.
async fn slow_fill(source: &Arc<Source>, cache: &Cache) -> (zstore_testkit::Held, tokio::task::JoinHandle<()>) {
    plant(source, "a/k", "old").await;
    let held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let fill = tokio::spawn(async move {
        reader.get_bytes(&key("a/k")).await.unwrap();
    });
    held.arrived(1).await;
    (held, fill)
}

async fn finish(cache: &Cache, (held, fill): (zstore_testkit::Held, tokio::task::JoinHandle<()>)) {
    held.release();
    fill.await.unwrap();
    cache.flush().await;
}

#[tokio::test]
async fn a_fill_in_flight_when_the_cache_is_cleared_or_told_does_not_stay() {
    for way in 0..3 {
        let (source, tier, cache) = cache().await;
        let fill = slow_fill(&source, &cache).await;
        match way {
            0 => cache.clear_cache().await.unwrap(),
            1 => cache.invalidate(&key("a/k")).await.unwrap(),
            _ => cache.invalidate_prefix(&Prefix::new("a").unwrap()).await.unwrap(),
        }
        plant(&source, "a/k", "changed behind the cache").await;
        finish(&cache, fill).await;
        assert_eq!(read(&cache, "a/k").await.unwrap(), "changed behind the cache", "way {way}");
        cache.flush().await;
        assert_eq!(
            cache.info().current_size + cache.info().overhead_size,
            tier.inner().inner().recount().await.unwrap()
        );
    }
}

#[tokio::test]
async fn a_fill_that_began_during_a_set_is_not_joined_after_it() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", "old").await;
    let set_held = source.inner().hold(Operation::Set);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("k"), "new").await });
    set_held.arrived(1).await;
    let get_held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let concurrent = tokio::spawn(async move { read(&reader, "k").await });
    get_held.arrived(1).await;
    set_held.release();
    set.await.unwrap().unwrap();
    // The old value is still on its way to a reader who asked before the set was over.
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
    get_held.release();
    assert_eq!(concurrent.await.unwrap().unwrap(), "old");
    cache.flush().await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn the_resident_copy_goes_before_the_source_is_written() {
    let (source, tier, cache) = cache().await;
    plant(&source, "k", "old").await;
    read(&cache, "k").await;
    cache.flush().await;
    let blobs = Prefix::new("blobs").unwrap();
    assert!(!tier.is_empty_below(&blobs).await.unwrap());
    let held = source.inner().hold(Operation::Set);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("k"), "new").await });
    held.arrived(1).await;
    // A crash now would leave no copy, so none that is stale.
    assert!(tier.is_empty_below(&blobs).await.unwrap());
    held.release();
    set.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_write_dropped_at_any_point_leaves_no_stale_copy() {
    for polls in 0..40 {
        let (source, _, cache) = cache().await;
        plant(&source, "k", "old").await;
        read(&cache, "k").await;
        cache.flush().await;
        let name = key("k");
        let mut set = Box::pin(cache.set(&name, "new".into(), SetMode::Overwrite));
        for _ in 0..polls {
            if (&mut set).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(set);
        // Whatever has been begun is carried through; wait for it by writing after it.
        cache.put(&key("other"), "x").await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        cache.flush().await;
        assert_eq!(read(&cache, "k").await, read(&source, "k").await, "dropped after {polls} polls");
    }
}

#[tokio::test]
async fn a_source_that_refuses_a_write_leaves_the_truth_in_the_cache() {
    let (source, _, cache) = cache().await;
    cache.put(&key("k"), "old").await.unwrap();
    let refused = cache.create(&key("k"), "new").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PreconditionFailed);
    assert_eq!(read(&cache, "k").await.unwrap(), "old");
    assert_eq!(read(&source, "k").await.unwrap(), "old");
}

#[tokio::test]
async fn a_set_landing_while_its_prefix_is_deleted_does_not_stay() {
    let (_, tier, cache) = cache().await;
    let tier_set = tier.hold(Operation::Set);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("a/k"), "value").await });
    tier_set.arrived(1).await; // the source has the value, the tier is about to
    cache.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap();
    tier_set.release();
    set.await.unwrap().unwrap();
    assert_eq!(read(&cache, "a/k").await, None);
}

/// Readers and writers in threads: nobody ever reads less than was written when the read began.
async fn nobody_reads_back_in_time<T: Store + 'static>(tier: T, max_size: u64) {
    const KEYS: usize = 3;
    const WRITES: u64 = 150;
    let source = Arc::new(MemoryStore::new());
    let cache = built(CacheStore::builder(source, Arc::new(tier)).max_size(max_size)).await;
    let written: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    let name = |at: usize| key(&format!("a/{at}"));
    for at in 0..KEYS {
        cache.put(&name(at), 0u64.to_le_bytes().to_vec()).await.unwrap();
    }
    let writers = (0..KEYS).map(|at| {
        let (cache, written) = (cache.clone(), Arc::clone(&written));
        tokio::spawn(async move {
            for value in 1..=WRITES {
                cache.put(&name(at), value.to_le_bytes().to_vec()).await.unwrap();
                written[at].store(value, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        })
    });
    let readers = (0..6).map(|reader| {
        let (cache, written) = (cache.clone(), Arc::clone(&written));
        tokio::spawn(async move {
            for turn in 0..600 {
                let at = (reader + turn) % KEYS;
                let before = written[at].load(Ordering::SeqCst);
                let bytes = match turn % 3 {
                    0 => cache.get_range(&name(at), ByteRange::From(0)).await.unwrap().unwrap(),
                    1 => cache.get_range(&name(at), ByteRange::Suffix(8)).await.unwrap().unwrap(),
                    _ => cache.get_bytes(&name(at)).await.unwrap().unwrap(),
                };
                let seen = u64::from_le_bytes(bytes[..].try_into().unwrap());
                assert!(seen >= before, "read {seen} after {before} was written");
            }
        })
    });
    let tasks: Vec<_> = writers.chain(readers).collect();
    for task in join_all(tasks).await {
        task.unwrap();
    }
    cache.flush().await;
    cache.check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_back_in_time_over_a_memory_tier() {
    nobody_reads_back_in_time(MemoryStore::new(), 1 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_back_in_time_over_a_tier_of_blobs() {
    nobody_reads_back_in_time(Faulty::new(MemoryStore::new()), 1 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_back_in_time_over_a_tier_that_evicts_all_the_time() {
    nobody_reads_back_in_time(Faulty::new(MemoryStore::new()), 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_back_in_time_over_a_tier_that_fails_by_chance() {
    let rates = Rates { error: 0.1, torn_write: 0.05, torn_failed_write: 0.05, lost_answer: 0.05, ..Rates::default() };
    nobody_reads_back_in_time(Faulty::with_seed(MemoryStore::new(), 7, rates), 1 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_back_in_time_over_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let tier = zstore_local::LocalStore::open(directory.path()).unwrap();
    nobody_reads_back_in_time(tier, 1 << 20).await;
}

#[tokio::test]
async fn a_write_that_has_begun_is_carried_through_when_its_caller_is_gone() {
    let (source, _, cache) = cache().await;
    let held = source.inner().hold(Operation::Set);
    let name = key("k");
    let mut set = Box::pin(cache.set(&name, "new".into(), SetMode::Overwrite));
    assert!((&mut set).now_or_never().is_none());
    held.arrived(1).await;
    drop(set);
    held.release();
    // It is over when the next write of the key is.
    cache.create(&name, "second").await.unwrap_err();
    assert_eq!(read(&source, "k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_write_waits_until_the_one_before_it_has_landed() {
    let (source, tier, cache) = cache().await;
    let held = tier.hold(Operation::Set);
    let (first, second) = (cache.clone(), cache.clone());
    let first = tokio::spawn(async move { first.put(&key("k"), "first").await });
    held.arrived(1).await;
    let second = tokio::spawn(async move { second.put(&key("k"), "second").await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(source.count_of(Operation::Set), 1);
    held.release();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(read(&cache, "k").await, read(&source, "k").await);
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_began_during_a_set_around_the_cache_is_not_joined_after_it() {
    let source = crate::setup::source();
    let builder = CacheStore::builder(Arc::clone(&source), crate::setup::tier()).write_mode(WriteMode::Around);
    let cache = built(builder).await;
    plant(&source, "k", "old").await;
    let set_held = source.inner().hold(Operation::Set);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("k"), "new").await });
    set_held.arrived(1).await;
    let get_held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let concurrent = tokio::spawn(async move { read(&reader, "k").await });
    get_held.arrived(1).await;
    set_held.release();
    set.await.unwrap().unwrap();
    let reader = cache.clone();
    let later = tokio::spawn(async move { read(&reader, "k").await });
    let day = std::time::Duration::from_secs(86_400);
    tokio::time::timeout(day, get_held.arrived(2)).await.expect("it asks for itself");
    get_held.release();
    assert_eq!(concurrent.await.unwrap().unwrap(), "old");
    assert_eq!(later.await.unwrap().unwrap(), "new");
}

#[tokio::test]
async fn a_fill_that_lands_while_its_prefix_is_being_deleted_does_not_stay() {
    let (source, _, cache) = cache().await;
    let (fill_held, fill) = slow_fill(&source, &cache).await;
    let delete_held = source.inner().hold(Operation::DeletePrefix);
    let writer = cache.clone();
    let delete = tokio::spawn(async move { writer.delete_prefix(&Prefix::new("a").unwrap()).await });
    delete_held.arrived(1).await;
    fill_held.release();
    fill.await.unwrap();
    cache.flush().await;
    delete_held.release();
    delete.await.unwrap().unwrap();
    assert_eq!(read(&cache, "a/k").await, None);
}

#[tokio::test]
async fn a_read_during_a_write_is_not_told_what_an_earlier_one_asked_for() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", "old").await;
    let before = source.inner().hold(Operation::Set);
    let writer = cache.clone();
    let set = tokio::spawn(async move { writer.put(&key("k"), "new").await });
    before.arrived(1).await;
    let answer = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let first = tokio::spawn(async move { read(&reader, "k").await });
    answer.arrived(1).await;
    let after = source.inner().hold_after(Operation::Set);
    before.release();
    after.arrived(1).await;
    // The source has the new value, its writer is not yet told.
    let reader = cache.clone();
    let second = tokio::spawn(async move { read(&reader, "k").await });
    tokio::task::yield_now().await;
    answer.release();
    assert_eq!(first.await.unwrap().unwrap(), "old");
    assert_eq!(second.await.unwrap().unwrap(), "new");
    after.release();
    set.await.unwrap().unwrap();
}

#[tokio::test]
async fn reads_while_the_cache_is_being_cleared_still_share_requests() {
    let (source, tier, cache) = cache().await;
    cache.put(&key("other"), "x").await.unwrap();
    let held = tier.hold(Operation::Delete);
    let clearing = cache.clone();
    let clear = tokio::spawn(async move { clearing.clear_cache().await });
    held.arrived(1).await;
    plant(&source, "k", "value").await;
    source.clear();
    let answers = source.inner().hold(Operation::Get);
    let mut readers: Vec<_> = (0..4).map(|_| Box::pin(read(&cache, "k"))).collect();
    for reader in &mut readers {
        assert!(reader.now_or_never().is_none());
    }
    answers.release();
    join_all(readers).await;
    assert_eq!(source.count(), 1);
    held.release();
    clear.await.unwrap().unwrap();
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, 1, "what was fetched after the cache was told to drop everything stays");
}

#[tokio::test]
async fn a_fill_under_way_when_its_prefix_is_deleted_does_not_stay_though_the_tier_is_down() {
    let (source, tier, clock) = (crate::setup::source(), crate::setup::tier(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).clock(Arc::clone(&clock) as _);
    let cache = built(builder).await;
    cache.put(&key("other"), "x").await.unwrap();
    plant(&source, "a/k", "old").await;
    let held = tier.hold(Operation::Set);
    read(&cache, "a/k").await;
    held.arrived(1).await;
    tier.inner().fail_nth(Operation::Get, 1, ErrorKind::TimedOut);
    read(&cache, "other").await; // from now on the tier is left alone, and the deletion waits for nobody there
    cache.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap();
    held.release();
    cache.flush().await;
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(read(&cache, "a/k").await, None);
}
