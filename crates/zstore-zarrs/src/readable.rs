//! Reading.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use zarrs_storage::{
    AsyncMaybeBytesIterator, AsyncReadableStorageTraits, MaybeBytes, StorageError, StoreKey,
    byte_range::{ByteRange as TheirRange, ByteRangeIterator},
};
use zstore_core::{Error, ErrorKind, GetOptions, Key, ReadStore};

use crate::{ZarrsStore, failure::storage_error, names, ranges};

impl<S: ReadStore + ?Sized> ZarrsStore<S> {
    /// What zarrs is told of a failed read: of a range past the end, which range of how many bytes.
    ///
    /// The contract's error does not tell the size, so it is asked for: an error may cost a request more. If the value
    /// is gone by then, there is none to read.
    async fn read_failure<T>(&self, key: &Key, wanted: &[TheirRange], error: Error) -> Result<Option<T>, StorageError> {
        if error.kind() != ErrorKind::InvalidRange {
            return Err(storage_error(error));
        }
        let Some(meta) = self.store().head(key).await.map_err(storage_error)? else {
            return Ok(None);
        };
        wanted.iter().try_for_each(|range| ranges::check(*range, meta.size))?;
        // The value has grown since: the ranges are good now, and were not when they were read.
        Err(storage_error(error))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore + ?Sized> AsyncReadableStorageTraits for ZarrsStore<S> {
    async fn get(&self, key: &StoreKey) -> Result<MaybeBytes, StorageError> {
        let fetch = self.store().get(&names::key(key)?, &GetOptions::default()).await.map_err(storage_error)?;
        Ok(fetch.into_object().map(|object| object.bytes))
    }

    async fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        byte_ranges: ByteRangeIterator<'a>,
    ) -> Result<AsyncMaybeBytesIterator<'a>, StorageError> {
        let key = names::key(key)?;
        let wanted: Vec<TheirRange> = byte_ranges.collect();
        let asked: Vec<_> = wanted.iter().copied().map(ranges::range).collect();
        let found = match self.store().get_ranges(&key, &asked).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => return self.read_failure(&key, &wanted, error).await,
        };
        wanted.iter().try_for_each(|range| ranges::check(*range, found.meta.size))?;
        Ok(Some(stream::iter(found.parts.into_iter().map(|part| Ok(part.bytes))).boxed()))
    }

    async fn get_partial<'a>(&'a self, key: &StoreKey, byte_range: TheirRange) -> Result<MaybeBytes, StorageError> {
        let key = names::key(key)?;
        match self.store().get(&key, &GetOptions::range(ranges::range(byte_range))).await {
            Ok(fetch) => {
                let Some(object) = fetch.into_object() else { return Ok(None) };
                ranges::check(byte_range, object.meta.size)?;
                Ok(Some(object.bytes))
            }
            Err(error) => self.read_failure(&key, &[byte_range], error).await,
        }
    }

    async fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        let meta = self.store().head(&names::key(key)?).await.map_err(storage_error)?;
        Ok(meta.map(|meta| meta.size))
    }

    /// Without native ranges every part would move the whole value: zarrs then does better to read the whole once.
    fn supports_get_partial(&self) -> bool {
        self.store().capabilities().native_ranges
    }
}
