//! A wrapper that shows the part of a store below a prefix.

use std::{fmt, path::Path};

use async_trait::async_trait;
use futures::StreamExt;

use crate::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Payload,
    Prefix, Ranges, ReadStore, Result, SetMode, Store, Version,
};

/// The part of a store below a prefix, as a store whose keys begin after it.
///
/// Errors of the wrapped store name its own, longer keys.
#[derive(Clone, Debug)]
pub struct Prefixed<S> {
    store: S,
    prefix: Prefix,
}

impl<S: ReadStore> Prefixed<S> {
    /// The part of `store` below `prefix`.
    pub const fn new(store: S, prefix: Prefix) -> Self {
        Self { store, prefix }
    }

    /// Gives the whole store back.
    pub fn into_inner(self) -> S {
        self.store
    }

    fn inner_key(&self, key: &Key) -> Key {
        self.prefix.join(key)
    }

    fn outer_fetch(&self, operation: Operation, fetch: Fetch) -> Result<Fetch> {
        Ok(match fetch {
            Fetch::Object(mut object) => {
                object.meta = outer_meta(&self.prefix, operation, object.meta)?;
                Fetch::Object(object)
            }
            other @ (Fetch::NotModified(_) | Fetch::Missing) => other,
        })
    }
}

fn outer_meta(prefix: &Prefix, operation: Operation, meta: Meta) -> Result<Meta> {
    let key = outer_name(prefix, operation, meta.key.as_str()).map(Key::trusted)?;
    Ok(Meta { key, ..meta })
}

fn outer_name<'a>(prefix: &Prefix, operation: Operation, name: &'a str) -> Result<&'a str> {
    prefix.strip(name).ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, operation)
            .with_key(name)
            .with_detail(format!("the store answered with a name that is not below {prefix:?}"))
    })
}

impl<S: fmt::Display> fmt::Display for Prefixed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefixed({}, {})", self.store, self.prefix)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for Prefixed<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let fetch = self.store.get(&self.inner_key(key), options).await?;
        self.outer_fetch(Operation::Get, fetch)
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        let fetch = self.store.get_now(&self.inner_key(key), options)?;
        self.outer_fetch(Operation::Get, fetch).ok()
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let Some(found) = self.store.get_ranges(&self.inner_key(key), ranges).await? else {
            return Ok(None);
        };
        let meta = outer_meta(&self.prefix, Operation::GetRanges, found.meta)?;
        Ok(Some(Ranges { meta, ..found }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        let meta = self.store.head(&self.inner_key(key)).await?;
        meta.map(|meta| outer_meta(&self.prefix, Operation::Head, meta)).transpose()
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let outer = self.prefix.clone();
        let inner = self.store.list(&self.prefix.join_prefix(prefix));
        inner.map(move |meta| outer_meta(&outer, Operation::List, meta?)).boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        let found = self.store.list_dir(&self.prefix.join_prefix(prefix)).await?;
        let values = found.values.into_iter().map(|meta| outer_meta(&self.prefix, Operation::List, meta));
        let prefixes = found
            .prefixes
            .into_iter()
            .map(|prefix| Ok(Prefix::new(outer_name(&self.prefix, Operation::List, prefix.as_str())?)?));
        Ok(DirListing { values: values.collect::<Result<_>>()?, prefixes: prefixes.collect::<Result<_>>()? })
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Store> Store for Prefixed<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        self.store.set(&self.inner_key(key), value, mode).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.store.delete(&self.inner_key(key)).await
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.store.delete_prefix(&self.prefix.join_prefix(prefix)).await
    }

    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        self.store.sweep(&self.prefix.join_prefix(prefix)).await
    }

    fn shared_directory(&self) -> Option<&Path> {
        None
    }
}
