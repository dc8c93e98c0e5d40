//! C6: what comes back of what an earlier process held.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, ErrorKind, Operation, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_testkit::{Faulty, Gated, ManualClock};

use super::{blobs, directory, files, loaded, open};
use crate::setup::{built, key, pattern, plant, read, source};

#[tokio::test]
async fn sizes_order_and_times_come_back_and_hits_need_no_index() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for name in ["a", "b", "c", "d"] {
        plant(&source, name, vec![1; 1000]).await;
    }
    let cache = loaded(&source, scratch.path(), 10_000).await;
    for name in ["a", "b", "c"] {
        read(&cache, name).await.unwrap();
        cache.flush().await;
    }
    read(&cache, "a").await.unwrap();
    let before = cache.info();
    drop(cache);
    let cache = open(&source, scratch.path(), 10_000).await;
    let requests = source.count();
    read(&cache, "b").await.unwrap();
    assert_eq!(source.count(), requests, "before anything was loaded, perhaps");
    cache.flush().await;
    let after = cache.info();
    assert_eq!((after.current_size, after.resident_blobs), (before.current_size, 3));
    assert_eq!(after.current_size, blobs(scratch.path()));
    drop(cache);
    // A bound for two: the least recently read leaves, which is neither the first fetched nor the last.
    let weight = after.current_size / 3;
    let cache = loaded(&source, scratch.path(), 2 * weight + 600).await;
    assert_eq!(cache.info().resident_blobs, 2);
    assert_eq!(cache.info().current_size, blobs(scratch.path()));
    let requests = source.count();
    for name in ["a", "b"] {
        read(&cache, name).await.unwrap();
    }
    assert_eq!(source.count(), requests);
    read(&cache, "c").await.unwrap();
    assert_eq!(source.count(), requests + 1, "c had left");
}

#[tokio::test]
async fn ages_go_on_after_a_restart() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", "old").await;
    let clock = Arc::new(ManualClock::default());
    let open = async || {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        built(builder.max_age(Duration::from_secs(60)).clock(Arc::clone(&clock) as _)).await
    };
    read(&open().await, "k").await.unwrap();
    clock.advance(Duration::from_secs(30));
    let cache = open().await;
    let requests = source.count();
    assert_eq!((read(&cache, "k").await.unwrap(), source.count()), ("old".into(), requests));
    clock.advance(Duration::from_secs(31));
    plant(&source, "k", "new").await;
    assert_eq!(read(&cache, "k").await.unwrap(), "new");
}

/// Once, it was found on the way to the source and taken for what was wanted, and the warm-up said that it did not
/// stay.
#[tokio::test]
async fn what_was_left_past_its_age_is_warmed_anew() {
    for is_changed in [false, true] {
        let (scratch, source) = (TempDir::new().unwrap(), source());
        plant(&source, "k", "old").await;
        let clock = Arc::new(zstore_testkit::ManualClock::default());
        let open = async || {
            let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
            built(builder.max_age(Duration::from_secs(60)).clock(Arc::clone(&clock) as _)).await
        };
        read(&open().await, "k").await.unwrap();
        clock.advance(Duration::from_secs(61));
        if is_changed {
            plant(&source, "k", "new").await;
        }
        let cache = open().await;
        let warmed = cache.warm_prefix(&Prefix::root()).run().await.unwrap();
        assert!(warmed.is_complete(), "{warmed:?}");
        assert_eq!((warmed.renewed.values, warmed.fetched.values), if is_changed { (0, 1) } else { (1, 0) });
        let requests = source.count();
        assert_eq!(read(&cache, "k").await.unwrap(), if is_changed { "new" } else { "old" });
        assert_eq!(source.count(), requests);
    }
}

/// What an index that lies makes of a cache: it serves what is there, and counts it right.
async fn survives(damage: impl FnOnce(&Path)) {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for at in 0..20 {
        plant(&source, &format!("{at}"), vec![at; 1000]).await;
    }
    plant(&source, "parts", pattern(300_000)).await;
    let cache = loaded(&source, scratch.path(), 1_000_000).await;
    for at in 0..20 {
        read(&cache, &format!("{at}")).await.unwrap();
    }
    cache.get_range(&key("parts"), ByteRange::Bounded(0..70_000)).await.unwrap();
    cache.flush().await;
    drop(cache);
    let before = blobs(scratch.path());
    damage(scratch.path());
    let cache = loaded(&source, scratch.path(), 1_000_000).await;
    assert_eq!(cache.info().current_size, before);
    assert_eq!(blobs(scratch.path()), before);
    let requests = source.count();
    for at in 0..20 {
        assert_eq!(read(&cache, &format!("{at}")).await.unwrap(), vec![at; 1000]);
    }
    cache.get_range(&key("parts"), ByteRange::Bounded(0..70_000)).await.unwrap();
    assert_eq!(source.count(), requests, "nothing was lost");
    cache.check().unwrap();
    drop(cache);
    let cache = loaded(&source, scratch.path(), 1_000_000).await;
    assert_eq!(cache.info().current_size, before, "and its index is sound again");
}

