//! The contract's conformance suite, on this store.

use zstore_memory::MemoryStore;
use zstore_testkit::conformance;

fn main() {
    conformance::main(|| async { MemoryStore::new() })
}
