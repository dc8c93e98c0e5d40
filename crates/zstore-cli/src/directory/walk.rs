//! What lies in a cache directory, told by its names alone.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use rustix::fs::FileType;
use zstore_directory::{COUNTED, DISTURBED, FENCE, MEMBERS, SHARES};
use zstore_format::{
    BLOBS, BlobName,
    marker::{FORMAT, TAG},
};

use super::root::{Facts, Root, unreadable};
use crate::problem::Problem;

/// Books of the processes that use the directory, but for those that each keeps of its own.
const INDEX: [&str; 4] = [SHARES, FENCE, DISTURBED, COUNTED];
/// How the names of files begin and end that are being written.
const TEMPORARY: (&str, &str) = (".zstore-", ".tmp");

/// Some files, and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pile {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Pile {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// All there is in the directory, but for what the headers of blobs say.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) blobs: Vec<BlobName>,
    /// Files that are being written, or that a killed process left.
    pub(crate) temporaries: Vec<PathBuf>,
    pub(crate) temporary_bytes: u64,
    pub(crate) markers: Pile,
    /// The books of the processes that use the directory.
    pub(crate) index: Pile,
    /// The directories themselves.
    pub(crate) directories: Pile,
    /// What is not ours.
    pub(crate) foreign: Pile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blob(BlobName),
    Temporary,
    Marker,
    Index,
    Directory,
    Foreign,
}

impl Holdings {
    /// Walks through the directory. What appears or vanishes meanwhile may be told of or not.
    ///
    /// # Errors
    /// If a directory of ours cannot be read.
    pub(crate) fn find(root: &Root) -> Result<Self, Problem> {
        let mut holdings = Self::default();
        holdings.directories.add(root.own_bytes().map_err(|error| unreadable(root.path(), error))?);
        // Of a file with two names, one counts, as everywhere where sizes are summed up.
        let mut named_twice = HashSet::new();
        let mut directories = vec![PathBuf::new()];
        while let Some(directory) = directories.pop() {
            let children = match root.children(&directory) {
                Ok(children) => children,
                Err(error) if is_own_directory(&directory) => {
                    return Err(unreadable(&root.path().join(directory), error));
                }
                // Whoever put it there may look into it.
                Err(_) => continue,
            };
            for (name, facts) in children {
                let path = directory.join(name);
                let is_directory = facts.kind == FileType::Directory;
                let counts = is_directory || facts.links < 2 || named_twice.insert(facts.identity);
                holdings.add(&path, &facts, if counts { facts.bytes } else { 0 });
                if is_directory {
                    directories.push(path);
                }
            }
        }
        Ok(holdings)
    }

    fn add(&mut self, path: &Path, facts: &Facts, bytes: u64) {
        match kind(path, facts.kind) {
            Kind::Blob(name) => self.blobs.push(name),
            Kind::Temporary => {
                self.temporaries.push(path.to_owned());
                self.temporary_bytes += bytes;
            }
            Kind::Marker => self.markers.add(bytes),
            Kind::Index => self.index.add(bytes),
            Kind::Directory => self.directories.add(bytes),
            Kind::Foreign => self.foreign.add(bytes),
        }
    }
}

/// What has this path below the root.
fn kind(path: &Path, file: FileType) -> Kind {
    match file {
        FileType::Directory if is_own_directory(path) => return Kind::Directory,
        FileType::RegularFile => {}
        _ => return Kind::Foreign,
    }
    let Some(text) = path.to_str() else { return Kind::Foreign };
    if let Some(name) = BlobName::parse(text) {
        return Kind::Blob(name);
    }
    let (parent, name) = text.rsplit_once('/').unwrap_or(("", text));
    match parent {
        "" if [TAG.0, FORMAT.0].contains(&name) => Kind::Marker,
        "" if INDEX.contains(&name) => Kind::Index,
        // Whoever uses the directory looks after its own books.
        MEMBERS => Kind::Index,
        _ if name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1) && is_own_directory(Path::new(parent)) => {
            Kind::Temporary
        }
        _ => Kind::Foreign,
    }
}

