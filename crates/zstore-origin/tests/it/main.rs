//! The origin over the wire.
//!
//! - `shelf`: the store it serves here, with values that fail on demand;
//! - `client`: a client that says exactly what it is told to;
//! - `values`: whole values, names and headers;
//! - `ranges`: parts of values;
//! - `conditions`: entity tags;
//! - `errors`: what goes wrong;
//! - `life`: latency, counts, stopping.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod client;
mod conditions;
mod errors;
mod life;
mod ranges;
mod shelf;
mod values;
