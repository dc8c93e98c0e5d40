//! How a source on the network is asked.

use std::time::Duration;

use clap::Args;

use crate::age;

/// Settings of a source on the network.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Sources on the network")]
pub(crate) struct RemoteOptions {
    /// A setting, such as region=eu-west-1, endpoint=URL or skip_signature=true; may be said again for others
    #[arg(long = "option", short = 'o', value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) options: Vec<(String, String)>,
    /// Make a request that failed for a reason that may pass so many times more [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<usize>,
    /// Give up a request when the server is silent for so long [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = age::parse, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
    /// Make at most so many requests at once [default: 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests: Option<u32>,
    /// Take a value that may not be read for one that is not there, as in a bucket that may not be listed
    #[arg(long)]
    pub(crate) forbidden_is_missing: bool,
}

impl RemoteOptions {
    /// The first that was given, by its name.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--option", !self.options.is_empty()),
            ("--retries", self.retries.is_some()),
            ("--timeout", self.timeout.is_some()),
            ("--requests", self.requests.is_some()),
            ("--forbidden-is-missing", self.forbidden_is_missing),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as region=eu-west-1".to_owned()),
    }
}
