//! `object_store` over stores of the contract.
//!
//! - `worlds`: the stores that are tried: bare ones, and caches over them;
//! - `counted`: an `object_store` that counts what is asked of it;
//! - `suite`: `object_store`'s own suite, each function by name, over each world;
//! - `alike`: any operations, on a cache of ours and on `object_store`'s own store in memory;
//! - `asking`: what a get asks of the store below, and what it answers;
//! - `naming`: paths and keys, in every call that takes one;
//! - `refusals`: what is refused, and how; errors that come back;
//! - `races`: calls held half way, so that others come between;
//! - `uploads`: values that come in parts;
//! - `streams`: `object_store`'s own readers and writers of streams;
//! - `roundtrip`: `object_store` below, a cache between, `object_store` above;
//! - `examples`: the examples, run.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod alike;
mod asking;
mod counted;
mod examples;
mod naming;
mod races;
mod refusals;
mod roundtrip;
mod streams;
mod suite;
mod uploads;
mod worlds;
