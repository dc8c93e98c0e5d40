//! A remote that can be read.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use object_store::ObjectStore;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Operation, Prefix, Ranges, ReadStore,
    Result, ranges_by_get,
};

use crate::{
    builder::RemoteBuilder,
    place,
    remote::Remote,
    spans::{self, GAP_BYTES_MAX},
};

/// A remote that can be read, and not written: a web server, or anything else that [`RemoteBuilder`] opens.
///
/// A web server does not list its values, so `list` and `list_dir` are refused for `http://` and `https://`. A server
/// that ignores ranges is found out at the first one; from then on [`Capabilities::native_ranges`] is false, and a
/// range moves the whole value up to its end.
///
/// # Cost
/// A get is one request. It is two, a HEAD besides, for a part that is empty or starts at or past the end of the
/// value, for an `if_match` that fails, and for a suffix where a service counts from the beginning only (Azure).
/// [`get_ranges`](ReadStore::get_ranges) makes one request for all ranges with no more than 64 KiB between them;
/// parts cut from one request share its memory.
///
/// # Examples
/// To write to it does not compile:
/// ```compile_fail
/// # async fn example(key: &zstore_core::Key) -> zstore_core::Result<()> {
/// use zstore_core::StoreExt;
///
/// zstore_remote::RemoteReader::from_url("https://example.org/")?.put(key, "value").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RemoteReader(pub(crate) Arc<Remote>);

impl RemoteReader {
    /// Opens a URL with the settings of a new [`RemoteBuilder`]. No request is made.
    ///
    /// # Errors
    /// As [`RemoteBuilder::open_reader`].
    pub fn from_url(url: &str) -> Result<Self> {
        RemoteBuilder::new(url).open_reader()
    }

    /// Reads the objects of `objects` below `prefix`, as a store that shows itself as `Remote(name, prefix)`.
    ///
    /// The name must tell these objects from any other's, in other processes and on other days too, and hold no secret:
    /// a cache on disk remembers by it whose bytes it holds. The [`Capabilities`] are taken to be those of a cloud;
    /// where they are not, say so by [`with_capabilities`](Self::with_capabilities).
    ///
    /// # Errors
    /// `InvalidArgument` for a name that is empty or is not one line.
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: Prefix, name: &str) -> Result<Self> {
        Ok(Self(Arc::new(place::handed_in(objects, prefix, name)?)))
    }

    /// The same, of objects of which this is true. Clones that were made before stay as they are.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        Arc::make_mut(&mut self.0).capabilities = capabilities;
        self
    }
}

impl fmt::Display for RemoteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ReadStore for RemoteReader {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.0.get(key, options).await.map_err(|failure| self.0.error(Operation::Get, key, failure))
    }

    fn get_now(&self, _: &Key, _: &GetOptions) -> Option<Fetch> {
        None
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let mut spans = spans::coalesce(ranges, GAP_BYTES_MAX);
        if !self.capabilities().native_ranges && !spans.is_empty() {
            spans = vec![ByteRange::From(0)];
        }
        let Some(fetched) = ranges_by_get(self, key, &spans).await? else {
            return Ok(None);
        };
        let parts = spans::cut(ranges, fetched.meta.size, &fetched.parts)
            .map_err(|failure| self.0.error(Operation::GetRanges, key, failure))?;
        Ok(Some(Ranges { meta: fetched.meta, parts }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.0.head(key).await.map_err(|failure| self.0.error(Operation::Head, key, failure))
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.0.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.0.list_dir(prefix).await
    }
}
