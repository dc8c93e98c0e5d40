//! Writing: what is resident goes first, then the source is written, then what was written may stay.
//!
//! A write that has begun is carried through, even if its caller stops waiting: a write given up half way could land
//! later than the next one.

use std::sync::{Arc, atomic::AtomicBool};

use tokio::runtime::Handle;
use zstore_core::{
    Error, ErrorKind, Key, Meta, Operation, Payload, Prefix, ReadStore, Result, SetMode, Store, Version,
};
use zstore_format::Header;
use zstore_policy::Reason;

use crate::{
    builder::WriteMode,
    flights::{Scope, Writing},
    inner::Inner,
    name::BlobId,
};

/// Room for the version in the header of what is written, which the source tells when it is too late to ask for room:
/// an entity tag and an id of a version are seldom half as long.
const VERSION_BYTES: u64 = 256;

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Drops what is resident of one value.
    pub(crate) async fn invalidate(self: Arc<Self>, key: Key) {
        self.prepare().await;
        if let Some(below) = &self.below {
            // From the bottom up: what is read of the copy below until it is gone is doomed or dropped here after it.
            Arc::clone(below).drop_value(key.clone()).await;
        }
        let _shared = self.begin_shared_write(&key).await;
        let _gate = self.gates.enter(&key).await;
        self.doom(Scope::Key(key.clone()));
        self.drop_key(&key, Reason::Invalidated).await;
    }

    /// Drops what is resident below a prefix.
    pub(crate) async fn invalidate_below(self: Arc<Self>, prefix: Prefix, reason: Reason) {
        self.prepare().await;
        if let Some(below) = &self.below {
            Arc::clone(below).drop_values(prefix.clone(), reason).await;
        }
        let _shared = self.begin_shared_write_below(&prefix).await;
        self.doom(Scope::Below(prefix.clone()));
        self.drop_below(&prefix, reason).await;
    }

    /// What may wait for gates is done before the first one is taken.
    async fn prepare(self: &Arc<Self>) {
        self.is_open().await;
        self.retry_removals().await;
    }

    /// A write begins: what was fetched before it may not become resident, nor what an unopened tier holds from before.
    fn begin(&self, scope: Scope) -> Writing {
        self.opening.note(&scope);
        self.flights.begin_write(scope)
    }

    /// What was fetched or written until now may not become resident. The source does not change, so what is asked of
    /// it from now on is new enough.
    fn doom(&self, scope: Scope) {
        drop(self.begin(scope));
    }

    /// Removes every blob of a key, those included that are leaving on behalf of others. Whether all are gone that
    /// could be found by name. The caller holds the gate.
    async fn drop_key(&self, key: &Key, reason: Reason) -> bool {
        if !self.opening.is_open() && !self.tier.is_down() {
            // What the tier holds is not known, but the name of a whole value is: without it, less is left to a later
            // opening.
            self.delete_blob(&BlobId::whole(key.clone()), &AtomicBool::new(false)).await;
        }
        let (gone, leaving) = self.catalog.lock().leave_key(key, reason);
        let mut all_gone = self.remove_gated(key, gone).await;
        for part in leaving {
            if self.tier.is_down() {
                all_gone = false;
                break;
            }
            // Whoever it leaves for keeps the account of it; here it matters that it is gone before the source changes.
            all_gone &= self.delete_blob(&BlobId::new(key.clone(), part), &AtomicBool::new(false)).await;
        }
        self.remove_shared(key).await && all_gone
    }

    /// Removes every blob of the keys below a prefix: what is resident at once, what is leaving or on its way after it.
    /// Whether all are gone.
    async fn drop_below(&self, prefix: &Prefix, reason: Reason) -> bool {
        let (gone, others) = self.catalog.lock().leave_below(prefix, reason);
        let mut all_gone = self.remove(gone).await;
        for key in others {
            if self.tier.is_down() {
                all_gone = false;
                break;
            }
            // Through the gate: whoever writes a blob of the key now is doomed, and removes it before the gate opens.
            let _gate = self.gates.enter(&key).await;
            all_gone &= self.drop_key(&key, reason).await;
        }
        self.remove_shared_below(prefix, all_gone).await
    }
}

impl<S: Store + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    pub(crate) async fn set(self: Arc<Self>, key: Key, value: Payload, mode: SetMode) -> Result<Version> {
        self.prepare().await;
        if self.settings.write_mode == WriteMode::Through {
            // What is written right after opening stays too. Before the gate, which loading may want.
            self.is_ready().await;
            // Nor is room asked for under a gate.
            let meta = Meta { key: key.clone(), size: value.size(), modified: None, version: Version::default() };
            let blob_bytes = Header::whole_blob_bytes(&meta, self.namespace.name());
            self.extend_room(blob_bytes.saturating_add(VERSION_BYTES)).await;
        }
        let shared = self.begin_shared_write(&key).await;
        let _gate = self.gates.enter(&key).await;
        let writing = self.begin(Scope::Key(key.clone()));
        self.drop_key(&key, Reason::Replaced).await;
        let started = self.watch.moment();
        let written = self.source.set(&key, value.clone(), mode).await;
        self.remove_late(&key, shared.as_ref()).await;
        let version = written?;
        let token = writing.written();
        if self.settings.write_mode == WriteMode::Through {
            let meta = Meta { key, size: value.size(), modified: None, version: version.clone() };
            self.land_written(meta, value.into_bytes(), started, &token, shared.as_ref()).await;
        }
        Ok(version)
    }

    pub(crate) async fn delete(self: Arc<Self>, key: Key) -> Result<()> {
        self.prepare().await;
        let shared = self.begin_shared_write(&key).await;
        let _gate = self.gates.enter(&key).await;
        let _writing = self.begin(Scope::Key(key.clone()));
        self.drop_key(&key, Reason::Invalidated).await;
        let deleted = self.source.delete(&key).await;
        self.remove_late(&key, shared.as_ref()).await;
        deleted
    }

    pub(crate) async fn delete_prefix(self: Arc<Self>, prefix: Prefix) -> Result<()> {
        self.prepare().await;
        let shared = self.begin_shared_write_below(&prefix).await;
        let _writing = self.begin(Scope::Below(prefix.clone()));
        let all_gone = self.drop_below(&prefix, Reason::Invalidated).await;
        let deleted = self.source.delete_prefix(&prefix).await;
        self.remove_late_below(&prefix, shared.as_ref(), all_gone).await;
        deleted
    }
}

/// Carries a write through in a task of its own where there is a runtime, so that dropping the caller does not stop it.
pub(crate) async fn carry_through<V: Send + 'static>(
    operation: Operation,
    write: impl Future<Output = Result<V>> + Send + 'static,
) -> Result<V> {
    match Handle::try_current() {
        Err(_) => write.await,
        Ok(runtime) => match runtime.spawn(write).await {
            Ok(result) => result,
            Err(error) => {
                let (kind, detail) = if error.is_panic() {
                    (ErrorKind::Io, "the source gave up with a panic; the write may have been done or not")
                } else {
                    (ErrorKind::Unavailable, "the write was stopped with its runtime; it may have been done or not")
                };
                Err(Error::new(kind, operation).with_detail(detail).with_source(error))
            }
        },
    }
}
