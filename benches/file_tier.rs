//! A hit in files: a cache over a tier in a directory, beside reading plain files of the same sizes.
//!
//! All files are in the page cache. The peers check nothing: `std fs read` is what the system takes at least, from
//! the calling thread; `plain LocalStore` is the tier's own store without the cache around it. What is asked of
//! stores runs in a task of a runtime with several threads, as programs do it.

use std::{
    error::Error,
    fs,
    hint::black_box,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use tokio::runtime::Runtime;
use zstore_benches::{chunk, chunk_keys, uniform};
use zstore_cache::CacheStore;
use zstore_core::{Key, ReadStore, ReadStoreExt, StoreExt};
use zstore_local::LocalStore;

/// Few enough that all files of 1 MiB stay in the page cache of any machine.
const RESIDENTS: usize = 64;
const ASKED: usize = 1 << 12;
const SIZES: [(&str, usize); 3] = [("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let keys = chunk_keys(RESIDENTS)?;
    let asked: Arc<[Key]> = uniform(&keys, ASKED).into();
    for (shown, value_bytes) in SIZES {
        let scratch = tempfile::tempdir()?;
        let source = Arc::new(LocalStore::create(scratch.path().join("source"))?);
        let tier = Arc::new(LocalStore::create(scratch.path().join("tier"))?);
        let cache = runtime.block_on(async {
            let cache = CacheStore::builder(Arc::clone(&source), tier).build().await?;
            for (index, key) in keys.iter().enumerate() {
                source.put(key, chunk(index, value_bytes)).await?;
                cache.get_bytes(key).await?;
            }
            cache.flush().await;
            Ok::<_, zstore_core::Error>(cache)
        })?;
        let mut group = criterion.benchmark_group(format!("file hit of {shown}"));

        let before = cache.stats();
        assert_eq!(cache.info().resident_blobs, RESIDENTS as u64, "all are resident");
        of_store(&mut group, "zstore get", &runtime, &Arc::new(cache.clone()), &asked);
        assert_eq!(cache.stats().misses, before.misses, "only hits were measured");
        of_store(&mut group, "plain LocalStore get", &runtime, &source, &asked);

        let paths: Vec<PathBuf> = asked.iter().map(|key| scratch.path().join("source").join(key.as_str())).collect();
        for path in &paths {
            assert_eq!(fs::metadata(path)?.len(), value_bytes as u64, "the files are as long as said");
        }
        group.bench_function("std fs read", |bencher| {
            let mut paths = paths.iter().cycle();
            bencher.iter(|| paths.next().map(|path| black_box(fs::read(path))));
        });
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}

fn of_store<S: ReadStore + 'static>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    way: &str,
    runtime: &Runtime,
    store: &Arc<S>,
    asked: &Arc<[Key]>,
) {
    let mut from = 0;
    group.bench_function(way, |bencher| {
        // A batch is one task, so that a read is measured and not the way into the runtime.
        bencher.iter_custom(|count| {
            let (store, asked, start) = (Arc::clone(store), Arc::clone(asked), from);
            from += usize::try_from(count).unwrap_or(0) % ASKED;
            let batch = runtime.spawn(async move {
                let begun = Instant::now();
                for key in asked.iter().cycle().skip(start % ASKED).take(usize::try_from(count).unwrap_or(usize::MAX)) {
                    black_box(store.get_bytes(key).await.is_ok());
                }
                begun.elapsed()
            });
            // A batch that failed would be seen as one that took for ever.
            runtime.block_on(batch).unwrap_or(Duration::MAX)
        });
    });
}
