//! A cache between a source and a tier that fail, and what it may answer.

use std::{sync::Arc, time::Duration};

use zstore_cache::{CacheStore, Expiry, Freshness, MissReason, Outlook, policy};
use zstore_core::{
    ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Prefix, ReadStore, ReadStoreExt, Result, SetMode, Store,
    StoreExt, Version,
};
use zstore_memory::MemoryStore;
use zstore_testkit::{Calls, Faulty, ManualClock, Metered};

use super::{
    op::{self, KEYS, Op, Setup},
    truth::Truth,
};

/// The most the tier may hold.
pub(crate) const MAX: u64 = 40_000;
const AGE_MS: u64 = 30_000;
const BOUND_MS: u64 = 10_000;

type Make = fn() -> Box<dyn policy::Policy>;
pub(crate) const POLICIES: [(&str, Make); 6] = [
    ("lru", || Box::new(policy::Lru::new())),
    ("fifo", || Box::new(policy::Fifo::new())),
    ("sieve", || Box::new(policy::Sieve::new())),
    ("s3-fifo", || Box::new(policy::S3Fifo::new())),
    ("w-tinylfu", || Box::new(policy::WTinyLfu::new())),
    ("gdsf", || Box::new(policy::Gdsf::new())),
];

type Source = Faulty<MemoryStore>;
type Tier = Faulty<Metered<MemoryStore>>;

pub(crate) struct World {
    setup: Setup,
    source: Arc<Source>,
    tier: Arc<Tier>,
    clock: Arc<ManualClock>,
    cache: CacheStore<Source, Tier>,
    truth: Truth,
    source_down: bool,
    /// How far the clock was set back in all, and how much of that a restart has forgotten.
    set_back_ms: u64,
    slack_ms: u64,
}

fn key(name: &str) -> Key {
    Key::new(name).expect("the keys are keys")
}

fn below(all: bool) -> Prefix {
    if all { Prefix::root() } else { Prefix::new("a").expect("the prefix is one") }
}

impl World {
    /// `None` if the tier was damaged before it could be told to be ours: it is refused, and rightly.
    pub(crate) async fn new(setup: Setup) -> Option<Self> {
        let (source, clock) = (Arc::new(Faulty::new(MemoryStore::new())), Arc::new(ManualClock::default()));
        // Marked before the faults begin.
        let sound = Arc::new(Faulty::new(MemoryStore::new()));
        open(&setup, &source, &sound, &clock).await?;
        let metered = Metered::new(MemoryStore::new());
        for mark in sound.list_all(&Prefix::root()).await.unwrap() {
            metered.put(&mark.key, sound.get_bytes(&mark.key).await.unwrap().unwrap()).await.unwrap();
        }
        let tier = Arc::new(Faulty::with_seed(metered, setup.seed, setup.rates));
        let cache = open(&setup, &source, &tier, &clock).await?;
        let (truth, source_down) = (Truth::default(), false);
        Some(Self { setup, source, tier, clock, cache, truth, source_down, set_back_ms: 0, slack_ms: 0 })
    }

    /// How long ago the source may have held what is answered.
    fn age_ms(&self) -> u64 {
        self.slack_ms
            + match self.setup.freshness {
                op::Freshness::Aged | op::Freshness::Refetched => AGE_MS,
                op::Freshness::Revalidated => 0,
                op::Freshness::StaleWhileRevalidate | op::Freshness::StaleIfError => AGE_MS + BOUND_MS,
            }
    }

