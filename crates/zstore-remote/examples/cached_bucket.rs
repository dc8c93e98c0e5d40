//! A bucket of S3 cached into a directory:
//! `cargo run -p zstore-remote --features aws --example cached_bucket -- s3://BUCKET/PREFIX DIRECTORY`.
//!
//! Region, endpoint and credentials come from the environment, as for other tools; for a public bucket set
//! `AWS_SKIP_SIGNATURE=true`. Without arguments the bucket is a server on this machine with a small hierarchy, and the
//! directory is a scratch one, so that it runs without a network.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{env, error::Error, path::Path, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use zstore_cache::CacheStore;
use zstore_core::{Key, Prefix, ReadStore, ReadStoreExt, Result, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_origin::Origin;
use zstore_remote::{RemoteBuilder, RemoteReader};

/// Of a large bucket, so many values are read.
const VALUES_MAX: usize = 100;

/// What one pass over the values read, and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) values: usize,
    pub(crate) bytes: u64,
    pub(crate) requests: u64,
}

async fn open(bucket: &RemoteBuilder, directory: &Path) -> Result<CacheStore<RemoteReader, LocalStore>> {
    let source = Arc::new(bucket.open_reader()?);
    let tier = Arc::new(LocalStore::create_cache(directory)?);
    CacheStore::builder(source, tier).max_size(10 << 30).build().await
}

/// Reads the values through the directory, eight at a time, and then once more as a new process would.
async fn read_twice(bucket: &RemoteBuilder, directory: &Path, keys: &[Key]) -> Result<[Pass; 2]> {
    let mut passes = [Pass { values: 0, bytes: 0, requests: 0 }; 2];
    for pass in &mut passes {
        let cache = open(bucket, directory).await?;
        let reads: Vec<_> = keys.iter().map(|key| cache.get_bytes(key)).collect();
        let values: Vec<_> = stream::iter(reads).buffered(8).try_collect().await?;
        pass.values = values.iter().flatten().count();
        pass.bytes = values.iter().flatten().map(|bytes| bytes.len() as u64).sum();
        pass.requests = cache.stats().source_requests;
        // Fills land behind a reader's back: a program that ends right after reading waits for them.
        cache.flush().await;
    }
    Ok(passes)
}

/// A bucket that somebody named: whatever it lists first.
pub(crate) async fn of_url(url: &str, directory: &Path) -> Result<[Pass; 2]> {
    let bucket = RemoteBuilder::new(url).environment(env::vars());
    let listed = bucket.open_reader()?.list(&Prefix::root()).take(VALUES_MAX);
    let keys: Vec<Key> = listed.map_ok(|meta| meta.key).try_collect().await?;
    read_twice(&bucket, directory, &keys).await
}

/// A bucket of our own: to read one without a signature is to ask for `/BUCKET/KEY`, which a plain web server answers.
pub(crate) async fn of_this_machine(directory: &Path) -> Result<[Pass; 2]> {
    let store = Arc::new(MemoryStore::new());
    let mut keys = vec![Key::new("zarr.json")?, Key::new("temperature/zarr.json")?];
    for chunk in 0..12 {
        keys.push(Key::new(format!("temperature/c/{chunk}"))?);
    }
    for key in &keys {
        store.put(&Key::new(format!("bucket/climate.zarr/{key}"))?, vec![1; 10_000]).await?;
    }
    let origin = Origin::builder(store).bind().await?;
    let bucket = RemoteBuilder::new("s3://bucket/climate.zarr")
        .option("endpoint", origin.url())
        .option("skip_signature", "true");
    let passes = read_twice(&bucket, directory, &keys).await?;
    // What the cache says it asked is what the server was asked.
    assert_eq!(origin.counts().requests, passes[0].requests + passes[1].requests);
    Ok(passes)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, directory) = (env::args().nth(1), env::args().nth(2));
    let scratch = tempfile::tempdir()?;
    let directory = directory.map_or_else(|| scratch.path().join("cache"), Into::into);
    let passes = match url {
        Some(url) => of_url(&url, &directory).await?,
        None => of_this_machine(&directory).await?,
    };
    for (name, Pass { values, bytes, requests }) in ["first pass", "second pass"].into_iter().zip(passes) {
        println!("{name}: {values} values, {bytes} bytes, {requests} requests");
    }
    Ok(())
}
