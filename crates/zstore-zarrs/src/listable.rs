//! Listing.

use async_trait::async_trait;
use zarrs_storage::{
    AsyncListableStorageTraits, StorageError, StoreKeys, StoreKeysPrefixes, StorePrefix, StorePrefixes,
};
use zstore_core::{Prefix, ReadStore, ReadStoreExt};

use crate::{ZarrsStore, failure::storage_error, names};

impl<S: ReadStore + ?Sized> ZarrsStore<S> {
    async fn keys_below(&self, prefix: &Prefix) -> Result<StoreKeys, StorageError> {
        let all = self.store().list_all(prefix).await.map_err(storage_error)?;
        all.iter().map(|meta| names::store_key(&meta.key)).collect()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore + ?Sized> AsyncListableStorageTraits for ZarrsStore<S> {
    async fn list(&self) -> Result<StoreKeys, StorageError> {
        self.keys_below(&Prefix::root()).await
    }

    async fn list_prefix(&self, prefix: &StorePrefix) -> Result<StoreKeys, StorageError> {
        self.keys_below(&names::prefix(prefix)?).await
    }

    async fn list_dir(&self, prefix: &StorePrefix) -> Result<StoreKeysPrefixes, StorageError> {
        let found = self.store().list_dir(&names::prefix(prefix)?).await.map_err(storage_error)?;
        let keys = found.values.iter().map(|meta| names::store_key(&meta.key)).collect::<Result<StoreKeys, _>>()?;
        let prefixes = found.prefixes.iter().map(names::store_prefix).collect::<Result<StorePrefixes, _>>()?;
        Ok(StoreKeysPrefixes::new(keys, prefixes))
    }

    async fn size_prefix(&self, prefix: &StorePrefix) -> Result<u64, StorageError> {
        self.store().size_below(&names::prefix(prefix)?).await.map_err(storage_error)
    }

    async fn size(&self) -> Result<u64, StorageError> {
        self.store().size_below(&Prefix::root()).await.map_err(storage_error)
    }
}
