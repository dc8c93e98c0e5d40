//! Sharded arrays through a cache: what was read once is not asked for again, whatever was read of it.

use std::{collections::BTreeMap, sync::Arc};

use zarrs::array::{
    Array, ArrayBuilder, ArraySubset, AsyncArrayShardedReadableExt, AsyncArrayShardedReadableExtCache, data_type,
};
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, GetOptions, Key, Prefix, ReadStore, ReadStoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, Recorder};
use zstore_zarrs::ZarrsStore;

type Source = Recorder<MemoryStore>;
/// Not a tier that shares memory: bytes are kept in blobs, as on a disk.
type Tier = Faulty<MemoryStore>;
type Cached = ZarrsStore<CacheStore<Source, Tier>>;

const SIDE: u64 = 48;
/// 24 values of 2 bytes on each side: 27 inner chunks of 1 KiB, and an index. It is no multiple of a block.
const SHARD: u64 = 24;
const SHARD_BYTES: u64 = 27 * 1024 + 27 * 16 + 4;
const INNER: u64 = 8;
const BLOCK: u64 = 4096;

const STRATEGIES: [RangeStrategy; 2] =
    [RangeStrategy::Blocks { block_size: BLOCK }, RangeStrategy::WholeUpTo { size_max: 1 << 20, block_size: BLOCK }];

fn number(at: [u64; 3]) -> u16 {
    (at[0] * 4099 + at[1] * 67 + at[2]) as u16
}

fn numbers(subset: &ArraySubset) -> Vec<u16> {
    subset.indices().into_iter().map(|at| number([at[0], at[1], at[2]])).collect()
}

/// An array of 8 shards.
async fn source() -> Arc<Source> {
    let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
    let mut builder = ArrayBuilder::new(vec![SIDE; 3], vec![SHARD; 3], data_type::uint16(), 7u16);
    builder.subchunk_shape(Some(vec![INNER; 3]));
    let array = builder.build(Arc::clone(&store), "/array").unwrap();
    array.async_store_metadata().await.unwrap();
    let all = array.subset_all();
    array.async_store_array_subset(&all, numbers(&all)).await.unwrap();
    let source = Recorder::new(MemoryStore::new());
    for meta in store.store().list_all(&Prefix::root()).await.unwrap() {
        let bytes = store.store().get_bytes(&meta.key).await.unwrap().unwrap();
        zstore_core::StoreExt::put(source.inner(), &meta.key, bytes).await.unwrap();
    }
    Arc::new(source)
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// One inner chunk of one shard.
    Inner,
    /// Every inner chunk of one shard, one after the other.
    InnerOfShard,
    /// A plane through four shards.
    Plane,
    /// One shard.
    Shard,
    All,
}

struct World {
    source: Arc<Source>,
    tier: Arc<Tier>,
    strategy: RangeStrategy,
    cache: CacheStore<Source, Tier>,
}

impl World {
    async fn new(source: &Arc<Source>, strategy: RangeStrategy) -> Self {
        let (source, tier) = (Arc::clone(source), Arc::new(Faulty::new(MemoryStore::new())));
        let cache = open(&source, &tier, strategy).await;
        Self { source, tier, strategy, cache }
    }

    async fn reopen(&mut self) {
        self.cache.flush().await;
        self.cache = open(&self.source, &self.tier, self.strategy).await;
    }

    /// Opens the array, reads from it, and says how many requests that made of the source.
    async fn requests(&self, reading: Reading) -> usize {
        self.source.clear();
        let array = Array::async_open(Arc::new(ZarrsStore::new(Arc::new(self.cache.clone()))), "/array").await.unwrap();
        self.read(&array, reading).await;
        self.cache.flush().await;
        self.source.count()
    }

    async fn read(&self, array: &Array<Cached>, reading: Reading) {
        let subset = match reading {
            Reading::Inner => ArraySubset::new_with_ranges(&[40..48, 8..16, 16..24]),
            Reading::Plane => ArraySubset::new_with_ranges(&[0..SIDE, 20..21, 0..SIDE]),
            Reading::Shard => ArraySubset::new_with_ranges(&[24..48, 0..24, 0..24]),
            Reading::All => array.subset_all(),
            Reading::InnerOfShard => {
                for at in 0..27u64 {
                    let at = [3 + at / 9, at / 3 % 3, at % 3];
                    // A new one each time, so that zarrs keeps no index itself.
                    let kept = AsyncArrayShardedReadableExtCache::new(array);
                    let inner: Vec<u16> =
                        array.async_retrieve_subchunk_opt(&kept, &at, &Default::default()).await.unwrap();
                    let ranges = at.map(|at| at * INNER..(at + 1) * INNER);
                    assert_eq!(inner, numbers(&ArraySubset::new_with_ranges(&ranges)));
                    self.cache.flush().await;
                }
                return;
            }
        };
        assert_eq!(
            array.async_retrieve_array_subset::<Vec<u16>>(&subset).await.unwrap(),
            numbers(&subset),
            "{reading:?}"
        );
    }
}