/// Whether it is a directory that a cache makes.
fn is_own_directory(path: &Path) -> bool {
    let Some(text) = path.to_str() else { return false };
    // Below the blobs it is one if a blob could lie in it.
    let could_hold = |rest: &str| BlobName::parse(&format!("{text}/{rest}")).is_some();
    let zeros = "0".repeat(30);
    matches!(text, "" | BLOBS | MEMBERS)
        || could_hold(&format!("00/{zeros}"))
        || could_hold(&zeros)
        || could_hold("1-0")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    const SPACE: &str = "blobs/1bfd7ee1724530ddcb258800796b1afa";
    const VALUE: &str = "a0/3af3d5860ad15004fb20974197ff40";

    fn file(path: &str) -> Kind {
        kind(Path::new(path), FileType::RegularFile)
    }

    #[test]
    fn a_file_is_ours_if_a_cache_could_have_written_it() {
        let blob = format!("{SPACE}/{VALUE}");
        assert_eq!(file(&blob), Kind::Blob(BlobName::parse(&blob).unwrap()));
        assert!(matches!(file(&format!("{blob}.blocks/65536-7")), Kind::Blob(_)));
        for (path, expected) in [
            ("CACHEDIR.TAG", Kind::Marker),
            ("zstore-format", Kind::Marker),
            ("shares", Kind::Index),
            ("fence", Kind::Index),
            ("disturbed", Kind::Index),
            ("members/17", Kind::Index),
            (".zstore-1-2-3.tmp", Kind::Temporary),
            (&format!("{SPACE}/a0/.zstore-1-2-3.tmp"), Kind::Temporary),
            (&format!("{blob}.blocks/.zstore-1-2-3.tmp"), Kind::Temporary),
            ("members/.zstore-1-2-3.tmp", Kind::Index),
            ("notes.txt", Kind::Foreign),
            ("blobs/CACHEDIR.TAG", Kind::Foreign),
            ("members/deep/17", Kind::Foreign),
            (&format!("{SPACE}/a0/notes.txt"), Kind::Foreign),
            (&format!("{blob}.blocks/notes"), Kind::Foreign),
            ("photos/.zstore-1-2-3.tmp", Kind::Foreign),
            (&format!("{SPACE}/photos/.zstore-1-2-3.tmp"), Kind::Foreign),
        ] {
            assert_eq!(file(path), expected, "{path}");
        }
    }

    #[test]
    fn what_only_has_the_name_of_a_blob_is_none() {
        let blob = format!("{SPACE}/{VALUE}");
        for other in [FileType::Directory, FileType::Symlink, FileType::Fifo] {
            assert_eq!(kind(Path::new(&blob), other), Kind::Foreign);
        }
    }

    #[test]
    fn directories_of_ours_are_told_from_others() {
        let blocks = format!("{SPACE}/{VALUE}.blocks");
        for path in ["", "blobs", "members", SPACE, &format!("{SPACE}/a0"), &blocks] {
            assert_eq!(kind(Path::new(path), FileType::Directory), Kind::Directory, "{path}");
        }
        for path in ["photos", "blobs/photos", &format!("{SPACE}/A0"), &format!("{blocks}/1"), "members/more"] {
            assert_eq!(kind(Path::new(path), FileType::Directory), Kind::Foreign, "{path}");
        }
    }

    #[test]
    fn every_byte_is_counted_once() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at(FORMAT.0), FORMAT.1).unwrap();
        fs::create_dir_all(at("photos/deep")).unwrap();
        fs::write(at("photos/deep/1"), "12345").unwrap();
        fs::hard_link(at("photos/deep/1"), at("photos/again")).unwrap();
        symlink("nowhere", at("link")).unwrap();
        fs::write(at("shares"), "123").unwrap();
        let holdings = Holdings::find(&Root::open(scratch.path()).unwrap()).unwrap();
        let size = |name: &str| fs::symlink_metadata(at(name)).unwrap().len();
        assert_eq!(holdings.markers, Pile { files: 1, bytes: FORMAT.1.len() as u64 });
        assert_eq!(holdings.index, Pile { files: 1, bytes: 3 });
        assert_eq!(holdings.directories, Pile { files: 1, bytes: size("") });
        let foreign = size("photos") + size("photos/deep") + 5 + "nowhere".len() as u64;
        assert_eq!(holdings.foreign, Pile { files: 5, bytes: foreign });
    }
}
