//! The root of a cache directory: names are resolved below it one by one, and no link among them is followed.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, statat, unlinkat},
    io::Errno,
};
use zstore_format::marker::{FORMAT, Marked, TAG};

use crate::problem::Problem;

/// More than any marker file has.
const MARKER_BYTES_MAX: u64 = 4096;
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A pipe without a writer is not waited for.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The directory of a cache of ours.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    handle: OwnedFd,
}

/// What the system knows of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: FileType,
    pub(super) bytes: u64,
    /// How many names it has.
    pub(super) links: u64,
    /// What it is known by, whatever its name: device and number.
    pub(super) identity: (i128, i128),
}

impl Facts {
    fn of(stat: &Stat) -> Self {
        // The types of these differ between systems; this one holds them all.
        let unsigned = |number: i128| u64::try_from(number).unwrap_or(0);
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            bytes: unsigned(i128::from(stat.st_size)),
            links: unsigned(i128::from(stat.st_nlink)),
            identity: (i128::from(stat.st_dev), i128::from(stat.st_ino)),
        }
    }
}

impl Root {
    /// Opens the directory of a cache.
    ///
    /// # Errors
    /// If there is none, or it is not a cache of ours, or of another format.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        let handle = openat(CWD, path, LIST, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => Problem::new(format!("no such directory: {shown}"), "name the directory of a cache"),
            Errno::NOTDIR => {
                Problem::new(format!("{shown} is no directory, and a cache is one"), "name the directory of a cache")
            }
            errno => unreadable(path, errno),
        })?;
        let root = Self { path: path.to_owned(), handle };
        let marker = |name: &str| root.marker(name).map_err(|error| unreadable(&path.join(name), error));
        match Marked::read(marker(TAG.0)?.as_deref(), marker(FORMAT.0)?.as_deref()) {
            Marked::Ours | Marked::Torn => Ok(root),
            Marked::Other => Err(Problem::new(
                format!("{shown} is a cache of another version of zstore"),
                "use that version, or delete the directory and let it fill again",
            )),
            Marked::Not => Err(Problem::new(
                format!("{shown} is not a cache of zstore, so nothing in it is touched"),
                "name a directory that zstore made, such as one given to `zstore warm --cache`",
            )),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a marker file, if it is there and a file.
    fn marker(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some((file, _)) = self.open_file(Path::new(name))? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MARKER_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Opens a directory below the root; none if there is none any more.
    fn open_directory(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let mut here = gone_is_none(openat(&self.handle, ".", LIST, Mode::empty()))?;
        for component in path.components() {
            let (Component::Normal(name), Some(parent)) = (component, &here) else { return Ok(None) };
            here = gone_is_none(openat(parent, name, LIST | OFlags::NOFOLLOW, Mode::empty()))?;
        }
        Ok(here)
    }

    /// Opens a file below the root to be read, with its size; none if there is none any more.
    pub(super) fn open_file(&self, path: &Path) -> io::Result<Option<(File, u64)>> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(None) };
        let Some(handle) = gone_is_none(openat(&parent, name, READ | OFlags::NOFOLLOW, Mode::empty()))? else {
            return Ok(None);
        };
        let facts = Facts::of(&fstat(&handle)?);
        Ok((facts.kind == FileType::RegularFile).then(|| (File::from(handle), facts.bytes)))
    }

    fn parent<'a>(&self, path: &'a Path) -> io::Result<Option<(OwnedFd, &'a OsStr)>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
        Ok(self.open_directory(parent)?.map(|parent| (parent, name)))
    }

    /// What is directly in a directory, each name with what is known of it. What vanishes meanwhile is left out.
    pub(super) fn children(&self, path: &Path) -> io::Result<Vec<(OsString, Facts)>> {
        let Some(handle) = self.open_directory(path)? else { return Ok(Vec::new()) };
        let mut children = Vec::new();
        for entry in Dir::read_from(&handle)? {
            let entry = match entry {
                Ok(entry) => entry,
                // The directory was removed while it was read.
                Err(errno) if is_gone(errno) => break,
                Err(errno) => return Err(errno.into()),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if let Some(stat) = gone_is_none(statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW))? {
                children.push((OsString::from_vec(name.to_bytes().to_vec()), Facts::of(&stat)));
            }
        }
        Ok(children)
    }

    /// The size of the root directory itself.
    pub(super) fn own_bytes(&self) -> io::Result<u64> {
        Ok(Facts::of(&fstat(&self.handle)?).bytes)
    }

    /// Removes a file, and answers its size; none if somebody else was faster.
    pub(super) fn remove_file(&self, path: &Path) -> io::Result<Option<u64>> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(None) };
        let Some(stat) = gone_is_none(statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW))? else { return Ok(None) };
        let facts = Facts::of(&stat);
        if facts.kind != FileType::RegularFile {
            return Ok(None);
        }
        Ok(gone_is_none(unlinkat(&parent, name, AtFlags::empty()))?.map(|()| facts.bytes))
    }

    /// Removes a file that a killed process left unfinished, and answers its size. One that is being written is locked
    /// by its writer, and left alone.
    pub(super) fn remove_leftover(&self, path: &Path) -> io::Result<Option<u64>> {
        self.leftover(path, |parent, name| unlinkat(parent, name, AtFlags::empty()))
    }

    /// The size of a file that [`remove_leftover`](Self::remove_leftover) would remove.
    pub(super) fn leftover_bytes(&self, path: &Path) -> io::Result<Option<u64>> {
        self.leftover(path, |_, _| Ok(()))
    }

    fn leftover(
        &self,
        path: &Path,
        act: impl FnOnce(&OwnedFd, &OsStr) -> Result<(), Errno>,
    ) -> io::Result<Option<u64>> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(None) };
        // To be written, because locks over a network ask for that; nothing is.
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Some(handle) = gone_is_none(openat(&parent, name, flags, Mode::empty()))? else { return Ok(None) };
        let facts = Facts::of(&fstat(&handle)?);
        let is_left = facts.kind == FileType::RegularFile
            && flock(handle.as_fd(), FlockOperation::NonBlockingLockExclusive).is_ok();
        if !is_left {
            return Ok(None);
        }
        // If it landed since it was opened, the name is gone: such names are never used twice.
        Ok(gone_is_none(act(&parent, name))?.map(|()| facts.bytes))
    }

    /// Removes a directory below the root if it is empty. One that is not, or may not go, stays.
    pub(super) fn remove_if_empty(&self, path: &Path) {
        if let Ok(Some((parent, name))) = self.parent(path) {
            let _ = unlinkat(&parent, name, AtFlags::REMOVEDIR);
        }
    }
}

