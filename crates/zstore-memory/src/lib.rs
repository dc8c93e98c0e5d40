//! A store in memory.
//!
//! [`MemoryStore`] keeps values in a sorted map under one lock. What is read is the very memory that was written:
//! nothing is copied on the way in or out, and [`get_now`](zstore_core::ReadStore::get_now) answers without waiting.
//!
//! In reading order:
//!
//! - `store`: [`MemoryStore`] and the contract, in terms of
//! - `values`: the map, read and cleared in pages so that the lock is held shortly; and
//! - `identity`: the name that tells one instance from every other.
//!
//! # Examples
//! ```
//! use zstore_core::{Key, ReadStoreExt, StoreExt};
//! use zstore_memory::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let key = Key::new("a/zarr.json")?;
//! store.put(&key, "{}").await?;
//! assert_eq!(store.get_bytes(&key).await?.as_deref(), Some(&b"{}"[..]));
//! assert_eq!(store.held_bytes(), 2);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod identity;
mod store;
mod values;

pub use store::MemoryStore;
