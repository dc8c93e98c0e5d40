//! The children of one directory, as values and prefixes.

use std::os::fd::BorrowedFd;

use rustix::{
    fs::{AtFlags, Dir, FileType, statat},
    io::Errno,
};

use crate::{
    error::Fault,
    facts::Facts,
    name,
    occupant::facts_beneath,
    root::{LIST, Root},
};

/// An open directory, read entry by entry: the kernel's buffer is all that is held of it.
#[derive(Debug)]
pub(crate) struct Directory {
    entries: Dir,
    path: String,
    facts: Facts,
}

/// What a directory has under one name.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) path: String,
    pub(crate) kind: ChildKind,
}

/// What a child is. Pipes, sockets, devices, and links that lead to nothing or out of the root are no children.
#[derive(Debug)]
pub(crate) enum ChildKind {
    /// A value, or a link to one; the facts are the value's.
    Value(Facts),
    Directory,
    LinkToDirectory,
    /// A file that a value is written to, or that a crash left.
    Temporary,
}

impl Directory {
    /// Opens a directory, links on the way followed; `None` if there is none of that path.
    pub(crate) fn open(root: &Root, path: &str) -> Result<Option<Self>, Fault> {
        let Some(directory) = root.open_if_there(path, LIST)? else {
            return Ok(None);
        };
        let facts = Facts::of(&directory)?;
        let entries = Dir::new(directory).map_err(Fault::system("list the directory"))?;
        Ok(Some(Self { entries, path: path.to_owned(), facts }))
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What tells this directory from every other, whatever its path.
    pub(crate) const fn identity(&self) -> (i128, u128) {
        self.facts.identity()
    }

    /// The directory itself, to do something to a name in it.
    pub(crate) fn handle(&self) -> Result<BorrowedFd<'_>, Fault> {
        self.entries.fd().map_err(Fault::system("use the directory"))
    }

    /// The next child, in the directory's own order.
    ///
    /// Names that are not UTF-8 are no keys and are passed over.
    pub(crate) fn next(&mut self, root: &Root) -> Result<Option<Child>, Fault> {
        while let Some(entry) = self.entries.read() {
            let entry = entry.map_err(Fault::system("list the directory"))?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if matches!(name, "." | "..") {
                continue;
            }
            let path = name::join(&self.path, name);
            if let Some(kind) = self.kind(root, name, &path, entry.file_type())? {
                return Ok(Some(Child { path, kind }));
            }
        }
        Ok(None)
    }

    /// What the entry is; `None` if it is no child, or gone since it was listed.
    fn kind(&self, root: &Root, name: &str, path: &str, listed: FileType) -> Result<Option<ChildKind>, Fault> {
        if name::is_temporary(name) {
            return Ok(Some(ChildKind::Temporary));
        }
        let facts = match listed {
            FileType::Directory => return Ok(Some(ChildKind::Directory)),
            // Not every file system tells the type in its listing.
            FileType::RegularFile | FileType::Unknown => {
                match statat(self.handle()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => Facts::from(stat),
                    Err(Errno::NOENT) => return Ok(None),
                    Err(errno) => return Err(Fault::system("ask for a value's size and time")(errno)),
                }
            }
            FileType::Symlink => return kind_of_link(root, path),
            _ => return Ok(None),
        };
        match facts.file_type {
            FileType::RegularFile => Ok(Some(ChildKind::Value(facts))),
            FileType::Directory => Ok(Some(ChildKind::Directory)),
            FileType::Symlink => kind_of_link(root, path),
            _ => Ok(None),
        }
    }
}

fn kind_of_link(root: &Root, path: &str) -> Result<Option<ChildKind>, Fault> {
    match facts_beneath(root, path) {
        Ok(Some(facts)) if facts.is_value() => Ok(Some(ChildKind::Value(facts))),
        Ok(Some(facts)) if facts.is_directory() => Ok(Some(ChildKind::LinkToDirectory)),
        Ok(_) | Err(Fault::LeavesRoot(_) | Fault::CircularLink(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}
