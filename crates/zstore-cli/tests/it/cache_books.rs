//! What a cache that is opened next believes to hold, after a command has removed blobs behind the backs of its books.

use std::{fs, path::Path, sync::Arc};

use serde_json::json;
use zstore_cache::CacheStore;
use zstore_core::{ReadStoreExt, StoreExt};
use zstore_format::Part;
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;

use crate::{
    binary::Bench,
    planted::{self, blob_path, key},
};

/// So many values of so many bytes fill the cache.
const VALUES: usize = 8;
const VALUE_BYTES: usize = 10_000;
const CACHE_BYTES: u64 = 90_000;

async fn open(directory: &Path) -> CacheStore<MemoryStore, LocalStore> {
    let source = Arc::new(MemoryStore::new());
    for set in ["old", "new"] {
        for at in 0..VALUES {
            source.put(&key(&format!("{set}/{at}")), vec![5; VALUE_BYTES]).await.unwrap();
        }
    }
    let tier = Arc::new(LocalStore::create_cache(directory).unwrap());
    let cache = CacheStore::builder(source, tier).namespace("full").max_size(CACHE_BYTES).build().await.unwrap();
    // What the books say is known from here on.
    cache.flush().await;
    cache
}

async fn fill(cache: &CacheStore<MemoryStore, LocalStore>, set: &str) {
    for at in 0..VALUES {
        cache.get_bytes(&key(&format!("{set}/{at}"))).await.unwrap().unwrap();
    }
    cache.flush().await;
}

/// A full cache, used by nobody.
fn plant_full(directory: &Path) {
    planted::block_on(async {
        let cache = open(directory).await;
        fill(&cache, "old").await;
        assert_eq!((cache.info().resident_blobs, cache.stats().evictions), (VALUES as u64, 0));
    });
}

#[test]
fn who_opens_a_cache_next_does_not_believe_in_what_a_command_removed() {
    for words in [
        &["clear", "--yes"][..],
        &["clear", "--yes", "--namespace", "full"],
        &["prune", "--max-size", "0"],
        &["verify", "--repair"],
    ] {
        let bench = Bench::new();
        let path = bench.path("cache");
        plant_full(&path);
        let is_repair = words[0] == "verify";
        for at in 0..VALUES {
            if is_repair {
                fs::write(blob_path(&path, "full", &format!("old/{at}"), Part::Whole), "torn").unwrap();
            }
        }
        let report = planted::json(&bench, i32::from(is_repair), &[words, &[path.to_str().unwrap()]].concat());
        assert_eq!(report["removed_blobs"], json!(VALUES), "{words:?}");
        planted::block_on(async {
            let cache = open(&path).await;
            assert_eq!(cache.info().resident_blobs, 0, "{words:?}");
            fill(&cache, "new").await;
            let (info, stats) = (cache.info(), cache.stats());
            assert_eq!((info.resident_blobs, stats.evictions), (VALUES as u64, 0), "{words:?}");
        });
    }
}

#[test]
fn what_removes_nothing_disturbs_no_books() {
    let bench = Bench::new();
    let path = bench.path("cache");
    let directory = path.to_str().unwrap();
    plant_full(&path);
    let mark = path.join("disturbed");
    for words in [
        &["prune", directory, "--older-than", "30d"][..],
        &["prune", directory, "--max-size", "0", "--dry-run"],
        &["verify", directory, "--repair"],
        &["stats", directory],
    ] {
        planted::json(&bench, 0, words);
        assert!(!mark.exists(), "{words:?}");
    }
    planted::json(&bench, 0, &["clear", directory, "--yes"]);
    let foreign = planted::json(&bench, 0, &["stats", directory])["foreign_files"].clone();
    assert_eq!((fs::read(&mark).unwrap(), foreign), (vec![], json!(0)));
}

#[test]
fn a_cache_without_books_is_not_marked() {
    let bench = Bench::new();
    let path = bench.path("cache");
    let blob = planted::plant(&path, "alone", 500, zstore_core::Timestamp::from_millis(1));
    planted::json(&bench, 0, &["clear", path.to_str().unwrap(), "--yes"]);
    assert!(!blob.exists() && !path.join("disturbed").exists());
}

#[test]
fn the_mark_may_be_used_by_whoever_may_use_the_directory() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new();
    let path = bench.path("cache");
    plant_full(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o2770)).unwrap();
    planted::json(&bench, 0, &["clear", path.to_str().unwrap(), "--yes"]);
    let mode = fs::metadata(path.join("disturbed")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
}
