//! Writing.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use zarrs_storage::{AsyncWritableStorageTraits, OffsetBytesIterator, StorageError, StoreKey, StorePrefix};
use zstore_core::{Capabilities, Error, ErrorKind, GetOptions, Key, Object, Operation, SetMode, Store};

use crate::{ZarrsStore, failure::storage_error, names};

/// Of so many writers of parts of one value at once, each round of attempts lets at least one through; more than a
/// few at once are not writing a Zarr chunk.
const ATTEMPTS_MAX: usize = 16;

/// Enough to hide a round trip behind others, few enough not to flood a server on behalf of one caller.
const CONCURRENT_MAX: usize = 8;

impl<S: Store + ?Sized> ZarrsStore<S> {
    /// Reads the value, changes it and writes it back, if the deployment can tell only where nobody else has written
    /// meanwhile.
    async fn set_parts(&self, key: &Key, parts: &[(u64, Bytes)]) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.store().get(key, &GetOptions::default()).await?.into_object();
            let mode = unchanged(&self.store().capabilities(), found.as_ref());
            let whole = overlay(found.map(|object| object.bytes).unwrap_or_default(), parts)
                .map_err(|error| error.with_key(key).with_store(&**self.store()))?;
            match self.store().set(key, whole.into(), mode).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::PreconditionFailed => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::PreconditionFailed, Operation::Set)
            .with_key(key)
            .with_store(&**self.store())
            .with_detail("others wrote the value each time a part of it was to be written; let one write it at a time"))
    }
}

/// The mode that writes only if the value is still as it was found, or the nearest that the deployment has.
fn unchanged(capabilities: &Capabilities, found: Option<&Object>) -> SetMode {
    match found {
        // A version that does not match itself, such as a weak entity tag, would never let a write through.
        Some(Object { meta, .. }) if capabilities.update && meta.version.matches(&meta.version) => {
            SetMode::Update(meta.version.clone())
        }
        None if capabilities.create => SetMode::Create,
        _ => SetMode::Overwrite,
    }
}

/// The value with the parts written over it one after the other; where a part begins past the end, zeros come between.
fn overlay(value: Bytes, parts: &[(u64, Bytes)]) -> Result<Bytes, Error> {
    let mut whole = BytesMut::from(value);
    for (offset, part) in parts {
        let start = usize::try_from(*offset).ok();
        let Some((start, end)) = start.and_then(|start| Some((start, start.checked_add(part.len())?))) else {
            return Err(Error::new(ErrorKind::InvalidArgument, Operation::Set)
                .with_detail(format!("no memory holds a value with a part at byte {offset}")));
        };
        if whole.len() < end {
            whole.resize(end, 0);
        }
        whole[start..end].copy_from_slice(part);
    }
    Ok(whole.freeze())
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store + ?Sized> AsyncWritableStorageTraits for ZarrsStore<S> {
    async fn set(&self, key: &StoreKey, value: Bytes) -> Result<(), StorageError> {
        self.store().set(&names::key(key)?, value.into(), SetMode::Overwrite).await.map_err(storage_error)?;
        Ok(())
    }

    async fn set_partial(&self, key: &StoreKey, offset: u64, value: Bytes) -> Result<(), StorageError> {
        self.set_parts(&names::key(key)?, &[(offset, value)]).await.map_err(storage_error)
    }

    async fn set_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        offset_values: OffsetBytesIterator<'a>,
    ) -> Result<(), StorageError> {
        let parts: Vec<_> = offset_values.collect();
        self.set_parts(&names::key(key)?, &parts).await.map_err(storage_error)
    }

    async fn erase(&self, key: &StoreKey) -> Result<(), StorageError> {
        self.store().delete(&names::key(key)?).await.map_err(storage_error)
    }

    async fn erase_many(&self, keys: &[StoreKey]) -> Result<(), StorageError> {
        // Futures are made before they are polled: a closure that borrows in a stream defeats the compiler's proof
        // that it is Send.
        let erasures: Vec<_> = keys.iter().map(|key| self.erase(key)).collect();
        stream::iter(erasures).buffer_unordered(CONCURRENT_MAX).try_collect().await
    }

    async fn erase_prefix(&self, prefix: &StorePrefix) -> Result<(), StorageError> {
        self.store().delete_prefix(&names::prefix(prefix)?).await.map_err(storage_error)
    }

    /// A part is written by writing the whole: zarrs does that at no greater cost, with the decoded chunk at hand.
    fn supports_set_partial(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_over_the_value_and_zeros_between() {
        let part = |offset, bytes: &'static [u8]| (offset, Bytes::from_static(bytes));
        let value = || Bytes::from_static(b"abc");
        assert_eq!(overlay(value(), &[part(1, b"X"), part(1, b"YZ1")]).unwrap(), "aYZ1");
        assert_eq!(overlay(value(), &[part(5, b"!")]).unwrap(), "abc\0\0!");
        assert_eq!(overlay(value(), &[]).unwrap(), "abc");
        assert_eq!(overlay(value(), &[part(u64::MAX, b"!")]).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
