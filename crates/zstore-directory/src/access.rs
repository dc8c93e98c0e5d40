//! Permissions: whoever may use the directory may use all files in it, whatever the umask of who made them.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// Reading and writing, of all that a directory's permissions speak of.
const FILE: u32 = 0o666;
/// The same, entering, and handing on the group.
const DIRECTORY: u32 = 0o2777;

/// Gives a file the permissions of the directory of the cache.
///
/// # Errors
/// What the system refuses. A file that another user made keeps its own, which that one set.
pub(crate) fn share(file: &File, cache: &Path) -> io::Result<()> {
    let (own, wanted) = (file.metadata()?.mode(), fs::metadata(cache)?.mode() & FILE);
    if own & FILE == wanted { Ok(()) } else { ignore_others(file.set_permissions(Permissions::from_mode(wanted))) }
}

/// Makes a directory in that of the cache, with its permissions.
///
/// # Errors
/// What the system refuses.
pub(crate) fn make_directory(path: &Path, cache: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => {
            made?;
            let mode = fs::metadata(cache)?.mode() & DIRECTORY;
            ignore_others(fs::set_permissions(path, Permissions::from_mode(mode)))
        }
    }
}

fn ignore_others(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}
