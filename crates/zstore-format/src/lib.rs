//! What a cache of zstore writes, byte by byte: pure, without input or output.
//!
//! - `marker`: the files that tell a cache from anything else;
//! - `name`: where the blobs of a value lie, the same in every process that knows whose value it is;
//! - `blob`: what a blob says of itself, and how its bytes are checked;
//! - `index`: the journal of a cache directory, from which a process that opens it learns what there is without looking
//!   at every blob.
//!
//! `docs/format.md` of the project has all of it for people. No byte of a released version changes its meaning.
#![forbid(unsafe_code)]

mod blob;
mod checksum;
pub mod index;
pub mod marker;
mod name;

pub use blob::{CHECKED_BYTES, Content, Damage, Header, PROBE_BYTES, checked};
pub use name::{BLOBS, BlobName, KEY_BYTES_MAX, Namespace, Part, Space, blob_id};
