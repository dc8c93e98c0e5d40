//! Puts, deletions, copies and renames: each is a write of the store, so that a cache hears of it.

use futures::StreamExt;
use object_store::{
    CopyMode, Error as TheirError, PutMode, PutResult, RenameTargetMode, Result, UpdateVersion, path::Path,
};
use zstore_core::{BoxStream, Error, ErrorKind, Fetch, GetOptions, Operation, Payload, SetMode};

use crate::{
    Objects,
    failure::{failed, missing},
    meta::{known_version, put_result},
    names,
};

/// What `object_store` does at once of as many locations: enough to hide a round trip behind others.
const CONCURRENT_MAX: usize = 10;

impl Objects {
    /// Writes a value for `operation`, which is what others are told of when the store has no such mode.
    pub(crate) async fn write(&self, operation: &str, path: &Path, value: Payload, mode: PutMode) -> Result<PutResult> {
        let store = self.writes(Operation::Set)?;
        let key = names::key(path)?;
        let (mode, name) = match mode {
            PutMode::Overwrite => (SetMode::Overwrite, None),
            PutMode::Create => (SetMode::Create, Some("Create")),
            PutMode::Update(version) => (self.update(path, version)?, Some("Update")),
        };
        let creates = mode == SetMode::Create;
        match (store.set(&key, value, mode).await, name) {
            (Ok(version), _) => Ok(put_result(&version)),
            (Err(error), _) if creates && error.kind() == ErrorKind::PreconditionFailed => {
                Err(TheirError::AlreadyExists { path: path.to_string(), source: Box::new(error) })
            }
            (Err(error), Some(name)) if error.kind() == ErrorKind::Unsupported => {
                Err(self.not_implemented(&format!("`{operation}` with mode `{name}`"), Some(&error)))
            }
            (Err(error), _) => Err(failed(path, error)),
        }
    }

    /// The mode that replaces a version, if it is one that can be told from others.
    fn update(&self, path: &Path, version: UpdateVersion) -> Result<SetMode> {
        let version = known_version(version);
        if version.matches(&version) {
            return Ok(SetMode::Update(version));
        }
        // `Precondition` would say: read it again and try once more, which would end in the same way for ever.
        let error = Error::new(ErrorKind::InvalidArgument, Operation::Set).with_store(&**self.reads()).with_key(path);
        Err(failed(
            path,
            error.with_detail("an update wants the version it replaces: an entity tag that is not weak, or an id"),
        ))
    }

    /// The value of `from`, written at `to`.
    pub(crate) async fn copy_value(&self, from: &Path, to: &Path, mode: CopyMode) -> Result<()> {
        self.writes(Operation::Set)?;
        let source = names::key(from)?;
        let found = self.reads().get(&source, &GetOptions::default()).await.map_err(|error| failed(from, error))?;
        let Fetch::Object(object) = found else { return Err(missing(from, self.reads())) };
        let mode = match mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        self.write("copy_opts", to, object.bytes.into(), mode).await.map(drop)
    }

    pub(crate) async fn move_value(&self, from: &Path, to: &Path, mode: RenameTargetMode) -> Result<()> {
        let store = self.writes(Operation::Set)?;
        let mode = match mode {
            // A deletion after the copy would leave nothing.
            RenameTargetMode::Overwrite if from == to => {
                let found = self.reads().head(&names::key(from)?).await.map_err(|error| failed(from, error))?;
                return found.map(drop).ok_or_else(|| missing(from, self.reads()));
            }
            RenameTargetMode::Overwrite => CopyMode::Overwrite,
            RenameTargetMode::Create => CopyMode::Create,
        };
        self.copy_value(from, to, mode).await?;
        store.delete(&names::key(from)?).await.map_err(|error| failed(from, error))
    }

    /// Deletes as the paths come, some at once, and answers in their order.
    pub(crate) fn delete_each(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let deletions = paths.map(move |path| {
            let this = this.clone();
            async move {
                let path = path?;
                let store = this.writes(Operation::Delete)?;
                store.delete(&names::key(&path)?).await.map_err(|error| failed(&path, error))?;
                Ok(path)
            }
        });
        deletions.buffered(CONCURRENT_MAX).boxed()
    }

    /// The variant that others look for to do without. It holds text alone, so the reason is told in that.
    pub(crate) fn not_implemented(&self, operation: &str, why: Option<&Error>) -> TheirError {
        let implementer = why.map_or_else(|| self.to_string(), |why| format!("{self} ({why})"));
        TheirError::NotImplemented { operation: operation.to_owned(), implementer }
    }
}
