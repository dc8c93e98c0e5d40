//! The file a value is written to before it lands.

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, IoSlice, Write},
    os::fd::BorrowedFd,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, fchmod, flock, futimens, openat, renameat, unlinkat},
    io::Errno,
};
use zstore_core::{Payload, Version};

use crate::{error::Fault, facts::Facts, name, stamp};

/// A file beside the value it will become. It is removed when dropped before it has landed.
///
/// Its writer holds a lock on it, which the kernel releases when the writer is gone. So whoever gets the lock knows
/// that the file was left by a crash, also where process numbers mean nothing: among containers, or on a shared disk.
pub(crate) struct Temporary<'a> {
    parent: BorrowedFd<'a>,
    name: String,
    file: File,
    has_landed: bool,
}

impl<'a> Temporary<'a> {
    /// Makes an empty file of a new name in `parent`.
    ///
    /// # Errors
    /// `NOENT` means that the directory was deleted.
    pub(crate) fn make(parent: BorrowedFd<'a>) -> Result<Self, Fault> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
        loop {
            let name = name::temporary(&unique());
            match openat(parent, &name, flags, mode) {
                Ok(file) => {
                    let file = File::from(file);
                    // Where a file system knows no locks, nobody can take this one either, and the file is never
                    // cleared away.
                    let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
                    return Ok(Self { parent, name, file, has_landed: false });
                }
                Err(Errno::EXIST | Errno::INTR) => {}
                Err(errno) => return Err(Fault::system("make a file for the value")(errno)),
            }
        }
    }

    /// Sets its permissions, whatever the process's umask made of them.
    pub(crate) fn set_mode(&self, mode: Mode) -> Result<(), Fault> {
        fchmod(&self.file, mode).map_err(Fault::system("set the permissions of the value"))
    }

    /// Writes the whole value, and with `is_synced` waits until it is on the disk. Answers the version it will have.
    pub(crate) fn fill(&mut self, value: &Payload, is_synced: bool) -> Result<Version, Fault> {
        write_all(&mut self.file, value).map_err(Fault::io("write the value"))?;
        futimens(&self.file, &stamp::times(stamp::next_ns())).map_err(Fault::system("stamp the value's time"))?;
        if is_synced {
            self.file.sync_all().map_err(Fault::io("sync the value to the disk"))?;
        }
        // Asked, not assumed: file systems keep times more or less finely.
        Ok(Facts::of(&self.file)?.version())
    }

    /// Puts the value in place of whatever file has that name.
    pub(crate) fn replace(&mut self, name: &str) -> Result<(), Errno> {
        renameat(self.parent, &self.name, self.parent, name)?;
        self.has_landed = true;
        Ok(())
    }

    /// Puts the value where nothing has that name; `EXIST` if something has.
    pub(crate) fn create(&mut self, name: &str) -> Result<(), Errno> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use rustix::fs::{RenameFlags, renameat_with};

            match renameat_with(self.parent, &self.name, self.parent, name, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    self.has_landed = true;
                    return Ok(());
                }
                // Not every file system can; a link does the same in two steps.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.link(name)
    }

    /// Gives the value its name as a second one; the first goes when this is dropped.
    fn link(&self, name: &str) -> Result<(), Errno> {
        rustix::fs::linkat(self.parent, &self.name, self.parent, name, AtFlags::empty())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.has_landed {
            // What cannot be removed now is cleared away as a leftover later.
            let _ = unlinkat(self.parent, &self.name, AtFlags::empty());
        }
    }
}

/// Text that no other file's name has: this process, how many files it made, and randomness in case of another
/// machine's process.
fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let (process, count) = (process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let random = RandomState::new().hash_one((process, count));
    format!("{process}-{count}-{random:016x}")
}

