//! The mark that tells who opens the cache next not to believe its books: files were removed that are in them.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// What the mark is called: an empty file in the directory of the cache.
pub(super) const NAME: &str = "disturbed";
/// Where there is one of these, somebody keeps books.
const BOOKS: [&str; 2] = ["shares", "members"];
/// Reading and writing, of all that a directory's permissions speak of.
const FILE: u32 = 0o666;

/// Makes the mark, if it is not there and anybody keeps books.
///
/// # Errors
/// What the system refuses.
///
/// # Cost
/// Two calls of the system.
pub(super) fn mark(cache: &Path) -> io::Result<()> {
    if !BOOKS.iter().any(|name| cache.join(name).exists()) {
        return Ok(());
    }
    match OpenOptions::new().write(true).create_new(true).open(cache.join(NAME)) {
        Ok(made) => {
            // Whoever may use the directory may use all files in it, whatever the umask of who made them. Some file
            // systems know no permissions.
            let mode = fs::metadata(cache)?.permissions().mode() & FILE;
            let _ = made.set_permissions(Permissions::from_mode(mode));
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
