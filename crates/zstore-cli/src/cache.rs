//! `zstore cache`: what is in a cache directory, and what is to leave it.
//!
//! All of these work on a directory that other processes are using. In reading order:
//!
//! - `stats`: what it holds, in all and by namespace;
//! - `list`: what it holds, blob by blob;
//! - `top` and `array`: which arrays, or values, take the most room;
//! - `inspect`: all that is known of one value's blobs;
//! - `verify`: whether every byte is what was written;
//! - `clear` and `prune`: removing all, or the oldest.

mod array;
mod clear;
mod inspect;
mod list;
mod prune;
mod stats;
mod top;
mod verify;

use crate::{args::CacheCommand, problem::Problem};

/// Runs a command on a cache directory. It needs neither a runtime nor to be told of signals: whatever ends it leaves
/// the directory as sound as it was.
///
/// # Errors
/// If there is no cache, it cannot be read or written, or it is found to be damaged.
pub(crate) fn run(command: CacheCommand) -> Result<(), Problem> {
    match command {
        CacheCommand::Stats(options) => stats::run(&options),
        CacheCommand::List(options) => list::run(&options),
        CacheCommand::Top(options) => top::run(&options),
        CacheCommand::Inspect(options) => inspect::run(&options),
        CacheCommand::Verify(options) => verify::run(&options),
        CacheCommand::Clear(options) => clear::run(&options),
        CacheCommand::Prune(options) => prune::run(&options),
    }
}

/// What is said behind a count of which not all were shown.
fn hidden(found: u64, shown: usize) -> String {
    match found - shown as u64 {
        0 => String::new(),
        hidden => format!(" ({hidden} not shown)"),
    }
}
