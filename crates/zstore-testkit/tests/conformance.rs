//! The reference store keeps the contract.

use zstore_testkit::{MapStore, conformance};

fn main() {
    conformance::main(|| async { MapStore::new() })
}
