//! Directories: made on the way to a value, removed when they are empty, synced when asked.

use std::{
    fs::File,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, chmodat, mkdirat, statat, unlinkat},
    io::Errno,
};

use crate::{
    error::Fault,
    facts::Facts,
    name,
    root::{LIST, Root, SEARCH},
};

/// The directory a value is written into.
#[derive(Debug)]
pub(crate) struct Parent {
    directory: OwnedFd,
    /// How many directories were made to have it: the last of its path.
    pub(crate) made: usize,
}

impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// Opens the directory of a value to be written, and makes it and its parents where they are missing.
///
/// # Errors
/// `FileInTheWay` or `LinkInTheWay` where a directory should be; `DirectoryVanishes` if somebody deleted one just as
/// it was made, and then the caller tries again.
pub(crate) fn open_or_make(root: &Root, path: &str) -> Result<Parent, Fault> {
    let (directory_path, _) = name::split(path);
    match root.open_if_there(directory_path, SEARCH) {
        Ok(Some(directory)) => return Ok(Parent { directory, made: 0 }),
        Ok(None) => {}
        Err(fault) => return Err(fault),
    }
    let mut parent = Parent { directory: root.open_beneath("", SEARCH)?, made: 0 };
    for (end, _) in path.match_indices('/') {
        let here = &path[..end];
        match step(root, &parent, here, path) {
            Ok((directory, made)) => parent = Parent { directory, made: parent.made + usize::from(made) },
            Err(fault) => {
                if parent.made > 0 {
                    prune(root, name::split(here).0);
                }
                return Err(fault);
            }
        }
    }
    Ok(parent)
}

/// Opens one directory on the way to `key`, after making it if need be, and tells whether it was made.
fn step(root: &Root, parent: &Parent, here: &str, key: &str) -> Result<(OwnedFd, bool), Fault> {
    let in_the_way = || Fault::FileInTheWay { ancestor: here.to_owned(), key: key.to_owned() };
    match root.open_beneath(here, SEARCH) {
        Ok(directory) => return Ok((directory, false)),
        Err(Fault::System { errno: Errno::NOTDIR, .. }) => return Err(in_the_way()),
        Err(Fault::System { errno: Errno::NOENT, .. }) => {}
        Err(fault) => return Err(fault),
    }
    let (_, last) = name::split(here);
    let made = match mkdirat(parent, last, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
        Ok(()) => {
            if let Some(access) = root.access {
                chmodat(parent, last, access.directory, AtFlags::empty())
                    .map_err(Fault::system("set the permissions of the directory"))?;
            }
            true
        }
        Err(Errno::EXIST) => false,
        Err(Errno::NOENT) => return Err(Fault::DirectoryVanishes(name::split(here).0.to_owned())),
        Err(errno) => return Err(Fault::system("make the directory")(errno)),
    };
    match root.open_beneath(here, SEARCH) {
        Ok(directory) => Ok((directory, made)),
        Err(Fault::System { errno: Errno::NOTDIR, .. }) => Err(in_the_way()),
        Err(Fault::System { errno: Errno::NOENT, .. }) => {
            let link = statat(parent, last, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| Facts::from(stat).file_type == FileType::Symlink);
            let here = here.to_owned();
            Err(if link { Fault::LinkInTheWay(here) } else { Fault::DirectoryVanishes(here) })
        }
        Err(fault) => Err(fault),
    }
}

/// Removes a directory and those above it as far as they are empty, the root never.
///
/// What cannot be removed stays: an empty directory holds no value and harms nobody.
pub(crate) fn prune(root: &Root, mut path: &str) {
    while !path.is_empty() && remove_if_empty(root, path) {
        path = name::split(path).0;
    }
}

/// Removes one directory if it is empty, and tells whether it did.
pub(crate) fn remove_if_empty(root: &Root, path: &str) -> bool {
    let (parent, name) = name::split(path);
    root.open_beneath(parent, SEARCH).is_ok_and(|parent| unlinkat(parent, name, AtFlags::REMOVEDIR).is_ok())
}

/// Makes the names in a directory, and in so many above it, survive a loss of power. Directories that are gone need
/// not.
pub(crate) fn sync(root: &Root, mut path: &str, above: usize) -> Result<(), Fault> {
    for _ in 0..=above {
        if let Some(directory) = root.open_if_there(path, LIST)? {
            let synced = File::from(directory).sync_all();
            synced.map_err(|error| Fault::NotSynced(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        }
        path = name::split(path).0;
    }
    Ok(())
}
