//! The repository: where it is.

use std::path::Path;

/// The folder that holds the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}
