//! Every public future, dropped after each of its polls: what is left answers right, its books balance, and nothing is
//! stuck.
//!
//! The stores suspend before and after they do anything. Each act is carried out with a runtime, where what has begun
//! may go on by itself, and without one, where it stops wherever it is.

use std::{fmt, pin::pin, sync::Arc, task::Poll};

use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture, poll};
use zstore_cache::CacheStore;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Payload, Prefix, Ranges, ReadStore,
    ReadStoreExt, Result, SetMode, Store, StoreExt, Version,
};
use zstore_memory::MemoryStore;
use zstore_testkit::Metered;

use crate::setup::{key, pattern};

const BLOCK: u64 = 4096;
/// Room for one of the values, and for parts of another.
const MAX: u64 = 22_000;
/// Nothing here takes more polls.
const POLLS_MAX: usize = 2_000;

/// Others have their turn, whatever the executor.
async fn turn() {
    let mut passed = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Fails if it is not done after so many polls as nothing takes.
async fn done<V>(what: impl Future<Output = V>) -> V {
    let mut what = pin!(what);
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(done) = poll!(what.as_mut()) {
            return done;
        }
        turn().await;
    }
    panic!("it is stuck");
}

/// A store that suspends before and after it does anything.
#[derive(Debug)]
struct Halting<S> {
    store: S,
    shared_memory: bool,
}

async fn halting<V>(call: impl Future<Output = V>) -> V {
    turn().await;
    let answer = call.await;
    turn().await;
    answer
}

impl<S: fmt::Display> fmt::Display for Halting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl<S: ReadStore> ReadStore for Halting<S> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.store.capabilities();
        capabilities.shared_memory = self.shared_memory;
        capabilities
    }
    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        halting(self.store.get(key, options)).await
    }
    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        halting(self.store.get_ranges(key, ranges)).await
    }
    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        halting(self.store.head(key)).await
    }
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.store.list(prefix)
    }
    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        halting(self.store.list_dir(prefix)).await
    }
}

#[async_trait]
impl<S: Store> Store for Halting<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        halting(self.store.set(key, value, mode)).await
    }
    async fn delete(&self, key: &Key) -> Result<()> {
        halting(self.store.delete(key)).await
    }
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        halting(self.store.delete_prefix(prefix)).await
    }
}

type Cache = CacheStore<Halting<MemoryStore>, Halting<Metered<MemoryStore>>>;
/// What is done, to a cache whose "a/k" is of this version.
type Act = fn(Cache, Version) -> BoxFuture<'static, ()>;

/// Does it, and lets go of whatever it comes to.
fn act<V: Send + 'static>(what: impl Future<Output = V> + Send + 'static) -> BoxFuture<'static, ()> {
    what.map(drop).boxed()
}

async fn ranges(cache: Cache) {
    let wanted = [ByteRange::Bounded(2 * BLOCK..2 * BLOCK + 10), ByteRange::Suffix(9)];
    cache.get_ranges(&key("a/k"), &wanted).await.unwrap();
}

/// The whole value of "a/k", its blocks and "b" are all missing, resident in part, or resident as a whole, depending on
/// what ran before.
const ACTS: &[(&str, Act)] = &[
    ("get", |c, _| act(async move { c.get(&key("a/k"), &GetOptions::default()).await.unwrap() })),
    ("get of what is resident", |c, _| act(async move { c.get(&key("b"), &GetOptions::default()).await.unwrap() })),
    ("get of what is missing", |c, _| act(async move { c.get(&key("none"), &GetOptions::default()).await.unwrap() })),
    ("get of a part", |c, _| {
        act(async move { c.get_range(&key("a/k"), ByteRange::Bounded(5000..9000)).await.unwrap() })
    }),
    ("get unless unchanged", |c, version| {
        act(async move { c.get(&key("a/k"), &GetOptions::default().if_none_match(version)).await.unwrap() })
    }),
    ("get if unchanged", |c, version| {
        act(async move { c.get(&key("a/k"), &GetOptions::default().if_match(version)).await.unwrap() })
    }),
    ("get_ranges", |c, _| act(ranges(c))),
    ("head", |c, _| act(async move { c.head(&key("a/k")).await.unwrap() })),
    ("set", |c, _| act(async move { c.put(&key("a/k"), pattern(9000)).await.unwrap() })),
    ("create", |c, _| act(async move { c.create(&key("new"), pattern(9000)).await.unwrap() })),
    ("create in vain", |c, _| act(async move { c.create(&key("a/k"), "x").await.unwrap_err() })),
    ("update", |c, version| {
        act(async move { c.set(&key("a/k"), pattern(100).into(), SetMode::Update(version)).await.unwrap() })
    }),
    ("delete", |c, _| act(async move { c.delete(&key("a/k")).await.unwrap() })),
    ("delete_prefix", |c, _| act(async move { c.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap() })),
    ("clear_cache", |c, _| act(async move { c.clear_cache().await.unwrap() })),
    ("invalidate", |c, _| act(async move { c.invalidate(&key("a/k")).await.unwrap() })),
    ("invalidate_prefix", |c, _| act(async move { c.invalidate_prefix(&Prefix::root()).await.unwrap() })),
    ("flush", |c, _| act(async move { c.flush().await })),
];

struct World {
    source: Arc<Halting<MemoryStore>>,
    tier: Arc<Halting<Metered<MemoryStore>>>,
    cache: Cache,
    version: Version,
}

