//! Listing.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, future, stream};
use zarrs_storage::{AsyncListableStorageTraits, AsyncReadableStorageTraits, StorageError, StoreKey, StorePrefix};
use zstore_core::{BoxStream, DirListing, Error, ErrorKind, Key, Meta, Operation, Prefix, Result, until_error};

use crate::{ZarrsSource, names, source::Layout};

/// Enough to hide a round trip behind others, few enough not to flood a server on behalf of one caller.
const CONCURRENT_MAX: usize = 8;

impl<S: AsyncReadableStorageTraits + ?Sized + 'static> ZarrsSource<S> {
    /// The values strictly below `prefix`, as they come.
    pub(super) fn stream_below(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let (this, prefix) = (self.clone(), prefix.clone());
        let keys = async move {
            let found = this.listing(Operation::List, &prefix)?.list_prefix(&this.prefix(&prefix)?).await;
            let found = found.map_err(|error| this.failed(Operation::List, &prefix, error))?;
            let keys = found.iter().filter_map(|name| this.below(&prefix, name.as_str()).transpose());
            let keys = keys.collect::<Result<Vec<Key>>>()?;
            Ok::<_, Error>(this.metas(keys))
        };
        stream::once(keys).try_flatten().boxed()
    }

    /// What is directly below `prefix`.
    pub(super) async fn children(&self, prefix: &Prefix) -> Result<DirListing> {
        let listing = self.listing(Operation::List, prefix)?;
        let failed = |error| self.failed(Operation::List, prefix, error);
        let found = listing.list_dir(&self.prefix(prefix)?).await.map_err(failed)?;
        let keys = found.keys().iter().filter_map(|name| self.below(prefix, name.as_str()).transpose());
        let mut values: Vec<Meta> = self.metas(keys.collect::<Result<_>>()?).try_collect().await?;
        values.sort_by(|a, b| a.key.cmp(&b.key));
        values.dedup_by(|a, b| a.key == b.key);
        let below = found.prefixes().iter().filter_map(|name| {
            let name = name.as_str();
            self.below(prefix, name.strip_suffix('/').unwrap_or(name)).transpose()
        });
        let below = below.map(|key| Ok(Prefix::from(&key?))).collect::<Result<Vec<_>>>()?;
        let mut prefixes = self.holding(below).await.map_err(failed)?;
        prefixes.sort();
        prefixes.dedup();
        Ok(DirListing { values, prefixes })
    }

    /// zarrs' name of a prefix.
    pub(super) fn prefix(&self, prefix: &Prefix) -> Result<StorePrefix> {
        names::store_prefix(prefix).map_err(|error| self.failed(Operation::List, prefix, error))
    }

    /// What is known of these keys, without those that have gone since they were listed.
    fn metas(&self, keys: Vec<Key>) -> BoxStream<'static, Result<Meta>> {
        let this = self.clone();
        let asked = move |key: Key| {
            let this = this.clone();
            async move { Ok(this.size(Operation::List, &key).await?.map(|size| Self::meta(&key, size))) }
        };
        let metas = stream::iter(keys).map(asked).buffered(CONCURRENT_MAX);
        until_error(metas.filter_map(|meta: Result<Option<Meta>>| future::ready(meta.transpose()))).boxed()
    }

    /// The key of a listed name, if it is strictly below `prefix`.
    fn below(&self, prefix: &Prefix, name: &str) -> Result<Option<Key>> {
        if prefix.strip(name).is_none_or(str::is_empty) {
            return Ok(None);
        }
        let key = Key::new(name).map_err(|error| {
            let why = format!("the storage lists a name that no key can have: {error}");
            self.error(ErrorKind::InvalidKey, Operation::List, prefix, &why)
        })?;
        Ok(Some(key))
    }

    /// Those of the prefixes that hold values. Only files have others.
    async fn holding(&self, prefixes: Vec<Prefix>) -> Result<Vec<Prefix>, StorageError> {
        let Some(listing) = self.listing.as_ref().filter(|_| self.layout == Layout::Files) else {
            return Ok(prefixes);
        };
        let asked: Vec<_> = prefixes
            .into_iter()
            .map(|prefix| async move { Ok::<_, StorageError>(holds_values(listing, &prefix).await?.then_some(prefix)) })
            .collect();
        stream::iter(asked).buffered(CONCURRENT_MAX).try_filter_map(future::ok).try_collect().await
    }
}

/// Whether there is a value anywhere below a prefix: one after the other is looked into until one is found.
pub(super) async fn holds_values(
    listing: &Arc<dyn AsyncListableStorageTraits>,
    prefix: &Prefix,
) -> Result<bool, StorageError> {
    let mut unseen = vec![names::store_prefix(prefix)?];
    while let Some(prefix) = unseen.pop() {
        let found = listing.list_dir(&prefix).await?;
        if found.keys().iter().any(|key: &StoreKey| !key.as_str().is_empty()) {
            return Ok(true);
        }
        unseen.extend(found.prefixes().iter().cloned());
    }
    Ok(false)
}
