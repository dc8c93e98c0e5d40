//! The source behind the caches: its values are computed from their keys, so that it holds nothing and anybody can
//! tell whether an answer is right.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use zstore_benches::chunk;
use zstore_core::{
    Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Prefix, ReadStore,
    Result, Version,
};

/// Bytes of every value: a small chunk, or what metadata takes. What matters here is how many there are.
pub(crate) const VALUE_BYTES: usize = 150;

/// A value for every key.
#[derive(Debug, Default)]
pub(crate) struct Computed {
    /// How often a value was asked for.
    gets: AtomicU64,
}

impl Computed {
    /// How often a value was asked for.
    pub(crate) fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }
}

/// What is stored under a key.
pub(crate) fn value(key: &str) -> Bytes {
    // FNV-1a: different for different keys, the same in every process.
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    chunk(hash as usize, VALUE_BYTES)
}

fn meta(key: &Key) -> Meta {
    Meta { key: key.clone(), size: VALUE_BYTES as u64, modified: None, version: Version::from_e_tag("\"computed\"") }
}

#[async_trait]
impl ReadStore for Computed {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        let value = value(key.as_str());
        let range = match &options.range {
            None => 0..VALUE_BYTES as u64,
            Some(range) => range.resolve(VALUE_BYTES as u64).map_err(|error| {
                Error::new(ErrorKind::InvalidRange, Operation::Get).with_store(self).with_source(error)
            })?,
        };
        let bytes = value.slice(range.start as usize..range.end as usize);
        Ok(Fetch::Object(Object { meta: meta(key), range, bytes }))
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        Ok(Some(meta(key)))
    }

    fn list(&self, _prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        stream::iter([Err(unlisted())]).boxed()
    }

    async fn list_dir(&self, _prefix: &Prefix) -> Result<DirListing> {
        Err(unlisted())
    }
}

fn unlisted() -> Error {
    Error::new(ErrorKind::Unsupported, Operation::List)
}

impl fmt::Display for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values computed from their keys")
    }
}
