//! Which requests the missing bytes become: near ones one, long ones several, small values whole.
#![expect(clippy::single_range_in_vec_init, reason = "what was asked for is told in ranges of blocks")]

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, Operation, ReadStore, ReadStoreExt};

use crate::setup::{Cache, Source, Tier, built, key, pattern, plant, read, source, tier};

const BLOCK: u64 = 4096;
const BLOCKS: RangeStrategy = RangeStrategy::Blocks { block_size: BLOCK };

struct World {
    source: Arc<Source>,
    tier: Arc<Tier>,
    cache: Cache,
    value: Bytes,
}

impl World {
    /// A value of so many blocks, of which a cache has read those at `read`.
    async fn new(strategy: RangeStrategy, gap_blocks: u64, blocks: u64, read: &[u64]) -> Self {
        let (source, tier) = (source(), tier());
        let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier));
        let cache = built(builder.range_strategy(strategy).range_gap(gap_blocks * BLOCK)).await;
        let value = pattern((blocks * BLOCK) as usize);
        plant(&source, "k", value.clone()).await;
        let world = Self { source, tier, cache, value };
        for block in read {
            world.blocks(&[*block]).await;
        }
        world.cache.flush().await;
        world.source.clear();
        world
    }

    /// Reads some bytes out of each block.
    async fn blocks(&self, blocks: &[u64]) {
        let ranges: Vec<_> = blocks.iter().map(|at| at * BLOCK + 1..at * BLOCK + 9).collect();
        let asked: Vec<_> = ranges.iter().cloned().map(ByteRange::Bounded).collect();
        let found = self.cache.get_ranges(&key("k"), &asked).await.unwrap().unwrap();
        for (range, part) in ranges.iter().zip(found.parts) {
            assert_eq!(part.bytes, self.value.slice(range.start as usize..range.end as usize));
        }
    }

    /// The blocks that each request asked for, by its ranges.
    fn asked(&self) -> Vec<Vec<std::ops::Range<u64>>> {
        let blocks = |range: &ByteRange| match range {
            ByteRange::Bounded(range) => range.start / BLOCK..range.end.div_ceil(BLOCK),
            other => panic!("{other} is not of blocks"),
        };
        self.source.requests().iter().map(|request| request.ranges.iter().map(blocks).collect()).collect()
    }
}

#[tokio::test]
async fn near_blocks_are_one_range_and_far_ones_two_of_one_request() {
    for (read, asked) in [
        (vec![2, 4], vec![2..5]),
        (vec![2, 5], vec![2..6]),
        (vec![2, 6], vec![2..3, 6..7]),
        (vec![9, 2, 4, 7], vec![2..10]),
    ] {
        let world = World::new(BLOCKS, 2, 20, &[0]).await;
        world.blocks(&read).await;
        assert_eq!(world.asked(), [asked], "{read:?}");
    }
}

#[tokio::test]
async fn what_is_fetched_between_is_kept_and_what_was_there_is_not_written_again() {
    let world = World::new(BLOCKS, 3, 20, &[0, 5]).await;
    let writes = world.tier.hold(Operation::Set);
    world.blocks(&[4, 7]).await;
    assert_eq!(world.asked(), [[4..8]]);
    writes.arrived(1).await;
    world.source.clear();
    world.blocks(&[6]).await; // still landing
    for _ in 0..20 {
        writes.release_one();
    }
    world.cache.flush().await;
    assert_eq!(writes.arrived_count(), 3, "5 was there");
    drop(writes);
    world.blocks(&[4, 5, 6, 7]).await;
    assert_eq!(world.source.count(), 0);
}

#[tokio::test]
async fn a_block_that_another_fetches_is_neither_waited_for_nor_landed_twice_because_it_lies_between() {
    let world = World::new(BLOCKS, 3, 20, &[0]).await;
    let held = world.source.inner().hold(Operation::Get);
    let mut first = Box::pin(world.blocks(&[5]));
    assert!((&mut first).now_or_never().is_none());
    held.arrived(1).await;
    let (mut between, mut after) = (Box::pin(world.blocks(&[4, 6])), Box::pin(world.blocks(&[5])));
    assert!((&mut between).now_or_never().is_none());
    assert!((&mut after).now_or_never().is_none());
    assert_eq!(world.asked(), [[5..6], [4..7]]);
    drop(first);
    assert_eq!(world.source.in_flight(), 2, "who wants block 5 goes on with the request that was for it");
    drop(after);
    assert_eq!(world.source.in_flight(), 1, "nobody wants block 5 any more, and who fetches around it did not join");
    held.release();
    between.await;
}

#[tokio::test]
async fn a_value_of_unknown_size_is_asked_for_once_however_far_the_range_goes() {
    let world = World::new(BLOCKS, 0, 5, &[]).await;
    let found = world.cache.get_range(&key("k"), ByteRange::Bounded(BLOCK..40 << 20)).await.unwrap().unwrap();
    assert_eq!(found, world.value.slice(BLOCK as usize..));
    assert_eq!(world.source.count(), 1);
}

