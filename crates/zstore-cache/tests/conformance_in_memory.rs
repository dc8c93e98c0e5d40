//! A cache store keeps the contract of the store it caches, over a tier that shares its memory.

use std::sync::Arc;

use zstore_cache::CacheStore;
use zstore_memory::MemoryStore;
use zstore_testkit::conformance;

fn main() {
    conformance::main(|| async {
        let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        CacheStore::builder(source, tier).max_size(64 << 20).build().await.expect("the settings are sound")
    })
}
