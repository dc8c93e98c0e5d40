//! `object_store` over stores of the contract.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

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
