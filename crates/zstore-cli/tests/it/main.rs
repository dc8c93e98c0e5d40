//! The `zstore` binary, run as people run it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod binary;
mod cache_books;
mod cache_care;
mod cache_contents;
mod cache_directory;
mod endings;
mod failures;
mod fixtures;
mod looking;
mod manual;
mod planted;
mod refusals;
mod sample;
mod urls;
mod warming;
