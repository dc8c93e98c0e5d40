//! A hit in memory: a cache over a tier in memory, beside caches that only map keys to bytes.
//!
//! All hold the same 10,000 values of 4 KiB under the same keys and are asked in the same order, by one thread; each
//! peer is as it comes, its hasher included. Asynchronous hits are polled once, as a task would, so that no executor
//! is measured.

use std::{error::Error, hint::black_box, sync::Arc};

use bytes::Bytes;
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use futures::FutureExt;
use zstore_benches::{chunk, chunk_keys, uniform};
use zstore_cache::CacheStore;
use zstore_core::{Fetch, GetOptions, Key, ReadStore, ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;

const RESIDENTS: usize = 10_000;
const VALUE_BYTES: usize = 4096;
/// Twice what is held: nobody evicts.
const ROOM_BYTES: u64 = 2 * (RESIDENTS * VALUE_BYTES) as u64;
/// More than any cache of the processor foresees.
const ASKED: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let keys = chunk_keys(RESIDENTS)?;
    let asked = uniform(&keys, ASKED);
    let mut group = criterion.benchmark_group("memory hit of 4 KiB among 10000");
    cache_store(&mut group, &keys, &asked)?;
    moka(&mut group, &keys, &asked)?;
    quick_cache(&mut group, &keys, &asked)?;
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn cache_store(group: &mut BenchmarkGroup<'_, WallTime>, keys: &[Key], asked: &[Key]) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cache = runtime.block_on(async {
        let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        let cache = CacheStore::builder(Arc::clone(&source), tier).max_size(ROOM_BYTES).build().await?;
        for (index, key) in keys.iter().enumerate() {
            source.put(key, chunk(index, VALUE_BYTES)).await?;
            cache.get_bytes(key).await?;
        }
        cache.flush().await;
        Ok::<_, zstore_core::Error>(cache)
    })?;
    let options = GetOptions::default();
    let got = |fetch: Option<Fetch>| matches!(fetch, Some(Fetch::Object(object)) if object.bytes.len() == VALUE_BYTES);
    let get = |key: &Key| cache.get(key, &options).now_or_never().and_then(Result::ok);
    let get_now = |key: &Key| cache.get_now(key, &options);
    assert!(keys.iter().all(|key| got(get(key)) && got(get_now(key))), "all are resident");
    let before = cache.stats();
    measure(group, "zstore get", asked, get);
    measure(group, "zstore get_now", asked, get_now);
    assert_eq!(cache.stats().misses, before.misses, "only hits were measured");
    Ok(())
}

fn moka(group: &mut BenchmarkGroup<'_, WallTime>, keys: &[Key], asked: &[Key]) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let weigh = |_: &Key, value: &Bytes| u32::try_from(value.len()).unwrap_or(u32::MAX);
    let cache = moka::future::Cache::builder().max_capacity(ROOM_BYTES).weigher(weigh).build();
    runtime.block_on(async {
        for (index, key) in keys.iter().enumerate() {
            cache.insert(key.clone(), chunk(index, VALUE_BYTES)).await;
        }
        cache.run_pending_tasks().await;
    });
    let get = |key: &Key| cache.get(key).now_or_never().flatten();
    assert!(keys.iter().all(|key| get(key).is_some_and(|value| value.len() == VALUE_BYTES)), "all are resident");
    measure(group, "moka future get", asked, get);
    Ok(())
}

fn quick_cache(group: &mut BenchmarkGroup<'_, WallTime>, keys: &[Key], asked: &[Key]) -> Result<(), Box<dyn Error>> {
    #[derive(Clone)]
    struct Weigh;
    impl quick_cache::Weighter<Key, Bytes> for Weigh {
        fn weight(&self, _: &Key, value: &Bytes) -> u64 {
            value.len() as u64
        }
    }
    let cache = quick_cache::sync::Cache::with_weighter(2 * RESIDENTS, ROOM_BYTES, Weigh);
    for (index, key) in keys.iter().enumerate() {
        cache.insert(key.clone(), chunk(index, VALUE_BYTES));
    }
    let get = |key: &Key| cache.get(key);
    assert!(keys.iter().all(|key| get(key).is_some_and(|value| value.len() == VALUE_BYTES)), "all are resident");
    measure(group, "quick_cache get", asked, get);
    Ok(())
}

fn measure<V>(group: &mut BenchmarkGroup<'_, WallTime>, way: &str, asked: &[Key], get: impl Fn(&Key) -> V) {
    group.bench_function(way, |bencher| {
        let mut asked = asked.iter().cycle();
        bencher.iter(|| asked.next().map(|key| black_box(get(key))));
    });
}
