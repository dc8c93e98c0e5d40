//! The `zstore` command line.
//!
//! This file is glue. In reading order:
//!
//! - `args`: what can be asked for;
//! - `demo`: shows on data what a cache saves;
//! - `warm`, with `region`: fetches what will be read;
//! - `look`: lists, prints and describes what a source holds;
//! - `source` and `cached`: what is read, and a cache to read it through;
//! - `discover`: which arrays a source has;
//! - `cache`: commands on a cache directory, which `directory` looks at from outside;
//! - `problem`: what the user is told when something cannot be done: one line, and a hint;
//! - `fault`: what the user is told of a panic;
//! - `signals`: ends that somebody else sets;
//! - `progress`, `table`, `size`, `age`, `output`: a bar, tables, sizes and durations as people write them, and
//!   standard output that may go away.
#![allow(clippy::print_stderr, reason = "a command line prints")]
#![forbid(unsafe_code)]

mod age;
mod args;
mod cache;
mod cached;
mod demo;
mod directory;
mod discover;
mod fault;
mod look;
mod output;
mod problem;
mod progress;
mod region;
mod signals;
mod size;
mod source;
mod table;
mod warm;

use std::process::ExitCode;

use tokio::runtime::Runtime;

use crate::{
    args::{Asked, Command, DemoOptions},
    problem::Problem,
    signals::Signals,
};

fn main() -> ExitCode {
    fault::tame_panics();
    let outcome = match args::read(std::env::args_os()) {
        Ok(Asked::Run(command)) => run(*command),
        Ok(Asked::Text(text)) => output::print(&text).map(|()| ExitCode::SUCCESS),
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("{problem}");
        ExitCode::from(problem.exit_code())
    })
}

fn run(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Demo(options) => demo(options),
        Command::Cache(command) => cache::run(command).map(|()| ExitCode::SUCCESS),
        Command::Warm(options) => run_async(warm::run(options)),
        Command::Ls(options) => run_async(look::ls(options)),
        Command::Cat(options) => run_async(look::cat(options)),
        Command::Info(options) => run_async(look::info(options)),
        Command::Completions { shell } => output::print_bytes(&args::completions(shell)).map(|_| ExitCode::SUCCESS),
    }
}

/// Runs the demonstration until it or the user ends it.
fn demo(options: DemoOptions) -> Result<ExitCode, Problem> {
    // Made when signals are caught, and deleted last: when the runtime is gone, nothing writes into it any more.
    let scratch;
    let (runtime, signals) = start()?;
    scratch = tempfile::Builder::new().prefix("zstore-").tempdir().map_err(|error| {
        Problem::new(
            format!("cannot make a temporary directory: {error}"),
            "make room in the directory for temporary files, or set TMPDIR to another one",
        )
    })?;
    runtime.block_on(until_ended(signals, demo::run(options, scratch.path())))
}

/// Does work that keeps nothing temporary until it or the user ends it.
fn run_async(work: impl Future<Output = Result<(), Problem>>) -> Result<ExitCode, Problem> {
    let (runtime, signals) = start()?;
    runtime.block_on(until_ended(signals, work))
}

/// A runtime, and the signals that are caught from now on.
fn start() -> Result<(Runtime, Signals), Problem> {
    let cannot_start = |error| {
        Problem::new(format!("cannot start: {error}"), "the system refuses threads; close some programs and try again")
    };
    let runtime = Runtime::new().map_err(cannot_start)?;
    let signals = runtime.block_on(async { Signals::catch() }).map_err(cannot_start)?;
    Ok((runtime, signals))
}

/// Does the work until it or the user ends it.
async fn until_ended(signals: Signals, work: impl Future<Output = Result<(), Problem>>) -> Result<ExitCode, Problem> {
    tokio::select! {
        exit_code = signals.ended() => Ok(exit_code),
        outcome = work => outcome.map(|()| ExitCode::SUCCESS),
    }
}
