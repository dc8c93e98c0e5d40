//! The root directory: every path is resolved beneath it and cannot leave it.

use std::{
    fmt, fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

#[cfg(target_os = "linux")]
use rustix::fs::{ResolveFlags, openat2};
use rustix::{
    fs::{CWD, Mode, OFlags, fstat, openat},
    io::Errno,
};

use crate::{error::Fault, network};

/// How a directory is opened to do something to a name in it. That needs no permission to read it.
#[cfg(target_os = "linux")]
pub(crate) const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
/// How a directory is opened to do something to a name in it.
#[cfg(not(target_os = "linux"))]
pub(crate) const SEARCH: OFlags = OFlags::DIRECTORY;

/// How a file is opened only to ask what it is. No pipe is waited for and no device is woken.
#[cfg(target_os = "linux")]
pub(crate) const ASK: OFlags = OFlags::PATH;
/// How a file is opened only to ask what it is.
#[cfg(not(target_os = "linux"))]
pub(crate) const ASK: OFlags = READ;

/// How a file is opened to be read. A pipe without a writer is not waited for.
pub(crate) const READ: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// How a directory is opened to be listed or synced.
pub(crate) const LIST: OFlags = OFlags::DIRECTORY;

/// The kernel gives up on a path when somebody renames a directory while `..` of a link in it is resolved. To meet
/// that so many times in a row, somebody must do nothing else.
#[cfg(target_os = "linux")]
const ATTEMPTS_MAX: usize = 32;

/// How the kernel resolves a path.
#[cfg(target_os = "linux")]
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// The directory all values lie in.
#[derive(Debug)]
pub(crate) struct Root {
    /// Absolute and free of links, as text: the store's identity.
    text: String,
    directory: OwnedFd,
    resolution: Resolution,
    /// It lies on a disk of this machine, so that to open what is in memory waits for nobody.
    is_near: AtomicBool,
    /// The files of a cache are this user's, who may leave their times of reading as they are.
    notes_no_reads: AtomicBool,
    /// Of what is made below it, whatever the process's umask; that and the usual if none.
    pub(crate) access: Option<Access>,
}

/// Permissions of what is made in a directory that caches share: whoever may use the one may use all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) directory: Mode,
    pub(crate) file: Mode,
}

/// Who makes sure that a path does not leave the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// The kernel, while it resolves the path: nobody can change it in between. `openat2`, since Linux 5.6.
    #[cfg(target_os = "linux")]
    Kernel,
    /// We, by resolving the path first and opening the result. Somebody who can write into the root can swap a
    /// directory for a link in between. The root's own path counts towards the longest path.
    Portable,
}