/// The problem of a path that cannot be read.
pub(super) fn unreadable(path: &Path, error: impl Into<io::Error>) -> Problem {
    let (shown, error) = (path.display(), error.into());
    let hint = if error.kind() == io::ErrorKind::PermissionDenied {
        "change the permissions, or run as the user whose cache it is"
    } else {
        "look at the disk, and try again"
    };
    Problem::new(format!("cannot read {shown}: {error}"), hint)
}

/// Whether it says that a name is gone, or that something else has it now, which no cache has made.
fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::STALE)
}

fn gone_is_none<T>(outcome: Result<T, Errno>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(errno) if is_gone(errno) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn marked() -> (tempfile::TempDir, Root) {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(FORMAT.0), FORMAT.1).unwrap();
        let root = Root::open(scratch.path()).unwrap();
        (scratch, root)
    }

    #[test]
    fn a_directory_that_is_no_cache_of_this_format_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let refused = |told: &str| {
            let problem = Root::open(scratch.path()).unwrap_err().to_string();
            assert!(problem.contains(told), "{problem}");
        };
        refused("is not a cache of zstore");
        fs::write(scratch.path().join(TAG.0), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
        refused("is not a cache of zstore");
        fs::write(scratch.path().join(FORMAT.0), "zstore cache, format 2\n").unwrap();
        refused("another version");
        fs::write(scratch.path().join(FORMAT.0), "torn").unwrap();
        fs::write(scratch.path().join(TAG.0), TAG.1).unwrap();
        assert!(Root::open(scratch.path()).is_ok());
        assert!(Root::open(&scratch.path().join(TAG.0)).unwrap_err().to_string().contains("is no directory"));
        assert!(Root::open(&scratch.path().join("none")).unwrap_err().to_string().contains("no such directory"));
    }

    #[test]
    fn no_link_is_followed_whatever_it_is_of() {
        let (scratch, root) = marked();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("file"), "precious").unwrap();
        symlink(outside.path(), scratch.path().join("directory")).unwrap();
        symlink(outside.path().join("file"), scratch.path().join("link")).unwrap();
        for path in ["directory/file", "link"].map(Path::new) {
            assert!(root.open_file(path).unwrap().is_none(), "{}", path.display());
            assert_eq!(root.remove_file(path).unwrap(), None, "{}", path.display());
            assert_eq!(root.remove_leftover(path).unwrap(), None, "{}", path.display());
        }
        assert!(root.children(Path::new("directory")).unwrap().is_empty());
        assert!(root.open_file(Path::new("../file")).unwrap().is_none());
        assert!(outside.path().join("file").exists() && scratch.path().join("link").is_symlink());
    }

    #[test]
    fn what_is_removed_is_told_once_and_only_what_is_empty_goes() {
        let (scratch, root) = marked();
        fs::create_dir_all(scratch.path().join("a/b")).unwrap();
        fs::write(scratch.path().join("a/b/1"), "12345").unwrap();
        root.remove_if_empty(Path::new("a/b"));
        assert_eq!(root.remove_file(Path::new("a/b/1")).unwrap(), Some(5));
        assert_eq!(root.remove_file(Path::new("a/b/1")).unwrap(), None);
        root.remove_if_empty(Path::new("a"));
        assert!(scratch.path().join("a/b").exists());
        root.remove_if_empty(Path::new("a/b"));
        assert!(scratch.path().join("a").exists() && !scratch.path().join("a/b").exists());
    }

    #[test]
    fn what_is_being_written_is_no_leftover() {
        let (scratch, root) = marked();
        let path = scratch.path().join("left");
        fs::write(&path, "123").unwrap();
        let writer = File::open(&path).unwrap();
        flock(&writer, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(root.leftover_bytes(Path::new("left")).unwrap(), None);
        assert_eq!(root.remove_leftover(Path::new("left")).unwrap(), None);
        drop(writer);
        assert_eq!(root.leftover_bytes(Path::new("left")).unwrap(), Some(3));
        assert_eq!(root.remove_leftover(Path::new("left")).unwrap(), Some(3));
        assert!(!path.exists());
    }
}
