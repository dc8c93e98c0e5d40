//! A wrapper that takes writing away.

use std::fmt;

use async_trait::async_trait;

use crate::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Prefix, Ranges, ReadStore, Result,
};

/// A store that can only be read, whatever it wraps: it has no [`Store`](crate::Store) to call.
///
/// # Examples
/// ```compile_fail
/// # async fn write(store: impl zstore_core::Store, key: &zstore_core::Key) {
/// use zstore_core::{ReadOnly, StoreExt};
///
/// ReadOnly::new(store).put(key, "value").await; // does not compile
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReadOnly<S>(S);

impl<S: ReadStore> ReadOnly<S> {
    /// Takes writing away from `store`.
    pub const fn new(store: S) -> Self {
        Self(store)
    }

    /// Gives the store back.
    pub fn into_inner(self) -> S {
        self.0
    }
}

impl<S: fmt::Display> fmt::Display for ReadOnly<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The same data, so the same identity: see law R12.
        self.0.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for ReadOnly<S> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { create: false, update: false, ..self.0.capabilities() }
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
        self.0.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.0.list_dir(prefix).await
    }
}
