//! The project's own tooling: `cargo xtask <command>`.
//!
//! Each command is a file: [`test`], [`bench`], [`soak`], [`servers`], [`tidy`], [`ci`]. What they share is `process`,
//! which runs a program and shows how, `provision`, which installs what tests need, and `repository`, which says where
//! we are. Nothing here hides a failure: the exit code is 0 only if all went well.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod bench;
mod ci;
mod process;
mod provision;
mod repository;
mod servers;
mod soak;
mod test;
mod tidy;

use std::{env, process::ExitCode};

const USAGE: &str = "\
usage: cargo xtask <command>

  test             everything: tidy, then all tests of the workspace
  test --nightly   what takes too long for every day
  bench [--quick]  side-by-side benches, and their ratios from this one run
  soak --minutes N processes that share a cache directory are killed for so long
  bench reopen [--quick]
                   opening full caches, beside foyer and readdir + stat
  bench remote [--quick]
                   reading from a far server, beside object_store and std::fs::read
  bench requests   requests and bytes of sharded reads, beside zarrs_object_store
  servers [-- COMMAND ...]
                   real servers for the tests of remotes, while a command runs
  tidy             the rules of the project that no compiler knows
  ci               formatting, lints, then test";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["test"] => test::run(),
        ["test", "--nightly"] => test::nightly(),
        ["bench"] => bench::run(bench::Effort::Full),
        ["bench", "--quick"] => bench::run(bench::Effort::Quick),
        ["soak", "--minutes", minutes] => soak::run(minutes),
        ["bench", "reopen"] => bench::reopen(bench::Effort::Full),
        ["bench", "reopen", "--quick"] => bench::reopen(bench::Effort::Quick),
        ["bench", "remote"] => bench::remote(bench::Effort::Full),
        ["bench", "remote", "--quick"] => bench::remote(bench::Effort::Quick),
        ["bench", "requests"] => bench::requests(),
        ["servers"] => servers::run(&[]),
        ["servers", "--", ref command @ ..] => servers::run(command),
        ["tidy"] => tidy::run(),
        ["ci"] => ci::run(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("not a command: {:?}\n\n{USAGE}", words.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
