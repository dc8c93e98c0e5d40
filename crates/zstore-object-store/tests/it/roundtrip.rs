//! `object_store` below, a cache between, `object_store` above.

use std::{path::Path as Directory, slice, sync::Arc};

use futures::TryStreamExt;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion, WriteMultipart, path::Path,
};
use zstore_cache::CacheStore;
use zstore_core::Prefix;
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_object_store::Objects;
use zstore_remote::RemoteStore;

use crate::counted::Counted;

/// What a program would have: a bucket, and a cache directory before it that knows nothing but the trait.
struct Cached {
    bucket: Arc<Counted>,
    objects: Arc<dyn ObjectStore>,
    cache: CacheStore<RemoteStore, LocalStore>,
}

async fn open(bucket: &Arc<Counted>, directory: &Directory) -> Cached {
    let source = Arc::new(RemoteStore::new(Arc::<Counted>::clone(bucket), Prefix::root(), "bucket").unwrap());
    let tier = Arc::new(LocalStore::create_cache(directory).unwrap());
    let cache = CacheStore::builder(source, tier).max_size(64 << 20).build().await.unwrap();
    let objects = Arc::new(Objects::new(cache.clone()));
    Cached { bucket: Arc::clone(bucket), objects, cache }
}

async fn bytes(objects: &dyn ObjectStore, path: &Path) -> bytes::Bytes {
    objects.get(path).await.unwrap().bytes().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_once_is_not_asked_for_again_even_after_a_restart() {
    let (bucket, directory) = (Arc::new(Counted::default()), tempfile::tempdir().unwrap());
    let path = Path::from("table/part-0");
    bucket.objects.put(&path, "0123456789".into()).await.unwrap();

    let cached = open(&bucket, directory.path()).await;
    let first = cached.objects.get(&path).await.unwrap();
    let meta = first.meta.clone();
    assert_eq!(first.bytes().await.unwrap(), "0123456789");
    cached.cache.flush().await;
    assert_eq!(cached.bucket.take(), (1, 0));

    for _ in 0..2 {
        let cached = open(&bucket, directory.path()).await;
        let again = cached.objects.get(&path).await.unwrap();
        assert_eq!(again.meta, meta);
        assert_eq!(again.bytes().await.unwrap(), "0123456789");
        assert_eq!(cached.objects.head(&path).await.unwrap(), meta);
        assert_eq!(cached.objects.get_range(&path, 2..5).await.unwrap(), "234");
        assert_eq!(cached.objects.get_ranges(&path, &[0..1, 8..20]).await.unwrap(), ["0", "89"]);
        let last = GetOptions::new().with_range(Some(GetRange::Suffix(3)));
        assert_eq!(cached.objects.get_opts(&path, last).await.unwrap().bytes().await.unwrap(), "789");
        let known = GetOptions::new().with_if_none_match(meta.e_tag.clone());
        assert!(matches!(cached.objects.get_opts(&path, known).await, Err(Error::NotModified { .. })));
        let known = GetOptions::new().with_if_modified_since(Some(meta.last_modified));
        assert!(matches!(cached.objects.get_opts(&path, known).await, Err(Error::NotModified { .. })));
        assert_eq!(bucket.take(), (0, 0));
        cached.cache.flush().await;
    }
}

/// Each way to write a path, after its old bytes were read, and what must be read of it then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_any_kind_is_answered_with_older_bytes() {
    let (bucket, directory) = (Arc::new(Counted::default()), tempfile::tempdir().unwrap());
    let Cached { objects, cache, .. } = open(&bucket, directory.path()).await;
    let (a, b) = (Path::from("a"), Path::from("b"));
    for way in ["put", "update", "copy", "rename", "parts", "copy if missing", "rename if missing"] {
        for (path, value) in [(&a, "old a"), (&b, "old b")] {
            objects.put(path, value.into()).await.unwrap();
            assert_eq!(bytes(&*objects, path).await, value);
        }
        cache.flush().await;
        let written = match way {
            "put" => objects.put(&b, "new".into()).await.map(drop),
            "update" => {
                let meta = objects.head(&b).await.unwrap();
                let version = UpdateVersion { e_tag: meta.e_tag, version: meta.version };
                objects.put_opts(&b, "new".into(), PutMode::Update(version).into()).await.map(drop)
            }
            "copy" => objects.copy(&a, &b).await,
            "rename" => objects.rename(&a, &b).await,
            "parts" => {
                let mut parts = WriteMultipart::new(objects.put_multipart(&b).await.unwrap());
                parts.write(b"ne");
                parts.write(b"w");
                parts.finish().await.map(drop)
            }
            "copy if missing" | "rename if missing" => {
                objects.delete(&b).await.unwrap();
                assert!(matches!(objects.get(&b).await, Err(Error::NotFound { .. })));
                if way.starts_with("copy") {
                    objects.copy_if_not_exists(&a, &b).await
                } else {
                    objects.rename_if_not_exists(&a, &b).await
                }
            }
            _ => unreachable!("{way}"),
        };
        written.unwrap();
        let expected = if way.starts_with("copy") || way.starts_with("rename") { "old a" } else { "new" };
        assert_eq!(bytes(&*objects, &b).await, expected, "{way}");
        assert_eq!(objects.head(&b).await.unwrap().size, expected.len() as u64, "{way}");
        assert_eq!(bytes(&bucket.objects, &b).await, expected, "{way}");
        if way.starts_with("rename") {
            assert!(matches!(objects.get(&a).await, Err(Error::NotFound { .. })), "{way}");
        } else {
            assert_eq!(bytes(&*objects, &a).await, "old a", "{way}");
        }
        cache.check().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_is_missing_and_what_was_copied_over_stays() {
    let (bucket, directory) = (Arc::new(Counted::default()), tempfile::tempdir().unwrap());
    let Cached { objects, .. } = open(&bucket, directory.path()).await;
    let (a, b) = (Path::from("a"), Path::from("b"));
    objects.put(&a, "old a".into()).await.unwrap();
    objects.put(&b, "old b".into()).await.unwrap();
    for error in [
        objects.copy_if_not_exists(&a, &b).await.unwrap_err(),
        objects.rename_if_not_exists(&a, &b).await.unwrap_err(),
        objects.rename_if_not_exists(&a, &a).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
    }
    objects.rename(&a, &a).await.unwrap();
    objects.copy(&a, &a).await.unwrap();
    assert_eq!((bytes(&*objects, &a).await, bytes(&*objects, &b).await), ("old a".into(), "old b".into()));
    objects.delete(&a).await.unwrap();
    objects.delete(&a).await.unwrap();
    for error in [
        objects.get(&a).await.unwrap_err(),
        objects.head(&a).await.unwrap_err(),
        objects.get_ranges(&a, slice::from_ref(&(0..1))).await.unwrap_err(),
        objects.copy(&a, &b).await.unwrap_err(),
        objects.rename(&a, &a).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::NotFound { path, .. } if path == "a"), "{error:?}");
    }
    let left: Vec<Path> = objects.list(None).map_ok(|meta| meta.location).try_collect().await.unwrap();
    assert_eq!(left, [b]);
}

