//! The contract's conformance suite, on zarrs' asynchronous store in memory, as if it did not list its keys.
#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zarrs_storage::store::AsyncMemoryStore;
use zstore_testkit::conformance;
use zstore_zarrs::{Layout, ZarrsSource};

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    conformance::main(|| async {
        let name = format!("unlisted:{}/{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        ZarrsSource::unlisted(Arc::new(AsyncMemoryStore::new()), &name, Layout::Names).unwrap()
    })
}
