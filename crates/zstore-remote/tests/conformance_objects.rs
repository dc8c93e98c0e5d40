//! The whole contract, over an object store in memory, below a prefix.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use object_store::memory::InMemory;
use zstore_core::Prefix;
use zstore_remote::RemoteStore;
use zstore_testkit::conformance;

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    conformance::main(|| async {
        // Whoever hands objects in must tell them apart; here they are numbered.
        let name = format!("memory:{}/{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let prefix = Prefix::new("below/a prefix").expect("a prefix by the rules");
        RemoteStore::new(Arc::new(InMemory::new()), prefix, &name).unwrap()
    })
}
