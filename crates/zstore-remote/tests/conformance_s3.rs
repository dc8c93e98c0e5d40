//! The reading half of the contract, by the S3 protocol: to read without a signature is to ask `/bucket/key`, which an
//! origin answers too.

use std::sync::Arc;

use zstore_core::{Prefix, Prefixed, StoreExt};
use zstore_origin::Origin;
use zstore_remote::RemoteBuilder;
use zstore_testkit::{
    MapStore, Restricted,
    conformance::{self, ReadFixture},
};

fn main() {
    conformance::main_read_only(|values| async move {
        let store = Arc::new(MapStore::new());
        let below =
            Prefixed::new(Arc::clone(&store), Prefix::new("bucket/some prefix").expect("a prefix by the rules"));
        for (key, bytes) in values {
            below.put(&key, bytes).await.expect("a map takes everything");
        }
        let origin = Origin::builder(store).bind().await.expect("a port can be bound");
        let reader = RemoteBuilder::new("s3://bucket/some%20prefix")
            .option("endpoint", origin.url())
            .option("skip_signature", "true")
            .open_reader()
            .expect("the settings make sense");
        // An origin has no pages of names.
        let reader = Restricted::new(reader, |capabilities| capabilities.listing = false);
        ReadFixture::new(reader).with_guard(origin)
    })
}
