//! Warming: what it fetches, what it leaves out, and what it never does.

use std::sync::Arc;

use futures::FutureExt;
use zstore_cache::{CacheStore, Freshness, RangeStrategy};
use zstore_core::{ErrorKind, Key, Operation, Prefix, ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, ManualClock, MapStore, Metered};

use crate::odd::{Newest, Refusing, Unlisted};
use crate::setup::{Cache, Source, Tier, built, cache, key, plant, read, source, tier};

type Memory = Metered<MemoryStore>;

/// `count` values of `size` bytes below `a`, and a cache of at most `max` bytes in memory, where a value weighs what it
/// is.
async fn hundreds(count: usize, size: usize, max: u64) -> (Arc<Source>, Arc<Memory>, Cache<Memory>) {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    for at in 0..count {
        plant(&source, &format!("a/{at:03}"), vec![at as u8; size]).await;
    }
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(max)).await;
    (source, tier, cache)
}

fn below(prefix: &str) -> Prefix {
    Prefix::new(prefix).unwrap()
}

fn keys(range: std::ops::Range<usize>) -> Vec<Key> {
    range.map(|at| key(&format!("a/{at:03}"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_below_a_prefix_is_fetched_once_and_then_costs_nothing() {
    let (source, _, cache) = cache().await;
    for at in 0..20 {
        plant(&source, &format!("a/{at:03}"), vec![at; 100_000]).await;
    }
    plant(&source, "ab/x", "another's").await;
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.fetched.bytes), (20, 2_000_000));
    assert!(warmed.is_complete());
    assert_eq!(warmed.fetched.keys.len(), 16);
    assert_eq!((source.count_of(Operation::Get), source.count_of(Operation::List), source.count()), (20, 1, 21));
    assert_eq!(cache.stats().reads(), 0, "nobody has read");
    source.clear();
    for at in 0..20 {
        assert_eq!(read(&cache, &format!("a/{at:03}")).await.unwrap(), vec![at; 100_000]);
    }
    assert_eq!(source.count(), 0);
    let again = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((again.resident.values, again.resident.bytes, again.fetched.values), (20, 2_000_000, 0));
    assert_eq!(source.count(), 1, "the listing");
    cache.check().unwrap();
}

#[tokio::test]
async fn keys_may_be_named_and_what_is_missing_is_told() {
    let (source, _, cache) = hundreds(3, 10, 1000).await;
    let named = [keys(0..2), vec![key("gone")], keys(0..1)].concat();
    let warmed = cache.warm_keys(named).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.fetched.bytes), (2, 20));
    assert_eq!((warmed.missing.values, &warmed.missing.keys[..]), (1, &[key("gone")][..]));
    assert_eq!(source.count(), 3, "one request for each key, however often it is named");
    assert!(warmed.is_complete(), "what there is is there");
}

#[tokio::test]
async fn a_source_that_cannot_list_says_to_name_the_keys() {
    let source = Arc::new(Unlisted::new(MapStore::new()));
    source.inner().put(&key("a/0"), "value").await.unwrap();
    let cache = built(CacheStore::builder(source, Arc::new(MemoryStore::new()))).await;
    let error = cache.warm_prefix(&below("a")).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("name the keys to warm instead"), "{error}");
    assert!(!error.to_string().contains('\n'));
    assert_eq!(cache.warm_keys([key("a/0")]).run().await.unwrap().fetched.values, 1);
}

#[tokio::test]
async fn a_listing_that_fails_fails_the_warming_before_anything_is_fetched() {
    let source = Arc::new(Faulty::new(MapStore::new()));
    source.inner().put(&key("a/0"), "value").await.unwrap();
    source.fail_always(Operation::List, ErrorKind::PermissionDenied);
    let cache = built(CacheStore::builder(source, Arc::new(MemoryStore::new()))).await;
    let error = cache.warm_prefix(&below("a")).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(cache.stats().source_requests, 0);
}

