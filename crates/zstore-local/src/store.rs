//! The store, and the contract.

use std::{collections::VecDeque, fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio::task::coop::consume_budget;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, Fetch, GetOptions, Key, Meta, Operation, Payload, Prefix,
    Ranges, ReadStore, Result, SetMode, Store, Version,
};

use crate::{
    blocking,
    buffers::Buffers,
    builder::{Builder, Durability},
    delete,
    error::{Failed, Fault},
    landing::Landing,
    leftovers::{self, Leftovers},
    name::SEGMENT_BYTES_MAX,
    root::Root,
    value,
    walk::{self, Listing},
    write,
};

/// A store in a directory: a key is the path of a file below it, a value is the file's bytes.
///
/// That is the layout which Zarr tools of every language read and write as a "directory store" or "local store", and
/// they may do so while this store is open. It is shared by [`Arc`].
///
/// # What is a value
/// Every regular file below the root whose path is UTF-8, whoever wrote it; and every symbolic link to one, if it
/// does not lead out of the root. Pipes, sockets, devices, empty directories and other names are passed over. Reading
/// through a link that leads out is `PermissionDenied`; writing to a link replaces the link. Links to directories
/// inside the root are followed, in listings too, except where they lead back up.
///
/// # Limits of a plain directory
/// - `a` and `a/b` cannot both be values: the second is refused with `Conflict`.
/// - A segment has at most 255 bytes and a key 4,095 (less the root's path where the kernel has no `openat2`: other
///   systems than Linux, and Linux before 5.6); others are refused with `InvalidKey` by every operation on a key.
/// - Segments like `.zstore-*.tmp` are kept for files that are being written, and are refused in the same way.
/// - Where the file system folds case or Unicode forms (macOS and Windows disks often do), so do keys, against law R11.
/// - [`SetMode::Update`] is refused: no call of the system replaces a file only if it is unchanged, and a lock of ours
///   would not bind other programs.
/// - Another program that writes a file in place, not by renaming, can be seen half way, as by every reader. Its change
///   shows in the version, which is made of the file's number, size and time of writing; but two changes of one size
///   within one tick of the kernel's clock (up to 10 ms) show as one. Writes of this store never do.
/// - The identity is the root's path. It does not tell apart machines, or disks mounted there at different times.
///
/// # Durability
/// A value is written to a temporary file beside it, which is then renamed: a reader, and whoever comes after a crash
/// of the program, sees the old value or the new one. [`Durability`] says what holds after a loss of power. A crash
/// leaves the temporary file; [`remove_leftovers`](Self::remove_leftovers) clears it away.
///
/// # Runtime
/// File work is done on the blocking pool of the tokio runtime that polls the future, one hop for each operation or
/// page of a listing, but for reads of what is in the kernel's memory. Outside a runtime whatever needs that hop is
/// refused with `Unsupported`.
#[derive(Debug)]
pub struct LocalStore {
    root: Arc<Root>,
    durability: Durability,
    buffers: Arc<Buffers>,
}

impl LocalStore {
    /// Opens a directory that exists.
    ///
    /// # Errors
    /// `InvalidArgument` if there is none, if it is a file, or if its path is not UTF-8; `PermissionDenied` if this
    /// user may not read it.
    ///
    /// # Cost
    /// Some file work in the calling thread.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        Self::builder(root).open()
    }

    /// Opens a directory, after making it and those above it where they are missing.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for a missing directory; `PermissionDenied` and `Full` if it cannot be made.
    ///
    /// # Cost
    /// Some file work in the calling thread.
    pub fn create(root: impl AsRef<Path>) -> Result<Self> {
        Self::builder(root).create()
    }

    /// Opens or makes a directory for caches to keep copies in, of any number of processes at once.
    ///
    /// It is private to the user unless [`Builder::mode`] says otherwise.
    ///
    /// # Errors
    /// As [`Builder::create_cache`], whose cost it has too.
    pub fn create_cache(root: impl AsRef<Path>) -> Result<Self> {
        Self::builder(root).create_cache()
    }

    /// Opens or makes a directory other than by default.
    #[must_use]
    pub fn builder(root: impl AsRef<Path>) -> Builder {
        Builder::new(root.as_ref())
    }

    pub(crate) fn new(root: Root, durability: Durability) -> Self {
        Self { root: Arc::new(root), durability, buffers: Arc::default() }
    }

    /// The root's path, absolute and free of links.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Removes the temporary files that crashes left, and tells how much that was.
    ///
    /// Files that are being written, by this process or another, are known by their locks and left alone.
    /// [`delete_prefix`](Store::delete_prefix) does the same below its prefix.
    ///
    /// # Errors
    /// `PermissionDenied` and whatever the file system can fail with; some files may be removed then.
    ///
    /// # Cancel safety
    /// Nothing is removed after the drop.
    ///
    /// # Cost
    /// A walk through all directories.
    pub async fn remove_leftovers(&self) -> Result<Leftovers> {
        let root = Arc::clone(&self.root);
        self.change(Operation::DeletePrefix, "", move |landing| leftovers::remove(&root, &Prefix::root(), landing))
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        operation: Operation,
        key: &str,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        blocking::run(work).await.map_err(|fault| error(&self.root, operation, key, fault))
    }

    async fn change<T: Send + 'static>(
        &self,
        operation: Operation,
        key: &str,
        work: impl FnOnce(&Landing) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        blocking::run_landing(work).await.map_err(|fault| error(&self.root, operation, key, fault))
    }
}