    /// Whether there is still a cache.
    pub(crate) async fn apply(&mut self, op: Op) -> bool {
        match op {
            Op::Get(at) => {
                let found = self.cache.get_bytes(&key(KEYS[at])).await;
                self.expect(KEYS[at], found.map(|value| value.map(|bytes| bytes.to_vec())));
            }
            Op::GetIfNoneMatch(at, right) => self.get_if_none_match(KEYS[at], right).await,
            Op::Range(at, range) => self.ranges(KEYS[at], &[range]).await,
            Op::Ranges(at, ranges) => self.ranges(KEYS[at], &ranges).await,
            Op::Head(at) => self.head(KEYS[at]).await,
            Op::Set(at, byte, len) => self.set(KEYS[at], vec![byte; len], SetMode::Overwrite).await,
            Op::Create(at, byte) => self.set(KEYS[at], vec![byte], SetMode::Create).await,
            Op::Update(at, byte, right) => {
                let version = self.version(KEYS[at], right).await;
                self.set(KEYS[at], vec![byte; 9], SetMode::Update(version)).await;
            }
            Op::Delete(at) => {
                if self.went_well(self.cache.delete(&key(KEYS[at])).await) {
                    self.truth.write(KEYS[at], None);
                }
            }
            Op::DeletePrefix(all) => {
                let prefix = below(all);
                if self.went_well(self.cache.delete_prefix(&prefix).await) {
                    KEYS.iter().filter(|name| prefix.holds(&key(name))).for_each(|name| self.truth.write(name, None));
                }
            }
            Op::Clear => {
                self.cache.clear_cache().await.unwrap();
                self.truth.forget(|_| true);
            }
            Op::Invalidate(at) => {
                self.cache.invalidate(&key(KEYS[at])).await.unwrap();
                self.truth.forget(|name| name == KEYS[at]);
            }
            Op::InvalidatePrefix(all) => {
                self.cache.invalidate_prefix(&below(all)).await.unwrap();
                self.truth.forget(|name| below(all).holds(&key(name)));
            }
            Op::Plant(at, byte, len) => {
                self.source.inner().put(&key(KEYS[at]), vec![byte; len]).await.unwrap();
                self.truth.plant(KEYS[at], Some(vec![byte; len]));
            }
            Op::Vanish(at) => {
                self.source.inner().delete(&key(KEYS[at])).await.unwrap();
                self.truth.plant(KEYS[at], None);
            }
            Op::SourceDown(down) => self.source_down(down),
            Op::Advance(ms) => self.advance(ms),
            Op::SetBack(ms) => self.set_back(ms),
            Op::Reopen => {
                self.cache.flush().await;
                match open(&self.setup, &self.source, &self.tier, &self.clock).await {
                    Some(cache) => self.cache = cache,
                    None => return false,
                }
                self.slack_ms = self.set_back_ms;
            }
            Op::Flush => self.cache.flush().await,
        }
        true
    }

    /// What must hold after each move.
    pub(crate) async fn check(&self) {
        self.cache.check().unwrap();
        assert!(self.tier.inner().held_bytes_max() <= MAX, "{} of {MAX} bytes", self.tier.inner().held_bytes_max());
        self.cache.flush().await;
        if self.cache.explain(&key(KEYS[0])).outlook == Outlook::Miss(MissReason::TierUnopened) {
            // Nothing is written to it, and what it holds is not known.
            return;
        }
        let info = self.cache.info();
        let (charged, held) = (info.current_size + info.overhead_size, self.tier.inner().recount().await.unwrap());
        if self.setup.rates == zstore_testkit::Rates::default() {
            assert_eq!(charged, held);
        } else {
            // What was deleted by a call that failed stays charged until the next try.
            assert!(charged >= held, "{charged} bytes are charged and {held} are there");
        }
    }

    /// Time runs, and the cache notices: it cannot see a clock set back from a time that it never saw.
    fn advance(&mut self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.truth.now_ms += ms;
        let _ = self.cache.explain(&key(KEYS[0]));
    }

    fn set_back(&mut self, ms: u64) {
        self.advance(0);
        let now = zstore_core::Clock::now(&*self.clock).as_millis();
        self.clock.set(zstore_core::Timestamp::from_millis(now - ms));
        self.set_back_ms += ms;
        self.advance(0);
    }

    fn source_down(&mut self, down: bool) {
        self.source.heal();
        if down {
            self.source.fail_always(Calls::All, ErrorKind::Unavailable);
        }
        self.source_down = down;
    }

    /// A write succeeds unless the source is down.
    fn went_well<V>(&self, result: Result<V>) -> bool {
        match result {
            Ok(_) => true,
            Err(error) => {
                self.forgive(&error);
                false
            }
        }
    }

    fn forgive(&self, error: &Error) {
        assert!(self.source_down && error.kind() == ErrorKind::Unavailable, "{error:?}");
    }

    fn expect(&self, name: &str, found: Result<Option<Vec<u8>>>) {
        match found {
            Err(error) => self.forgive(&error),
            Ok(found) => {
                let legal = self.truth.legal(name, self.age_ms());
                assert!(legal.contains(&found.as_deref()), "{name}: {} is none of {}", brief(&found), legal.len());
            }
        }
    }

