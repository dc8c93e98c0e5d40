//! Deletes one value, or all below a prefix, and the directories that become empty.

use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, unlinkat},
    io::Errno,
};
use zstore_core::{Key, Prefix};

use crate::{
    builder::Durability,
    directory::{Child, ChildKind},
    error::Fault,
    landing::Landing,
    name,
    occupant::{Occupant, occupant},
    parents,
    root::{Root, SEARCH},
    temporary,
    walk::{Links, Step, Walk},
};

/// Carries out a delete.
pub(crate) fn delete(root: &Root, landing: &Landing, key: &Key, durability: Durability) -> Result<(), Fault> {
    name::check(key)?;
    let (directory, name) = name::split(key.as_str());
    let Some(parent) = root.open_if_there(directory, SEARCH)? else {
        return Ok(());
    };
    match occupant(root, parent.as_fd(), key.as_str())? {
        // Of a link, the link goes and not what it leads to.
        Occupant::Value | Occupant::StrayLink => landing.land(|| unlink(parent.as_fd(), name))?,
        // No value: there is nothing to delete.
        Occupant::Nothing | Occupant::Directory | Occupant::LinkToDirectory | Occupant::DeadLink | Occupant::Other => {
            return Ok(());
        }
    }
    drop(parent);
    if durability == Durability::FileAndDirectory {
        parents::sync(root, directory, 0)?;
    }
    parents::prune(root, directory);
    Ok(())
}

/// Carries out a delete of all below a prefix.
///
/// A link to a directory is deleted itself, and what it leads to is left alone: that has another name, which may not
/// be below the prefix. Files that crashes left go as well; what is no value of ours stays, and so do the directories
/// that hold it.
pub(crate) fn delete_below(
    root: &Arc<Root>,
    landing: &Landing,
    prefix: &Prefix,
    durability: Durability,
) -> Result<(), Fault> {
    let mut walk = Walk::below(root, prefix, Links::Show)?;
    while let Some(step) = walk.next()? {
        match step {
            Step::Child(Child { path, kind }) => {
                let Some(here) = walk.here() else {
                    continue;
                };
                let (_, name) = name::split(&path);
                let here = here.handle()?;
                match kind {
                    ChildKind::Temporary => {
                        landing.land(|| temporary::remove_if_left(here, name))?;
                    }
                    ChildKind::Value(_) | ChildKind::LinkToDirectory | ChildKind::Directory => {
                        landing.land(|| unlink(here, name))?;
                    }
                }
            }
            Step::Left(path) if path.is_empty() => sync_kept(root, &path, durability)?,
            Step::Left(path) => {
                if !parents::remove_if_empty(root, &path) {
                    sync_kept(root, &path, durability)?;
                } else if path == prefix.as_str() {
                    sync_kept(root, name::split(&path).0, durability)?;
                    parents::prune(root, name::split(&path).0);
                }
            }
        }
    }
    Ok(())
}

fn sync_kept(root: &Root, path: &str, durability: Durability) -> Result<(), Fault> {
    if durability == Durability::FileAndDirectory { parents::sync(root, path, 0) } else { Ok(()) }
}

fn unlink(directory: BorrowedFd<'_>, name: &str) -> Result<(), Fault> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Fault::system("delete the value")(errno)),
    }
}