fn error(root: &Root, operation: Operation, key: &str, fault: Fault) -> Error {
    Failed { operation, store: root, key: Some(key), fault }.into()
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

#[async_trait]
impl ReadStore for LocalStore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.listing = true;
        capabilities.native_ranges = true;
        capabilities.conditional_get = true;
        capabilities.create = true;
        capabilities.segment_bytes_max = Some(SEGMENT_BYTES_MAX);
        capabilities
    }

    /// # Cost
    /// Five calls of the system (open, ask, read, ask again, close) and one buffer of the size of the answer. They are
    /// made where it is polled if the kernel has all of up to 4 MiB in memory (Linux only), else on the blocking pool.
    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        if let Some(fetch) = self.get_now(key, options) {
            // Who reads one value after the other gives way to others now and then, though he never waits.
            consume_budget().await;
            return Ok(fetch);
        }
        let (root, name, options) = (Arc::clone(&self.root), key.clone(), options.clone());
        self.read(Operation::Get, key.as_str(), move || value::get(&root, &name, &options)).await
    }

    /// Values of up to 4 MiB of which the kernel has all in memory. Linux only.
    ///
    /// # Cost
    /// Five calls of the system, and a copy.
    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        value::get_at_hand(&self.root, &self.buffers, key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        if let Some(ranges) = value::get_ranges_at_hand(&self.root, &self.buffers, key, ranges) {
            consume_budget().await;
            return Ok(Some(ranges));
        }
        let (root, name, ranges) = (Arc::clone(&self.root), key.clone(), ranges.to_vec());
        self.read(Operation::GetRanges, key.as_str(), move || value::get_ranges(&root, &name, &ranges)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        let (root, name) = (Arc::clone(&self.root), key.clone());
        self.read(Operation::Head, key.as_str(), move || value::head(&root, &name)).await
    }

    /// In no order.
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let start = (Arc::clone(&self.root), Listing::Begin(prefix.clone()), VecDeque::new());
        let prefix = prefix.clone();
        stream::unfold(start, move |(root, mut listing, mut page)| {
            let prefix = prefix.clone();
            async move {
                if page.is_empty() && !listing.is_at_end() {
                    let listed = Arc::clone(&root);
                    (page, listing) = match blocking::run(move || Ok(listing.page(&listed))).await {
                        Ok(next) => next,
                        Err(fault) => (VecDeque::from([Err(fault)]), Listing::End),
                    };
                }
                let meta = page.pop_front()?;
                let meta = meta.map_err(|fault| error(&root, Operation::List, prefix.as_str(), fault));
                Some((meta, (root, listing, page)))
            }
        })
        .boxed()
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        let (root, below) = (Arc::clone(&self.root), prefix.clone());
        self.read(Operation::List, prefix.as_str(), move || walk::list_dir(&root, &below)).await
    }
}

#[async_trait]
impl Store for LocalStore {
    /// # Errors
    /// With [`Durability::FileAndDirectory`] also `Io` for a value that is written, but whose name could not be synced.
    ///
    /// # Cancel safety
    /// When the drop returns, the value has landed or never will. The drop may wait for the one rename that is under
    /// way. The temporary file is removed soon after.
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let (root, name, durability) = (Arc::clone(&self.root), key.clone(), self.durability);
        let work = move |landing: &Landing| write::set(&root, landing, &name, &value, &mode, durability);
        self.change(Operation::Set, key.as_str(), work).await
    }

    /// Directories that become empty go as well, the root excepted.
    ///
    /// # Cancel safety
    /// As of `set`: no value is deleted after the drop.
    async fn delete(&self, key: &Key) -> Result<()> {
        let (root, name, durability) = (Arc::clone(&self.root), key.clone(), self.durability);
        let work = move |landing: &Landing| delete::delete(&root, landing, &name, durability);
        self.change(Operation::Delete, key.as_str(), work).await
    }

    /// A link to a directory is deleted itself, and what it leads to is left alone. Temporary files that a crash left
    /// go as well. What is no value stays, and so do the directories that hold it.
    ///
    /// # Cancel safety
    /// As of `set`: no value is deleted after the drop.
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let (root, below, durability) = (Arc::clone(&self.root), prefix.clone(), self.durability);
        let work = move |landing: &Landing| delete::delete_below(&root, landing, &below, durability);
        self.change(Operation::DeletePrefix, prefix.as_str(), work).await
    }

    /// Removes the temporary files that crashes left below the prefix, as
    /// [`remove_leftovers`](LocalStore::remove_leftovers) does everywhere.
    ///
    /// # Cancel safety
    /// As of `set`: nothing is removed after the drop.
    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        let (root, below) = (Arc::clone(&self.root), prefix.clone());
        let work = move |landing: &Landing| leftovers::remove(&root, &below, landing).map(drop);
        self.change(Operation::DeletePrefix, prefix.as_str(), work).await
    }

    fn shared_directory(&self) -> Option<&Path> {
        self.root.access.is_some().then(|| self.root.path())
    }
}