fn journal(path: &Path) -> PathBuf {
    let members = files(&path.join("members"));
    members.into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap()
}

#[tokio::test]
async fn an_index_that_is_lost_cut_flipped_or_of_another_boot_is_rebuilt_from_the_blobs() {
    survives(|_| ()).await;
    // What was being written is removed, in a directory with nothing else in it too.
    let write_half = |path: &Path| {
        let namespace = fs::read_dir(path.join("blobs")).unwrap().next().unwrap().unwrap().path();
        fs::create_dir_all(namespace.join("new")).unwrap();
        for directory in [&namespace, &namespace.join("new")] {
            fs::write(directory.join(".zstore-1-1-7d9535c478a05590.tmp"), "half").unwrap();
        }
    };
    survives(|path| {
        write_half(path);
        fs::write(journal(path), "").unwrap();
    })
    .await;
    // The power went, and with it the end of the journal that told of the writing.
    survives(|path| {
        write_half(path);
        fs::write(path.join("shares"), "").unwrap();
    })
    .await;
    survives(|path| fs::remove_dir_all(path.join("members")).unwrap()).await;
    survives(|path| fs::write(journal(path), "").unwrap()).await;
    survives(|path| fs::write(path.join("shares"), "").unwrap()).await;
    survives(|path| fs::remove_file(path.join("shares")).unwrap()).await;
    for at in [3, 12, 30, 200, 700] {
        survives(|path| {
            let mut bytes = fs::read(journal(path)).unwrap();
            bytes[at] ^= 1;
            fs::write(journal(path), bytes).unwrap();
        })
        .await;
        survives(|path| {
            let bytes = fs::read(journal(path)).unwrap();
            fs::write(journal(path), &bytes[..at]).unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn damaged_blobs_are_dropped_counted_and_fetched_again() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(5000)).await;
    let cache = loaded(&source, scratch.path(), 100_000).await;
    read(&cache, "k").await.unwrap();
    cache.flush().await;
    let blob = files(&scratch.path().join("blobs")).pop().unwrap();
    let damages: [fn(&mut Vec<u8>); 3] = [|bytes| bytes[4000] ^= 1, |bytes| bytes.truncate(300), |bytes| bytes.fill(0)];
    for (turn, damage) in damages.into_iter().enumerate() {
        let mut bytes = fs::read(&blob).unwrap();
        damage(&mut bytes);
        fs::write(&blob, bytes).unwrap();
        assert_eq!(read(&cache, "k").await.unwrap(), pattern(5000));
        cache.flush().await;
        assert_eq!(cache.stats().corrupt, turn as u64 + 1);
        assert_eq!(cache.info().current_size, blobs(scratch.path()));
    }
}

#[tokio::test]
async fn what_an_earlier_process_left_renews_without_a_transfer() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    plant(&source, "k", pattern(10_000)).await;
    let open = async || {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path()));
        built(builder.max_age(Duration::ZERO)).await
    };
    let cache = open().await;
    read(&cache, "k").await.unwrap();
    cache.flush().await;
    drop(cache);
    let cache = open().await;
    read(&cache, "k").await.unwrap();
    assert_eq!((cache.stats().revalidated, cache.stats().source_bytes), (1, 0));
}