#[tokio::test]
async fn settings_that_would_fetch_nothing_are_refused() {
    let (source, _, cache) = hundreds(1, 10, 100).await;
    for warm in [cache.warm_keys(keys(0..1)).concurrency(0), cache.warm_keys(keys(0..1)).in_flight_bytes(0)] {
        assert_eq!(warm.run().await.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(source.count(), 0);
}

#[tokio::test]
async fn no_more_values_are_under_way_than_allowed_and_no_fewer() {
    for (concurrency, named) in [(1, false), (3, false), (3, true)] {
        let (source, _, cache) = hundreds(10, 10, 1000).await;
        let held = source.inner().hold(Operation::Get);
        let warm = if named { cache.warm_keys(keys(0..10)) } else { cache.warm_prefix(&below("a")) };
        let warming = tokio::spawn(warm.concurrency(concurrency).run());
        for through in 0..10 {
            held.arrived((through + concurrency).min(10)).await;
            held.release_one();
        }
        assert_eq!(warming.await.unwrap().unwrap().fetched.values, 10);
        assert_eq!(source.in_flight_max(), concurrency);
    }
}

#[tokio::test]
async fn no_more_bytes_are_under_way_than_allowed_and_a_larger_value_goes_alone() {
    let kib = 1024;
    for (size, bytes, at_once) in [(2 * kib, 8 * kib, 4), (3 * kib, 8 * kib, 2), (20 * kib, 8 * kib, 1)] {
        let (source, _, cache) = hundreds(6, size, 1 << 20).await;
        let held = source.inner().hold(Operation::Get);
        let warming = tokio::spawn(cache.warm_prefix(&below("a")).in_flight_bytes(bytes as u64).run());
        for through in 0..6 {
            held.arrived((through + at_once).min(6)).await;
            held.release_one();
        }
        assert_eq!(warming.await.unwrap().unwrap().fetched.values, 6);
        assert_eq!(source.in_flight_max(), at_once, "of {size} bytes each");
    }
}

#[tokio::test]
async fn a_value_of_unknown_size_counts_as_the_largest_that_came() {
    let (source, _, cache) = hundreds(6, 8192, 1 << 20).await;
    // Two at a time by their share of the bound; one at a time once it is known how large they are.
    let held = source.inner().hold(Operation::Get);
    let warming = tokio::spawn(cache.warm_keys(keys(0..6)).concurrency(2).in_flight_bytes(8192).run());
    held.arrived(2).await;
    held.release_one();
    held.release_one();
    held.arrived(3).await;
    source.clear();
    held.release();
    assert_eq!(warming.await.unwrap().unwrap().fetched.values, 6);
    assert_eq!(source.in_flight_max(), 1);
}

#[tokio::test]
async fn what_is_known_not_to_fit_is_not_transferred() {
    let (source, tier, cache) = hundreds(10, 100, 450).await;
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.fetched.bytes), (4, 400));
    assert_eq!((warmed.unfit.values, warmed.unfit.bytes), (6, 600));
    assert_eq!(warmed.unfit.keys, keys(4..10));
    assert!(!warmed.is_complete());
    assert_eq!((source.count_of(Operation::Get), source.bytes_read()), (4, 400));
    assert_eq!((tier.held_bytes_max(), cache.stats().evictions), (400, 0));
}

#[tokio::test]
async fn a_smaller_value_still_fits_after_a_larger_one_did_not() {
    let (source, tier, cache) = hundreds(2, 300, 500).await;
    plant(&source, "a/zzz", vec![1; 200]).await;
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.unfit.keys), (2, keys(1..2)));
    assert_eq!(tier.held_bytes_max(), 500);
}

#[tokio::test]
async fn headers_are_reckoned_with_so_that_nothing_is_transferred_in_vain() {
    let (source, tier) = (source(), Arc::new(Faulty::new(Metered::new(MemoryStore::new()))));
    for at in 0..10 {
        plant(&source, &format!("a/{at:03}"), vec![at as u8; 1000]).await;
    }
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(5000)).await;
    let warmed = cache.warm_prefix(&below("a")).concurrency(3).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.unfit.values), (4, 6), "a fifth would fit without its header");
    assert_eq!(source.count_of(Operation::Get), 4);
    assert!(tier.inner().held_bytes_max() <= 5000);
    assert_eq!(cache.stats().refused, 0);
}

#[tokio::test]
async fn what_others_left_leaves_for_it_and_what_it_warmed_does_not() {
    let (source, tier, cache) = hundreds(10, 100, 1000).await;
    for at in 0..10 {
        cache.put(&key(&format!("other/{at}")), vec![0; 100]).await.unwrap();
    }
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.values, cache.stats().evictions), (10, 10));
    assert_eq!(tier.held_bytes_max(), 1000);
    source.clear();
    assert_eq!(cache.warm_prefix(&below("a")).run().await.unwrap().resident.values, 10);
    assert_eq!(source.count(), 1);
}

