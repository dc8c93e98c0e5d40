//! Disturbance: a mark that books may be wrong, for whoever opens the directory next to count what is there.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
};

use crate::{
    access,
    files::{COUNTED, DISTURBED},
};

/// Marks that in this directory of a cache files were removed, or are about to be, that are in somebody else's books.
/// Whoever opens it next will count what is there. For one who did not join, too.
///
/// # Errors
/// What the system refuses.
///
/// # Cost
/// A few calls of the system, and one if it is marked already.
pub fn disturb(cache: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(cache.join(DISTURBED)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => access::share(&made?, cache),
    }
}

/// What is there is about to be counted. Whether the directory is marked: the mark has another name from now on, so
/// that one that is made meanwhile stays.
///
/// # Errors
/// What the system refuses.
pub(crate) fn begin_count(cache: &Path) -> io::Result<bool> {
    match fs::rename(cache.join(DISTURBED), cache.join(COUNTED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(is_being_counted(cache)),
        renamed => renamed.map(|()| true),
    }
}

pub(crate) fn is_being_counted(cache: &Path) -> bool {
    cache.join(COUNTED).exists()
}

/// What was counted is in books that are right.
///
/// # Errors
/// What the system refuses.
pub(crate) fn settle(cache: &Path) -> io::Result<()> {
    match fs::remove_file(cache.join(COUNTED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn whoever_may_use_the_directory_may_use_the_mark() {
        let directory = tempfile::TempDir::new().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        disturb(directory.path()).unwrap();
        disturb(directory.path()).unwrap();
        assert_eq!(mode(&directory.path().join(DISTURBED)), 0o666);
        assert!(disturb(Path::new("/no/such/directory")).is_err());
    }

    #[test]
    fn what_is_disturbed_while_it_is_counted_is_for_the_next_one_to_count() {
        let directory = tempfile::TempDir::new().unwrap();
        let count = || begin_count(directory.path()).unwrap();
        let settle = || settle(directory.path()).unwrap();
        settle();
        assert!(!count());
        disturb(directory.path()).unwrap();
        assert!(count());
        assert!(count(), "whoever began was killed");
        disturb(directory.path()).unwrap();
        settle();
        assert!(count());
        settle();
        assert!(!count());
    }
}
