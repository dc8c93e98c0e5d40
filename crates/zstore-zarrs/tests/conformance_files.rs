//! The contract's conformance suite, on zarrs' store of files.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

use std::sync::Arc;

use tokio::runtime::Handle;
use zarrs::filesystem::FilesystemStore;
use zarrs_storage::storage_adapter::sync_to_async::SyncToAsyncStorageAdapter;
use zstore_testkit::conformance::{self, Fixture};
use zstore_zarrs::{Layout, TokioSpawnBlocking, ZarrsSource};

fn main() {
    conformance::main(|| async {
        let scratch = tempfile::tempdir().unwrap();
        let files = FilesystemStore::new(scratch.path()).unwrap();
        let storage = SyncToAsyncStorageAdapter::new(Arc::new(files), TokioSpawnBlocking::new(Handle::current()));
        let name = scratch.path().to_str().unwrap();
        Fixture::new(ZarrsSource::new(Arc::new(storage), name, Layout::Files).unwrap()).with_guard(scratch)
    })
}
