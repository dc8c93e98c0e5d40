//! Members: who shares a directory, and who of them lives.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use parking_lot::Mutex;

/// One who shares a directory: a process, or one of several caches in it. It never comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub(crate) u64);

impl MemberId {
    fn new() -> Self {
        // Zero is nobody.
        Self(RandomState::new().hash_one(process::id()).max(1))
    }

    /// The name of the member's file.
    pub(crate) fn name(self) -> String {
        format!("{:016x}", self.0)
    }

    fn of_name(name: &str) -> Option<Self> {
        let is_hex = name.len() == 16 && name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        u64::from_str_radix(name, 16).ok().filter(|id| is_hex && *id != 0).map(Self)
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// A member that lives: its file is locked for as long as this is held, and no longer than its process lives.
#[derive(Debug)]
pub struct Member {
    id: MemberId,
    file: File,
    path: PathBuf,
    /// The process that joined. A fork of it has the same locks, and is no member.
    process: u32,
    /// The dead who were dropped before they were buried: locked, so that nobody else takes over what is this one's.
    kept: Arc<Mutex<Vec<File>>>,
}

impl Member {
    /// Makes a new member. The caller keeps others from looking at members meanwhile, who might take it for a dead one.
    pub(crate) fn join(members: &Path) -> io::Result<Self> {
        loop {
            let id = MemberId::new();
            let path = members.join(id.name());
            match OpenOptions::new().read(true).append(true).create_new(true).open(&path) {
                Ok(file) => {
                    file.lock()?;
                    return Ok(Self { id, file, path, process: process::id(), kept: Arc::default() });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// Its file, to write in it what others are to know once it is dead. Nobody else writes it.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// # Errors
    /// `Unsupported` in a fork of the process that joined: two processes cannot be one member.
    pub(crate) fn check_process(&self) -> io::Result<()> {
        check_process(self.process)
    }

    /// Whether there are members beside this one and those.
    pub(crate) fn has_living_others(&self, orphans: &[Orphan]) -> io::Result<bool> {
        let dead = |id| orphans.iter().any(|orphan| orphan.id == id);
        for entry in fs::read_dir(self.path.parent().unwrap_or(&self.path))? {
            let id = entry?.file_name().to_str().and_then(MemberId::of_name);
            if id.is_some_and(|id| id != self.id && !dead(id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every member that is dead and in nobody's hands.
    ///
    /// # Errors
    /// What the system refuses. A file that cannot be opened or locked is taken for one of somebody who lives.
    pub(crate) fn orphans(&self, members: &Path) -> io::Result<Vec<Orphan>> {
        let mut orphans = Vec::new();
        for entry in fs::read_dir(members)? {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(MemberId::of_name) else { continue };
            let path = entry.path();
            let Ok(file) = OpenOptions::new().read(true).append(true).open(&path) else { continue };
            // It may have been buried since it was listed.
            if file.try_lock().is_ok() && is_at(&file, &path) {
                orphans.push(Orphan { id, file: Some(file), path, kept: Arc::clone(&self.kept) });
            }
        }
        orphans.sort_by_key(Orphan::id);
        Ok(orphans)
    }

    /// Leaves for good: its file goes. What it holds must be nothing.
    pub(crate) fn leave(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// A member that is dead, in the hands of one who lives. Nobody else finds it as long as that one lives, though this is
/// dropped: what it held is counted to the finder.
#[derive(Debug)]
pub struct Orphan {
    id: MemberId,
    file: Option<File>,
    path: PathBuf,
    kept: Arc<Mutex<Vec<File>>>,
}

impl Orphan {
    /// Which one it was.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// What it wrote for others to know.
    #[must_use]
    pub const fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// All that it left is in the finder's hands, who has written that down: its file goes.
    ///
    /// # Errors
    /// What the system refuses; it will be found again once the finder is dead.
    pub fn bury(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        self.kept.lock().extend(self.file.take());
    }
}

/// # Errors
/// `Unsupported` in another process than that one.
pub(crate) fn check_process(process: u32) -> io::Result<()> {
    if process == process::id() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "the cache was opened before the process forked; open it anew in each",
    ))
}

/// Whether the path still leads to this file.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(own), Ok(there)) => (own.dev(), own.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}
