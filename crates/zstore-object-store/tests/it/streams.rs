//! `object_store`'s own readers and writers of streams.

use std::{io::SeekFrom, sync::Arc};

use object_store::{
    ObjectStore, ObjectStoreExt,
    buffered::{BufReader, BufWriter},
    path::Path,
};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use zstore_core::{Error, ErrorKind, Operation};
use zstore_memory::MemoryStore;
use zstore_object_store::{Objects, store_error};
use zstore_testkit::Faulty;

use crate::worlds;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_written_in_parts_and_read_in_ranges_through_a_cache() {
    let world = worlds::cached_objects().await;
    let objects: Arc<dyn ObjectStore> = Arc::new(world.objects.clone());
    let value: Vec<u8> = (0..1_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    // Below the capacity it is one put, above it an upload in parts.
    for capacity in [2_000_000, 64_000] {
        let path = Path::from(format!("by/{capacity}"));
        let mut writer = BufWriter::with_capacity(Arc::clone(&objects), path.clone(), capacity);
        writer.write_all(&value).await.unwrap();
        writer.shutdown().await.unwrap();
        let meta = objects.head(&path).await.unwrap();
        let mut reader = BufReader::with_capacity(Arc::clone(&objects), &meta, 10_000);
        reader.seek(SeekFrom::End(-1_000)).await.unwrap();
        let mut end = Vec::new();
        reader.read_to_end(&mut end).await.unwrap();
        assert_eq!(end, value[999_000..], "{capacity}");
        reader.seek(SeekFrom::Start(0)).await.unwrap();
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.unwrap();
        assert!(all == value, "{capacity}");
    }
}

#[tokio::test]
async fn an_error_below_is_found_in_the_error_of_a_stream() {
    let store = Arc::new(Faulty::new(MemoryStore::new()));
    let objects: Arc<dyn ObjectStore> = Arc::new(Objects::new(Arc::clone(&store)));
    let path = Path::from("a");
    objects.put(&path, "value".into()).await.unwrap();
    let meta = objects.head(&path).await.unwrap();
    store.fail_always(Operation::Get, ErrorKind::Unavailable);
    let error = BufReader::new(objects, &meta).read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(store_error(&error).is_some_and(Error::is_retryable), "{error:?}");
}
