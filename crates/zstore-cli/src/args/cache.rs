//! What can be asked of a cache directory.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};
use zstore_core::Prefix;

use super::{EXIT_CODES, variable};
use crate::{age, problem::Problem, size};

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Tell what it holds, in all and by namespace.
    ///
    /// A namespace is what was cached: the directory or URL of a source. The total is what `du -b` says.
    #[command(after_help = EXIT_CODES)]
    Stats(StatsOptions),
    /// List what it holds, blob by blob.
    #[command(after_help = EXIT_CODES)]
    List(ListOptions),
    /// Tell which arrays, or values, take the most room.
    #[command(after_help = EXIT_CODES)]
    Top(TopOptions),
    /// Tell all that is known of the blobs of one value, and check them.
    #[command(after_help = EXIT_CODES)]
    Inspect(InspectOptions),
    /// Read every blob and compare it with its checksums.
    ///
    /// Ends with 1 if any is damaged, also when it was removed.
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyOptions),
    /// Remove all blobs, or all of one namespace.
    ///
    /// Asks first; where there is no terminal, --yes has to be said. Whoever uses the cache finds them gone, and fetches
    /// what it needs again.
    #[command(after_help = EXIT_CODES)]
    Clear(ClearOptions),
    /// Remove what is old, or as much as is too much.
    ///
    /// The oldest fetch leaves first, whenever it was last used; with --max-size damaged blobs leave before it.
    #[command(after_help = EXIT_CODES)]
    Prune(PruneOptions),
}

#[derive(Args, Debug)]
pub(crate) struct StatsOptions {
    /// The cache directory
    #[arg(value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) directory: PathBuf,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    /// The cache directory
    #[arg(value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) directory: PathBuf,
    /// Only of this source: its path, its URL, or its whole name
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Only keys at or below this, by whole segments
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub(crate) prefix: Option<Prefix>,
    /// By key, the largest first, or the oldest first
    #[arg(long, value_name = "ORDER", default_value = "key")]
    pub(crate) sort: Order,
    /// Show so many and count the rest
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    pub(crate) limit: Option<usize>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// In which order blobs are listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Order {
    Key,
    Size,
    Age,
}

#[derive(Args, Debug)]
pub(crate) struct TopOptions {
    /// The cache directory
    #[arg(value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) directory: PathBuf,
    /// Values rather than arrays
    #[arg(long)]
    pub(crate) keys: bool,
    /// By bytes, or by how many blobs
    #[arg(long, value_name = "MEASURE", default_value = "size")]
    pub(crate) by: Measure,
    /// Only of this source: its path, its URL, or its whole name
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Show so many and count the rest
    #[arg(long, value_name = "N", default_value = "20", value_parser = count, allow_hyphen_values = true)]
    pub(crate) limit: usize,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// What makes an array heavy.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Measure {
    Size,
    Count,
}

#[derive(Args, Debug)]
pub(crate) struct InspectOptions {
    /// The cache directory; may be left out where ZSTORE_CACHE names it
    #[arg(value_name = "DIR")]
    first: String,
    /// The key of a value, or the file of a blob
    #[arg(value_name = "KEY")]
    second: Option<String>,
    #[arg(long, env = variable("ZSTORE_CACHE"), hide = true, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Only of this source: its path, its URL, or its whole name
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

impl InspectOptions {
    /// The directory, and what is to be looked at in it.
    ///
    /// # Errors
    /// If one of them was left out that may not be.
    pub(crate) fn words(&self) -> Result<(&Path, &str), Problem> {
        match (&self.second, &self.cache) {
            (Some(what), _) => Ok((Path::new(&self.first), what)),
            (None, Some(directory)) => Ok((directory, &self.first)),
            (None, None) => Err(Problem::of_usage(
                "the following required argument was not provided: <KEY>",
                "see `zstore cache inspect --help` for what can be asked",
            )),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct VerifyOptions {
    /// The cache directory
    #[arg(value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) directory: PathBuf,
    /// Remove what is damaged: it is fetched again when it is asked for
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ClearOptions {
    /// The cache directory
    #[arg(value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) directory: PathBuf,
    /// Only of this source: its path, its URL, or its whole name
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Do not ask, and remove them
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PruneOptions {
    /// The cache directory
    #[arg(value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) directory: PathBuf,
    /// Remove what was fetched longer ago, such as 30d, 12h or 1d12h
    #[arg(long, value_name = "AGE", value_parser = age::parse, allow_hyphen_values = true)]
    pub(crate) older_than: Option<Duration>,
    /// Remove the oldest until no more than this is left, such as 512MiB, 2GB or 1_000_000
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = size::parse,
        allow_hyphen_values = true,
        env = variable("ZSTORE_MAX_SIZE")
    )]
    pub(crate) max_size: Option<u64>,
    /// Tell what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads how many lines are to be shown.
fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "write how many, such as 20".to_owned())
}

/// Reads the beginning of keys.
pub(super) fn prefix(text: &str) -> Result<Prefix, String> {
    Prefix::new(text).map_err(|error| error.to_string())
}
