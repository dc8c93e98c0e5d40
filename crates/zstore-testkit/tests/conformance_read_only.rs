//! A reference store that can only be read keeps the reading half of the contract.

use zstore_core::{ReadOnly, StoreExt};
use zstore_testkit::{MapStore, conformance};

fn main() {
    conformance::main_read_only(|values| async move {
        let store = MapStore::new();
        for (key, bytes) in values {
            store.put(&key, bytes).await.expect("a map takes every value");
        }
        ReadOnly::new(store)
    })
}
