//! Members: who shares a directory, and who of them lives.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{access, whole::read_whole};

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
    /// What it writes for others to know: its journal.
    file: Mutex<File>,
    path: PathBuf,
    /// The process that joined. A fork of it has the same locks, and is no member.
    process: u32,
    found: Arc<Mutex<Found>>,
}

/// The dead whose share is counted to one who lives.
#[derive(Debug, Default)]
struct Found {
    ids: HashSet<MemberId>,
    /// Those that were dropped before they were buried: locked, so that nobody else takes over what is this one's.
    kept: Vec<File>,
}

/// What another member tells.
#[derive(Debug)]
pub struct OthersJournal {
    /// All that is in it.
    pub bytes: Vec<u8>,
    /// Whether the member is dead, and its share counted to the one who reads this: nobody else keeps account of what
    /// it tells.
    pub is_orphan: bool,
}

impl Member {
    /// Makes a new member, whose journal begins with these bytes: one that does not is damaged, whenever its member
    /// died. The caller keeps others from looking at members meanwhile, who might take it for a dead one.
    pub(crate) fn join(cache: &Path, members: &Path, journal: &[u8]) -> io::Result<Self> {
        loop {
            let id = MemberId::new();
            let path = members.join(id.name());
            if !path.exists() {
                let file = put_in_place(&path, journal, |file| access::share(file, cache))?;
                let file = Mutex::new(file);
                return Ok(Self { id, file, path, process: process::id(), found: Arc::default() });
            }
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// All that is in its journal.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Reads all of it, which blocks.
    pub fn journal(&self) -> io::Result<Vec<u8>> {
        read_whole(&self.file.lock())
    }

    /// Writes at the end of its journal. A kill leaves a beginning of it there.
    ///
    /// # Errors
    /// What the system refuses; nothing of it is there then. `InvalidData` if a part of it is, so that the journal has
    /// to be [written anew](Self::rewrite).
    ///
    /// # Cost
    /// A call of the system, which may have to wait for the disk.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.check_process()?;
        let mut file = self.file.lock();
        let before = file.metadata()?.len();
        file.write_all(bytes).map_err(|error| match file.set_len(before) {
            Ok(()) => error,
            Err(_) => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }

    /// Puts another journal in place of its own, at once.
    ///
    /// # Errors
    /// What the system refuses; the old one is there then.
    ///
    /// # Cost
    /// Writes all of it, which blocks, and so does whoever appends to it meanwhile.
    pub fn rewrite(&self, bytes: &[u8]) -> io::Result<()> {
        self.check_process()?;
        let mut file = self.file.lock();
        let permissions = file.metadata()?.permissions();
        *file = put_in_place(&self.path, bytes, |file| file.set_permissions(permissions))?;
        Ok(())
    }

    /// Goes on with the journal of a dead one as its own, whose place is empty yet.
    ///
    /// # Errors
    /// What the system refuses; the dead one is in the finder's hands then, as it was.
    ///
    /// # Cost
    /// Three calls of the system, however long the journal is.
    pub fn inherit(&self, mut orphan: Orphan) -> io::Result<()> {
        self.check_process()?;
        let mut file = self.file.lock();
        remove_unfinished(&orphan.path)?;
        fs::rename(&orphan.path, &self.path)?;
        if let Some(inherited) = orphan.file.take() {
            *file = inherited;
        }
        Ok(())
    }

    /// The journals of all other members, of the dead too.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Reads and holds all of them, which blocks.
    pub fn journals_of_others(&self) -> io::Result<Vec<OthersJournal>> {
        'again: loop {
            let mut journals = Vec::new();
            for entry in fs::read_dir(self.path.parent().unwrap_or(&self.path))? {
                let entry = entry?;
                let id = entry.file_name().to_str().and_then(MemberId::of_name);
                let Some(id) = id.filter(|id| *id != self.id) else { continue };
                match fs::read(entry.path()) {
                    Ok(bytes) => {
                        journals.push(OthersJournal { bytes, is_orphan: self.found.lock().ids.contains(&id) });
                    }
                    // It was inherited since it was listed, by one whose journal was read before, perhaps.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue 'again,
                    Err(error) => return Err(error),
                }
            }
            return Ok(journals);
        }
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

    /// All members, this one among them, and the dead that nobody has buried yet.
    pub(crate) fn all(&self, members: &Path) -> io::Result<HashSet<u64>> {
        let mut all = HashSet::new();
        for entry in fs::read_dir(members)? {
            all.extend(entry?.file_name().to_str().and_then(MemberId::of_name).map(|id| id.0));
        }
        Ok(all)
    }

    /// How many live, this one among them. The dead that another found count until they are buried. The caller keeps
    /// others from looking for the dead meanwhile, who might take this for a sign of life.
    ///
    /// # Errors
    /// What the system refuses. A file that cannot be opened or locked is taken for one of somebody who lives.
    pub(crate) fn living(&self, members: &Path) -> io::Result<u64> {
        let mut living = 1;
        for entry in fs::read_dir(members)? {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(MemberId::of_name) else { continue };
            if id == self.id || self.found.lock().ids.contains(&id) {
                continue;
            }
            let path = entry.path();
            let is_dead = match File::open(&path) {
                // One that was written anew since has its lock there.
                Ok(file) => file.try_lock_shared().is_ok() && is_at(&file, &path),
                // It was buried since it was listed.
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            living += u64::from(!is_dead);
        }
        Ok(living)
    }

    /// Every member that is dead and in nobody's hands. Removes what a kill left of journals that never came to their place. They are in those of the caller as long as it has them, and
    /// of this member once they are [kept](Orphan::keep).
    ///
    /// # Errors
    /// What the system refuses. A file that cannot be opened or locked is taken for one of somebody who lives.
    pub(crate) fn orphans(&self, members: &Path) -> io::Result<Vec<Orphan>> {
        let mut orphans = Vec::new();
        for entry in fs::read_dir(members)? {
            let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
            let Some(id) = name.to_str().and_then(MemberId::of_name) else {
                remove_unplaced(&path);
                continue;
            };
            let Ok(file) = OpenOptions::new().read(true).append(true).open(&path) else { continue };
            // It may have been buried since it was listed.
            if file.try_lock().is_ok() && is_at(&file, &path) {
                orphans.push(Orphan { id, file: Some(file), path, finder: None });
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
    /// Where its lock goes when it is dropped; none before what it held is counted to anybody.
    finder: Option<Arc<Mutex<Found>>>,
}

impl Orphan {
    /// What it held is counted to that member from now on, for nobody else to find.
    pub(crate) fn keep(&mut self, finder: &Member) {
        finder.found.lock().ids.insert(self.id);
        self.finder = Some(Arc::clone(&finder.found));
    }

    /// Which one it was.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// Its journal.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Reads all of it, which blocks; a long one with the help of another thread.
    pub fn journal(&self) -> io::Result<Vec<u8>> {
        self.file.as_ref().map_or_else(|| Ok(Vec::new()), read_whole)
    }

    /// Bytes of its journal.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len())
    }

    /// All that it left is in the finder's hands, who has written that down: its file goes.
    ///
    /// # Errors
    /// What the system refuses; it will be found again once the finder is dead.
    ///
    /// # Cost
    /// Three calls of the system.
    pub fn bury(mut self) -> io::Result<()> {
        // Before it, so that a kill leaves nothing that nobody looks for.
        remove_unfinished(&self.path)?;
        fs::remove_file(&self.path)?;
        // Nobody can find it any more.
        self.file = None;
        Ok(())
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        if let Some(found) = &self.finder {
            found.lock().kept.extend(self.file.take());
        }
    }
}

/// Puts a journal at its path, at once, and locks it.
fn put_in_place(path: &Path, journal: &[u8], permit: impl FnOnce(&File) -> io::Result<()>) -> io::Result<File> {
    let new = unfinished(path);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(&new)?;
    let placed = (|| {
        // What was left of an earlier one goes.
        file.set_len(0)?;
        permit(&file)?;
        file.lock()?;
        file.write_all(journal)?;
        fs::rename(&new, path)
    })();
    if placed.is_err() {
        // On a full disk, others need what it takes.
        let _ = fs::remove_file(&new);
    }
    placed.map(|()| file)
}

/// Removes a journal that a kill kept from ever coming to its place. Nobody else makes one now: the caller holds the
/// lock of the shares.
fn remove_unplaced(path: &Path) {
    let place = path.with_extension("");
    let is_unplaced = unfinished(&place) == path
        && place.file_name().and_then(|name| name.to_str()).and_then(MemberId::of_name).is_some()
        && !place.exists();
    if is_unplaced {
        // It is tried again by whoever comes next.
        let _ = fs::remove_file(path);
    }
}

/// Where a journal is written anew.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Removes what a kill left of a journal that was being written anew.
fn remove_unfinished(path: &Path) -> io::Result<()> {
    match fs::remove_file(unfinished(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
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
