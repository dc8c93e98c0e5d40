//! zarrs over stores of the contract, and stores over zarrs.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

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
