//! The contract's conformance suite, on zarrs' synchronous store in memory.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::runtime::Handle;
use zarrs_storage::{storage_adapter::sync_to_async::SyncToAsyncStorageAdapter, store::MemoryStore};
use zstore_testkit::conformance;
use zstore_zarrs::{Layout, TokioSpawnBlocking, ZarrsSource};

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    conformance::main(|| async {
        // Whoever hands a storage in must tell it from others; here they are numbered.
        let name = format!("memory:{}/{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        let blocking = TokioSpawnBlocking::new(Handle::current());
        let storage = SyncToAsyncStorageAdapter::new(Arc::new(MemoryStore::new()), blocking);
        ZarrsSource::new(Arc::new(storage), &name, Layout::Names).unwrap()
    })
}
