//! Taking files of ours out of a cache directory, and counting what that set free.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use zstore_directory::{MEMBERS, SHARES};
use zstore_format::BlobName;

use super::Root;
use crate::{
    problem::Problem,
    size::{counted, show},
};

/// What was removed. What somebody else removed first is not counted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Removal {
    pub(crate) removed_blobs: u64,
    pub(crate) removed_bytes: u64,
    /// Files that killed processes had left unfinished.
    pub(crate) leftovers: u64,
    pub(crate) leftover_bytes: u64,
    /// What could not be removed.
    pub(crate) failed: u64,
    /// Why the first of these could not.
    #[serde(skip)]
    reason: Option<String>,
    /// Directories that blobs were removed from, and those above them.
    #[serde(skip)]
    directories: BTreeSet<PathBuf>,
}

impl Removal {
    /// Removes a blob, and answers whether it was this that did. Who opens the cache next is told before.
    pub(crate) fn blob(&mut self, root: &Root, name: &BlobName) -> bool {
        let path = name.to_string();
        // Each time: who has opened the cache meanwhile, and counted what is there, has taken the mark away.
        let marked = match disturb(root.path()) {
            // On a full disk there is room for the mark once something is removed.
            Err(error) if is_full(&error) => Ok(()),
            marked => marked,
        };
        let bytes = self.noted(Path::new(&path), marked.and_then(|()| root.remove_file(Path::new(&path))));
        let directories = Path::new(&path).ancestors().skip(1).take_while(|above| !above.as_os_str().is_empty());
        for directory in directories {
            if !self.directories.insert(directory.to_owned()) {
                break;
            }
        }
        self.removed_blobs += u64::from(bytes.is_some());
        self.removed_bytes += bytes.unwrap_or(0);
        bytes.is_some()
    }

    /// Says once more that blobs were removed, and removes the directories that became empty. Once at the end, because
    /// a system may look at every name in a directory before it refuses to remove it.
    pub(crate) fn finish(&mut self, root: &Root) {
        if self.removed_blobs > 0 {
            // It is there, but on a disk that was full, and where somebody has just opened the cache.
            let _ = disturb(root.path());
        }
        // What lies in a directory comes after it in this order.
        for directory in std::mem::take(&mut self.directories).iter().rev() {
            root.remove_if_empty(directory);
        }
    }

    /// Removes files that nobody is writing any more.
    pub(crate) fn leftovers(&mut self, root: &Root, paths: &[PathBuf]) {
        self.each_leftover(paths, |path| root.remove_leftover(path));
    }

    /// Counts files as removed that nobody is writing any more.
    pub(crate) fn count_leftovers(&mut self, root: &Root, paths: &[PathBuf]) {
        self.each_leftover(paths, |path| root.leftover_bytes(path));
    }

    fn each_leftover(&mut self, paths: &[PathBuf], take: impl Fn(&Path) -> io::Result<Option<u64>>) {
        for path in paths {
            let bytes = self.noted(path, take(path));
            self.leftovers += u64::from(bytes.is_some());
            self.leftover_bytes += bytes.unwrap_or(0);
        }
    }

    fn noted(&mut self, path: &Path, outcome: io::Result<Option<u64>>) -> Option<u64> {
        outcome.unwrap_or_else(|error| {
            self.failed += 1;
            self.reason.get_or_insert_with(|| format!("{}: {error}", path.display()));
            None
        })
    }

    /// What was removed, in a line that begins with the verb: `removed` or `would remove`.
    pub(crate) fn line(&self, verb: &str) -> String {
        let leftovers = match self.leftovers {
            0 => String::new(),
            files => format!(", and {} of killed processes, {}", counted(files, "leftover"), show(self.leftover_bytes)),
        };
        format!("{verb} {}, {}{leftovers}\n", counted(self.removed_blobs, "blob"), show(self.removed_bytes))
    }

    /// # Errors
    /// If anything could not be removed.
    pub(crate) fn refuse_failures(&self) -> Result<(), Problem> {
        let Some(reason) = &self.reason else { return Ok(()) };
        Err(Problem::new(
            format!("{} cannot be removed: {reason}", counted(self.failed, "file")),
            "see that the directory may be written, or run as the user whose cache it is",
        ))
    }
}

/// Tells who opens the cache next not to believe the books of it, if anybody keeps any.
fn disturb(cache: &Path) -> io::Result<()> {
    let has_books = [SHARES, MEMBERS].iter().any(|name| cache.join(name).exists());
    if has_books { zstore_directory::disturb(cache) } else { Ok(()) }
}

/// Whether there is no room for another file.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use zstore_core::Key;
    use zstore_directory::DISTURBED;
    use zstore_format::{Namespace, Part, marker::FORMAT};

    use super::*;

    #[test]
    fn whoever_takes_the_mark_away_meanwhile_finds_it_again() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at(FORMAT.0), FORMAT.1).unwrap();
        fs::create_dir(at(MEMBERS)).unwrap();
        let space = Namespace::new("n", 4096).unwrap().space();
        let (root, mut removal) = (Root::open(scratch.path()).unwrap(), Removal::default());
        for key in ["a", "b"] {
            let name = space.blob_key(&Key::new(key).unwrap(), Part::Whole).unwrap();
            fs::create_dir_all(at(name.as_str()).parent().unwrap()).unwrap();
            fs::write(at(name.as_str()), "blob").unwrap();
            assert!(removal.blob(&root, &BlobName::parse(name.as_str()).unwrap()));
            fs::remove_file(at(DISTURBED)).unwrap();
        }
        removal.finish(&root);
        assert!(at(DISTURBED).exists());
        assert_eq!((removal.removed_blobs, removal.removed_bytes, removal.failed), (2, 8, 0));
    }
}
