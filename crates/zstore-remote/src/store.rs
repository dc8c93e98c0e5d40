//! A remote that can be written as well.

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use object_store::{ObjectStore, PutMode, PutPayload, UpdateVersion};
use reqwest::StatusCode;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Operation, Payload, Prefix, Ranges,
    ReadStore, Result, SetMode, Store, Version,
};

use crate::{
    builder::RemoteBuilder,
    fault::{Failure, Fault},
    reader::RemoteReader,
    remote::{Remote, is_missing, is_telling},
};

/// A remote that can be read and written: a bucket or container of a cloud, or a mounted folder.
///
/// It reads as [`RemoteReader`] does, and there is none of a web server. Of a folder (`file://`) it keeps the plain
/// layout, where `a` and `a/b` cannot both have values. There `SetMode::Update` is refused, an empty directory is
/// listed as a prefix, and a last segment that ends in `#` and digits is refused as a key; versions are made of
/// inode, size and the microsecond of writing, and two writes of one size within a tick of the system's clock may
/// share one. A local store proper knows better.
///
/// A request that is tried again after its answer was lost may meet its own effect: a create or an update then fails
/// with `PreconditionFailed` though it was this one that wrote.
///
/// # Cost
/// A set and a delete are one request each. [`delete_prefix`](Store::delete_prefix) lists, and deletes as it goes,
/// several at a time.
#[derive(Clone, Debug)]
pub struct RemoteStore {
    reader: RemoteReader,
}

impl RemoteStore {
    /// Opens a URL with the settings of a new [`RemoteBuilder`]. No request is made.
    ///
    /// # Errors
    /// As [`RemoteBuilder::open_store`].
    pub fn from_url(url: &str) -> Result<Self> {
        RemoteBuilder::new(url).open_store()
    }

    /// Keeps values as objects of `objects` below `prefix`, in a store that shows itself as `Remote(name, prefix)`.
    ///
    /// As for [`RemoteReader::new`], the name must tell these objects from any other's and hold no secret.
    ///
    /// Containers of Azure and buckets of Google are better opened by URL: their clients do not tell that they list
    /// entity tags without quotes, or update by the id of a version, and here nobody knows what `objects` are.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that is empty or is not one line.
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: Prefix, name: &str) -> Result<Self> {
        Ok(Self { reader: RemoteReader::new(objects, prefix, name)? })
    }

    /// The same, of objects of which this is true. The [`Capabilities`] are taken to be those of a cloud otherwise, and
    /// what leans on one that is not there fails.
    ///
    /// # Examples
    /// ```
    /// # let folder = std::env::temp_dir();
    /// use std::sync::Arc;
    ///
    /// use object_store::local::LocalFileSystem;
    /// use zstore_core::{Prefix, ReadStore};
    /// use zstore_remote::RemoteStore;
    ///
    /// let files = Arc::new(LocalFileSystem::new_with_prefix(&folder)?);
    /// let store = RemoteStore::new(files, Prefix::root(), "the files of today")?;
    /// let mut capabilities = store.capabilities();
    /// capabilities.update = false; // `PutMode::Update` is not implemented for files
    /// capabilities.overlapping_keys = false;
    /// let store = store.with_capabilities(capabilities);
    /// # assert!(!store.capabilities().update && store.capabilities().create);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        Self { reader: self.reader.with_capabilities(capabilities) }
    }

    pub(crate) fn of(remote: Remote) -> Self {
        Self { reader: RemoteReader(Arc::new(remote)) }
    }

    async fn write(&self, key: &Key, value: Payload, mode: &SetMode) -> Result<Version, Failure> {
        let updates_by_id = self.reader.0.updates_by_id;
        let mode = match mode {
            SetMode::Overwrite => PutMode::Overwrite,
            SetMode::Create => PutMode::Create,
            // What matches nothing is not the version of any value, nor is what no version there is without.
            SetMode::Update(version) if !is_telling(version) || (updates_by_id && version.id.is_none()) => {
                return Err(Fault::Changed.into());
            }
            SetMode::Update(Version { e_tag, id }) => PutMode::Update(UpdateVersion {
                e_tag: e_tag.as_deref().map(str::to_owned),
                version: id.as_deref().map(str::to_owned),
            }),
        };
        let remote = &self.reader.0;
        if let Some(max) = remote.capabilities.segment_bytes_max
            && let Some(long) = key.segments().find(|segment| segment.len() > max)
        {
            let why = format!("a segment has {} bytes, and {max} are the most here", long.len());
            return Err(Fault::BadName { why }.into());
        }
        let payload: PutPayload = value.pieces().cloned().collect();
        let put = remote.objects.put_opts(&remote.path(key)?, payload, mode.clone().into()).await?;
        Ok(Version { e_tag: put.e_tag.map(Arc::from), id: put.version.map(Arc::from) })
    }
}

impl fmt::Display for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reader, f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ReadStore for RemoteStore {
    fn capabilities(&self) -> Capabilities {
        self.reader.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.reader.get(key, options).await
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        self.reader.get_now(key, options)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.reader.get_ranges(key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.reader.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.reader.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.reader.list_dir(prefix).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for RemoteStore {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let written = self.write(key, value, &mode).await;
        written.map_err(|mut failure| {
            failure.fault = match (failure.fault, &mode) {
                // To update what is not there is to name a version it does not have. Clouds answer 404 or 409 to some
                // of these.
                (Fault::Missing | Fault::Exists, SetMode::Update(_)) => Fault::Changed,
                (Fault::Exists, SetMode::Overwrite) => Fault::Status(StatusCode::CONFLICT),
                (Fault::Disk { kind, why }, _) => Fault::Disk { kind, why: explain(kind, why) },
                (fault, _) => fault,
            };
            self.reader.0.error(Operation::Set, key, failure)
        })
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let remote = &self.reader.0;
        let failed = |failure| remote.error(Operation::Delete, key, failure);
        let path = remote.path(key).map_err(failed)?;
        let mut deleted = remote.objects.delete_stream(stream::iter([Ok(path)]).boxed());
        while let Some(deleted) = deleted.next().await {
            pass_if_missing(deleted).map_err(failed)?;
        }
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let remote = &self.reader.0;
        let mut deleted = remote.objects.delete_stream(remote.paths_below(prefix)?);
        while let Some(deleted) = deleted.next().await {
            pass_if_missing(deleted).map_err(|failure| remote.error(Operation::DeletePrefix, prefix, failure))?;
        }
        Ok(())
    }

    /// Does nothing: uploads that were given up are for the bucket's own rules to clear away.
    async fn sweep(&self, _: &Prefix) -> Result<()> {
        Ok(())
    }

    fn shared_directory(&self) -> Option<&Path> {
        None
    }
}

fn pass_if_missing<T>(deleted: object_store::Result<T>) -> Result<(), Failure> {
    match deleted.map_err(Failure::from) {
        Err(failure) if !is_missing(&failure.fault) => Err(failure),
        _ => Ok(()),
    }
}

/// Says what a folder's refusal means for keys.
fn explain(kind: std::io::ErrorKind, why: String) -> String {
    use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    match kind {
        NotADirectory | IsADirectory | AlreadyExists | DirectoryNotEmpty => {
            format!("{why}: a folder cannot hold a value both at a key and below it")
        }
        _ => why,
    }
}