#[tokio::test]
async fn nothing_is_fetched_in_place_of_what_is_resident_already() {
    let (source, _, cache) = hundreds(10, 100, 300).await;
    for at in 7..10 {
        read(&cache, &format!("a/{at:03}")).await;
    }
    source.clear();
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.resident.values, warmed.unfit.values, warmed.fetched.values), (3, 7, 0));
    assert_eq!((source.count(), cache.stats().evictions), (1, 0), "the listing alone");
}

#[tokio::test]
async fn what_was_warmed_stays_though_the_policy_would_have_it_leave() {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    for at in 0..10 {
        plant(&source, &format!("a/{at:03}"), vec![at; 100]).await;
    }
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).policy(Newest::default);
    let cache = built(builder.max_size(1000)).await;
    for at in 0..9 {
        cache.put(&key(&format!("other/{at}")), vec![0; 100]).await.unwrap();
    }
    let warmed = cache.warm_prefix(&below("a")).concurrency(1).run().await.unwrap();
    assert_eq!((warmed.fetched.values, source.count_of(Operation::Get)), (10, 10));
    source.clear();
    assert_eq!(cache.warm_prefix(&below("a")).run().await.unwrap().resident.values, 10);
    assert_eq!(tier.held_bytes_max(), 1000);
    cache.check().unwrap();
}

#[tokio::test]
async fn keys_of_unknown_size_are_asked_for_theirs_once_one_did_not_fit() {
    let (source, _, cache) = hundreds(10, 100, 250).await;
    let warmed = cache.warm_keys(keys(0..10)).concurrency(1).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.unfit.values, warmed.unfit.bytes), (2, 8, 800));
    assert_eq!((source.count_of(Operation::Get), source.count_of(Operation::Head)), (3, 7));
    assert_eq!(cache.stats().evictions, 0);
}

#[tokio::test]
async fn keys_are_not_even_asked_for_once_all_room_is_taken() {
    let (source, _, cache) = hundreds(10, 100, 200).await;
    let warmed = cache.warm_keys(keys(0..10)).concurrency(1).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.unfit.values, warmed.unfit.bytes), (2, 8, 0));
    assert_eq!(source.count(), 2);
}

#[tokio::test]
async fn one_value_that_fails_does_not_stop_the_others() {
    let source = Arc::new(Faulty::new(MapStore::new()));
    for at in 0..40 {
        source.inner().put(&key(&format!("a/{at:03}")), vec![0; 10]).await.unwrap();
    }
    for nth in 11..=30 {
        source.fail_nth(Operation::Get, nth, ErrorKind::Unavailable);
    }
    let cache = built(CacheStore::builder(source, Arc::new(MemoryStore::new()))).await;
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.values, warmed.failed.values, warmed.failed.bytes), (20, 20, 200));
    assert_eq!(warmed.errors.len(), 16, "so many are kept");
    for (error, key) in warmed.errors.iter().zip(&warmed.failed.keys) {
        assert_eq!((error.kind(), error.key()), (ErrorKind::Unavailable, Some(key.as_str())));
    }
}

#[tokio::test]
async fn progress_adds_up_whatever_comes_of_each_value() {
    let (source, _, cache) = hundreds(10, 100, 450).await;
    read(&cache, "a/001").await;
    let mut seen = Vec::new();
    let tell = |progress: &zstore_cache::WarmProgress<'_>| {
        let done = (progress.values_done, progress.bytes_done);
        seen.push((progress.key.clone(), done, progress.values_total, progress.bytes_total));
    };
    cache.warm_prefix(&below("a")).concurrency(1).on_progress(tell).run().await.unwrap();
    let expected: Vec<_> =
        (1..).zip(keys(0..10)).map(|(done, key)| (key, (done, done * 100), 10, Some(1000))).collect();
    assert_eq!(seen, expected);
    let mut last = None;
    cache
        .warm_keys([keys(0..2), vec![key("gone")]].concat())
        .on_progress(|progress| last = Some((progress.values_done, progress.bytes_done, progress.bytes_total)))
        .run()
        .await
        .unwrap();
    assert_eq!(last, Some((3, 200, None)));
    drop(source);
}

