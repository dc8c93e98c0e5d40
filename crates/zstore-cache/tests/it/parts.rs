//! Parts of values: what is resident is not asked for again, and versions are not mixed.

use std::{sync::Arc, time::Duration};

use zstore_cache::{CacheStore, Freshness, RangeStrategy};
use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, Operation, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::ManualClock;

use crate::odd::Refusing;
use crate::setup::{BLOCKS, Cache, Source, built, cache, key, pattern, plant, source, tier};

const BLOCK: u64 = 65_536;

async fn of_size(len: usize) -> (Arc<Source>, Cache) {
    let source = source();
    let blocks = RangeStrategy::Blocks { block_size: BLOCK };
    let builder = CacheStore::builder(Arc::clone(&source), tier()).range_strategy(blocks).range_gap(0);
    let cache = built(builder).await;
    plant(&source, "k", pattern(len)).await;
    (source, cache)
}

async fn part<S: ReadStore>(store: &S, range: ByteRange) -> Vec<u8> {
    store.get_range(&key("k"), range).await.unwrap().unwrap().to_vec()
}

#[tokio::test]
async fn a_whole_that_found_no_room_does_not_come_again_for_each_part() {
    let source = source();
    plant(&source, "k", pattern(8 * BLOCK as usize)).await;
    let strategy = RangeStrategy::WholeUpTo { size_max: 1 << 20, block_size: BLOCK };
    let builder = CacheStore::builder(Arc::clone(&source), tier()).range_strategy(strategy);
    let cache = built(builder.max_size(3 << 20).policy(Refusing::default)).await;
    // Room for eight blocks, but not for one and the whole.
    cache.put(&key("other"), vec![0; (3 << 20) - 8 * BLOCK as usize - 4096]).await.unwrap();
    for block in 0..8 {
        part(&cache, ByteRange::Bounded(block * BLOCK..(block + 1) * BLOCK)).await;
        cache.flush().await;
    }
    assert_eq!(source.bytes_read(), (1 + 8 + 6) * BLOCK, "one block, the whole, and the six others");
    source.clear();
    for block in 2..8 {
        part(&cache, ByteRange::Bounded(block * BLOCK..(block + 1) * BLOCK)).await;
    }
    assert_eq!(source.count(), 0);
}

#[tokio::test]
async fn what_landed_while_other_blocks_were_read_is_not_fetched_again() {
    let (source, tier) = (source(), tier());
    plant(&source, "k", pattern(4 * 4096)).await;
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).range_strategy(BLOCKS).range_gap(0);
    let cache = built(builder).await;
    part(&cache, ByteRange::Bounded(0..10)).await;
    cache.flush().await;
    source.clear();
    let held = tier.hold(Operation::Get);
    let reader = tokio::spawn({
        let cache = cache.clone();
        async move { part(&cache, ByteRange::Bounded(0..8192)).await }
    });
    held.arrived(1).await;
    part(&cache, ByteRange::Bounded(4096..4106)).await;
    cache.flush().await;
    held.release();
    assert_eq!(reader.await.unwrap(), pattern(4 * 4096)[..8192]);
    assert_eq!(source.count(), 1, "the second block, once");
}

