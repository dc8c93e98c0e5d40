//! Values and parts of them, each answer of one state.

use bytes::Bytes;
use futures::TryStreamExt;
use zarrs_storage::{AsyncReadableStorageTraits, StorageError, StoreKey, byte_range::ByteRange as TheirRange};
use zstore_core::{ByteRange, Error, ErrorKind, Key, Operation, Part, RangePastEnd, Result};

use crate::{ZarrsSource, source::Layout};

/// What came of asking for parts alone.
enum Asked {
    /// They are of a value of this many bytes.
    Parts(u64, Vec<Part>),
    Missing,
    /// The size changed meanwhile, so that nobody knows what came.
    Changed,
}

impl<S: AsyncReadableStorageTraits + ?Sized> ZarrsSource<S> {
    /// The whole value.
    pub(super) async fn whole(&self, operation: Operation, key: &Key) -> Result<Option<Bytes>> {
        let name = self.key(operation, key)?;
        match self.storage.get(&name).await {
            Err(error) if self.is_nothing(&name, &error).await => Ok(None),
            found => found.map_err(|error| self.failed(operation, key, error)),
        }
    }

    /// Whether a read that failed so was of no value.
    ///
    /// Storages of files fail in ways of their own to read a directory, so it is looked for among its siblings.
    pub(super) async fn is_nothing(&self, key: &StoreKey, error: &StorageError) -> bool {
        if self.layout.is_missing(error) {
            return true;
        }
        let Some(listing) = self.listing.as_ref().filter(|_| self.layout == Layout::Files) else { return false };
        let siblings = listing.list_dir(&key.parent()).await;
        siblings.is_ok_and(|siblings| siblings.prefixes().contains(&key.to_prefix()))
    }

    /// What the storage tells of the size, which it may tell of a directory too.
    pub(super) async fn size(&self, operation: Operation, key: &Key) -> Result<Option<u64>> {
        match self.storage.size_key(&self.key(operation, key)?).await {
            Err(error) if self.layout.is_missing(&error) => Ok(None),
            found => found.map_err(|error| self.failed(operation, key, error)),
        }
    }

    /// The size of the whole value, and the parts of it.
    ///
    /// zarrs tells bytes and size in different calls. So the size is asked for before and after, and where it changed
    /// the whole value is read: that is one call, whose answer has a size of its own.
    pub(super) async fn parts(
        &self,
        operation: Operation,
        key: &Key,
        ranges: &[ByteRange],
    ) -> Result<Option<(u64, Vec<Part>)>> {
        if self.storage.supports_get_partial() {
            match self.parts_alone(operation, key, ranges).await? {
                Asked::Parts(size, parts) => return Ok(Some((size, parts))),
                Asked::Missing => return Ok(None),
                Asked::Changed => {}
            }
        }
        let Some(whole) = self.whole(operation, key).await? else { return Ok(None) };
        let size = whole.len() as u64;
        let cut = |range: &ByteRange| {
            let range = range.resolve(size).map_err(|past| self.past_end(operation, key, past))?;
            // Within the whole, which is in memory.
            let bytes = whole.slice(range.start as usize..range.end as usize);
            Ok(Part { range, bytes })
        };
        Ok(Some((size, ranges.iter().map(cut).collect::<Result<_>>()?)))
    }

    async fn parts_alone(&self, operation: Operation, key: &Key, ranges: &[ByteRange]) -> Result<Asked> {
        let size = match self.size(operation, key).await? {
            None => return Ok(Asked::Missing),
            // Some storages tell this of a value that is being written. If it is true, the whole costs no more.
            Some(0) => return Ok(Asked::Changed),
            Some(size) => size,
        };
        let resolved: Result<Vec<_>, RangePastEnd> = ranges.iter().map(|range| range.resolve(size)).collect();
        let name = self.key(operation, key)?;
        let fetched = match &resolved {
            Ok(resolved) => self.fetched(&name, resolved).await,
            Err(_) => Ok(Some(Vec::new())),
        };
        match &fetched {
            Ok(None) => return Ok(Asked::Missing),
            Err(error) if self.is_nothing(&name, error).await => return Ok(Asked::Missing),
            _ => {}
        }
        if self.size(operation, key).await? != Some(size) {
            return Ok(Asked::Changed);
        }
        let resolved = resolved.map_err(|past| self.past_end(operation, key, past))?;
        let fetched = fetched.map_err(|error| self.failed(operation, key, error))?.unwrap_or_default();
        let fits = fetched.iter().zip(&resolved).all(|(bytes, range)| bytes.len() as u64 == range.end - range.start);
        if !fits || fetched.len() != resolved.len() {
            return Ok(Asked::Changed);
        }
        let parts = resolved.into_iter().zip(fetched).map(|(range, bytes)| Part { range, bytes });
        Ok(Asked::Parts(size, parts.collect()))
    }

    /// The bytes of these ranges, by one call for all. Each range is asked for by its first byte and its length:
    /// open ones of a value that shrank meanwhile make zarrs' store in memory panic.
    async fn fetched(
        &self,
        key: &StoreKey,
        ranges: &[std::ops::Range<u64>],
    ) -> std::result::Result<Option<Vec<Bytes>>, StorageError> {
        let wanted: Vec<_> = ranges
            .iter()
            .filter(|range| !range.is_empty())
            .map(|range| TheirRange::FromStart(range.start, Some(range.end - range.start)))
            .collect();
        if wanted.is_empty() {
            return Ok(Some(vec![Bytes::new(); ranges.len()]));
        }
        let Some(found) = self.storage.get_partial_many(key, Box::new(wanted.into_iter())).await? else {
            return Ok(None);
        };
        let mut found = found.try_collect::<Vec<Bytes>>().await?.into_iter();
        Ok(Some(
            ranges.iter().map_while(|range| if range.is_empty() { Some(Bytes::new()) } else { found.next() }).collect(),
        ))
    }

    fn past_end(&self, operation: Operation, key: &Key, past: RangePastEnd) -> Error {
        self.error(ErrorKind::InvalidRange, operation, key, &past.to_string())
    }
}