#[tokio::test]
async fn a_tier_that_is_down_has_nothing_transferred_for_it() {
    let (source, tier, cache) = cache().await;
    for at in 0..5 {
        plant(&source, &format!("a/{at}"), vec![at; 100]).await;
    }
    tier.inner().fail_always(Operation::Set, ErrorKind::TimedOut);
    read(&cache, "a/0").await;
    cache.flush().await;
    source.clear();
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.unkept.values, warmed.unkept.bytes, warmed.is_complete()), (5, 500, false));
    assert_eq!(source.count(), 1, "the listing");
}

#[tokio::test]
async fn a_tier_that_keeps_failing_is_given_up() {
    let (source, tier, cache) = cache().await;
    for at in 0..50 {
        plant(&source, &format!("a/{at:03}"), vec![at; 100]).await;
    }
    tier.inner().fail_always(Operation::Set, ErrorKind::Full);
    let warmed = cache.warm_prefix(&below("a")).concurrency(1).run().await.unwrap();
    assert_eq!((warmed.unkept.values, warmed.fetched.values), (50, 0));
    assert_eq!(source.count_of(Operation::Get), 8);
    cache.check().unwrap();
}

#[tokio::test]
async fn what_is_past_its_age_is_renewed_without_a_transfer() {
    let (source, tier, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let age = std::time::Duration::from_secs(10);
    for name in ["a/0", "a/1"] {
        plant(&source, name, "value").await;
    }
    let builder = CacheStore::builder(Arc::clone(&source), tier).freshness(Freshness::aged(age));
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    assert_eq!(cache.warm_prefix(&below("a")).run().await.unwrap().fetched.values, 2);
    clock.advance(age);
    plant(&source, "a/1", "changed").await;
    source.clear();
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.renewed.values, warmed.renewed.bytes), (1, 5));
    assert_eq!((warmed.fetched.values, warmed.fetched.bytes), (1, 7));
    assert_eq!((source.count_of(Operation::Get), source.bytes_read()), (2, 7));
    source.clear();
    assert_eq!(read(&cache, "a/1").await.unwrap(), "changed");
    assert_eq!(source.count(), 0);
}

#[tokio::test]
async fn a_value_that_grew_takes_the_room_of_its_older_self() {
    let (source, tier, clock) =
        (source(), Arc::new(Metered::new(MemoryStore::new())), Arc::new(ManualClock::default()));
    let age = std::time::Duration::from_secs(10);
    plant(&source, "a/0", vec![0; 600]).await;
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).max_size(1000).max_age(age);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    cache.warm_prefix(&below("a")).run().await.unwrap();
    clock.advance(age);
    plant(&source, "a/0", vec![1; 900]).await;
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.bytes, cache.info().current_size), (900, 900));
    assert_eq!(tier.held_bytes_max(), 900);
}

#[tokio::test]
async fn parts_that_are_resident_give_way_to_the_whole_value() {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    plant(&source, "a/0", vec![7; 20_000]).await;
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))
        .max_size(20_000)
        .range_strategy(RangeStrategy::Blocks { block_size: 4096 });
    let cache = built(builder).await;
    cache.get_range(&key("a/0"), zstore_core::ByteRange::Bounded(0..10)).await.unwrap();
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    assert_eq!((warmed.fetched.values, tier.held_bytes(), tier.held_bytes_max()), (1, 20_000, 20_000));
}

#[tokio::test]
async fn a_value_whose_blocks_are_all_resident_costs_no_request() {
    let (source, tier) = (source(), tier());
    plant(&source, "a/0", vec![7; 20_000]).await;
    let builder = CacheStore::builder(Arc::clone(&source), tier);
    let cache = built(builder.range_strategy(RangeStrategy::Blocks { block_size: 4096 })).await;
    cache.get_range(&key("a/0"), zstore_core::ByteRange::Bounded(0..19_000)).await.unwrap();
    cache.flush().await;
    assert_eq!(cache.warm_keys([key("a/0")]).run().await.unwrap().resident.values, 1);
    assert_eq!(source.count(), 1, "the parts");
}

