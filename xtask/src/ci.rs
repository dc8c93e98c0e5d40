//! `cargo xtask ci`: what a change must pass.

use crate::{
    process::{Outcome, cargo},
    test,
};

/// Formatting first, because it is told in a second; then the lints; then everything else.
pub(crate) fn run() -> Outcome {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    // The tests turn the feature `metrics` on; users have it off.
    cargo(&["clippy", "-p", "zstore-cache", "--lib", "--", "-D", "warnings"], &[])?;
    // And all clouds, which users have one by one or not at all.
    for feature in ["", "aws", "azure", "gcp"] {
        cargo(&["clippy", "-p", "zstore-remote", "--lib", "--features", feature, "--", "-D", "warnings"], &[])?;
    }
    test::run()
}
