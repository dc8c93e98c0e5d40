//! How a store is opened, and how lasting its writes are.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zstore_core::{Operation, Result};

use crate::{
    error::{Failed, Fault},
    network,
    root::Root,
    store::LocalStore,
};

/// What a write has survived when it returns.
///
/// A crash of the program is always survived: a value is there whole, old or new. The difference is a loss of power
/// or a crash of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is waited for. After a loss of power a value written shortly before may be the old one or, on some
    /// file systems, empty or zeros: for data that can be had again.
    #[default]
    None,
    /// A value's bytes are on the disk before it takes its name. After a loss of power a value is the old one or the
    /// new one, whole.
    File,
    /// The name is on the disk as well when the write returns: what was written, or deleted, stays so.
    FileAndDirectory,
}

/// Opens or makes a [`LocalStore`] other than by default.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// # let path = scratch.path().join("cache");
/// use zstore_local::{Durability, LocalStore};
///
/// let store = LocalStore::builder(&path).mode(0o700).durability(Durability::File).create()?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    path: PathBuf,
    mode: Option<u32>,
    durability: Durability,
}

/// Permissions of a cache directory that is made: it may hold copies of what only its owner may read.
const PRIVATE: u32 = 0o700;
/// All permissions there are.
const PERMISSIONS_MAX: u32 = 0o7777;

impl Builder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), mode: None, durability: Durability::default() }
    }

    /// The permissions of directories that [`create`](Self::create) makes, less the process's umask; `0o777` if not
    /// given. A directory that exists keeps its own. What they are to [`create_cache`](Self::create_cache) is told
    /// there.
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// What a write has survived when it returns; [`Durability::None`] if not given.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Opens a directory that exists.
    ///
    /// # Errors
    /// As [`LocalStore::open`].
    ///
    /// # Cost
    /// Some file work in the calling thread.
    pub fn open(self) -> Result<LocalStore> {
        let root = Root::open(&self.path).map_err(|fault| self.error(fault))?;
        Ok(LocalStore::new(root, self.durability))
    }

    /// Opens a directory, after making it and those above it where they are missing.
    ///
    /// # Errors
    /// As [`LocalStore::create`].
    ///
    /// # Cost
    /// Some file work in the calling thread.
    pub fn create(self) -> Result<LocalStore> {
        let made = DirBuilder::new().recursive(true).mode(self.mode.unwrap_or(0o777)).create(&self.path);
        made.map_err(|error| {
            self.error(match error.kind() {
                io::ErrorKind::AlreadyExists => Fault::RootIsNoDirectory(self.path.clone()),
                io::ErrorKind::NotADirectory => Fault::RootBelowFile(self.path.clone()),
                _ => Fault::io("make the root directory")(error),
            })
        })?;
        self.open()
    }

    /// Opens a directory that caches of several processes share, after making it where it is missing.
    ///
    /// A directory that is made has mode `0o700`, or the one given, whatever the process's umask; with `0o2770` those
    /// of its group share it. All that is made below it has the permissions of the directory itself, so that whoever
    /// may use a part of it may use all.
    ///
    /// # Errors
    /// As [`create`](Self::create), `Unsupported` for a directory on a network file system, where nobody can tell
    /// who else uses it, and `InvalidArgument` for permissions that keep its owner out.
    ///
    /// # Cost
    /// Some file work in the calling thread.
    pub fn create_cache(self) -> Result<LocalStore> {
        let store = self.open_cache();
        store.map_err(|fault| self.error(fault))
    }

    fn open_cache(&self) -> Result<LocalStore, Fault> {
        let mode = self.mode.unwrap_or(PRIVATE);
        if mode & PRIVATE != PRIVATE || mode > PERMISSIONS_MAX {
            return Err(Fault::ModeKeepsOwnerOut { mode, path: self.path.clone() });
        }
        match DirBuilder::new().recursive(false).mode(mode).create(&self.path) {
            Ok(()) => self.set_mode(mode)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(above) = self.path.parent() {
                    DirBuilder::new().recursive(true).create(above).map_err(Fault::io("make the directories above"))?;
                }
                DirBuilder::new().mode(mode).create(&self.path).map_err(Fault::io("make the root directory"))?;
                self.set_mode(mode)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Fault::RootBelowFile(self.path.clone()));
            }
            Err(error) => return Err(Fault::io("make the root directory")(error)),
        }
        let mut root = Root::open(&self.path)?;
        if let Some(kind) = network::kind(root.path())? {
            return Err(Fault::RootOnNetwork { path: self.path.clone(), kind });
        }
        root.share()?;
        Ok(LocalStore::new(root, self.durability))
    }

    fn set_mode(&self, mode: u32) -> Result<(), Fault> {
        fs::set_permissions(&self.path, Permissions::from_mode(mode))
            .map_err(Fault::io("set the permissions of the root directory"))
    }

    fn error(&self, fault: Fault) -> zstore_core::Error {
        let store = format!("LocalStore({})", self.path.display());
        Failed { operation: Operation::Open, store: &store, key: None, fault }.into()
    }
}
