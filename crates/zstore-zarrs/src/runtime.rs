//! zarrs' two bridges between blocking and waiting, for tokio.

use std::{
    future::{Future, pending},
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};
use zarrs_storage::storage_adapter::{async_to_sync::AsyncToSyncBlockOn, sync_to_async::SyncToAsyncSpawnBlocking};
use zstore_core::{Error, ErrorKind, Operation, Result};

/// Waits for a store on a tokio runtime: for zarrs' `AsyncToSyncStorageAdapter`, which makes a
/// [`ZarrsStore`](crate::ZarrsStore) one for the synchronous half of zarrs.
///
/// It may be called from any thread. A worker of a runtime hands its other tasks on before it blocks; a runtime of one
/// thread, if called from within that, stands still meanwhile.
///
/// # Examples
/// ```
/// use std::sync::Arc;
///
/// use zarrs::array::{Array, ArrayBuilder, data_type};
/// use zarrs_storage::storage_adapter::async_to_sync::AsyncToSyncStorageAdapter;
/// use zstore_memory::MemoryStore;
/// use zstore_zarrs::{TokioBlockOn, ZarrsStore};
///
/// let runtime = tokio::runtime::Runtime::new()?;
/// let store = Arc::new(ZarrsStore::new(Arc::new(MemoryStore::new())));
/// let store = Arc::new(AsyncToSyncStorageAdapter::new(store, TokioBlockOn::new(runtime.handle().clone())?));
///
/// let array = ArrayBuilder::new(vec![4], vec![2], data_type::uint8(), 0u8).build(Arc::clone(&store), "/a")?;
/// array.store_metadata()?;
/// array.store_chunk(&[1], &[5u8, 6])?;
/// let array = Array::open(store, "/a")?;
/// assert_eq!(array.retrieve_array_subset::<Vec<u8>>(&array.subset_all())?, [0, 0, 5, 6]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokioBlockOn(Handle);

impl TokioBlockOn {
    /// Waits with the help of this runtime, which must live as long.
    ///
    /// # Errors
    /// `InvalidArgument` for a runtime of one thread: nothing goes on in it while nobody runs it, and to wait for it
    /// might be to wait for ever.
    pub fn new(runtime: Handle) -> Result<Self> {
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(Error::new(ErrorKind::InvalidArgument, Operation::Open)
                .with_store("TokioBlockOn")
                .with_detail(
                    "a tokio runtime of one thread cannot be waited for from outside; use a multi-thread one",
                ));
        }
        Ok(Self(runtime))
    }
}

impl AsyncToSyncBlockOn for TokioBlockOn {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match Handle::try_current().map(|current| current.runtime_flavor()) {
            // Tokio refuses to wait for one runtime within another. The one we wait for goes on by itself.
            Ok(RuntimeFlavor::CurrentThread) => {
                let _context = self.0.enter();
                futures::executor::block_on(future)
            }
            Ok(_) => block_in_place(|| self.0.block_on(future)),
            Err(_) => self.0.block_on(future),
        }
    }
}

/// Runs what blocks on threads that tokio has for that: for zarrs' `SyncToAsyncStorageAdapter`, which makes a
/// synchronous storage one for [`ZarrsSource`](crate::ZarrsSource).
///
/// What panics there panics where it is waited for. Where the runtime has ended, what blocks is run in place.
#[derive(Clone, Debug)]
pub struct TokioSpawnBlocking(Handle);

impl TokioSpawnBlocking {
    /// Uses the threads of this runtime.
    #[must_use]
    pub const fn new(runtime: Handle) -> Self {
        Self(runtime)
    }
}

impl SyncToAsyncSpawnBlocking for TokioSpawnBlocking {
    fn spawn_blocking<F, R>(&self, work: F) -> impl Future<Output = R> + Send
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let unclaimed = Arc::new(Mutex::new(Some(work)));
        let claim = |unclaimed: &Mutex<Option<F>>| unclaimed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shared = Arc::clone(&unclaimed);
        let spawned = self.0.spawn_blocking(move || claim(&shared).map(|work| work()));
        async move {
            match spawned.await {
                Ok(Some(done)) => done,
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // The runtime ended before it began.
                Ok(None) | Err(_) => match claim(&unclaimed) {
                    Some(work) => work(),
                    // What was claimed was run, and told.
                    None => pending().await,
                },
            }
        }
    }
}
