//! Any operations in any order, over a tier that fails: the cache answers as a map would, and its books balance.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::prelude::*;
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, ErrorKind, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, ManualClock, Metered, Rates};

use crate::setup::key;

const MAX: u64 = 40_000;
const KEYS: [&str; 5] = ["a/1", "a/2", "a/b/3", "b", "a"];

#[derive(Clone, Debug)]
enum Op {
    Get(usize),
    Range(usize, ByteRange),
    Head(usize),
    Set(usize, u8, usize),
    Create(usize, u8),
    Delete(usize),
    DeletePrefix(bool),
    Clear,
    Invalidate(usize),
    Advance(u64),
    Reopen,
    Flush,
}

fn op() -> impl Strategy<Value = Op> {
    let at = 0..KEYS.len();
    let range = prop_oneof![
        (0u64..20_000, 0u64..20_000).prop_map(|(start, len)| ByteRange::Bounded(start..start + len)),
        (0u64..20_000).prop_map(ByteRange::From),
        (0u64..20_000).prop_map(ByteRange::Suffix),
    ];
    prop_oneof![
        6 => at.clone().prop_map(Op::Get),
        6 => (at.clone(), range).prop_map(|(at, range)| Op::Range(at, range)),
        1 => at.clone().prop_map(Op::Head),
        4 => (at.clone(), any::<u8>(), 0usize..20_000).prop_map(|(at, byte, len)| Op::Set(at, byte, len)),
        1 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Op::Create(at, byte)),
        1 => at.clone().prop_map(Op::Delete),
        1 => any::<bool>().prop_map(Op::DeletePrefix),
        1 => Just(Op::Clear),
        1 => at.prop_map(Op::Invalidate),
        1 => (0u64..20_000).prop_map(Op::Advance),
        1 => Just(Op::Reopen),
        1 => Just(Op::Flush),
    ]
}

type Tier = Faulty<Metered<MemoryStore>>;
type Cache = CacheStore<MemoryStore, Tier>;

struct World {
    source: Arc<MemoryStore>,
    tier: Arc<Tier>,
    clock: Arc<ManualClock>,
    cache: Cache,
    truth: BTreeMap<&'static str, Vec<u8>>,
}

