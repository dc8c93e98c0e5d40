//! A cache store keeps the contract of the store it caches, over tiers of every kind.

use std::sync::Arc;

use zstore_cache::CacheStore;
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, conformance};

fn main() {
    // The tier is not sharing its memory, so that headers, checksums and recovery are in the way of every case.
    conformance::main(|| async {
        let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(Faulty::new(MemoryStore::new())));
        CacheStore::builder(source, tier).max_size(64 << 20).build().await.expect("the settings are sound")
    })
}
