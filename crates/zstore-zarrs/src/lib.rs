//! zstore and zarrs, both ways: a store as zarrs storage, and a zarrs storage as a store.
//!
//! [`ZarrsStore`] wraps any store of the contract, a cache above all, so that zarrs opens, reads and writes arrays
//! through it. What it implements follows from what it wraps: a [`ReadStore`](zstore_core::ReadStore) can be read and
//! listed, and a [`Store`](zstore_core::Store) can be written as well.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//!
//! use zarrs::array::{Array, ArrayBuilder, data_type};
//! use zstore_memory::MemoryStore;
//! use zstore_zarrs::ZarrsStore;
//!
//! let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
//! let array = ArrayBuilder::new(vec![4], vec![2], data_type::uint8(), 0u8).build(store.clone(), "/a")?;
//! array.async_store_metadata().await?;
//! array.async_store_chunk(&[1], &[5u8, 6]).await?;
//!
//! let array = Array::async_open(store, "/a").await?;
//! assert_eq!(array.async_retrieve_array_subset::<Vec<u8>>(&array.subset_all()).await?, [0, 0, 5, 6]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`ZarrsSource`] goes the other way: a cache over any storage that zarrs has. Both together put a cache between
//! zarrs and a storage of its own:
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//!
//! use zarrs::array::{Array, ArrayBuilder, data_type};
//! use zarrs_storage::store::AsyncMemoryStore;
//! use zstore_cache::CacheStore;
//! use zstore_zarrs::{Layout, ZarrsSource, ZarrsStore};
//!
//! let theirs = Arc::new(AsyncMemoryStore::new());
//! let array = ArrayBuilder::new(vec![4], vec![2], data_type::uint8(), 7u8).build(theirs.clone(), "/a")?;
//! array.async_store_metadata().await?;
//!
//! let source = Arc::new(ZarrsSource::new(theirs, "examples/a", Layout::Names)?);
//! let tier = Arc::new(zstore_memory::MemoryStore::new());
//! let cache = CacheStore::builder(source, tier).build().await?;
//! let array = Array::async_open(Arc::new(ZarrsStore::new(Arc::new(cache))), "/a").await?;
//! assert_eq!(array.async_retrieve_array_subset::<Vec<u8>>(&array.subset_all()).await?, [7, 7, 7, 7]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/cached_array.rs` is a whole program: memory over a directory over a web server, and what a second pass
//! costs.
//!
//! In reading order:
//!
//! - [`ZarrsStore`]: a store as zarrs storage, and what its methods cost;
//! - [`store_error`]: the way back from zarrs' error to the contract's;
//! - `readable`, `listable`, `writable`: one of zarrs' traits each;
//! - `names` and `ranges`: where the two contracts differ;
//! - [`ZarrsSource`] and [`Layout`]: a zarrs storage as a store, and what zarrs does not tell of it;
//! - [`TokioBlockOn`] and [`TokioSpawnBlocking`]: the synchronous half of zarrs, either way.
#![forbid(unsafe_code)]

mod failure;
mod listable;
mod names;
mod ranges;
mod readable;
mod runtime;
mod source;
mod store;
mod writable;

/// The blocks of the guide, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
struct Guide;

pub use failure::store_error;
pub use runtime::{TokioBlockOn, TokioSpawnBlocking};
pub use source::{Layout, ZarrsSource};
pub use store::ZarrsStore;
