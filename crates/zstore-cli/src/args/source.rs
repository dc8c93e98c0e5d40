//! What can be asked of a source, through a cache or without one.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use zstore_core::{ByteRange, Key, Prefix};

use super::{cache::prefix, cache_size, remote::RemoteOptions, variable};
use crate::{age, look, region::Region};

/// Bounds of a cache that is read through.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CacheBounds {
    /// The most bytes the cache may hold, such as 512MiB, 2GB or 1_000_000 [default: any number]
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = cache_size,
        allow_hyphen_values = true,
        env = variable("ZSTORE_MAX_SIZE")
    )]
    pub(crate) max_size: Option<u64>,
    /// Ask the source again for what is older, such as 30d or 12h [default: never]
    #[arg(
        long,
        value_name = "AGE",
        value_parser = age::parse,
        allow_hyphen_values = true,
        env = variable("ZSTORE_MAX_AGE")
    )]
    pub(crate) max_age: Option<Duration>,
}

#[derive(Args, Debug)]
#[command(mut_arg("max_age", |age| age.value_parser(lasting)))]
pub(crate) struct WarmOptions {
    /// A directory, or an http, https, file, s3, gs or az URL
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Keep it in this directory
    #[arg(long, value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) cache: PathBuf,
    /// Only what lies below this path [default: all of it]
    #[arg(long, value_name = "PREFIX", value_parser = path, conflicts_with = "array")]
    pub(crate) prefix: Option<Prefix>,
    /// Only this array, with its metadata and those of the groups above it
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) array: Option<Prefix>,
    /// Only chunks of the array that hold some of this, such as 0:10,:,5 (in indices of elements)
    #[arg(long, value_name = "REGION", value_parser = Region::parse, requires = "array", allow_hyphen_values = true)]
    pub(crate) region: Option<Region>,
    #[command(flatten)]
    pub(crate) bounds: CacheBounds,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteOptions,
}

/// How a source is looked at.
#[derive(Args, Debug)]
pub(crate) struct LookOptions {
    /// Read through a cache in this directory
    #[arg(long, value_name = "DIR", env = variable("ZSTORE_CACHE"))]
    pub(crate) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bounds: CacheBounds,
    #[command(flatten)]
    pub(crate) remote: RemoteOptions,
}

/// What is looked at in a source.
#[derive(Args, Debug)]
pub(crate) struct PathOptions {
    /// A path in it
    #[arg(value_name = "PATH", value_parser = path)]
    pub(crate) path: Option<Prefix>,
    #[command(flatten)]
    pub(crate) look: LookOptions,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LsOptions {
    /// A directory, or an http, https, file, s3, gs or az URL
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) at: PathOptions,
}

#[derive(Args, Debug)]
pub(crate) struct CatOptions {
    /// A directory, or an http, https, file, s3, gs or az URL; or, without KEY, the file or URL of a value
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// The key of a value in it
    #[arg(value_name = "KEY", value_parser = key)]
    pub(crate) key: Option<Key>,
    /// Only these bytes, such as 0:100, 100:, :100, or -8: for the last eight
    #[arg(long, value_name = "A:B", value_parser = look::parse_range, allow_hyphen_values = true)]
    pub(crate) range: Option<ByteRange>,
    #[command(flatten)]
    pub(crate) look: LookOptions,
}

#[derive(Args, Debug)]
pub(crate) struct InfoOptions {
    /// A directory, or an http, https, file, s3, gs or az URL; or the file or URL of a value
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) at: PathOptions,
}

/// Reads an age that what is fetched does not have at once.
fn lasting(text: &str) -> Result<Duration, String> {
    let age = age::parse(text)?;
    if age > Duration::ZERO {
        return Ok(age);
    }
    Err("what is fetched would be too old as soon as it is there; name a longer age, such as 12h".to_owned())
}

/// Reads a path as Zarr writes it, with a slash in front or without.
fn path(text: &str) -> Result<Prefix, String> {
    prefix(text.strip_prefix('/').unwrap_or(text))
}

fn key(text: &str) -> Result<Key, String> {
    Key::new(text.strip_prefix('/').unwrap_or(text)).map_err(|error| error.to_string())
}
