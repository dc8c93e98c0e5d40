//! What stands where a value is to be written or deleted.

use std::os::fd::BorrowedFd;

use rustix::{
    fs::{AtFlags, FileType, statat},
    io::Errno,
};

use crate::{
    error::Fault,
    facts::Facts,
    name,
    root::{ASK, Root},
};

/// What has a name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupant {
    Nothing,
    /// A value, or a link to one.
    Value,
    Directory,
    LinkToDirectory,
    /// A link that leads to nothing: no value.
    DeadLink,
    /// A link that leads out of the root or in a circle: reading it is refused.
    StrayLink,
    /// A pipe, socket or device, or a link to one: no value.
    Other,
}

/// What has the last name of `path`, whose directory is `parent`.
pub(crate) fn occupant(root: &Root, parent: BorrowedFd<'_>, path: &str) -> Result<Occupant, Fault> {
    let facts = match statat(parent, name::split(path).1, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Facts::from(stat),
        Err(Errno::NOENT) => return Ok(Occupant::Nothing),
        Err(errno) => return Err(Fault::system("ask what is there")(errno)),
    };
    Ok(match facts.file_type {
        FileType::RegularFile => Occupant::Value,
        FileType::Directory => Occupant::Directory,
        FileType::Symlink => match facts_beneath(root, path) {
            Ok(Some(facts)) if facts.is_value() => Occupant::Value,
            Ok(Some(facts)) if facts.is_directory() => Occupant::LinkToDirectory,
            Ok(Some(_)) => Occupant::Other,
            Ok(None) => Occupant::DeadLink,
            Err(Fault::LeavesRoot(_) | Fault::CircularLink(_)) => Occupant::StrayLink,
            Err(fault) => return Err(fault),
        },
        _ => Occupant::Other,
    })
}

/// What is known of the file a path leads to, links followed; `None` if there is nothing.
pub(crate) fn facts_beneath(root: &Root, path: &str) -> Result<Option<Facts>, Fault> {
    match root.open_if_there(path, ASK) {
        Ok(Some(file)) => Facts::of(file).map(Some),
        Ok(None) => Ok(None),
        // A socket cannot be opened where `ASK` opens for reading.
        Err(Fault::System { errno: Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}
