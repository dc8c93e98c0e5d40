//! An HTTP origin over any store.
//!
//! It serves the values of a [`ReadStore`](zstore_core::ReadStore) on 127.0.0.1 by HTTP/1.1, with entity tags, single
//! ranges, conditions and HEAD, as slowly as asked, and counts what it is asked. It is there to show and to test what
//! a cache saves, and no server for the open net: it has no TLS, no access control and no listing.
//!
//! In reading order:
//!
//! - [`Origin`] and [`OriginBuilder`]: the server, its life and its address;
//! - `request`: what a request asks for, read from its headers;
//! - `answer`: what the store has to say to that, as an HTTP response;
//! - `body`: bytes on their way out, counted and paced;
//! - [`Counts`]: what was asked and sent.
//!
//! # Examples
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # async fn example(store: Arc<dyn zstore_core::ReadStore>) -> zstore_core::Result<()> {
//! use zstore_origin::Origin;
//!
//! let origin = Origin::builder(store).latency(Duration::from_millis(40)).bind().await?;
//! println!("serving on {}", origin.url()); // http://127.0.0.1:PORT/
//! // ... let a client read ...
//! assert_eq!(origin.counts().requests, 0);
//! origin.shutdown().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod body;
mod counts;
mod request;
mod server;

pub use counts::Counts;
pub use server::{Origin, OriginBuilder};