#[tokio::test]
async fn what_is_only_known_from_an_index_is_kept_account_of_whichever_way_it_is_used_or_leaves() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let names = ["read", "set", "deleted", "below/a", "below/b", "invalidated", "grows", "first", "second"];
    for name in names {
        plant(&source, name, pattern(1_000)).await;
    }
    {
        let cache = open(&source, scratch.path(), 20_000).await;
        for name in ["first", "second", "read", "set", "deleted", "below/a", "below/b", "invalidated", "grows"] {
            read(&cache, name).await.unwrap();
            cache.flush().await;
        }
    }
    let cache = loaded(&source, scratch.path(), 20_000).await;
    let tracked = || {
        cache.check().unwrap();
        (cache.info().tracked_keys, cache.info().resident_blobs)
    };
    assert_eq!(tracked(), (9, 9));

    let requests = source.count();
    assert_eq!(read(&cache, "read").await.unwrap(), pattern(1_000));
    assert_eq!((source.count(), tracked()), (requests, (9, 9)), "it was a hit");

    cache.put(&key("set"), pattern(500)).await.unwrap();
    cache.flush().await;
    assert_eq!(tracked(), (9, 9));
    cache.delete(&key("deleted")).await.unwrap();
    assert_eq!(tracked(), (8, 8));
    cache.invalidate(&key("invalidated")).await.unwrap();
    assert_eq!(tracked(), (7, 7));
    cache.invalidate_prefix(&Prefix::new("below").unwrap()).await.unwrap();
    assert_eq!((tracked(), files(&scratch.path().join("blobs")).len()), ((5, 5), 5));

    // Written behind the cache's back, and then fetched in part: a block takes the place of the whole.
    plant(&source, "grows", pattern(3 << 20)).await;
    cache.invalidate(&key("grows")).await.unwrap();
    cache.get_range(&key("grows"), ByteRange::Bounded(0..10)).await.unwrap().unwrap();
    cache.flush().await;
    tracked();

    plant(&source, "large", pattern(17_000)).await;
    read(&cache, "large").await.unwrap();
    cache.flush().await;
    let requests = source.count();
    assert_eq!(read(&cache, "large").await.unwrap(), pattern(17_000));
    assert_eq!(source.count(), requests, "others left for it");
    assert!(tracked().0 < 5);
    cache.clear_cache().await.unwrap();
    assert_eq!(tracked(), (0, 0));
}

#[tokio::test]
async fn what_one_with_other_blocks_took_over_from_the_dead_does_not_hide_where_its_own_blocks_are() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for at in 0..90 {
        plant(&source, &format!("k/{at}"), vec![at; 1000]).await;
    }
    plant(&source, "parts", pattern(300_000)).await;
    let small = async || {
        let builder = CacheStore::builder(Arc::clone(&source), directory(scratch.path())).max_size(100_000);
        let cache = built(builder.range_strategy(RangeStrategy::Blocks { block_size: 4096 })).await;
        cache.flush().await;
        cache
    };
    let dead = small().await;
    for at in 0..90 {
        read(&dead, &format!("k/{at}")).await.unwrap();
        dead.flush().await;
    }
    let heir = loaded(&source, scratch.path(), 100_000).await;
    drop(dead);
    // There is room for it only once it has taken over what the dead one held.
    for _ in 0..20 {
        heir.get_range(&key("parts"), ByteRange::Bounded(0..65_536)).await.unwrap();
        heir.flush().await;
    }
    assert!(heir.info().current_size > 65_000);
    drop(heir);
    let next = loaded(&source, scratch.path(), 10_000).await;
    assert_eq!(next.info().current_size, blobs(scratch.path()), "what had to leave has left");
    assert!(blobs(scratch.path()) <= 10_000);
}

/// A disk that fails while all is counted is no reason never to keep anything again.
#[tokio::test]
async fn loading_that_failed_is_gone_on_with() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for name in ["a", "b", "c"] {
        plant(&source, name, vec![7; 1000]).await;
    }
    let cache = loaded(&source, scratch.path(), 10_000).await;
    for name in ["a", "b"] {
        read(&cache, name).await.unwrap();
    }
    cache.flush().await;
    drop(cache);
    fs::write(journal(scratch.path()), "not a journal").unwrap();
    let tier = Arc::new(Faulty::new(LocalStore::create_cache(scratch.path()).unwrap()));
    let clock = Arc::new(ManualClock::default());
    tier.fail_always(Operation::List, ErrorKind::Io);
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(10_000);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    cache.flush().await;
    let before = blobs(scratch.path());
    read(&cache, "c").await.unwrap();
    cache.flush().await;
    assert_eq!(blobs(scratch.path()), before, "nobody can say whether there is room");
    tier.heal();
    clock.advance(Duration::from_secs(60));
    let requests = source.count();
    for _ in 0..2 {
        for name in ["a", "b", "c"] {
            assert_eq!(read(&cache, name).await.unwrap(), vec![7; 1000]);
            cache.flush().await;
        }
    }
    assert_eq!(source.count(), requests + 1, "only what could not be kept was fetched again");
    assert_eq!((cache.info().resident_blobs, cache.info().current_size), (3, blobs(scratch.path())));
    cache.check().unwrap();
}

