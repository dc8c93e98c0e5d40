//! zarrs over stores of the contract, and stores over zarrs.
//!
//! - `suite`: zarrs' own suite for stores, whole, in both its halves;
//! - `parts`: parts of values, read and written;
//! - `sync`: the synchronous half of zarrs over a store that must be waited for;
//! - `arrays`: arrays that zarrs writes and reads back;
//! - `cached`: sharded arrays through a cache: what was read once is not asked for again;
//! - `counted`: a store that counts what is asked of it; and what a web server is asked, exactly;
//! - `source`: zarrs' storages as stores, beyond what the conformance suite asks;
//! - `shifting`: a zarrs storage of one value that is another one at every call;
//! - `defects`: a defect of zarr-python's cache store that is absent here;
//! - `guide`: the guide: no setting of a cache is left out of it;
//! - `examples`: the examples, run.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod arrays;
mod cached;
mod counted;
mod defects;
mod examples;
mod guide;
mod parts;
mod shifting;
mod source;
mod suite;
mod sync;