impl Root {
    /// Opens a directory as a root, resolved in the best way this system has.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        #[cfg(target_os = "linux")]
        {
            // Asked once, here: where a sandbox denies `openat2` it does so with errors that later could mean anything.
            let root = Self::open_with(path, Resolution::Kernel)?;
            if root.open_by_kernel("", SEARCH).is_ok() {
                return Ok(root);
            }
        }
        Self::open_with(path, Resolution::Portable)
    }

    pub(crate) fn open_with(path: &Path, resolution: Resolution) -> Result<Self, Fault> {
        let fault = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Fault::RootMissing(path.to_owned()),
            io::ErrorKind::NotADirectory => Fault::RootIsNoDirectory(path.to_owned()),
            _ => Fault::io("open the root directory")(error),
        };
        let canonical = fs::canonicalize(path).map_err(fault)?;
        // Opened for reading, though only searched later, so that a directory that cannot be listed is refused here.
        let opened = openat(CWD, &canonical, LIST | OFlags::CLOEXEC, Mode::empty());
        let directory = opened.map_err(|errno| fault(errno.into()))?;
        let text = canonical.into_os_string().into_string().map_err(|path| Fault::RootIsNoText(path.into()))?;
        let is_near = AtomicBool::new(matches!(network::kind(Path::new(&text)), Ok(None)));
        let notes_no_reads = AtomicBool::new(true);
        Ok(Self { text, directory, resolution, is_near, notes_no_reads, access: None })
    }

    /// Takes the root's own permissions for all that is made below it.
    ///
    /// # Errors
    /// What the system refuses.
    pub(crate) fn share(&mut self) -> Result<(), Fault> {
        let mode = fstat(&self.directory).map_err(Fault::system("ask for the root's permissions"))?.st_mode;
        let directory = Mode::from_raw_mode(mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO | Mode::SGID);
        let file = directory & (Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH);
        self.access = Some(Access { directory, file });
        Ok(())
    }

    /// The root's path, absolute and free of links.
    pub(crate) fn path(&self) -> &Path {
        Path::new(&self.text)
    }

    /// Opens a path below the root, the root itself if it is empty. Links inside the root are followed.
    ///
    /// # Errors
    /// `LeavesRoot` if a link on the way leads out, `CircularLink`, and what the system refuses.
    pub(crate) fn open_beneath(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Fault> {
        let opened = match self.resolution {
            #[cfg(target_os = "linux")]
            Resolution::Kernel => self.open_by_kernel(path, flags),
            Resolution::Portable => self.open_resolved(path, flags),
        };
        opened.map_err(|errno| match errno {
            Errno::XDEV => Fault::LeavesRoot(path.to_owned()),
            Errno::LOOP => Fault::CircularLink(path.to_owned()),
            errno => Fault::system("open the file or directory")(errno),
        })
    }

    /// As [`open_beneath`](Self::open_beneath), with `None` for what is not there.
    ///
    /// # Errors
    /// `RootGone` if the whole root is not there: then nothing can be said about any value.
    pub(crate) fn open_if_there(&self, path: &str, flags: OFlags) -> Result<Option<OwnedFd>, Fault> {
        match self.open_beneath(path, flags) {
            Ok(file) => Ok(Some(file)),
            Err(fault) if fault.is_absence() => self.check_there().map(|()| None),
            Err(fault) => Err(fault),
        }
    }

    /// Opens a file below the root if that needs nobody to be waited for: every name on the way is in memory, and on a
    /// disk of this machine. `None` means nothing else; on other systems than Linux, and before 5.12, it is the only
    /// answer.
    pub(crate) fn open_at_hand(&self, path: &str) -> Option<OwnedFd> {
        #[cfg(target_os = "linux")]
        if self.is_near.load(Ordering::Relaxed) && self.resolution == Resolution::Kernel {
            // What is mounted below may be of another machine.
            let resolve = BENEATH | ResolveFlags::CACHED | ResolveFlags::NO_XDEV;
            let open = |flags| openat2(&self.directory, path, READ | OFlags::CLOEXEC | flags, Mode::empty(), resolve);
            // To note when a copy was read may wait for the journal of the file system.
            if self.access.is_some() && self.notes_no_reads.load(Ordering::Relaxed) {
                match open(OFlags::NOATIME) {
                    Err(Errno::PERM) => self.notes_no_reads.store(false, Ordering::Relaxed),
                    opened => return opened.ok(),
                }
            }
            return open(OFlags::empty()).ok();
        }
        let _ = path;
        None
    }

    /// Its file system cannot say whether it would have to wait, as some in memory cannot: nothing is at hand.
    pub(crate) fn nothing_is_at_hand(&self) {
        self.is_near.store(false, Ordering::Relaxed);
    }

    /// Refuses to go on if the root was deleted under us: what is missing then is not known to be missing.
    pub(crate) fn check_there(&self) -> Result<(), Fault> {
        match fstat(&self.directory) {
            Ok(stat) if stat.st_nlink == 0 => Err(Fault::RootGone),
            Ok(_) => Ok(()),
            Err(errno) => Err(Fault::system("ask for the root directory")(errno)),
        }
    }

    #[cfg(target_os = "linux")]
    fn open_by_kernel(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let name = if path.is_empty() { "." } else { path };
        let mut last = Errno::AGAIN;
        for _ in 0..ATTEMPTS_MAX {
            match openat2(&self.directory, name, flags | OFlags::CLOEXEC, Mode::empty(), BENEATH) {
                Err(errno @ (Errno::AGAIN | Errno::INTR)) => last = errno,
                // The kernel refuses every absolute link, also one that leads back into the root.
                Err(Errno::XDEV) => {
                    let inner = self.resolve(path)?;
                    return openat2(&self.directory, inner, flags | OFlags::CLOEXEC, Mode::empty(), BENEATH);
                }
                opened => return opened,
            }
        }
        Err(last)
    }

    fn open_resolved(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let whole = match fs::canonicalize(self.path().join(path)) {
            Ok(whole) if whole.starts_with(self.path()) => whole,
            Ok(_) => return Err(Errno::XDEV),
            // What is missing outside is refused like what is there: nobody learns through us what lies outside.
            Err(_) if self.leaves_above(path) => return Err(Errno::XDEV),
            Err(error) => return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        };
        openat(CWD, &whole, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Whether the directories of a path, as far as they exist, lead out of the root.
    fn leaves_above(&self, path: &str) -> bool {
        let mut above = Path::new(path);
        while let Some(parent) = above.parent() {
            if let Ok(whole) = fs::canonicalize(self.path().join(parent)) {
                return !whole.starts_with(self.path());
            }
            above = parent;
        }
        false
    }

    /// Where a path with an absolute link leads, relative to the root; an error if it leads out or nowhere.
    #[cfg(target_os = "linux")]
    fn resolve(&self, path: &str) -> rustix::io::Result<PathBuf> {
        let whole = fs::canonicalize(self.path().join(path)).map_err(|_| Errno::XDEV)?;
        let inner = whole.strip_prefix(self.path()).map_err(|_| Errno::XDEV)?;
        Ok(Path::new(".").join(inner))
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read, os::unix::fs::symlink};

    use tempfile::TempDir;

    use super::*;

    /// A root with a value in it and one beside it, resolved in every way there is.
    fn roots() -> Vec<(TempDir, Root)> {
        let ways = [
            #[cfg(target_os = "linux")]
            Resolution::Kernel,
            Resolution::Portable,
        ];
        ways.map(|way| {
            let scratch = tempfile::tempdir().unwrap();
            fs::create_dir_all(scratch.path().join("root/inner")).unwrap();
            fs::write(scratch.path().join("root/inner/value"), "in").unwrap();
            fs::write(scratch.path().join("secret"), "out").unwrap();
            let root = Root::open_with(&scratch.path().join("root"), way).unwrap();
            (scratch, root)
        })
        .into()
    }

    fn read(root: &Root, path: &str) -> Result<String, Fault> {
        let mut text = String::new();
        File::from(root.open_beneath(path, READ)?).read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn links_inside_the_root_are_followed_absolute_ones_too() {
        for (_scratch, root) in roots() {
            symlink("inner", root.path().join("relative")).unwrap();
            symlink("../inner/../inner/value", root.path().join("inner/up")).unwrap();
            symlink(root.path().join("inner"), root.path().join("absolute")).unwrap();
            for path in ["inner/value", "relative/value", "inner/up", "absolute/value"] {
                assert_eq!(read(&root, path).unwrap(), "in", "{path} by {:?}", root.resolution);
            }
        }
    }

    #[test]
    fn links_that_leave_the_root_are_refused() {
        for (scratch, root) in roots() {
            symlink("../secret", root.path().join("relative")).unwrap();
            symlink(scratch.path().join("secret"), root.path().join("absolute")).unwrap();
            symlink("..", root.path().join("parent")).unwrap();
            symlink("/proc/self/cwd", root.path().join("magic")).unwrap();
            for path in ["relative", "absolute", "parent/secret", "parent/nothing/at/all", "parent", "magic"] {
                let result = root.open_beneath(path, ASK);
                assert!(matches!(result, Err(Fault::LeavesRoot(_))), "{path} by {:?}: {result:?}", root.resolution);
            }
        }
    }

    #[test]
    fn a_circle_of_links_is_an_error_and_a_dead_link_an_absence() {
        for (_scratch, root) in roots() {
            symlink("circle", root.path().join("circle")).unwrap();
            symlink("nothing", root.path().join("dead")).unwrap();
            let circle = root.open_beneath("circle", READ);
            assert!(matches!(circle, Err(Fault::CircularLink(_))), "{circle:?}");
            assert!(root.open_beneath("dead", READ).is_err_and(|fault| fault.is_absence()));
        }
    }

    #[test]
    fn a_deleted_root_is_not_taken_for_an_empty_one() {
        for (scratch, root) in roots() {
            assert!(root.open_if_there("nothing", READ).unwrap().is_none());
            fs::remove_dir_all(scratch.path().join("root")).unwrap();
            let result = root.open_if_there("inner/value", READ);
            assert!(matches!(result, Err(Fault::RootGone)), "{result:?}");
        }
    }
}
