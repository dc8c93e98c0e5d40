//! Pointers to stores are stores.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;

use crate::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Payload, Prefix, Ranges, ReadStore,
    Result, SetMode, Store, Version,
};

macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<S: ReadStore + ?Sized> ReadStore for $pointer<S> {
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
                (**self).get(key, options).await
            }

            fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
                (**self).get_now(key, options)
            }

            async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
                (**self).get_ranges(key, ranges).await
            }

            async fn head(&self, key: &Key) -> Result<Option<Meta>> {
                (**self).head(key).await
            }

            fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
                (**self).list(prefix)
            }

            async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
                (**self).list_dir(prefix).await
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<S: Store + ?Sized> Store for $pointer<S> {
            async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
                (**self).set(key, value, mode).await
            }

            async fn delete(&self, key: &Key) -> Result<()> {
                (**self).delete(key).await
            }

            async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
                (**self).delete_prefix(prefix).await
            }

            async fn sweep(&self, prefix: &Prefix) -> Result<()> {
                (**self).sweep(prefix).await
            }

            fn shared_directory(&self) -> Option<&Path> {
                (**self).shared_directory()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
