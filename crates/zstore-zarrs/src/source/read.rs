//! Reading.

use async_trait::async_trait;
use zarrs_storage::{AsyncReadableStorageTraits, byte_range::ByteRange as TheirRange};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Part,
    Prefix, Ranges, ReadStore, Result, Version,
};

use crate::{ZarrsSource, source::Layout};

impl<S: AsyncReadableStorageTraits + ?Sized + 'static> ZarrsSource<S> {
    pub(super) fn meta(key: &Key, size: u64) -> Meta {
        Meta { key: key.clone(), size, modified: None, version: Version::default() }
    }

    /// Whether there is a value of this key, which has a size. A directory has one too.
    async fn is_value(&self, key: &Key, size: u64) -> Result<bool> {
        if self.layout != Layout::Files {
            return Ok(true);
        }
        let key = self.key(Operation::Head, key)?;
        // The first byte if there is one: nothing can be read of a directory, and no bytes of anything.
        let byte = TheirRange::FromStart(0, (size > 0).then_some(1));
        match self.storage.get_partial(&key, byte).await {
            Ok(found) => Ok(found.is_some()),
            // A value of which no byte can be read has a size all the same.
            Err(error) => Ok(!self.is_nothing(&key, &error).await),
        }
    }
}

#[async_trait]
impl<S: AsyncReadableStorageTraits + ?Sized + 'static> ReadStore for ZarrsSource<S> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.listing = self.listing.is_some();
        capabilities.native_ranges = self.storage.supports_get_partial();
        capabilities.overlapping_keys = self.layout == Layout::Names;
        capabilities.segment_bytes_max = self.layout.segment_bytes_max();
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        if options.if_match.is_some() {
            return match self.head(key).await? {
                None => Ok(Fetch::Missing),
                Some(_) => {
                    let why = "zarrs tells no versions, so that no value is the one that is asked for; ask without";
                    Err(self.error(ErrorKind::PreconditionFailed, Operation::Get, key, why))
                }
            };
        }
        let found = match &options.range {
            None => self.whole(Operation::Get, key).await?.map(|bytes| {
                let size = bytes.len() as u64;
                (size, Part { range: 0..size, bytes })
            }),
            Some(range) => {
                let found = self.parts(Operation::Get, key, std::slice::from_ref(range)).await?;
                found.and_then(|(size, parts)| Some((size, parts.into_iter().next()?)))
            }
        };
        Ok(found.map_or(Fetch::Missing, |(size, Part { range, bytes })| {
            Fetch::Object(Object { meta: Self::meta(key, size), range, bytes })
        }))
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        if ranges.is_empty() {
            return Ok(self.head(key).await?.map(|meta| Ranges { meta, parts: Vec::new() }));
        }
        let found = self.parts(Operation::GetRanges, key, ranges).await?;
        Ok(found.map(|(size, parts)| Ranges { meta: Self::meta(key, size), parts }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        match self.size(Operation::Head, key).await? {
            Some(size) if self.is_value(key, size).await? => Ok(Some(Self::meta(key, size))),
            _ => Ok(None),
        }
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.stream_below(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.children(prefix).await
    }
}
