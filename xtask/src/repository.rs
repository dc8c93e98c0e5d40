//! The repository: where it is, and what is built of it.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder that holds the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    let given = env::var_os("CARGO_TARGET_DIR").filter(|given| !given.is_empty());
    root().join(given.as_deref().map_or(Path::new("target"), Path::new))
}
