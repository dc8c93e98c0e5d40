//! An array of a web server, read by zarrs through a cache in memory over a cache in a directory:
//! `cargo run -p zstore-zarrs --example cached_array`.
//!
//! The web server is one of our own on this machine, which counts what it is asked. In a program of yours there would be
//! the address of a real one, and a directory that stays.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path, sync::Arc};

use zarrs::array::{Array, ArrayBuilder, ArraySubset, data_type};
use zstore_cache::CacheStore;
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_origin::Origin;
use zstore_remote::RemoteReader;
use zstore_zarrs::ZarrsStore;

type Outcome<V> = Result<V, Box<dyn Error + Send + Sync>>;

/// A memory tier over a directory tier over a web server.
type Cache = CacheStore<CacheStore<RemoteReader, LocalStore>, MemoryStore>;

async fn open(url: &str, directory: &Path) -> Outcome<Cache> {
    let source = Arc::new(RemoteReader::from_url(url)?);
    let directory = Arc::new(LocalStore::create_cache(directory)?);
    let disk = CacheStore::builder(source, directory).max_size(10 << 30).build().await?;
    Ok(disk.under(Arc::new(MemoryStore::new())).max_size(256 << 20).build().await?)
}

/// Opens the array and reads a window of it; answers the sum of its numbers.
async fn pass(cache: &Cache) -> Outcome<u64> {
    let array = Array::async_open(Arc::new(ZarrsStore::new(Arc::new(cache.clone()))), "/elevation").await?;
    let window = ArraySubset::new_with_ranges(&[384..640, 384..640]);
    let numbers: Vec<u16> = array.async_retrieve_array_subset(&window).await?;
    // Fills land behind a reader's back: a count that is to be the same every time waits for them.
    cache.flush().await;
    Ok(numbers.into_iter().map(u64::from).sum())
}

/// What the web server serves: 1024 by 1024 numbers in four shards, each of 16 inner chunks.
async fn sample() -> Outcome<Arc<MemoryStore>> {
    let store = Arc::new(MemoryStore::new());
    let mut builder = ArrayBuilder::new(vec![1024, 1024], vec![512, 512], data_type::uint16(), 0u16);
    builder.subchunk_shape(Some(vec![128, 128]));
    let array = builder.build(Arc::new(ZarrsStore::new(Arc::clone(&store))), "/elevation")?;
    array.async_store_metadata().await?;
    let numbers: Vec<u16> = (0..1024 * 1024u32).map(|at| (at % 4801 + 1) as u16).collect();
    array.async_store_array_subset(&array.subset_all(), numbers).await?;
    Ok(store)
}

#[tokio::main]
pub(crate) async fn main() -> Outcome<()> {
    let origin = Origin::builder(sample().await?).bind().await?;
    let scratch = tempfile::tempdir()?;
    let directory = scratch.path().join("cache");

    let cache = open(&origin.url(), &directory).await?;
    let mut seen = Vec::new();
    for name in ["first pass", "second pass"] {
        seen.push((name, pass(&cache).await?, origin.counts()));
        origin.reset_counts();
    }
    // As a new process would do: memory is empty, and the directory is as it was.
    drop(cache);
    let cache = open(&origin.url(), &directory).await?;
    seen.push(("after a restart", pass(&cache).await?, origin.counts()));

    for (name, sum, counts) in &seen {
        println!("{name}: sum {sum}, {} requests, {} bytes", counts.requests, counts.body_bytes);
    }
    let requests: Vec<u64> = seen.iter().map(|(_, _, counts)| counts.requests).collect();
    // The metadata of the array, and of each of the four shards its index and the rest.
    assert_eq!(requests, [1 + 4 * 2, 0, 0]);
    assert!(seen.iter().all(|(_, sum, _)| *sum == seen[0].1), "{seen:?}");
    Ok(())
}
