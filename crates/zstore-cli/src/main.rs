//! The `zstore` command line.
//!
//! This file is glue. In reading order:
//!
//! - `args`: what can be asked for;
//! - `demo`: the one command, which shows on data what a cache saves;
//! - `problem`: what the user is told when something cannot be done: one line, and a hint;
//! - `fault`: what the user is told of a panic;
//! - `signals`: ends that somebody else sets;
//! - `progress`, `size`, `output`: a bar, sizes as people write them, and standard output that may go away.
#![allow(clippy::print_stderr, reason = "a command line prints")]
#![forbid(unsafe_code)]

mod args;
mod demo;
mod fault;
mod output;
mod problem;
mod progress;
mod signals;
mod size;

use std::process::ExitCode;

use crate::{
    args::{Asked, Command},
    problem::Problem,
    signals::Signals,
};

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
    // Made when signals are caught, and deleted last: when the runtime is gone, nothing writes into it any more.
    let scratch;
    let cannot_start = |error| {
        Problem::new(format!("cannot start: {error}"), "the system refuses threads; close some programs and try again")
    };
    let runtime = tokio::runtime::Runtime::new().map_err(cannot_start)?;
    let signals = runtime.block_on(async { Signals::catch() }).map_err(cannot_start)?;
    scratch = tempfile::Builder::new().prefix("zstore-").tempdir().map_err(|error| {
        Problem::new(
            format!("cannot make a temporary directory: {error}"),
            "make room in the directory for temporary files, or set TMPDIR to another one",
        )
    })?;
    runtime.block_on(async {
        let Command::Demo(options) = command;
        tokio::select! {
            exit_code = signals.ended() => Ok(exit_code),
            outcome = demo::run(options, scratch.path()) => outcome.map(|()| ExitCode::SUCCESS),
        }
    })
}
