//! What a file's metadata say of a value.

use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat, fstat};
use zstore_core::{Key, Meta, Timestamp, Version};

use crate::error::Fault;

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) file_type: FileType,
    /// In bytes.
    pub(crate) size: u64,
    inode: u128,
    device: i128,
    /// When the content was last written, in nanoseconds since the epoch; negative before it.
    modified_ns: i128,
}

impl Facts {
    /// Of an open file.
    pub(crate) fn of(file: impl AsFd) -> Result<Self, Fault> {
        fstat(file).map(Self::from).map_err(Fault::system("ask for the file's size and time"))
    }

    pub(crate) fn is_value(&self) -> bool {
        self.file_type == FileType::RegularFile
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// What no other file of the system has at the same time.
    pub(crate) const fn identity(&self) -> (i128, u128) {
        (self.device, self.inode)
    }

    /// The value's version: which file it is, how long, and written when.
    ///
    /// A write through this store makes a new file with a time that no other write of this process has, so it always
    /// makes a new version. A program that writes in place keeps the file, and the kernel's own times advance by
    /// ticks of up to 10 ms: two such writes of one length within a tick are one version.
    pub(crate) fn version(&self) -> Version {
        let Self { inode, size, modified_ns, .. } = self;
        Version::from_e_tag(format!("\"{inode:x}-{size:x}-{modified_ns:x}\""))
    }

    pub(crate) fn meta(&self, key: Key) -> Meta {
        let millis = u64::try_from(self.modified_ns / 1_000_000).unwrap_or(0);
        Meta { key, size: self.size, modified: Some(Timestamp::from_millis(millis)), version: self.version() }
    }
}

impl From<Stat> for Facts {
    /// The fields' types differ from system to system; 128 bits hold all of them.
    fn from(stat: Stat) -> Self {
        Self {
            file_type: FileType::from_raw_mode(stat.st_mode),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            inode: stat.st_ino.into(),
            device: stat.st_dev.into(),
            modified_ns: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        }
    }
}