    async fn set(&mut self, name: &'static str, value: Vec<u8>, mode: SetMode) {
        let there = self.truth.current(name).is_some();
        let right = match &mode {
            SetMode::Overwrite => true,
            SetMode::Create => !there,
            SetMode::Update(version) => there && *version == self.version(name, true).await,
        };
        match self.cache.set(&key(name), value.clone().into(), mode).await {
            Ok(_) => {
                assert!(right);
                self.truth.write(name, Some(value));
            }
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => assert!(!right),
            Err(error) => self.forgive(&error),
        }
    }

    async fn version(&self, name: &str, right: bool) -> Version {
        let meta = self.source.inner().head(&key(name)).await.unwrap();
        meta.filter(|_| right).map_or_else(|| Version::from_e_tag("\"another\""), |meta| meta.version)
    }

    async fn get_if_none_match(&self, name: &str, right: bool) {
        let version = self.version(name, right).await;
        match self.cache.get(&key(name), &GetOptions::default().if_none_match(version.clone())).await {
            Ok(Fetch::NotModified(found)) => assert!(right && found == version),
            found => self.expect(name, found.map(|fetch| fetch.into_object().map(|object| object.bytes.to_vec()))),
        }
    }

    async fn head(&self, name: &str) {
        match self.cache.head(&key(name)).await {
            Err(error) => self.forgive(&error),
            Ok(found) => {
                let size = |value: &Option<&[u8]>| value.map(|value| value.len() as u64);
                let sizes: Vec<_> = self.truth.legal(name, self.age_ms()).iter().map(size).collect();
                assert!(sizes.contains(&found.map(|meta| meta.size)), "{sizes:?}");
            }
        }
    }

    async fn ranges(&self, name: &str, ranges: &[ByteRange]) {
        let found = match ranges {
            [range] => self.cache.get_range(&key(name), range.clone()).await.map(|part| part.map(|part| vec![part])),
            _ => self
                .cache
                .get_ranges(&key(name), ranges)
                .await
                .map(|found| found.map(|found| found.parts.into_iter().map(|part| part.bytes).collect())),
        };
        let legal = self.truth.legal(name, self.age_ms());
        let cut = |value: &Option<&[u8]>| {
            let Some(value) = value else { return Ok(None) };
            let resolved = ranges
                .iter()
                .map(|range| range.resolve(value.len() as u64))
                .collect::<std::result::Result<Vec<_>, _>>();
            resolved.map(|ranges| {
                Some(ranges.into_iter().map(|range| value[range.start as usize..range.end as usize].to_vec()).collect())
            })
        };
        let legal: Vec<std::result::Result<Option<Vec<Vec<u8>>>, _>> = legal.iter().map(cut).collect();
        match found {
            Err(error) if error.kind() == ErrorKind::InvalidRange => {
                assert!(legal.iter().any(std::result::Result::is_err))
            }
            Err(error) => self.forgive(&error),
            Ok(found) => {
                let found = found.map(|parts| parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>());
                assert!(legal.contains(&Ok(found)), "{name}: {ranges:?} is of none of {} versions", legal.len());
            }
        }
    }
}

fn brief(value: &Option<Vec<u8>>) -> String {
    value.as_ref().map_or("nothing".to_owned(), |value| format!("{} bytes of {:?}", value.len(), value.first()))
}

/// `None` if both marks were misread or torn: a tier that cannot be told to be ours is refused, which loses nothing.
async fn open<T: Store + 'static>(
    setup: &Setup,
    source: &Arc<Source>,
    tier: &Arc<T>,
    clock: &Arc<ManualClock>,
) -> Option<CacheStore<Source, T>> {
    let aged = Freshness::aged(Duration::from_millis(AGE_MS));
    let bound = Duration::from_millis(BOUND_MS);
    let freshness = match setup.freshness {
        op::Freshness::Aged => aged,
        op::Freshness::Refetched => aged.expiry(Expiry::Refetch),
        op::Freshness::Revalidated => Freshness::revalidate(),
        op::Freshness::StaleWhileRevalidate => aged.stale_while_revalidate(bound),
        op::Freshness::StaleIfError => aged.stale_if_error(bound),
    };
    let freshness = freshness.absent_max_age(Duration::from_secs(5));
    let builder =
        CacheStore::builder(Arc::clone(source), Arc::clone(tier)).max_size(MAX).range_strategy(setup.strategy);
    let built =
        builder.freshness(freshness).policy(POLICIES[setup.policy].1).clock(Arc::clone(clock) as _).build().await;
    built.inspect_err(|error| assert_eq!(error.kind(), ErrorKind::Conflict)).ok()
}
