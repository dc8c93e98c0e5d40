//! The store contract of zstore.
//!
//! A *store* maps keys to bytes. This crate says what that means, precisely enough that a cache can be built on any
//! store and any store can be tested: it holds types and traits, and no store that keeps bytes. It has no runtime, no
//! HTTP and no file access.
//!
//! In reading order:
//!
//! - [`ReadStore`] and [`Store`]: the contract, with its laws by number;
//! - [`Key`] and [`Prefix`]: names, validated once;
//! - [`ByteRange`]: which bytes of a value are wanted;
//! - [`GetOptions`], [`Fetch`], [`Object`], [`Ranges`]: a question and its answers;
//! - [`Meta`], [`Version`], [`Timestamp`]: what is known of a value;
//! - [`Payload`]: the bytes of a write, in one piece or several;
//! - [`Capabilities`]: what a deployment can do;
//! - [`Error`]: one error, by what the caller can do about it;
//! - [`ReadStoreExt`] and [`StoreExt`]: conveniences for callers;
//! - [`ReadOnly`] and [`Prefixed`]: two wrappers;
//! - [`Clock`]: where time comes from.
#![forbid(unsafe_code)]

mod capabilities;
mod clock;
mod error;
mod ext;
mod fetch;
mod forward;
mod key;
mod listing;
mod meta;
mod payload;
mod prefix;
mod prefixed;
mod range;
mod ranges;
mod read_only;
mod store;

pub use capabilities::Capabilities;
pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind, Operation, Result};
pub use ext::{ReadStoreExt, StoreExt};
pub use fetch::{Fetch, GetOptions, Object, Part, Ranges};
pub use key::{InvalidKey, Key};
pub use listing::until_error;
pub use meta::{DirListing, Meta, Timestamp, Version};
pub use payload::Payload;
pub use prefix::Prefix;
pub use prefixed::Prefixed;
pub use range::{ByteRange, RangePastEnd};
pub use ranges::ranges_by_get;
pub use read_only::ReadOnly;
pub use store::{BoxStream, ReadStore, SetMode, Store};