#[tokio::test]
async fn warming_right_after_opening_counts_what_is_there() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    for at in 0..8 {
        plant(&source, &format!("k/{at}"), vec![at; 1000]).await;
    }
    let prefix = Prefix::new("k").unwrap();
    let bound = 5000;
    let cache = loaded(&source, scratch.path(), bound).await;
    // Those that would come last.
    for at in 4..8 {
        read(&cache, &format!("k/{at}")).await.unwrap();
    }
    cache.flush().await;
    drop(cache);
    // All has to be counted, and that takes its time.
    fs::write(journal(scratch.path()), "not a journal").unwrap();
    let tier = Arc::new(Gated::new(LocalStore::create_cache(scratch.path()).unwrap()));
    let counting = tier.hold(Operation::List);
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(bound)).await;
    let listings = source.count_of(Operation::List);
    let warming = tokio::spawn(async move { cache.warm_prefix(&prefix).run().await.unwrap() });
    counting.arrived(1).await;
    while source.count_of(Operation::List) == listings {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    counting.release();
    let again = warming.await.unwrap();
    assert_eq!((again.resident.values, again.fetched.values, again.unfit.values), (4, 0, 4));
}

/// A program may open a cache in a runtime for that alone, and use it in another.
#[test]
fn what_was_found_is_not_lost_with_the_runtime_that_looked_for_it() {
    let (scratch, source) = (TempDir::new().unwrap(), source());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(async {
        let caches = [loaded(&source, scratch.path(), None).await, loaded(&source, scratch.path(), None).await];
        for at in 0..20 {
            plant(&source, &format!("k/{at}"), vec![1; 1000]).await;
            read(&caches[at % 2], &format!("k/{at}")).await.unwrap();
        }
        for cache in &caches {
            cache.flush().await;
        }
    });
    // One member alone lives then, and nobody is left whom he took over.
    for time in 1..3 {
        let brief = runtime();
        let cache = brief.block_on(open(&source, scratch.path(), None));
        brief.shutdown_background();
        runtime().block_on(async {
            assert_eq!(read(&cache, "k/0").await.unwrap(), vec![1; 1000]);
            // Before it lands, all is found out.
            assert_eq!(read(&cache, &format!("missing/{time}")).await, None);
            cache.flush().await;
            assert_eq!(cache.info().resident_blobs, 20 + time);
            assert_eq!(cache.info().current_size, blobs(scratch.path()));
            cache.check().unwrap();
            let next = loaded(&source, scratch.path(), None).await;
            assert_eq!(next.info().resident_blobs, 0, "all of them are in the books of one who lives");
        });
    }
}

/// Whether it is known already what an earlier process left, or not yet.
#[tokio::test]
async fn what_is_found_damaged_is_replaced_however_soon_it_is_read() {
    for (is_loaded, in_parts) in [(true, false), (false, false), (true, true), (false, true)] {
        for _ in 0..20 {
            let (scratch, source) = (TempDir::new().unwrap(), source());
            plant(&source, "k", pattern(3000)).await;
            let cache = loaded(&source, scratch.path(), None).await;
            read(&cache, "k").await.unwrap();
            cache.flush().await;
            drop(cache);
            let file = files(&scratch.path().join("blobs")).remove(0);
            let mut bytes = fs::read(&file).unwrap();
            let sound = bytes.clone();
            let at = bytes.len() - 100;
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            let cache = open(&source, scratch.path(), None).await;
            if is_loaded {
                cache.flush().await;
            }
            if in_parts {
                assert_eq!(cache.head(&key("k")).await.unwrap().unwrap().size, 3000);
                let part = cache.get_range(&key("k"), ByteRange::Bounded(0..3000)).await.unwrap();
                assert_eq!(part.unwrap(), pattern(3000));
            } else {
                assert_eq!(read(&cache, "k").await.unwrap(), pattern(3000));
            }
            cache.flush().await;
            let requests = source.count();
            assert_eq!(read(&cache, "k").await.unwrap(), pattern(3000));
            assert_eq!(source.count(), requests, "{is_loaded} {in_parts}");
            let kept = fs::read(&file).unwrap();
            assert!(kept != bytes && kept.len() == sound.len(), "{is_loaded} {in_parts}");
            cache.check().unwrap();
        }
    }
}