#[tokio::test]
async fn an_empty_part_of_a_value_that_is_gone_is_not_there() {
    let (source, clock) = (source(), Arc::new(ManualClock::default()));
    for freshness in [Freshness::revalidate(), Freshness::aged(Duration::from_secs(30))] {
        let builder = CacheStore::builder(Arc::clone(&source), tier()).range_strategy(BLOCKS).freshness(freshness);
        let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
        plant(&source, "k", pattern(20_000)).await;
        part(&cache, ByteRange::From(16_713)).await;
        cache.flush().await;
        source.inner().inner().delete(&key("k")).await.unwrap();
        clock.advance(Duration::from_secs(31));
        assert_eq!(cache.get_range(&key("k"), ByteRange::Bounded(0..0)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_empty_part_of_a_value_that_is_known_and_fresh_makes_no_request() {
    let (source, cache) = of_size(3 * BLOCK as usize).await;
    part(&cache, ByteRange::From(2 * BLOCK)).await;
    cache.flush().await;
    source.clear();
    assert_eq!(part(&cache, ByteRange::Bounded(7..7)).await, []);
    assert_eq!(source.count(), 0);
}

#[tokio::test]
async fn every_range_of_every_kind_answers_as_the_source_does() {
    let len = 3 * BLOCK + 17;
    let edges = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK, len - 1, len, len + 1, len + BLOCK, u64::MAX];
    let mut ranges: Vec<ByteRange> =
        edges.iter().flat_map(|at| [ByteRange::From(*at), ByteRange::Suffix(*at)]).collect();
    ranges.extend(edges.iter().flat_map(|start| edges.iter().map(|end| ByteRange::Bounded(*start..*end))));
    let (warm_source, warm) = of_size(len as usize).await;
    for range in ranges {
        let (source, cold) = of_size(len as usize).await;
        let options = GetOptions::range(range.clone());
        let expected = source.get(&key("k"), &options).await;
        for cache in [&cold, &cold, &warm] {
            let found = cache.get(&key("k"), &options).await;
            match (&expected, found) {
                (Ok(Fetch::Object(expected)), Ok(Fetch::Object(found))) => {
                    assert_eq!((&found.range, &found.bytes), (&expected.range, &expected.bytes), "{range}");
                    assert_eq!(found.meta.size, len, "{range}");
                }
                (Err(expected), Err(found)) => assert_eq!(found.kind(), expected.kind(), "{range}"),
                (expected, found) => panic!("{range}: {expected:?}, but {found:?}"),
            }
            cache.flush().await;
        }
    }
    assert!(warm_source.count() < 20, "the warm cache asked {} times", warm_source.count());
    warm.check().unwrap();
}

#[tokio::test]
async fn ranges_in_what_is_resident_make_no_request_however_it_came() {
    let (source, cache) = of_size(10 * BLOCK as usize).await;
    part(&cache, ByteRange::Bounded(BLOCK..2 * BLOCK)).await;
    part(&cache, ByteRange::Bounded(2 * BLOCK..4 * BLOCK)).await;
    part(&cache, ByteRange::Suffix(100)).await;
    cache.flush().await;
    source.clear();
    for range in [
        ByteRange::Bounded(BLOCK + 5..4 * BLOCK - 5),     // across neighbours
        ByteRange::Bounded(10 * BLOCK - 100..10 * BLOCK), // a suffix by offset
        ByteRange::From(10 * BLOCK - 7),
        ByteRange::Suffix(50),
        ByteRange::Suffix(BLOCK),
    ] {
        let expected = pattern(10 * BLOCK as usize).slice({
            let range = range.resolve(10 * BLOCK).unwrap();
            range.start as usize..range.end as usize
        });
        assert_eq!(part(&cache, range).await, expected);
    }
    assert_eq!(source.count(), 0);
}

#[tokio::test]
async fn only_what_is_missing_is_fetched() {
    let (source, cache) = of_size(10 * BLOCK as usize).await;
    part(&cache, ByteRange::Bounded(3 * BLOCK..4 * BLOCK)).await;
    cache.flush().await;
    source.clear();
    assert_eq!(
        part(&cache, ByteRange::Bounded(2 * BLOCK..6 * BLOCK)).await,
        pattern(10 * BLOCK as usize)[2 * BLOCK as usize..6 * BLOCK as usize]
    );
    let requests = source.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].operation, Operation::GetRanges);
    assert_eq!(source.bytes_read(), 3 * BLOCK);
}

#[tokio::test]
async fn several_ranges_are_one_request_and_then_none() {
    let (source, cache) = of_size(10 * BLOCK as usize).await;
    let ranges = [ByteRange::Bounded(0..10), ByteRange::Suffix(10), ByteRange::Bounded(5 * BLOCK..5 * BLOCK)];
    for _ in 0..2 {
        let found = cache.get_ranges(&key("k"), &ranges).await.unwrap().unwrap();
        let lens: Vec<_> = found.parts.iter().map(|part| part.bytes.len()).collect();
        assert_eq!((lens, found.meta.size), (vec![10, 10, 0], 10 * BLOCK));
        cache.flush().await;
    }
    assert_eq!(source.count(), 1);
    assert_eq!(cache.get_ranges(&key("missing"), &ranges).await.unwrap(), None);
}

#[tokio::test]
async fn a_value_that_changed_is_fetched_anew_and_never_mixed() {
    let (source, cache) = of_size(4 * BLOCK as usize).await;
    part(&cache, ByteRange::Bounded(0..BLOCK)).await;
    cache.flush().await;
    plant(&source, "k", vec![9; 4 * BLOCK as usize]).await;
    // Resident and missing blocks together: the two are of different versions.
    assert_eq!(part(&cache, ByteRange::Bounded(10..2 * BLOCK)).await, vec![9; 2 * BLOCK as usize - 10]);
    cache.flush().await;
    assert_eq!(part(&cache, ByteRange::Bounded(0..10)).await, vec![9; 10], "the old block is gone");
    cache.check().unwrap();
}

#[tokio::test]
async fn a_value_that_shrank_or_vanished_is_seen() {
    let (source, cache) = of_size(4 * BLOCK as usize).await;
    part(&cache, ByteRange::Bounded(0..BLOCK)).await;
    cache.flush().await;
    plant(&source, "k", vec![9; 10]).await;
    let error = cache.get_range(&key("k"), ByteRange::Bounded(2 * BLOCK..3 * BLOCK)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRange);
    assert_eq!(part(&cache, ByteRange::From(0)).await, vec![9; 10]);

    let (source, cache) = of_size(4 * BLOCK as usize).await;
    part(&cache, ByteRange::Bounded(0..BLOCK)).await;
    cache.flush().await;
    source.inner().inner().delete(&key("k")).await.unwrap();
    assert_eq!(cache.get_range(&key("k"), ByteRange::Bounded(2 * BLOCK..3 * BLOCK)).await.unwrap(), None);
}

#[tokio::test]
async fn a_block_does_not_keep_its_neighbours_in_memory() {
    let source = source();
    plant(&source, "k", pattern(4 * BLOCK as usize)).await;
    let tier = Arc::new(MemoryStore::new());
    let cache = built(CacheStore::builder(source, Arc::clone(&tier))).await;
    part(&cache, ByteRange::Bounded(0..3 * BLOCK)).await;
    cache.flush().await;
    assert_eq!(cache.info().resident_blobs, 3);
    assert_eq!(tier.held_bytes(), 3 * BLOCK);
}

#[tokio::test]
async fn conditions_hold_for_what_is_resident() {
    let (_, _, cache) = cache().await;
    let version = cache.put(&key("k"), "value").await.unwrap();
    let unchanged = cache.get(&key("k"), &GetOptions::default().if_none_match(version.clone())).await.unwrap();
    assert_eq!(unchanged, Fetch::NotModified(version.clone()));
    cache.put(&key("k"), "other").await.unwrap();
    let error = cache.get(&key("k"), &GetOptions::default().if_match(version)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn conditions_are_judged_before_ranges_resident_or_not() {
    let (_, _, cache) = cache().await;
    let version = cache.put(&key("k"), "value").await.unwrap();
    let past = GetOptions { range: Some(ByteRange::From(100)), ..GetOptions::default().if_none_match(version.clone()) };
    for _ in 0..2 {
        assert_eq!(cache.get(&key("k"), &past).await.unwrap(), Fetch::NotModified(version.clone()));
        cache.clear_cache().await.unwrap();
    }
}

#[tokio::test]
async fn a_condition_on_a_resident_value_reads_no_bytes_of_it() {
    let (source, tier, cache) = cache().await;
    let version = cache.put(&key("k"), pattern(200_000)).await.unwrap();
    source.clear();
    let held = tier.hold(Operation::Get);
    let options = GetOptions::default().if_none_match(version.clone());
    assert_eq!(cache.get(&key("k"), &options).await.unwrap(), Fetch::NotModified(version));
    assert_eq!((held.arrived_count(), source.count(), cache.stats().tier_bytes), (0, 0, 0));
}

#[tokio::test]
async fn bytes_from_the_tier_count_whether_or_not_others_were_missing() {
    let (_, cache) = of_size(4 * BLOCK as usize).await;
    part(&cache, ByteRange::Bounded(0..2 * BLOCK)).await;
    cache.flush().await;
    part(&cache, ByteRange::Bounded(0..3 * BLOCK)).await;
    assert_eq!(cache.stats().tier_bytes, 2 * BLOCK);
}

#[tokio::test]
async fn blocks_of_a_newer_version_put_those_of_an_older_one_out_of_service() {
    let (source, _, cache) = cache().await;
    plant(&source, "k", vec![1; 200_000]).await;
    let held = source.inner().hold_after(Operation::Get);
    let read = |from: u64| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get_range(&key("k"), ByteRange::Bounded(from..from + 10)).await })
    };
    let older = read(0);
    held.arrived(1).await;
    plant(&source, "k", vec![2; 200_000]).await;
    let newer = read(70_000);
    held.arrived(2).await;
    held.release();
    assert_eq!(older.await.unwrap().unwrap().unwrap(), vec![1; 10]);
    assert_eq!(newer.await.unwrap().unwrap().unwrap(), vec![2; 10]);
    cache.flush().await;
    source.clear();
    assert_eq!(read(70_000).await.unwrap().unwrap().unwrap(), vec![2; 10]);
    assert_eq!(source.count(), 0, "it is resident, and what is known of the value is of the same version");
}
