//! A store of which less is expected.

use std::fmt;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Prefix,
    Ranges, ReadStore, Result,
};

/// A store that claims less than the one it wraps: for a deployment that is known to do less than its kind, such as a
/// web server that stands in for a bucket.
///
/// Without [`listing`](Capabilities::listing) lists are refused, as the contract has it; of all else the claim is
/// changed and nothing more.
///
/// # Examples
/// ```
/// use zstore_core::ReadStore;
/// use zstore_testkit::{MapStore, Restricted};
///
/// let store = Restricted::new(MapStore::new(), |capabilities| capabilities.listing = false);
/// assert!(!store.capabilities().listing);
/// ```
#[derive(Debug)]
pub struct Restricted<S> {
    inner: S,
    restrict: fn(&mut Capabilities),
}

impl<S> Restricted<S> {
    /// Wraps `inner`, with what it claims changed by `restrict`.
    pub const fn new(inner: S, restrict: fn(&mut Capabilities)) -> Self {
        Self { inner, restrict }
    }
}

impl<S: ReadStore> Restricted<S> {
    fn check_listing(&self, prefix: &Prefix) -> Result<()> {
        if self.capabilities().listing {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, Operation::List).with_store(self).with_key(prefix))
    }
}

impl<S: fmt::Display> fmt::Display for Restricted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: ReadStore> ReadStore for Restricted<S> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        (self.restrict)(&mut capabilities);
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.inner.get(key, options).await
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.inner.get_now(key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.inner.get_ranges(key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.inner.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        match self.check_listing(prefix) {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.check_listing(prefix)?;
        self.inner.list_dir(prefix).await
    }
}
