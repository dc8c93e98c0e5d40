//! The reading half of the contract, by the S3 protocol: to read without a signature is to ask `/bucket/key`, which an
//! origin answers too.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::stream;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Prefix,
    Prefixed, Ranges, ReadStore, Result, StoreExt,
};
use zstore_origin::Origin;
use zstore_remote::{RemoteBuilder, RemoteReader};
use zstore_testkit::{
    MapStore,
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
        ReadFixture::new(WithoutListing(reader)).with_guard(origin)
    })
}

/// The reader without what an origin cannot answer: it does not list.
#[derive(Debug)]
struct WithoutListing(RemoteReader);

impl fmt::Display for WithoutListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl WithoutListing {
    fn refusal(&self, prefix: &Prefix) -> Error {
        Error::new(ErrorKind::Unsupported, Operation::List).with_store(self).with_key(prefix)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ReadStore for WithoutListing {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.listing = false;
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.0.get(key, options).await
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.0.get_now(key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.0.get_ranges(key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.0.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let refusal = self.refusal(prefix);
        Box::pin(stream::once(async { Err(refusal) }))
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        Err(self.refusal(prefix))
    }
}
