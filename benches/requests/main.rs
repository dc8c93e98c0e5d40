//! What a web server is asked when `zarrs` reads parts of a sharded array: through a cache of ours, and through
//! `zarrs_object_store`.
//!
//! `cargo xtask bench requests` runs it. An origin on this machine counts the requests and the bytes it sends. The
//! array is open before anything is counted, each reading begins with an empty cache, and counts are the same on every
//! machine: no time is measured.
#![expect(clippy::print_stdout, reason = "a bench is a program")]

mod array;

use std::{error::Error, sync::Arc};

use array::{READINGS, Reading, Sharded};
use object_store::{ClientOptions, http::HttpBuilder};
use zarrs::array::Array;
use zarrs_object_store::AsyncObjectStore;
use zarrs_storage::AsyncReadableStorageTraits;
use zstore_cache::CacheStore;
use zstore_memory::MemoryStore;
use zstore_origin::{Counts, Origin};
use zstore_remote::RemoteReader;
use zstore_zarrs::ZarrsStore;

type Outcome<V> = Result<V, Box<dyn Error>>;

/// What the origin was asked for a first reading, and for the same again.
type Costs = [Counts; 2];

/// Reads twice what `storage` has of the origin; `settled` waits for what goes on behind the reader's back.
async fn costs<S: AsyncReadableStorageTraits + 'static>(
    origin: &Origin,
    storage: Arc<S>,
    reading: Reading,
    settled: impl AsyncFn(),
) -> Outcome<Costs> {
    let array = Array::async_open(storage, "/array").await?;
    settled().await;
    let mut costs = Costs::default();
    for cost in &mut costs {
        origin.reset_counts();
        reading.read(&array).await?;
        settled().await;
        *cost = origin.counts();
    }
    Ok(costs)
}

async fn through_our_cache(origin: &Origin, reading: Reading) -> Outcome<Costs> {
    let source = Arc::new(RemoteReader::from_url(&origin.url())?);
    let cache = CacheStore::builder(source, Arc::new(MemoryStore::new())).build().await?;
    costs(origin, Arc::new(ZarrsStore::new(Arc::new(cache.clone()))), reading, async || cache.flush().await).await
}

async fn through_object_store(origin: &Origin, reading: Reading) -> Outcome<Costs> {
    let options = ClientOptions::new().with_allow_http(true);
    let objects = HttpBuilder::new().with_url(origin.url()).with_client_options(options).build()?;
    costs(origin, Arc::new(AsyncObjectStore::new(objects)), reading, async || ()).await
}

fn row(what: &str, counts: &Counts) -> String {
    format!("| {what} | {} | {} | {} |", counts.gets, counts.heads, counts.body_bytes)
}

async fn run() -> Outcome<()> {
    for sharded in [Sharded::LARGE, Sharded::SMALL] {
        let store = sharded.written().await?;
        let origin = Origin::builder(store).bind().await?;
        println!("\n### {sharded}\n");
        println!("| what | GET | HEAD | bytes |\n|---|---|---|---|");
        for (name, reading) in READINGS {
            let reading = reading(&sharded);
            let [cold, warm] = through_our_cache(&origin, reading.clone()).await?;
            let [first, second] = through_object_store(&origin, reading).await?;
            println!("{}", row(&format!("**{name}**: ours, cold"), &cold));
            println!("{}", row("ours, warm", &warm));
            println!("{}", row("`zarrs_object_store`, first", &first));
            println!("{}", row("`zarrs_object_store`, second", &second));
        }
        origin.shutdown().await;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}
