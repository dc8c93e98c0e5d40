//! zarrs over stores of the contract.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod arrays;
mod cached;
mod counted;
mod defects;
mod parts;
mod suite;