impl World {
    async fn new(rates: Rates, seed: u64) -> Option<Self> {
        let (source, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
        // Marked before the faults begin: a tier that is damaged before it is known to be ours is refused, and rightly.
        let sound = Arc::new(Faulty::new(MemoryStore::new()));
        Self::open(&source, &sound, &clock).await?;
        let metered = Metered::new(MemoryStore::new());
        for mark in sound.list_all(&Prefix::root()).await.unwrap() {
            metered.put(&mark.key, sound.get_bytes(&mark.key).await.unwrap().unwrap()).await.unwrap();
        }
        let tier = Arc::new(Faulty::with_seed(metered, seed, rates));
        let cache = Self::open(&source, &tier, &clock).await?;
        Some(Self { source, tier, clock, cache, truth: BTreeMap::new() })
    }

    /// `None` if both marks were misread or torn: a tier that cannot be told to be ours is refused, which loses nothing.
    async fn open<T: Store>(
        source: &Arc<MemoryStore>,
        tier: &Arc<T>,
        clock: &Arc<ManualClock>,
    ) -> Option<CacheStore<MemoryStore, T>> {
        let builder = CacheStore::builder(Arc::clone(source), Arc::clone(tier))
            .max_size(MAX)
            .range_strategy(RangeStrategy::Blocks { block_size: 4096 });
        let builder = builder.max_age(Duration::from_secs(30)).cache_absent(Duration::from_secs(5));
        let built = builder.clock(Arc::clone(clock) as _).build().await;
        built.inspect_err(|error| assert_eq!(error.kind(), ErrorKind::Conflict)).ok()
    }

    /// Whether there is still a cache.
    async fn apply(&mut self, op: Op) -> bool {
        match op {
            Op::Get(at) => {
                let found = self.cache.get_bytes(&key(KEYS[at])).await.unwrap();
                assert_eq!(found.as_deref(), self.truth.get(KEYS[at]).map(Vec::as_slice));
            }
            Op::Range(at, range) => self.range(KEYS[at], range).await,
            Op::Head(at) => {
                let found = self.cache.head(&key(KEYS[at])).await.unwrap();
                assert_eq!(found.map(|meta| meta.size), self.truth.get(KEYS[at]).map(|value| value.len() as u64));
            }
            Op::Set(at, byte, len) => {
                self.cache.put(&key(KEYS[at]), vec![byte; len]).await.unwrap();
                self.truth.insert(KEYS[at], vec![byte; len]);
            }
            Op::Create(at, byte) => match self.cache.create(&key(KEYS[at]), vec![byte]).await {
                Ok(_) => assert!(self.truth.insert(KEYS[at], vec![byte]).is_none()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
                    assert!(self.truth.contains_key(KEYS[at]));
                }
            },
            Op::Delete(at) => {
                self.cache.delete(&key(KEYS[at])).await.unwrap();
                self.truth.remove(KEYS[at]);
            }
            Op::DeletePrefix(all) => {
                let prefix = if all { Prefix::root() } else { Prefix::new("a").unwrap() };
                self.cache.delete_prefix(&prefix).await.unwrap();
                self.truth.retain(|name, _| !prefix.holds(&key(name)));
            }
            Op::Clear => self.cache.clear_cache().await.unwrap(),
            Op::Invalidate(at) => self.cache.invalidate(&key(KEYS[at])).await.unwrap(),
            Op::Advance(millis) => self.clock.advance(Duration::from_millis(millis)),
            Op::Reopen => {
                self.cache.flush().await;
                match Self::open(&self.source, &self.tier, &self.clock).await {
                    Some(cache) => self.cache = cache,
                    None => return false,
                }
            }
            Op::Flush => self.cache.flush().await,
        }
        true
    }

    async fn range(&self, name: &str, range: ByteRange) {
        let found = self.cache.get_range(&key(name), range.clone()).await;
        match self.truth.get(name).map(|value| (value, range.resolve(value.len() as u64))) {
            None => assert_eq!(found.unwrap(), None),
            Some((_, Err(_))) => assert_eq!(found.unwrap_err().kind(), ErrorKind::InvalidRange),
            Some((value, Ok(range))) => {
                assert_eq!(found.unwrap().unwrap(), value[range.start as usize..range.end as usize])
            }
        }
    }
}

async fn run(ops: Vec<Op>, rates: Rates, seed: u64) {
    let faultless = rates == Rates::default();
    let Some(mut world) = World::new(rates, seed).await else {
        assert!(!faultless);
        return;
    };
    for op in ops {
        if !world.apply(op).await {
            assert!(!faultless);
            return;
        }
        world.cache.check().unwrap();
        if faultless {
            world.cache.flush().await;
            let info = world.cache.info();
            assert_eq!(info.current_size + info.overhead_size, world.tier.inner().recount().await.unwrap());
            assert!(world.tier.inner().held_bytes_max() <= MAX);
        }
    }
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_sound_tier_answers_as_a_map_and_its_size_is_a_recount(ops in prop::collection::vec(op(), 1..40)) {
        block_on(run(ops, Rates::default(), 0));
    }

    #[test]
    fn a_tier_that_fails_and_tears_answers_as_a_map(ops in prop::collection::vec(op(), 1..40), seed in any::<u64>()) {
        // Every kind of fault but the one that leaves a stale copy behind a restart: a delete that fails before the process ends.
        let rates = Rates { torn_write: 0.1, torn_failed_write: 0.1, truncated_read: 0.1, flipped_read: 0.1, ..Rates::default() };
        block_on(run(ops, rates, seed));
    }
}
