//! What can be asked for on the command line.

mod cache;
mod refusal;
mod remote;
mod source;

pub(crate) use cache::{
    CacheCommand, ClearOptions, InspectOptions, ListOptions, Measure, Order, PruneOptions, StatsOptions, TopOptions,
    VerifyOptions,
};
pub(crate) use remote::RemoteOptions;
pub(crate) use source::{CacheBounds, CatOptions, InfoOptions, LookOptions, LsOptions, PathOptions, WarmOptions};

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};
use clap_complete::Shell;
use zstore_format::marker::MARKERS_BYTES;

use crate::{problem::Problem, size};

/// Told at the end of every help.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed, or something is wrong with what was looked at; \
    2 the command line makes no sense; 128 and more: ended by a signal.";

/// A cache for Zarr data, with eviction, on any store.
#[derive(Debug, Parser)]
#[command(
    name = "zstore",
    after_help = EXIT_CODES,
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show on data what a cache saves.
    ///
    /// Reads every array of a Zarr hierarchy through a cache three times: cold, warm, and warm again from the same
    /// cache directory opened anew. Each byte is compared with the source's.
    ///
    /// Without SOURCE it writes a sample into a temporary directory and needs nothing else.
    #[command(after_help = EXIT_CODES)]
    Demo(DemoOptions),
    /// Look into a cache directory, verify it, or remove what it holds.
    ///
    /// All of these may be done while other processes use the directory.
    #[command(subcommand, after_help = EXIT_CODES)]
    Cache(CacheCommand),
    /// Fetch into a cache directory what will be read.
    ///
    /// What is there already is not fetched again, and what would not fit is not transferred. A cache knows values by
    /// SOURCE and key: whoever is to find them there must name the same SOURCE.
    #[command(after_help = EXIT_CODES)]
    Warm(WarmOptions),
    /// List what is directly below a path.
    #[command(after_help = EXIT_CODES)]
    Ls(LsOptions),
    /// Print the bytes of a value.
    ///
    /// A cache knows values by SOURCE and key: name both as they were named when it was warmed.
    #[command(after_help = EXIT_CODES)]
    Cat(CatOptions),
    /// Tell what a value, an array or a group is.
    #[command(after_help = EXIT_CODES)]
    Info(InfoOptions),
    /// Print a script that completes this command's words in a shell.
    #[command(after_help = EXIT_CODES)]
    Completions {
        /// The shell it is for
        shell: Shell,
    },
}

/// The script that completes the words of the command line.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "zstore", &mut script);
    script
}

#[derive(Args, Debug)]
pub(crate) struct DemoOptions {
    /// A Zarr v2 or v3 hierarchy: a directory, or an http, https, file, s3, gs or az URL
    ///
    /// URLs of clouds (s3://, gs://, az://) take credentials and regions from the environment, in variables such as
    /// AWS_PROFILE or AWS_REGION; `--option skip_signature=true` reads what is public.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// Keep the cache in this directory [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// The most bytes the cache may hold, such as 512MiB, 2GB or 1_000_000
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = cache_size, allow_hyphen_values = true)]
    pub(crate) max_size: u64,
    /// Milliseconds each request to a directory takes, as over a network [default: 30]
    #[arg(long, value_name = "N", value_parser = milliseconds, allow_hyphen_values = true)]
    pub(crate) latency_ms: Option<u32>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteOptions,
}

/// Reads the size of a cache that can hold anything.
fn cache_size(text: &str) -> Result<u64, String> {
    let bytes = size::parse(text)?;
    if bytes > MARKERS_BYTES {
        return Ok(bytes);
    }
    let such = size::counted(bytes, "byte");
    Err(format!(
        "a cache of {such} keeps nothing, for its own files take {MARKERS_BYTES}; give it more, such as 512MiB"
    ))
}

