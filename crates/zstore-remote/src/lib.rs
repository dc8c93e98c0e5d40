//! Remote stores, by way of `object_store`: web servers, clouds and mounted folders behind one contract.
//!
//! In reading order:
//!
//! - [`RemoteReader`]: a remote that can be read: any URL, `http://` and `https://` among them;
//! - [`RemoteStore`]: a remote that can be written as well: `s3://`, `gs://`, `az://`, `file://`;
//! - [`RemoteBuilder`]: timeouts, retries, certificates and a scheme's own options;
//! - `place`: what a URL names, and how it is shown without its secrets;
//! - `environment`: variables that a program hands on;
//! - `cloud`: opening buckets and containers, where the features are on;
//! - `client`: the HTTP client below, and how its refusals keep their status;
//! - `remote`: one question, one request, and what to do about servers that answer another;
//! - `body`: bytes of an answer, no fewer and no more than promised;
//! - `spans`: near ranges fetched as one;
//! - `listing`: names below a prefix;
//! - `fault`: what can go wrong, precisely.
//!
//! # Servers are not what they should be
//! A server may ignore a range, a condition or both, answer other bytes than asked, fewer than promised, or nothing
//! in time. The laws of the contract hold all the same: answers are compared with the question, and what a server
//! does not do is done here at a greater cost. What cannot be mended is an error, and never a mixture of two versions:
//!
//! - **Busy.** A server that says when it wants to be asked again (`Retry-After`) is not asked earlier. If that is later
//!   than the time for retries allows, the error says so at once.
//! - **Moved.** Redirects are followed, ten at most. Another host is told neither credentials nor the URL that led
//!   there, and what was asked for by https is not fetched by http.
//! - **Coded.** No coding is asked for, and a web server that sends one all the same is refused: its sizes and ranges
//!   are those of the coded bytes. In a bucket a coding is a property of the object, and the value is what was stored,
//!   as S3's and Azure's own tools have it.
//! - **Forbidden.** A value that may not be read is an error, unless
//!   [`RemoteBuilder::forbidden_is_missing`] says otherwise.
//!
//! # Examples
//! ```no_run
//! # async fn example() -> zstore_core::Result<()> {
//! use zstore_core::{ByteRange, Key, ReadStoreExt};
//! use zstore_remote::RemoteReader;
//!
//! let reader = RemoteReader::from_url("https://example.org/data/climate.zarr")?;
//! let index = reader.get_range(&Key::new("t2m/c/0")?, ByteRange::Suffix(1028)).await?;
//! # let _ = index;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod body;
mod builder;
mod client;
mod cloud;
mod environment;
mod fault;
mod listing;
mod place;
mod reader;
mod remote;
mod spans;
mod store;

/// The blocks of the page on remotes, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/remotes.md")]
struct Remotes;

pub use builder::RemoteBuilder;
pub use reader::RemoteReader;
pub use store::RemoteStore;
