//! A cache directory before any `ObjectStore`: `cargo run -p zstore-object-store --example cache_directory`.
//!
//! `report` stands for a library that knows nothing but `Arc<dyn ObjectStore>`: a query engine, a table format. It is
//! given the bucket itself, then the bucket behind a directory, and then a program that starts anew on that directory.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{path::Path as Directory, sync::Arc};

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use zstore_cache::CacheStore;
use zstore_core::Prefix;
use zstore_local::LocalStore;
use zstore_object_store::Objects;
use zstore_remote::RemoteStore;

type Cache = CacheStore<RemoteStore, LocalStore>;

/// Reads the footer of every file of a table, and then its first column.
async fn report(objects: Arc<dyn ObjectStore>) -> object_store::Result<u64> {
    let table = Path::from("table");
    let mut files: Vec<_> = objects.list(Some(&table)).try_collect().await?;
    files.sort_by(|a, b| a.location.cmp(&b.location));
    let mut sum = 0;
    for file in files {
        let footer = objects.get_range(&file.location, file.size - 8..file.size).await?;
        let columns = objects.get_ranges(&file.location, &[0..100, 500..600]).await?;
        sum += footer.iter().chain(columns.iter().flatten()).map(|byte| u64::from(*byte)).sum::<u64>();
    }
    Ok(sum)
}

/// The bucket behind a directory. The name tells the bucket's data from any other's that the directory may keep.
async fn open(bucket: &Arc<dyn ObjectStore>, directory: &Directory) -> zstore_core::Result<Cache> {
    let source = Arc::new(RemoteStore::new(Arc::clone(bucket), Prefix::root(), "s3://my-bucket")?);
    let tier = Arc::new(LocalStore::create_cache(directory)?);
    CacheStore::builder(source, tier).max_size(10 << 30).build().await
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bucket: Arc<dyn ObjectStore> = Arc::new(InMemory::new()); // or S3, or any other
    for part in 0..4_u8 {
        bucket.put(&Path::from(format!("table/part-{part}.parquet")), vec![part; 1000].into()).await?;
    }
    let directory = tempfile::tempdir()?;

    let expected = report(Arc::clone(&bucket)).await?;
    println!("{:<22} {:>8} {:>12} {:>12}", "", "requests", "from bucket", "from cache");
    for (time, is_first) in [("first", true), ("again, started anew", false)] {
        let cache = open(&bucket, directory.path()).await?;
        let sum = report(Arc::new(Objects::new(cache.clone()))).await?;
        assert_eq!(sum, expected);
        let stats = cache.stats();
        assert_eq!(stats.source_requests > 0, is_first, "{stats:?}");
        println!("{time:<22} {:>8} {:>12} {:>12}", stats.source_requests, stats.source_bytes, stats.tier_bytes);
        cache.flush().await;
    }
    Ok(())
}
