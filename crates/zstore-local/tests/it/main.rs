//! What the conformance suite cannot know: that this store is a plain directory, among other programs, on a real file
//! system.
//!
//! - `opening`: which directories can be opened, and how a store is named
//! - `layout`: keys are paths and values are files, whoever wrote them
//! - `at_hand`: what is read without waiting
//! - `clashes`: what a plain directory cannot hold at once
//! - `links`: symbolic links, inside the root and out of it
//! - `no_files`: pipes, sockets and empty directories
//! - `listing`: pages, order and depth
//! - `concurrency`: writers and deleters at once
//! - `crashes`: what a killed writer leaves
//! - `refusals`: full and read-only disks, permissions, too many open files, no runtime
//! - `scratch`, `again`: a store to test, and a test in a process of another kind
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in what tests call too")]

mod again;
mod at_hand;
mod clashes;
mod concurrency;
mod crashes;
mod layout;
mod links;
mod listing;
mod no_files;
mod opening;
mod refusals;
mod scratch;
