//! The `zstore` command line.
//!
//! This file is glue. In reading order:
//!
//! - `args`: what can be asked for;
//! - `demo`: the one command, which shows on data what a cache saves;
//! - `problem`: what the user is told when something cannot be done: one line, and a hint;
//! - `fault`: what the user is told of a panic;
//! - `progress`, `size`, `output`: a bar, sizes as people write them, and standard output that may go away.
#![allow(clippy::print_stderr, reason = "a command line prints")]
#![forbid(unsafe_code)]

mod args;
mod demo;
mod fault;
mod output;
mod problem;
mod progress;
mod size;

use std::process::ExitCode;

use crate::{
    args::{Asked, Command},
    problem::Problem,
};

/// What shells expect of a program that ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    fault::tame_panics();
    let outcome = match args::read(std::env::args_os()) {
        Ok(Asked::Run(command)) => run(command),
        Ok(Asked::Text(text)) => output::print(&text).map(|()| ExitCode::SUCCESS),
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("{problem}");
        ExitCode::from(problem.exit_code())
    })
}

/// Runs a command until it or the user ends it.
fn run(command: Command) -> Result<ExitCode, Problem> {
    // Deleted last: when the runtime is gone, nothing writes into it any more.
    let scratch = tempfile::Builder::new().prefix("zstore-").tempdir().map_err(|error| {
        Problem::new(
            format!("cannot make a temporary directory: {error}"),
            "make room in the directory for temporary files, or set TMPDIR to another one",
        )
    })?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| {
        Problem::new(format!("cannot start: {error}"), "the system refuses threads; close some programs and try again")
    })?;
    runtime.block_on(async {
        let Command::Demo(options) = command;
        tokio::select! {
            // In this order: the signal is listened for before there is anything to clear up.
            biased;
            Ok(()) = tokio::signal::ctrl_c() => Ok(ExitCode::from(INTERRUPTED)),
            outcome = demo::run(options, scratch.path()) => outcome.map(|()| ExitCode::SUCCESS),
        }
    })
}
