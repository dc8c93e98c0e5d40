//! A cache over a cache keeps the contract of the store below both.

use std::{sync::Arc, time::Duration};

use zstore_cache::CacheStore;
use zstore_memory::MemoryStore;
use zstore_testkit::{Faulty, conformance};

fn main() {
    conformance::main(|| async {
        let (source, disk) = (Arc::new(MemoryStore::new()), Arc::new(Faulty::new(MemoryStore::new())));
        // With an age, so that the upper cache looks into the books of the lower one at every hit.
        let below = CacheStore::builder(source, disk).max_size(64 << 20).max_age(Duration::from_secs(3600));
        let below = below.build().await.expect("the settings are sound");
        below.under(Arc::new(MemoryStore::new())).max_size(1 << 20).build().await.expect("the settings are sound")
    })
}
