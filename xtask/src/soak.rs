//! `cargo xtask soak`: the long form of the crash tests. Processes that share a cache directory are killed at any
//! moment for as many minutes as asked, in memory and on disk, one and many at once, with torn files and few file
//! descriptors; the counts are told as it goes on.

use crate::process::{Outcome, cargo};

pub(crate) fn run(minutes: &str) -> Outcome {
    if minutes.parse::<u64>().is_err() {
        return Err(format!("{minutes:?} is not a number of minutes; write `cargo xtask soak --minutes 60`"));
    }
    cargo(&["test", "-p", "zstore-cache", "--test", "crashes", "--", "soak", minutes], &[])
}
