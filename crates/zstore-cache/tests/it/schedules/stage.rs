//! The stores of a schedule: a source that writes history, a tier whose copies are known, and the points at which their calls wait.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation, Payload,
    Prefix, Ranges, ReadStore, Result, SetMode, Store, Version,
};

use super::{
    conductor::Conductor,
    history::{History, Value},
};

/// Whose changes a scribe takes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Source,
    Tier,
}

/// Takes down what changes, in the very poll in which it does.
#[derive(Debug)]
pub(crate) struct Scribe<S> {
    pub(crate) store: S,
    pub(crate) history: Arc<History>,
    pub(crate) role: Role,
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

/// Calls wait before they take effect and after, for the conductor's word.
#[derive(Debug)]
pub(crate) struct Stage<S> {
    pub(crate) store: S,
    pub(crate) conductor: Arc<Conductor>,
    pub(crate) role: Role,
    pub(crate) faults: Faults,
    pub(crate) shared_memory: bool,
}

impl<S: ReadStore> Stage<S> {
    async fn play<V>(&self, operation: Operation, key: &str, call: impl Future<Output = Result<V>>) -> Result<V> {
        let (conductor, role) = (&self.conductor, self.role as u8);
        let error = |kind| Err(Error::new(kind, operation).with_store(&self.store).with_key(key));
        if conductor.percent(75) {
            conductor.point((role, operation, key, "before")).await;
        }
        if conductor.percent(self.faults.hung) {
            std::future::pending::<()>().await;
        }
        if conductor.percent(self.faults.failed) {
            return error(ErrorKind::Io);
        }
        let answer = call.await;
        if conductor.percent(75) {
            conductor.point((role, operation, key, "after")).await;
        }
        if conductor.percent(self.faults.lost) { error(ErrorKind::Io) } else { answer }
    }
}

impl<S: fmt::Display> fmt::Display for Scribe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl<S: fmt::Display> fmt::Display for Stage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl<S: ReadStore> ReadStore for Scribe<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.store.get(key, options).await
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        self.store.get_ranges(key, ranges).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        self.store.head(key).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        self.store.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.store.list_dir(prefix).await
    }
}

#[async_trait]
impl<S: Store> Store for Scribe<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let written = value.pieces().last().and_then(|piece| Value::of(piece));
        let version = self.store.set(key, value, mode).await?;
        match self.role {
            Role::Source => self.history.changed(key, written.map(|written| (written, version.clone()))),
            Role::Tier => self.history.copied(key, written),
        }
        Ok(version)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.store.delete(key).await?;
        match self.role {
            Role::Source => self.history.changed(key, None),
            Role::Tier => self.history.copied(key, None),
        }
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.store.delete_prefix(prefix).await?;
        if self.role == Role::Source {
            self.history.gone_below(prefix);
        }
        Ok(())
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
        self.store.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        self.store.list_dir(prefix).await
    }
}

#[async_trait]
impl<S: Store> Store for Stage<S> {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        self.play(Operation::Set, key.as_str(), self.store.set(key, value, mode)).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.play(Operation::Delete, key.as_str(), self.store.delete(key)).await
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        self.play(Operation::DeletePrefix, prefix.as_str(), self.store.delete_prefix(prefix)).await
    }
}
