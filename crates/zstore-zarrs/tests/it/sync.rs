//! The synchronous half of zarrs over a store that must be waited for.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use zarrs::array::{Array, ArrayBuilder, data_type};
use zarrs_storage::storage_adapter::sync_to_async::SyncToAsyncSpawnBlocking;
use zarrs_storage::{ReadableStorageTraits, StoreKey, storage_adapter::async_to_sync::AsyncToSyncStorageAdapter};
use zstore_core::{ErrorKind, Key, StoreExt};
use zstore_memory::MemoryStore;
use zstore_origin::Origin;
use zstore_remote::RemoteReader;
use zstore_zarrs::{TokioBlockOn, TokioSpawnBlocking, ZarrsStore};

type Blocking = AsyncToSyncStorageAdapter<ZarrsStore<RemoteReader>, TokioBlockOn>;

/// A web server, and what reads from it: to wait for that takes a runtime that drives sockets.
struct World {
    runtime: Runtime,
    origin: Origin,
    store: Arc<Blocking>,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let values = Arc::new(MemoryStore::new());
        let origin = runtime.block_on(async {
            values.put(&Key::new("k").unwrap(), "value").await.unwrap();
            let array = ArrayBuilder::new(vec![4], vec![2], data_type::uint8(), 0u8);
            let array = array.build(Arc::new(ZarrsStore::new(Arc::clone(&values))), "/a").unwrap();
            array.async_store_metadata().await.unwrap();
            array.async_store_chunk(&[1], &[5u8, 6]).await.unwrap();
            Origin::builder(values).bind().await.unwrap()
        });
        let reader = RemoteReader::from_url(&origin.url()).unwrap();
        let block_on = TokioBlockOn::new(runtime.handle().clone()).unwrap();
        let store = Arc::new(AsyncToSyncStorageAdapter::new(Arc::new(ZarrsStore::new(Arc::new(reader))), block_on));
        Self { runtime, origin, store }
    }

    fn read(&self) {
        assert_eq!(self.store.get(&StoreKey::new("k").unwrap()).unwrap().unwrap(), "value");
    }
}

#[test]
fn arrays_are_read_without_a_word_of_waiting() {
    let world = World::new();
    let array = Array::open(Arc::clone(&world.store), "/a").unwrap();
    assert_eq!(array.retrieve_array_subset::<Vec<u8>>(&array.subset_all()).unwrap(), [0, 0, 5, 6]);
    assert_eq!(world.origin.counts().heads, 0);
}

#[test]
fn it_may_be_called_from_any_thread() {
    let world = Arc::new(World::new());
    world.read();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| world.read());
        }
    });
    assert_eq!(world.origin.counts().gets, 5);
}

/// Seen red with the plain `Handle::block_on` that zarrs' documentation shows.
#[test]
fn it_may_be_called_from_within_runtimes_too() {
    let world = Arc::new(World::new());
    let within = |world: &Arc<World>| {
        let world = Arc::clone(world);
        async move { world.read() }
    };
    // Its own workers, both at once.
    let handle = world.runtime.handle().clone();
    let reading: Vec<_> = (0..2).map(|_| handle.spawn(within(&world))).collect();
    world.runtime.block_on(within(&world));
    for reading in reading {
        world.runtime.block_on(reading).unwrap();
    }
    let blocking = {
        let world = Arc::clone(&world);
        handle.spawn_blocking(move || world.read())
    };
    world.runtime.block_on(blocking).unwrap();
    // And runtimes of somebody else.
    Builder::new_current_thread().build().unwrap().block_on(within(&world));
    Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(within(&world));
    assert_eq!(world.origin.counts().gets, 6);
}

#[test]
fn a_runtime_of_one_thread_is_refused() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let refused = TokioBlockOn::new(runtime.handle().clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    let shown = "open in TokioBlockOn: a tokio runtime of one thread cannot be waited for from outside; use a \
                 multi-thread one";
    assert_eq!(refused.to_string(), shown);
}

#[tokio::test]
async fn what_blocks_runs_elsewhere_and_its_panic_arrives() {
    let here = std::thread::current().id();
    let blocking = TokioSpawnBlocking::new(Handle::current());
    assert_ne!(blocking.spawn_blocking(|| std::thread::current().id()).await, here);
    let failing = tokio::spawn(async move { blocking.spawn_blocking(|| panic!("in there")).await });
    let error = failing.await.unwrap_err();
    assert_eq!(error.into_panic().downcast_ref(), Some(&"in there"));
}

/// Seen red with the `unwrap` that zarrs' documentation shows.
#[test]
fn what_blocks_is_done_even_after_its_runtime_has_ended() {
    let runtime = Runtime::new().unwrap();
    let blocking = TokioSpawnBlocking::new(runtime.handle().clone());
    drop(runtime);
    assert_eq!(futures::executor::block_on(blocking.spawn_blocking(|| 7)), 7);
}
