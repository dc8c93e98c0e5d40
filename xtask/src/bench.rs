//! `cargo xtask bench`: side-by-side benches, and their ratios.
//!
//! Absolute times tell of the machine. What is printed at the end is how two ways of doing one piece of work compare,
//! both measured in this very run.

mod ratios;

use std::{ffi::OsStr, time::SystemTime};

use crate::{
    process::{Outcome, cargo},
    repository,
};

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// As long as good figures take.
    Full,
    /// As short as makes sense: to see that the benches run.
    Quick,
}

pub(crate) fn run(effort: Effort) -> Outcome {
    let measured = repository::target().join("criterion");
    let start = SystemTime::now();
    let arguments = ["bench", "--package", "zstore-benches", "--benches", "--", "--noplot", "--quick"];
    let arguments = if effort == Effort::Quick { &arguments[..] } else { &arguments[..arguments.len() - 1] };
    cargo(arguments, &[("CRITERION_HOME", OsStr::new(&measured))])?;
    let table = ratios::table(&ratios::read(&measured, start)?)?;
    println!("\nMedians of this run; a ratio below 1.00 says that ours took less time.\n\n{table}");
    Ok(())
}

/// Opens full caches again: see `benches/reopen/main.rs`, which prints its own ratios.
pub(crate) fn reopen(effort: Effort) -> Outcome {
    alone("reopen", effort)
}

/// Runs a bench that prints its own ratios, in a folder of its own.
fn alone(bench: &str, effort: Effort) -> Outcome {
    let scratch = repository::target().join(bench);
    let scratch = scratch.to_str().ok_or("the target directory has no name that can be handed on")?;
    let arguments = ["bench", "--package", "zstore-benches", "--bench", bench, "--", "--directory", scratch, "--quick"];
    cargo(if effort == Effort::Quick { &arguments[..] } else { &arguments[..arguments.len() - 1] }, &[])
}

/// Counts what a web server is asked: see `benches/requests/main.rs`, which prints a table.
pub(crate) fn requests() -> Outcome {
    // Counts are the same in every profile, and this one is built already.
    cargo(&["bench", "--profile", "dev", "--package", "zstore-benches", "--bench", "requests"], &[])
}

/// Reads objects of a far server: see `benches/remote/main.rs`, which prints its own ratios.
pub(crate) fn remote(effort: Effort) -> Outcome {
    alone("remote", effort)
}
