//! The stores of a schedule: a source that writes history, a tier whose copies are known, and the points at which their
//! calls wait.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Payload,
    Prefix, Ranges, ReadStore, Result, SetMode, Store, Version,
};

use super::{
    conductor::Conductor,
    history::{History, Value},
};

/// Whose changes are taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Source,
    Tier,
}

/// How often calls go wrong, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// They fail and nothing was done.
    pub(crate) failed: u64,
    /// They fail and it was done.
    pub(crate) lost: u64,
    /// They are never answered.
    pub(crate) hung: u64,
}

/// Calls wait before they take effect and after, for the conductor's word. What they change is taken down in the very
/// poll in which it changes.
#[derive(Debug)]
pub(crate) struct Stage<S> {
    pub(crate) store: S,
    pub(crate) history: Arc<History>,
    pub(crate) conductor: Arc<Conductor>,
    pub(crate) role: Role,
    pub(crate) faults: Faults,
    pub(crate) shared_memory: bool,
    /// Every call fails.
    pub(crate) broken: AtomicBool,
}

impl<S: ReadStore> Stage<S> {
    /// From now on every call fails.
    pub(crate) fn fail(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// Calls are answered again.
    pub(crate) fn heal(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    async fn play<V>(&self, operation: Operation, key: &str, call: impl Future<Output = Result<V>>) -> Result<V> {
        let (conductor, role) = (&self.conductor, self.role as u8);
        let error = |kind| Err(Error::new(kind, operation).with_store(&self.store).with_key(key));
        // A source that cannot be reached may be answered for; a tier that cannot be reached is left alone for longer
        // than one that fails.
        let unreachable = self.role == Role::Source && conductor.percent(50);
        let failed = if unreachable { ErrorKind::Unavailable } else { ErrorKind::Io };
        if conductor.percent(75) {
            conductor.point((role, operation, key, "before")).await;
        }
        if conductor.percent(self.faults.hung) {
            std::future::pending::<()>().await;
        }
        if self.is_broken() || conductor.percent(self.faults.failed) {
            return error(failed);
        }
        let answer = call.await;
        if conductor.percent(75) {
            conductor.point((role, operation, key, "after")).await;
        }
        if conductor.percent(self.faults.lost) { error(failed) } else { answer }
    }
}

impl<S: Store> Stage<S> {
    /// Changes the value at once, waiting at no point.
    pub(crate) async fn change(&self, key: &Key, value: Value) {
        self.set_down(key, value.bytes().into(), SetMode::Overwrite).await.unwrap();
    }

    async fn set_down(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let written = value.pieces().last().and_then(|piece| Value::of(piece));
        let version = self.store.set(key, value, mode).await?;
        match self.role {
            Role::Source => self.history.changed(key, written.map(|written| (written, version.clone()))),
            Role::Tier => self.history.copied(key, written),
        }
        Ok(version)
    }
}

impl<S: fmt::Display> fmt::Display for Stage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl<S: ReadStore> ReadStore for Stage<S> {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.store.capabilities();
        capabilities.shared_memory = self.shared_memory;
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.play(Operation::Get, key.as_str(), self.store.get(key, options)).await
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.play(Operation::GetRanges, key.as_str(), self.store.get_ranges(key, ranges)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.play(Operation::Head, key.as_str(), self.store.head(key)).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        if self.is_broken() {
            let error = Error::new(ErrorKind::Io, Operation::List).with_store(&self.store);
            return stream::iter([Err(error)]).boxed();
        }
        self.store.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.store.list_dir(prefix).await
    }
}

#[async_trait]
impl<S: Store> Store for Stage<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        self.play(Operation::Set, key.as_str(), self.set_down(key, value, mode)).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let deleted = async {
            self.store.delete(key).await?;
            match self.role {
                Role::Source => self.history.changed(key, None),
                Role::Tier => self.history.copied(key, None),
            }
            Ok(())
        };
        self.play(Operation::Delete, key.as_str(), deleted).await
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        let deleted = async {
            self.store.delete_prefix(prefix).await?;
            if self.role == Role::Source {
                self.history.gone_below(prefix);
            }
            Ok(())
        };
        self.play(Operation::DeletePrefix, prefix.as_str(), deleted).await
    }
}
