//! `object_store` over stores of the contract.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod alike;
mod asking;
mod counted;
mod naming;
mod refusals;
mod roundtrip;
mod suite;
mod uploads;
mod worlds;
