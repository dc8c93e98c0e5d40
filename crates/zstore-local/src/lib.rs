//! A store in a directory, in the plain layout that other Zarr tools read: a key is a path below the root, a value is
//! the bytes of the file there.
//!
//! In reading order:
//!
//! - `store`: [`LocalStore`] and the contract, in terms of one function for each operation:
//!   - `value` reads, `write` writes, `delete` deletes, `walk` lists and `leftovers` clears up after a crash;
//! - `builder`: [`Builder`], [`Durability`] and how a store is opened;
//! - what the operations stand on:
//!   - `root`: every path is resolved beneath the root and cannot leave it;
//!   - `name`: which keys can be files here;
//!   - `facts`: what a file's metadata say of a value, its version above all;
//!   - `occupant`: what stands where a value is to be written or deleted;
//!   - `parents`: directories made on the way to a value, and removed when empty;
//!   - `directory`: the children of one directory;
//!   - `temporary`: the file a value is written to before it lands;
//!   - `stamp`: times of writing that never repeat;
//! - `blocking` and `landing`: one hop to a thread that may block, and what a dropped future can no longer do;
//! - `error`: what can go wrong here, precisely, and as the contract's error.
//!
//! # Examples
//! ```
//! use zstore_core::{Key, ReadStoreExt, StoreExt};
//! use zstore_local::LocalStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let root = scratch.path().join("data.zarr");
//! let store = LocalStore::create(&root)?;
//! store.put(&Key::new("a/zarr.json")?, "{}").await?;
//! assert_eq!(std::fs::read(root.join("a/zarr.json"))?, b"{}");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!("zstore-local needs the file system calls of a Unix");

mod blocking;
mod buffers;
mod builder;
mod delete;
mod directory;
mod error;
mod facts;
mod landing;
mod leftovers;
mod name;
mod network;
mod occupant;
mod parents;
mod root;
mod stamp;
mod store;
mod temporary;
mod value;
mod walk;
mod write;

pub use builder::{Builder, Durability};
pub use leftovers::Leftovers;
pub use store::LocalStore;