#[tokio::test]
async fn what_is_very_long_comes_in_several_requests_at_once() {
    const MIB: u64 = 1 << 20;
    let source = source();
    let blocks = RangeStrategy::Blocks { block_size: MIB };
    let cache = built(CacheStore::builder(Arc::clone(&source), tier()).range_strategy(blocks)).await;
    let value = pattern(36 * MIB as usize);
    plant(&source, "k", value.clone()).await;
    cache.get_range(&key("k"), ByteRange::Suffix(1)).await.unwrap();
    cache.flush().await;
    source.clear();
    let found = cache.get_range(&key("k"), ByteRange::From(0)).await.unwrap().unwrap();
    assert_eq!(found, value);
    let asked: Vec<_> = source.requests().into_iter().flat_map(|request| request.ranges).collect();
    assert_eq!(asked, [0..16, 16..32, 32..35].map(|range| ByteRange::Bounded(range.start * MIB..range.end * MIB)));
    cache.flush().await;
    assert_eq!((read(&cache, "k").await.unwrap(), source.count()), (value, 3));
}

#[tokio::test]
async fn a_whole_value_is_read_from_its_blocks_when_all_are_there() {
    let world = World::new(BLOCKS, 0, 4, &[3, 0, 2, 1]).await;
    assert_eq!(read(&world.cache, "k").await.unwrap(), world.value);
    assert_eq!(world.source.count(), 0);
    let reopened =
        built(CacheStore::builder(Arc::clone(&world.source), Arc::clone(&world.tier)).range_strategy(BLOCKS));
    assert_eq!(read(&reopened.await, "k").await.unwrap(), world.value);
    assert_eq!(world.source.count(), 0, "nor after a restart");
}

#[tokio::test]
async fn of_a_whole_value_only_what_is_missing_is_fetched_if_that_saves_more_than_it_costs() {
    let much = World::new(BLOCKS, 2, 10, &[0, 1, 2, 3, 8, 9]).await;
    assert_eq!(read(&much.cache, "k").await.unwrap(), much.value);
    assert_eq!(much.asked(), [[4..8]]);
    let little = World::new(BLOCKS, 2, 10, &[0, 9]).await;
    assert_eq!(read(&little.cache, "k").await.unwrap(), little.value);
    assert_eq!(little.asked(), [[]], "the whole, without a range");
    assert_eq!(little.source.bytes_read(), 10 * BLOCK);
}

#[tokio::test]
async fn a_whole_value_is_never_put_together_from_two_versions() {
    for planted in [6, 10, 14] {
        let world = World::new(BLOCKS, 0, 10, &[0, 1, 2, 3, 4, 5]).await;
        let new = vec![9; planted * BLOCK as usize];
        plant(&world.source, "k", new.clone()).await;
        assert_eq!(read(&world.cache, "k").await.unwrap(), new);
        world.cache.flush().await;
        assert_eq!(read(&world.cache, "k").await.unwrap(), new);
        world.cache.check().unwrap();
    }
    let world = World::new(BLOCKS, 0, 10, &[0, 1, 2]).await;
    zstore_core::Store::delete(world.source.inner().inner(), &key("k")).await.unwrap();
    assert_eq!(read(&world.cache, "k").await, None);
}

#[tokio::test]
async fn a_block_that_cannot_be_read_is_no_reason_to_fail_a_whole_read() {
    let world = World::new(BLOCKS, 0, 4, &[0, 1, 2, 3]).await;
    world.tier.inner().fail_nth(Operation::Get, 2, zstore_core::ErrorKind::Io);
    assert_eq!(read(&world.cache, "k").await.unwrap(), world.value);
    assert_eq!(world.source.count(), 1);
}

const WHOLE: RangeStrategy = RangeStrategy::WholeUpTo { size_max: 10 * BLOCK, block_size: BLOCK };

#[tokio::test]
async fn a_small_value_comes_whole_for_its_second_missing_part() {
    let world = World::new(WHOLE, 0, 10, &[]).await;
    world.blocks(&[3]).await;
    world.cache.flush().await;
    assert_eq!(world.asked(), [[3..4]], "the first part tells the size, in a request that is needed anyway");
    world.blocks(&[3]).await;
    assert_eq!(world.source.count(), 1, "what is there makes nothing else come");
    world.source.clear();
    futures::join!(world.blocks(&[5]), world.blocks(&[6, 8]), world.blocks(&[0]));
    world.cache.flush().await;
    assert_eq!((world.source.count(), world.source.bytes_read()), (1, 9 * BLOCK), "once for all who miss something");
    world.blocks(&[0, 9, 4]).await;
    assert_eq!((read(&world.cache, "k").await.unwrap(), world.source.count()), (world.value, 1));
}

#[tokio::test]
async fn a_larger_value_and_one_that_takes_a_quarter_of_the_room_come_in_blocks() {
    let large = World::new(WHOLE, 0, 11, &[0]).await;
    large.blocks(&[5]).await;
    assert_eq!(large.asked(), [[5..6]]);

    let (source, tier) = (source(), tier());
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).range_strategy(WHOLE).range_gap(0);
    let cache = built(builder.max_size(4 * 10 * BLOCK - 1)).await;
    plant(&source, "k", pattern(10 * BLOCK as usize)).await;
    for at in [0, 5] {
        cache.get_range(&key("k"), ByteRange::Bounded(at * BLOCK..at * BLOCK + 1)).await.unwrap();
        cache.flush().await;
    }
    assert_eq!(source.bytes_read(), 2 * BLOCK);
}
