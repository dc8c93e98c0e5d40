//! Conveniences for callers, on every store.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::{ByteRange, GetOptions, Key, Meta, Payload, Prefix, ReadStore, Result, SetMode, Store, Version};

/// What callers often want of a [`ReadStore`]. It is implemented for every one and cannot be implemented otherwise.
#[async_trait]
pub trait ReadStoreExt: ReadStore {
    /// The whole value; `None` if it is missing.
    ///
    /// # Errors
    /// As [`ReadStore::get`].
    async fn get_bytes(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(self.get(key, &GetOptions::default()).await?.into_object().map(|object| object.bytes))
    }

    /// A part of the value; `None` if it is missing.
    ///
    /// # Errors
    /// As [`ReadStore::get`].
    async fn get_range(&self, key: &Key, range: ByteRange) -> Result<Option<Bytes>> {
        Ok(self.get(key, &GetOptions::range(range)).await?.into_object().map(|object| object.bytes))
    }

    /// Whether the value is there.
    ///
    /// # Errors
    /// As [`ReadStore::head`].
    async fn exists(&self, key: &Key) -> Result<bool> {
        Ok(self.head(key).await?.is_some())
    }

    /// All that [`ReadStore::list`] yields, in the order of the keys.
    ///
    /// # Errors
    /// As [`ReadStore::list`].
    ///
    /// # Cost
    /// Holds the metadata of every value below `prefix`.
    async fn list_all(&self, prefix: &Prefix) -> Result<Vec<Meta>> {
        let mut all: Vec<Meta> = self.list(prefix).try_collect().await?;
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }

    /// The size of all values strictly below `prefix` in bytes.
    ///
    /// # Errors
    /// As [`ReadStore::list`].
    async fn size_below(&self, prefix: &Prefix) -> Result<u64> {
        self.list(prefix).try_fold(0, async |sum, meta| Ok(sum + meta.size)).await
    }

    /// Whether there is no value strictly below `prefix`.
    ///
    /// # Errors
    /// As [`ReadStore::list`].
    async fn is_empty_below(&self, prefix: &Prefix) -> Result<bool> {
        Ok(self.list(prefix).next().await.transpose()?.is_none())
    }
}

impl<S: ReadStore + ?Sized> ReadStoreExt for S {}

/// What callers often want of a [`Store`]. It is implemented for every one and cannot be implemented otherwise.
#[async_trait]
pub trait StoreExt: Store {
    /// Writes a value, whatever was there.
    ///
    /// # Errors
    /// As [`Store::set`].
    async fn put<P: Into<Payload> + Send>(&self, key: &Key, value: P) -> Result<Version> {
        self.set(key, value.into(), SetMode::Overwrite).await
    }

    /// Writes a value where there was none.
    ///
    /// # Errors
    /// As [`Store::set`]; `PreconditionFailed` if there was one.
    async fn create<P: Into<Payload> + Send>(&self, key: &Key, value: P) -> Result<Version> {
        self.set(key, value.into(), SetMode::Create).await
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
