//! The contract's conformance suite, on this store.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

use zstore_local::LocalStore;
use zstore_testkit::conformance::{self, Fixture};

fn main() {
    conformance::main(|| async {
        let scratch = tempfile::tempdir().unwrap();
        let store = LocalStore::open(scratch.path()).unwrap();
        Fixture::new(store).with_guard(scratch)
    })
}
