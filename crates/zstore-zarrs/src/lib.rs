//! zstore stores as zarrs storage.
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
//! In reading order:
//!
//! - [`ZarrsStore`]: the wrapper, and what its methods cost;
//! - [`store_error`]: the way back from zarrs' error to the contract's;
//! - `readable`, `listable`, `writable`: one of zarrs' traits each;
//! - `names` and `ranges`: where the two contracts differ.
#![forbid(unsafe_code)]

mod failure;
mod listable;
mod names;
mod ranges;
mod readable;
mod store;
mod writable;

pub use failure::store_error;
pub use store::ZarrsStore;
