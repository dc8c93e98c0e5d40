//! C1 from many threads at once: tasks of a runtime and threads without one, over one cache.
//!
//! The source numbers its writes, in the version of each value. Who writes a key draws a number before and publishes it
//! after: from then on no value of a lower number may be read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use futures::future::join_all;
use zstore_cache::CacheStore;
use zstore_core::{ByteRange, Meta, Prefix, ReadStore, ReadStoreExt, SetMode, Store, StoreExt, Version};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, ManualClock, Metered, Rates};

use crate::setup::{built, key};

/// The last is never deleted.
const KEYS: [&str; 4] = ["a/1", "a/2", "b", "kept"];
const OPS: u64 = 250;
const TASKS: u64 = 4;
const THREADS: u64 = 2;

type Tier = Faulty<Metered<MemoryStore>>;

struct World<T> {
    source: Arc<MemoryStore>,
    cache: CacheStore<MemoryStore, T>,
    clock: Arc<ManualClock>,
    floors: [AtomicU64; KEYS.len()],
}

/// The number of the write that a version is of.
fn number(version: &Version) -> u64 {
    let tag = version.e_tag.as_deref().unwrap().trim_matches('"');
    tag.rsplit('-').next().unwrap().parse().unwrap()
}

impl<T: Store + 'static> World<T> {
    async fn new(tier: Arc<T>, max_size: u64) -> Arc<Self> {
        let source = Arc::new(MemoryStore::new());
        source.put(&key("kept"), vec![0; 5_000]).await.unwrap();
        let builder =
            CacheStore::builder(Arc::clone(&source), tier).max_size(max_size).range_strategy(crate::setup::BLOCKS);
        let clock = Arc::new(ManualClock::default());
        let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
        Arc::new(Self { source, cache, clock, floors: Default::default() })
    }

    /// The number of a write that is done now.
    async fn tick(&self) -> u64 {
        number(&self.source.put(&key("tick"), "").await.unwrap())
    }

    /// One of many who do all kinds of things.
    async fn act(&self, who: u64) {
        for turn in 0..OPS {
            let draw = (who * OPS + turn).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let at = (draw >> 40) as usize % KEYS.len();
            match (draw >> 50) % 16 {
                0..4 => self.write(at, draw).await,
                4 if at < 3 => self.delete(at).await,
                5 => self.delete_prefix().await,
                6 if turn % 8 == 0 => self.cache.clear_cache().await.unwrap(),
                7 => self.cache.invalidate(&key(KEYS[at])).await.unwrap(),
                8 if turn % 16 == 0 => self.cache.flush().await,
                _ => self.read(at, draw >> 54).await,
            }
        }
    }

    async fn write(&self, at: usize, draw: u64) {
        let before = self.tick().await;
        let sizes = [8, 4096, 8200, 12_000];
        let value = draw.to_le_bytes().repeat(sizes[(draw >> 60) as usize % 4] / 8);
        let mode = if draw.is_multiple_of(5) { SetMode::Create } else { SetMode::Overwrite };
        if self.cache.set(&key(KEYS[at]), value.into(), mode).await.is_ok() {
            self.floors[at].fetch_max(before, Ordering::SeqCst);
        }
    }

    async fn delete(&self, at: usize) {
        let before = self.tick().await;
        self.cache.delete(&key(KEYS[at])).await.unwrap();
        self.floors[at].fetch_max(before, Ordering::SeqCst);
    }

    async fn delete_prefix(&self) {
        let before = self.tick().await;
        self.cache.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap();
        self.floors[..2].iter().for_each(|floor| {
            floor.fetch_max(before, Ordering::SeqCst);
        });
    }

    async fn read(&self, at: usize, way: u64) {
        let (name, floor) = (key(KEYS[at]), self.floors[at].load(Ordering::SeqCst));
        let at_source = self.source.head(&name).await.unwrap().map_or(0, |meta| number(&meta.version));
        let found: Option<Meta> = match way % 4 {
            0 => self.cache.head(&name).await.unwrap(),
            1 => {
                let object = self.cache.get(&name, &Default::default()).await.unwrap().into_object();
                object.map(|object| {
                    assert_eq!(object.bytes.len() as u64, object.meta.size);
                    object.meta
                })
            }
            _ => {
                let ranges = [ByteRange::Bounded(0..8), ByteRange::Suffix(8)];
                let found = self.cache.get_ranges(&name, &ranges).await.unwrap();
                found.map(|found| {
                    assert_eq!(found.parts[0].bytes, found.parts[1].bytes, "of two versions");
                    found.meta
                })
            }
        };
        match found {
            None => assert!(at < 3, "{name} is never deleted"),
            Some(meta) => {
                let found = number(&meta.version);
                assert!(found >= floor.max(at_source), "{name}: {found} was read, {floor} written, {at_source} there");
            }
        }
    }

    async fn audit(&self) {
        self.cache.flush().await;
        self.cache.check().unwrap();
        assert_eq!(self.cache.info().under_way, 0);
        for name in KEYS {
            let truth = self.source.get_bytes(&key(name)).await.unwrap();
            assert_eq!(self.cache.get_bytes(&key(name)).await.unwrap(), truth, "{name}");
        }
    }
}

fn all_at_once<T: Store + 'static>(tier: &Arc<T>, max_size: u64) -> Arc<World<T>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::new(Arc::clone(tier), max_size));
    let threads: Vec<_> = (0..THREADS)
        .map(|who| {
            let world = Arc::clone(&world);
            thread::spawn(move || futures::executor::block_on(world.act(TASKS + who)))
        })
        .collect();
    runtime.block_on(async {
        let tasks = (0..TASKS).map(|who| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.act(who).await })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    runtime.block_on(world.audit());
    world
}

fn over_blobs(max_size: u64, tier: Tier) {
    let tier = Arc::new(tier);
    let world = all_at_once(&tier, max_size);
    tier.heal();
    // It may have been left alone for its faults.
    world.clock.advance(Duration::from_secs(60));
    futures::executor::block_on(async {
        world.cache.flush().await;
        let (info, metered) = (world.cache.info(), tier.inner());
        assert_eq!(info.current_size + info.overhead_size, metered.recount().await.unwrap());
        assert!(metered.held_bytes_max() <= max_size, "{} bytes", metered.held_bytes_max());
    });
}

#[test]
fn threads_and_tasks_read_the_truth_over_blobs() {
    over_blobs(1 << 20, Faulty::new(Metered::new(MemoryStore::new())));
}

#[test]
fn threads_and_tasks_read_the_truth_while_everything_is_evicted() {
    over_blobs(14_000, Faulty::new(Metered::new(MemoryStore::new())));
}

#[test]
fn threads_and_tasks_read_the_truth_over_a_tier_that_fails() {
    let rates = Rates { error: 0.03, lost_answer: 0.05, flipped_read: 0.02, ..Rates::default() };
    over_blobs(30_000, Faulty::with_seed(Metered::new(MemoryStore::new()), 11, rates));
}

#[test]
fn threads_and_tasks_read_the_truth_in_memory() {
    all_at_once(&Arc::new(MemoryStore::new()), 30_000);
}