impl World {
    /// "a/k" is resident in part, "b" as a whole.
    async fn new(shared_memory: bool) -> Self {
        let source = Arc::new(Halting { store: MemoryStore::new(), shared_memory: true });
        let version = source.store.put(&key("a/k"), pattern(12_000)).await.unwrap();
        source.store.put(&key("b"), pattern(10_000)).await.unwrap();
        let tier = Arc::new(Halting { store: Metered::new(MemoryStore::new()), shared_memory });
        let cache = Self::built(&source, &tier).await;
        cache.get_bytes(&key("b")).await.unwrap();
        cache.get_range(&key("a/k"), ByteRange::Bounded(0..10)).await.unwrap();
        cache.flush().await;
        Self { source, tier, cache, version }
    }

    async fn built(source: &Arc<Halting<MemoryStore>>, tier: &Arc<Halting<Metered<MemoryStore>>>) -> Cache {
        let builder = CacheStore::builder(Arc::clone(source), Arc::clone(tier))
            .range_strategy(zstore_cache::RangeStrategy::Blocks { block_size: BLOCK })
            .max_size(MAX);
        builder.build().await.unwrap()
    }

    /// Nothing is under way, the books balance, and the cache answers what the source holds, before it is written and
    /// after.
    async fn audit(&self) {
        done(self.rest()).await;
        for name in ["a/k", "b", "new", "none"] {
            self.same(name).await;
            done(self.cache.put(&key(name), pattern(5_000))).await.unwrap();
            self.same(name).await;
        }
        done(self.rest()).await;
    }

    async fn rest(&self) {
        // What goes on by itself comes to its end.
        while self.cache.info().under_way > 0 {
            turn().await;
        }
        self.cache.flush().await;
        self.cache.check().unwrap();
        let info = self.cache.info();
        assert_eq!(info.under_way, 0);
        assert_eq!(info.current_size + info.overhead_size, self.tier.store.recount().await.unwrap());
        assert!(self.tier.store.held_bytes_max() <= MAX, "{} bytes", self.tier.store.held_bytes_max());
    }

    async fn same(&self, name: &str) {
        let truth = self.source.store.get_bytes(&key(name)).await.unwrap();
        let end = truth.as_ref().map(|truth| truth.slice(truth.len() - 9..));
        assert_eq!(done(self.cache.get_range(&key(name), ByteRange::Suffix(9))).await.unwrap(), end, "{name}");
        assert_eq!(done(self.cache.get_bytes(&key(name))).await.unwrap(), truth, "{name}");
        assert_eq!(done(self.cache.exists(&key(name))).await.unwrap(), truth.is_some(), "{name}");
    }
}

/// Polls so often and drops. Whether it was done before.
async fn cancelled(act: BoxFuture<'static, ()>, polls: usize) -> bool {
    let mut act = act;
    for _ in 0..polls {
        if poll!(&mut act).is_ready() {
            return true;
        }
        turn().await;
    }
    false
}

async fn every_act_dropped_after_every_poll(shared_memory: bool) {
    for (name, act) in ACTS {
        for polls in 0.. {
            assert!(polls < POLLS_MAX, "{name} does not end");
            let world = World::new(shared_memory).await;
            let over = cancelled(act(world.cache.clone(), world.version.clone()), polls).await;
            let audit = std::panic::AssertUnwindSafe(world.audit()).catch_unwind().await;
            assert!(audit.is_ok(), "{name}, dropped after {polls} polls");
            if over {
                break;
            }
        }
    }
}

/// Two readers of the same, one of whom is dropped after every poll.
async fn every_read_dropped_beside_another(shared_memory: bool) {
    for (name, act) in &ACTS[..8] {
        for polls in 0..40 {
            let world = World::new(shared_memory).await;
            let mut other = act(world.cache.clone(), world.version.clone());
            let over = poll!(&mut other).is_ready();
            cancelled(act(world.cache.clone(), world.version.clone()), polls).await;
            if !over {
                done(other).await;
            }
            let audit = std::panic::AssertUnwindSafe(world.audit()).catch_unwind().await;
            assert!(audit.is_ok(), "{name}, dropped after {polls} polls beside another");
        }
    }
}

async fn every_opening_dropped_after_every_poll(shared_memory: bool) {
    for polls in 0.. {
        assert!(polls < POLLS_MAX, "building does not end");
        let World { source, tier, cache, version } = World::new(shared_memory).await;
        drop(cache);
        let (of, over) = (Arc::clone(&source), Arc::clone(&tier));
        let over = cancelled(act(async move { World::built(&of, &over).await }), polls).await;
        let cache = World::built(&source, &tier).await;
        World { source, tier, cache, version }.audit().await;
        if over {
            break;
        }
    }
}

async fn everything(shared_memory: bool) {
    every_act_dropped_after_every_poll(shared_memory).await;
    every_read_dropped_beside_another(shared_memory).await;
    every_opening_dropped_after_every_poll(shared_memory).await;
}

#[tokio::test]
async fn what_is_dropped_with_a_runtime_over_blobs_leaves_all_in_order() {
    everything(false).await;
}

#[tokio::test]
async fn what_is_dropped_with_a_runtime_over_memory_leaves_all_in_order() {
    everything(true).await;
}

#[test]
fn what_is_dropped_without_a_runtime_over_blobs_leaves_all_in_order() {
    futures::executor::block_on(everything(false));
}

#[test]
fn what_is_dropped_without_a_runtime_over_memory_leaves_all_in_order() {
    futures::executor::block_on(everything(true));
}
