//! The whole contract, there and back: a store as objects, and those objects as a store.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use zstore_core::Prefix;
use zstore_memory::MemoryStore;
use zstore_object_store::Objects;
use zstore_remote::RemoteStore;
use zstore_testkit::conformance;

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    conformance::main(|| async {
        // Whoever hands objects in must tell them apart; here they are numbered.
        let name = format!("objects:{}/{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        RemoteStore::new(Arc::new(Objects::new(MemoryStore::new())), Prefix::root(), &name).unwrap()
    })
}
