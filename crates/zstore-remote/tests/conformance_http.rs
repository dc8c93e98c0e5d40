//! The reading half of the contract, over HTTP.

use std::sync::Arc;

use zstore_core::StoreExt;
use zstore_origin::Origin;
use zstore_remote::RemoteReader;
use zstore_testkit::{
    MapStore,
    conformance::{self, ReadFixture},
};

fn main() {
    conformance::main_read_only(|values| async move {
        let store = MapStore::new();
        for (key, bytes) in values {
            store.put(&key, bytes).await.expect("a map takes everything");
        }
        let origin = Origin::builder(Arc::new(store)).bind().await.expect("a port can be bound");
        let reader = RemoteReader::from_url(&origin.url()).expect("the address of an origin is a URL");
        ReadFixture::new(reader).with_guard(origin)
    })
}