#[tokio::test]
async fn a_reader_of_the_same_value_shares_the_fetch() {
    let (source, _, cache) = hundreds(1, 10, 100).await;
    let held = source.inner().hold(Operation::Get);
    let warming = tokio::spawn(cache.warm_keys(keys(0..1)).run());
    held.arrived(1).await;
    let name = key("a/000");
    let mut reading = Box::pin(cache.get_bytes(&name));
    assert!((&mut reading).now_or_never().is_none(), "it joins");
    held.release();
    assert_eq!(reading.await.unwrap().unwrap(), vec![0; 10]);
    assert_eq!((warming.await.unwrap().unwrap().fetched.values, source.count()), (1, 1));
}

#[tokio::test]
async fn what_a_policy_refuses_for_a_reader_is_told_apart() {
    let (source, tier) = (source(), Arc::new(Metered::new(MemoryStore::new())));
    plant(&source, "a/0", vec![0; 100]).await;
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).policy(Refusing::default);
    let cache = built(builder.max_size(150)).await;
    cache.put(&key("other"), vec![0; 100]).await.unwrap();
    let held = source.inner().hold(Operation::Get);
    let (reader, name) = (cache.clone(), key("a/0"));
    let reading = tokio::spawn(async move { reader.get_bytes(&name).await });
    held.arrived(1).await;
    let mut warming = Box::pin(cache.warm_keys([key("a/0")]).run());
    assert!((&mut warming).now_or_never().is_none(), "it joins the reader");
    held.release();
    let warmed = warming.await.unwrap();
    assert_eq!((warmed.refused.values, warmed.refused.bytes, source.count_of(Operation::Get)), (1, 100, 1));
    reading.await.unwrap().unwrap();
    // Asked for by nobody else, it is worth what the caller says.
    assert_eq!(cache.warm_keys([key("a/0")]).run().await.unwrap().fetched.values, 1);
}

/// Runs a warming up to where `operation` is asked for the second time, drops it there, and answers what is left.
async fn dropped_at(operation: Operation) -> (Arc<Source>, Arc<Tier>, Cache) {
    let (source, tier, cache) = cache().await;
    for at in 0..5 {
        plant(&source, &format!("a/{at:03}"), vec![at; 1000]).await;
    }
    let held = if operation == Operation::Set { tier.hold(operation) } else { source.inner().hold(operation) };
    if operation != Operation::List {
        held.release_one();
    }
    let warming = tokio::spawn(cache.warm_prefix(&below("a")).concurrency(2).run());
    held.arrived(if operation == Operation::List { 1 } else { 2 }).await;
    warming.abort();
    assert!(warming.await.unwrap_err().is_cancelled());
    held.release();
    cache.flush().await;
    (source, tier, cache)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warming_that_is_dropped_leaves_everything_right() {
    for operation in [Operation::List, Operation::Get, Operation::Set] {
        let (source, tier, cache) = dropped_at(operation).await;
        assert_eq!(source.in_flight(), 0, "{operation:?}: nothing goes on but what lands");
        cache.check().unwrap();
        let info = cache.info();
        tier.inner().inner().settle().await.unwrap();
        let held_bytes = tier.inner().inner().recount().await.unwrap();
        assert_eq!(info.current_size + info.overhead_size, held_bytes, "{operation:?}");
        source.clear();
        let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
        assert_eq!(warmed.fetched.values + warmed.resident.values, 5, "{operation:?}");
        assert_eq!(source.count_of(Operation::Get) as u64, warmed.fetched.values);
        for at in 0..5 {
            assert_eq!(read(&cache, &format!("a/{at:03}")).await.unwrap(), vec![at; 1000]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_a_warming_together_keep_the_bound() {
    let (source, tier, cache) = hundreds(60, 100, 1000).await;
    let readers = (0..4).map(|reader| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for at in 0..60 {
                read(&cache, &format!("a/{:03}", (at * 7 + reader * 13) % 60)).await.unwrap();
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let warmed = cache.warm_prefix(&below("a")).run().await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
    cache.flush().await;
    cache.check().unwrap();
    let all = [&warmed.fetched, &warmed.resident, &warmed.unfit, &warmed.refused, &warmed.unkept];
    assert_eq!(all.iter().map(|group| group.values).sum::<u64>(), 60);
    assert!(tier.held_bytes_max() <= 1000);
    assert_eq!(cache.info().current_size, tier.recount().await.unwrap());
    drop(source);
}
