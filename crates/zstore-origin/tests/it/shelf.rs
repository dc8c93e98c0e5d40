//! The store that the origin serves in these tests.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::Barrier;
use zstore_core::{
    BoxStream, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Prefix,
    ReadStore, Result, Timestamp, Version,
};

/// When every value was written: Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const MODIFIED: Timestamp = Timestamp::from_millis(784_111_777_000);

/// A map of values, and of errors that take the place of values.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    values: Mutex<BTreeMap<String, (Bytes, Version)>>,
    errors: Mutex<BTreeMap<String, ErrorKind>>,
    barrier: Mutex<Option<Arc<Barrier>>>,
}

impl Shelf {
    pub(crate) fn of(values: &[(&str, &str)]) -> Arc<Self> {
        let shelf = Self::default();
        for (key, value) in values {
            // The value itself serves as its entity tag, which makes both easy to predict.
            shelf.put(key, value, Version::from_e_tag(format!("\"{value}\"")));
        }
        Arc::new(shelf)
    }

    pub(crate) fn put(&self, key: &str, value: &str, version: Version) {
        self.values.lock().insert(key.into(), (value.to_owned().into(), version));
    }

    pub(crate) fn fail(&self, key: &str, kind: ErrorKind) {
        self.errors.lock().insert(key.into(), kind);
    }

    /// Lets gets wait for each other, so that so many are answered at once.
    pub(crate) fn answer_at_once(&self, gets: usize) {
        *self.barrier.lock() = Some(Arc::new(Barrier::new(gets)));
    }

    fn find(&self, key: &Key) -> Result<Option<(Meta, Bytes)>> {
        if let Some(kind) = self.errors.lock().get(key.as_str()) {
            return Err(Error::new(*kind, Operation::Get).with_key(key).with_store(self));
        }
        Ok(self.values.lock().get(key.as_str()).map(|(bytes, version)| {
            let size = bytes.len() as u64;
            let meta = Meta { key: key.clone(), size, modified: Some(MODIFIED), version: version.clone() };
            (meta, bytes.clone())
        }))
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf(test)")
    }
}

#[async_trait]
impl ReadStore for Shelf {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let barrier = self.barrier.lock().clone();
        if let Some(barrier) = barrier {
            barrier.wait().await;
        }
        let Some((meta, bytes)) = self.find(key)? else {
            return Ok(Fetch::Missing);
        };
        let range = options.range.as_ref().map_or(Ok(0..meta.size), |range| range.resolve(meta.size))?;
        let bytes = bytes.slice(range.start as usize..range.end as usize);
        Ok(Fetch::Object(Object { meta, range, bytes }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        Ok(self.find(key)?.map(|(meta, _)| meta))
    }

    fn list(&self, _: &Prefix) -> BoxStream<'static, Result<Meta>> {
        futures::stream::empty().boxed()
    }

    async fn list_dir(&self, _: &Prefix) -> Result<DirListing> {
        Ok(DirListing::default())
    }
}
