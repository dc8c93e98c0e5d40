//! zstore stores as `object_store`.
//!
//! [`Objects`] wraps any store of the contract, a cache above all, so that whatever knows only
//! `Arc<dyn ObjectStore>` (Lance, Icechunk, DataFusion, `zarrs_object_store`) reads and writes through it. A
//! directory that keeps what was read of a bucket, before any of them:
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//!
//! use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
//! use zstore_cache::CacheStore;
//! use zstore_core::Prefix;
//! use zstore_local::LocalStore;
//! use zstore_object_store::Objects;
//! use zstore_remote::RemoteStore;
//!
//! let bucket: Arc<dyn ObjectStore> = Arc::new(InMemory::new()); // or S3, or any other
//! # let directory = tempfile::tempdir()?;
//! let source = Arc::new(RemoteStore::new(bucket, Prefix::root(), "my-bucket")?);
//! let tier = Arc::new(LocalStore::create_cache(directory.path())?);
//! let cache = CacheStore::builder(source, tier).max_size(10 << 30).build().await?;
//! let objects: Arc<dyn ObjectStore> = Arc::new(Objects::new(cache));
//!
//! let path = Path::from("table/part-0.parquet");
//! objects.put(&path, "rows".into()).await?;
//! assert_eq!(objects.get_range(&path, 0..2).await?, "ro"); // from the directory
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What of `object_store` is not here
//! Every function of its integration suite runs over stores of ours, bare and through caches, and passes. What does not,
//! or passes because it allows a refusal:
//!
//! | function of the suite | what is missing |
//! |---|---|
//! | `multipart`, `multipart_with_opts`, `multipart_put_part_out_of_order` | they want `MultipartStore`, uploads by id, which no `dyn ObjectStore` can be asked for; uploads by [`put_multipart`](object_store::ObjectStoreExt::put_multipart) are here |
//! | `list_paginated` | it wants `PaginatedListStore`, which no `dyn ObjectStore` can be asked for either |
//! | `response_extensions` | it wants what an HTTP client says of its responses; an answer from a cache has none |
//! | `put_get_attributes` | attributes, which the contract does not keep: a put with some is `NotImplemented`, as the function allows |
//! | `put_opts` | updates, where the store below has none, as a directory: `NotImplemented`, as the function allows |
//!
//! In reading order:
//!
//! - [`Objects`]: the wrapper, and where the two contracts differ;
//! - [`store_error`]: the way back from `object_store`'s error to the contract's;
//! - `service`: `object_store`'s trait, method by method;
//! - `reading`, `conditions`: a get, and under which conditions it answers;
//! - `writing`, `upload`: puts, copies and renames, and values that come in parts;
//! - `listing`, `names`, `meta`: names and facts, there and back.
#![forbid(unsafe_code)]

mod conditions;
mod failure;
mod listing;
mod meta;
mod names;
mod objects;
mod reading;
mod service;
mod upload;
mod writing;

pub use failure::store_error;
pub use objects::Objects;