async fn open(source: &Arc<Source>, tier: &Arc<Tier>, strategy: RangeStrategy) -> CacheStore<Source, Tier> {
    let builder = CacheStore::builder(Arc::clone(source), Arc::clone(tier));
    builder.range_strategy(strategy).range_gap(0).build().await.unwrap()
}

#[tokio::test]
async fn the_second_reading_makes_no_request_whatever_the_first_was() {
    use Reading::{All, Inner, InnerOfShard, Plane, Shard};
    let mixes: [&[Reading]; 7] = [
        &[Inner],
        &[Plane],
        &[All],
        &[Inner, Plane, All],
        &[All, Shard, Plane, Inner],
        &[Plane, InnerOfShard, Shard],
        &[InnerOfShard, Inner, Plane, Shard, All],
    ];
    let source = source().await;
    for strategy in STRATEGIES {
        for mix in mixes {
            let mut world = World::new(&source, strategy).await;
            for reading in mix {
                world.requests(*reading).await;
            }
            for reading in mix {
                assert_eq!(world.requests(*reading).await, 0, "{reading:?} again after {mix:?} by {strategy:?}");
            }
            world.reopen().await;
            for reading in mix.iter().rev() {
                assert_eq!(world.requests(*reading).await, 0, "{reading:?} again after {mix:?} and a restart");
            }
        }
    }
}

#[tokio::test]
async fn the_first_reading_asks_for_what_no_other_brought() {
    use Reading::{All, Inner, InnerOfShard, Plane, Shard};
    let source = source().await;
    // Opening asks for `zarr.json`, once.
    let [blocks, whole] = STRATEGIES;
    for (strategy, mix) in [
        // An index and an inner chunk; a shard has 6 blocks of 4 inner chunks each, and one of 3 and its index.
        (blocks, vec![(Inner, 1 + 2), (Inner, 0)]),
        (blocks, vec![(InnerOfShard, 1 + 1 + 6), (Shard, 0), (Inner, 0)]),
        // Of each of four shards the index and four more blocks.
        (blocks, vec![(Plane, 1 + 4 * 5), (Shard, 1), (All, 7)]),
        (blocks, vec![(All, 1 + 8), (Plane, 0), (InnerOfShard, 0), (Shard, 0)]),
        // An index, and then the whole shard.
        (whole, vec![(Inner, 1 + 2), (InnerOfShard, 0), (Shard, 0)]),
        (whole, vec![(Plane, 1 + 4 * 2), (All, 4)]),
        (whole, vec![(Shard, 1 + 1), (Plane, 2 * 3), (All, 4)]),
    ] {
        let world = World::new(&source, strategy).await;
        for (reading, requests) in &mix {
            assert_eq!(world.requests(*reading).await, *requests, "{reading:?} of {mix:?} by {strategy:?}");
        }
    }
}

#[tokio::test]
async fn an_index_is_fetched_once_for_each_shard_however_many_inner_chunks_are_read() {
    let source = source().await;
    for strategy in STRATEGIES {
        let world = World::new(&source, strategy).await;
        let mut indices: BTreeMap<String, usize> = BTreeMap::new();
        for reading in [Reading::InnerOfShard, Reading::Plane, Reading::Inner, Reading::InnerOfShard] {
            world.requests(reading).await;
            let holds_index = |range: &ByteRange| range.resolve(SHARD_BYTES).unwrap().end == SHARD_BYTES;
            for request in world.source.requests().iter().filter(|request| request.key.starts_with("array/c/")) {
                *indices.entry(request.key.clone()).or_default() += usize::from(request.ranges.iter().any(holds_index));
            }
        }
        assert_eq!(indices.len(), 4, "the plane goes through four shards, and the others lie in one of them");
        assert!(indices.values().all(|count| *count == 1), "{strategy:?}: {indices:?}");
    }
}

#[tokio::test]
async fn a_whole_shard_that_is_resident_serves_ten_ranges() {
    let world = World::new(&source().await, STRATEGIES[0]).await;
    let shard = Key::new("array/c/1/0/0").unwrap();
    let value = world.cache.get_bytes(&shard).await.unwrap().unwrap();
    assert_eq!(value.len() as u64, SHARD_BYTES);
    world.cache.flush().await;
    world.source.clear();
    for at in 0..10u64 {
        let options = GetOptions::range(ByteRange::Bounded(at * 2_000 + 1..at * 2_000 + 3_000));
        let found = world.cache.get(&shard, &options).await.unwrap().into_object().unwrap();
        assert_eq!(found.bytes, value.slice(at as usize * 2_000 + 1..at as usize * 2_000 + 3_000));
    }
    assert_eq!(world.source.count(), 0);
}