/// Writes the pieces one after the other, without joining them first.
fn write_all(file: &mut File, value: &Payload) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = value.pieces().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0); // drops empty pieces, which would look like an end
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut rest, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes a temporary file if nobody is writing it, and answers how many bytes that set free.
///
/// # Errors
/// What the system refuses for now, as when too many files are open. A file that is gone, that is not ours to open, or
/// that no lock can be had on is left alone.
pub(crate) fn remove_if_left(parent: BorrowedFd<'_>, name: &str) -> Result<Option<u64>, Fault> {
    // Opened for writing because locks over a network ask for it.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(parent, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(errno) => {
            let fault = Fault::system("open a file left by a crash")(errno);
            // What may pass must not hide how much is left.
            return if fault.is_transient() { Err(fault) } else { Ok(None) };
        }
    };
    let facts = Facts::of(&file)?;
    if !facts.is_value() || flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    // If it landed since it was opened, the name is gone: names are never used twice.
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) => Ok(Some(facts.size)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Fault::system("remove a file left by a crash")(errno)),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::fd::AsFd, path::Path};

    use bytes::Bytes;
    use tempfile::TempDir;

    use super::*;

    fn directory() -> (TempDir, File) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = File::open(scratch.path()).unwrap();
        (scratch, directory)
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn many_pieces_are_written_one_after_the_other_and_empty_ones_are_no_end() {
        let (scratch, directory) = directory();
        // More than the system takes in one call (1,024).
        let pieces: Vec<Bytes> = (0..3000)
            .map(|n: usize| Bytes::from(if n.is_multiple_of(3) { String::new() } else { format!("{n},") }))
            .collect();
        let mut temporary = Temporary::make(directory.as_fd()).unwrap();
        temporary.fill(&pieces.iter().cloned().collect(), true).unwrap();
        temporary.replace("value").unwrap();
        drop(temporary);
        assert_eq!(fs::read(scratch.path().join("value")).unwrap(), pieces.concat());
        assert_eq!(names(scratch.path()), ["value"]);
    }

    #[test]
    fn a_file_that_does_not_land_is_removed() {
        let (scratch, directory) = directory();
        let mut temporary = Temporary::make(directory.as_fd()).unwrap();
        temporary.fill(&"value".into(), false).unwrap();
        assert_eq!(names(scratch.path()).len(), 1);
        drop(temporary);
        assert!(names(scratch.path()).is_empty());
    }

    #[test]
    fn creating_fails_where_something_is_by_rename_and_by_link() {
        let (scratch, directory) = directory();
        for by_link in [false, true] {
            let create = |name: &str| {
                let mut temporary = Temporary::make(directory.as_fd()).unwrap();
                temporary.fill(&name.to_owned().into(), false).unwrap();
                if by_link { temporary.link(name) } else { temporary.create(name) }
            };
            fs::write(scratch.path().join("there"), "first").unwrap();
            assert_eq!(create("there"), Err(Errno::EXIST));
            assert_eq!(create("new"), Ok(()));
            assert_eq!(fs::read_to_string(scratch.path().join("there")).unwrap(), "first");
            assert_eq!(fs::read_to_string(scratch.path().join("new")).unwrap(), "new");
            assert_eq!(names(scratch.path()), ["new", "there"]);
            fs::remove_file(scratch.path().join("new")).unwrap();
        }
    }

    #[test]
    fn what_is_being_written_is_no_leftover_and_what_a_crash_left_is() {
        let (scratch, directory) = directory();
        let mut written = Temporary::make(directory.as_fd()).unwrap();
        written.fill(&"value".into(), false).unwrap();
        assert_eq!(remove_if_left(directory.as_fd(), &written.name).unwrap(), None);
        written.replace("value").unwrap();
        let left = name::temporary("1-2-3");
        fs::write(scratch.path().join(&left), "part").unwrap();
        assert_eq!(remove_if_left(directory.as_fd(), &left).unwrap(), Some(4));
        assert_eq!(names(scratch.path()), ["value"]);
    }

    #[test]
    fn two_writings_of_one_size_have_two_versions() {
        let (_scratch, directory) = directory();
        let versions: Vec<Version> = (0..1000)
            .map(|_| {
                let mut temporary = Temporary::make(directory.as_fd()).unwrap();
                temporary.fill(&"same".into(), false).unwrap()
            })
            .collect();
        assert!(versions.is_sorted_by(|a, b| !a.matches(b)));
        let distinct: std::collections::HashSet<_> = versions.iter().collect();
        assert_eq!(distinct.len(), versions.len());
    }
}