/// Others write the bucket, as they do under a table's log. A cache without an age would answer from what it has for
/// ever; but an update that failed has seen the truth, and so does the read after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_others_were_before_lets_the_next_read_see_them() {
    let (bucket, directory) = (Arc::new(Counted::default()), tempfile::tempdir().unwrap());
    let Cached { objects, .. } = open(&bucket, directory.path()).await;
    let log = Path::from("log");
    objects.put(&log, "1".into()).await.unwrap();
    bucket.objects.put(&log, "2".into()).await.unwrap();
    for attempt in 0.. {
        let meta = objects.head(&log).await.unwrap();
        let known: u64 = std::str::from_utf8(&bytes(&*objects, &log).await).unwrap().parse().unwrap();
        let version = UpdateVersion { e_tag: meta.e_tag, version: meta.version };
        let next = (known + 1).to_string().into();
        match objects.put_opts(&log, next, PutMode::Update(version).into()).await {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, Error::Precondition { .. }) && attempt == 0, "{attempt}: {error:?}"),
        }
    }
    assert_eq!(bytes(&bucket.objects, &log).await, "3");
    assert_eq!(bytes(&*objects, &log).await, "3");

    bucket.objects.put(&Path::from("lock"), "theirs".into()).await.unwrap();
    let error = objects.put_opts(&Path::from("lock"), "ours".into(), PutMode::Create.into()).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
    assert_eq!(bytes(&*objects, &Path::from("lock")).await, "theirs");
}

/// What was written through a cache is served from it, and the cache does not know when the source wrote it.
#[tokio::test]
async fn of_a_value_written_through_a_cache_no_time_is_known_until_it_is_fetched() {
    let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let cache = CacheStore::builder(source, tier).build().await.unwrap();
    let objects = Objects::new(cache.clone());
    let path = Path::from("a");
    let written = objects.put(&path, "value".into()).await.unwrap();
    let meta = objects.head(&path).await.unwrap();
    assert_eq!((meta.last_modified.timestamp_millis(), &meta.e_tag), (0, &written.e_tag));
    let since = GetOptions::new().with_if_modified_since(Some(std::time::UNIX_EPOCH));
    let error = objects.get_opts(&path, since).await.unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error:?}");

    cache.clear_cache().await.unwrap();
    let meta = objects.head(&path).await.unwrap();
    assert!(meta.last_modified.timestamp_millis() > 0);
    assert_eq!(meta.e_tag, written.e_tag);
}