/// The variable that stands for an option. One that is empty counts as not set.
fn variable(name: &'static str) -> Option<&'static str> {
    let is_empty = std::env::var_os(name).is_some_and(|value| value.is_empty());
    (!is_empty).then_some(name)
}

fn milliseconds(text: &str) -> Result<u32, String> {
    let most = u32::MAX;
    text.parse().map_err(|_| format!("write a number of milliseconds from 0 to {most}, such as 30"))
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A command to run.
    Run(Box<Command>),
    /// Help or a version to print.
    Text(String),
}

/// Reads a command line.
///
/// # Errors
/// What is wrong with it, in the parser's first line, and where help is.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Asked, Problem> {
    let words: Vec<OsString> = words.into_iter().collect();
    let error = match Cli::try_parse_from(&words) {
        Ok(cli) => return Ok(Asked::Run(Box::new(cli.command))),
        Err(error) => error,
    };
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Ok(Asked::Text(text))
        }
        _ => Err(refusal::of(&error, &text, &words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str]) -> Result<Asked, Problem> {
        read(words.iter().map(Into::into))
    }

    #[test]
    fn the_hint_is_the_help_of_the_command_that_was_asked_for() {
        for (words, command) in [
            (&["zstore", "cache", "prune", "x", "--max-size", "12 parsecs"][..], "zstore cache prune"),
            (&["zstore", "cache", "list", "x", "--limit", "some"], "zstore cache list"),
            (&["zstore", "cache", "list"], "zstore cache list"),
            (&["zstore", "cache", "nonsense"], "zstore cache"),
            (&["zstore", "--nonsense"], "zstore"),
            (&["zstore", "ls", "x", "y", "z"], "zstore ls"),
        ] {
            let problem = read_words(words).expect_err("it is refused").to_string();
            assert!(problem.ends_with(&format!("\nhint: see `{command} --help` for what can be asked")), "{problem}");
        }
    }

    #[test]
    fn the_parser_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_demo_has_defaults() {
        let Ok(Asked::Run(command)) = read_words(&["zstore", "demo"]) else { panic!("refused") };
        let Command::Demo(options) = *command else { panic!("something else") };
        assert_eq!((options.max_size, options.latency_ms, options.json), (1 << 30, None, false));
        assert!(options.source.is_none() && options.cache.is_none());
    }

    #[test]
    fn help_is_asked_for_or_given_when_nothing_is() {
        for words in [&["zstore"][..], &["zstore", "--help"], &["zstore", "demo", "--help"]] {
            let Ok(Asked::Text(text)) = read_words(words) else { panic!("{words:?} refused") };
            assert!(text.contains("Usage: zstore"), "{words:?}: {text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_in_a_line_and_a_hint() {
        for (words, told) in [
            (&["zstore", "dmeo"][..], "dmeo"),
            (&["zstore", "demo", "--cashe", "x"], "--cashe"),
            (&["zstore", "demo", "--max-size", "12 parsecs"], "12 parsecs"),
            (&["zstore", "demo", "--max-size", "-5"], "\"-5\" is not a size; write 512MiB"),
            (&["zstore", "demo", "--latency-ms", "banana"], "write a number of milliseconds"),
            (&["zstore", "demo", "--latency-ms", "-3"], "-3"),
            (&["zstore", "cache", "list", "x", "--limit", "-1"], "write how many, such as 20"),
            (&["zstore", "cache", "top", "x", "--limit", "some"], "write how many, such as 20"),
            (&["zstore", "demo", "a", "b"], "b"),
            (
                &["zstore", "cache", "prune", "x", "--prefix", "2d"],
                "its options are --older-than, --max-size, --dry-run and --json",
            ),
            (&["zstore", "warm", "x", "--cashe", "y"], "a similar argument exists: '--cache'"),
        ] {
            let problem = read_words(words).expect_err("it is refused");
            let shown = problem.to_string();
            assert!(shown.starts_with("error: ") && shown.contains(told) && shown.contains("\nhint: "), "{shown}");
            assert_eq!(shown.lines().count(), 2, "{shown}");
            assert_eq!(problem.exit_code(), 2);
        }
    }
}
