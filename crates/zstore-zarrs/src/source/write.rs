//! Writing.

use async_trait::async_trait;
use bytes::Bytes;
use zarrs_storage::{AsyncReadableStorageTraits, AsyncWritableStorageTraits, StorageError, StoreKey};
use zstore_core::{ErrorKind, Key, Operation, Payload, Prefix, Result, SetMode, Store, Version};

use crate::{ZarrsSource, names, source::list::holds_values};

impl<S: AsyncReadableStorageTraits + AsyncWritableStorageTraits + ?Sized + 'static> ZarrsSource<S> {
    /// Writes where an empty directory may be in the way: zarrs' own deletions leave them behind.
    async fn write(&self, key: &Key, name: &StoreKey, value: Bytes) -> Result<(), StorageError> {
        let written = self.storage.set(name, value.clone()).await;
        let (Err(error), Some(listing)) = (&written, &self.listing) else { return written };
        let here = Prefix::from(key);
        if !self.layout.is_in_the_way(error) || holds_values(listing, &here).await? {
            return written;
        }
        self.storage.erase_prefix(&names::store_prefix(&here)?).await?;
        self.storage.set(name, value).await
    }
}

#[async_trait]
impl<S: AsyncReadableStorageTraits + AsyncWritableStorageTraits + ?Sized + 'static> Store for ZarrsSource<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        if mode != SetMode::Overwrite {
            let why = "zarrs writes without conditions alone; overwrite, and let one write a value at a time";
            return Err(self.error(ErrorKind::Unsupported, Operation::Set, key, why));
        }
        let name = self.key(Operation::Set, key)?;
        match self.write(key, &name, value.into_bytes()).await {
            Ok(()) => Ok(Version::default()),
            Err(error) if self.layout.is_in_the_way(&error) => {
                let why = "files cannot hold a value both at a key and below it; delete what is in the way";
                Err(self.error(ErrorKind::Conflict, Operation::Set, key, why).with_source(error))
            }
            Err(error) => Err(self.failed(Operation::Set, key, error)),
        }
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        match self.storage.erase(&self.key(Operation::Delete, key)?).await {
            Err(error) if !self.layout.is_missing(&error) => Err(self.failed(Operation::Delete, key, error)),
            _ => Ok(()),
        }
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.listing(Operation::DeletePrefix, prefix)?;
        match self.storage.erase_prefix(&self.prefix(prefix)?).await {
            Err(error) if !self.layout.is_missing(&error) => Err(self.failed(Operation::DeletePrefix, prefix, error)),
            _ => Ok(()),
        }
    }
}
