//! What is peculiar to writes.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, memory::InMemory, path::Path,
};
use zstore_core::{ErrorKind, Key, Meta, Payload, Prefix, ReadStore, ReadStoreExt, SetMode, Store, StoreExt, Version};
use zstore_remote::{RemoteReader, RemoteStore};

use crate::server::key;

#[tokio::test]
async fn values_lie_below_the_prefix_byte_for_byte() {
    let objects = Arc::new(InMemory::new());
    let store =
        RemoteStore::new(Arc::<InMemory>::clone(&objects), Prefix::new("a%20b/c").unwrap(), "memory:values").unwrap();
    store.put(&key(), "value").await.unwrap();
    let stored = objects.get(&Path::parse("a%20b/c/k").unwrap()).await.unwrap();
    assert_eq!(stored.bytes().await.unwrap(), "value");

    objects.put(&Path::parse("a%20b/cc/k").unwrap(), "other".into()).await.unwrap();
    assert_eq!(store.list_all(&Prefix::root()).await.unwrap().len(), 1);
    store.delete_prefix(&Prefix::root()).await.unwrap();
    assert!(objects.get(&Path::parse("a%20b/cc/k").unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_payload_in_pieces_is_one_value() {
    let store = RemoteStore::new(Arc::new(InMemory::new()), Prefix::root(), "memory:pieces").unwrap();
    let pieces: Payload = ["head", "", "body"].map(Bytes::from).into_iter().collect();
    store.set(&key(), pieces, SetMode::Overwrite).await.unwrap();
    assert_eq!(store.get_bytes(&key()).await.unwrap().unwrap(), "headbody");
}

#[tokio::test]
async fn an_update_of_no_known_version_is_never_made() {
    let store = RemoteStore::new(Arc::new(InMemory::new()), Prefix::root(), "memory:update").unwrap();
    store.put(&key(), "old").await.unwrap();
    for version in [Version::default(), Version::from_e_tag("W/\"0\"")] {
        let error = store.set(&key(), "new".into(), SetMode::Update(version)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    }
    assert_eq!(store.get_bytes(&key()).await.unwrap().unwrap(), "old");
}

#[tokio::test]
async fn a_reader_and_a_store_of_the_same_objects_read_the_same() {
    let objects = Arc::new(InMemory::new());
    let store = RemoteStore::new(Arc::<InMemory>::clone(&objects), Prefix::root(), "memory:same").unwrap();
    let reader = RemoteReader::new(objects, Prefix::root(), "memory:same").unwrap();
    let version = store.put(&key(), "value").await.unwrap();
    assert_eq!(reader.head(&key()).await.unwrap().unwrap().version, version);
    assert_eq!(
        (reader.to_string(), store.to_string()),
        ("Remote(memory:same)".to_owned(), "Remote(memory:same)".to_owned())
    );
}

#[tokio::test]
async fn objects_that_are_listed_by_their_first_letters_are_told_apart() {
    let objects = Arc::new(Sloppy(InMemory::new()));
    let store = RemoteStore::new(objects, Prefix::new("p").unwrap(), "memory:sloppy").unwrap();
    let names = ["foo", "foo/a", "foo/d/b", "foo-bar/c", "foobar"];
    for name in names {
        store.put(&Key::new(name).unwrap(), "value").await.unwrap();
    }
    let foo = Prefix::new("foo").unwrap();
    let listed = |metas: Vec<Meta>| metas.into_iter().map(|meta| meta.key.to_string()).collect::<Vec<_>>();
    assert_eq!(listed(store.list_all(&foo).await.unwrap()), ["foo/a", "foo/d/b"]);
    let children = store.list_dir(&foo).await.unwrap();
    assert_eq!(children.prefixes, [Prefix::new("foo/d").unwrap()]);
    assert_eq!(listed(children.values), ["foo/a"]);
    store.delete_prefix(&foo).await.unwrap();
    assert_eq!(listed(store.list_all(&Prefix::root()).await.unwrap()), ["foo", "foo-bar/c", "foobar"]);
}

/// Objects listed by the first letters of their names rather than by whole segments, which a store of somebody else may
/// do.
#[derive(Debug)]
struct Sloppy(InMemory);

impl fmt::Display for Sloppy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sloppy")
    }
}

#[async_trait]
impl ObjectStore for Sloppy {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.0.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let prefix = prefix.map(Path::to_string).unwrap_or_default();
        let all = self.0.list(None);
        all.try_filter(move |object| future::ready(object.location.as_ref().starts_with(&prefix))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let mut found = self.0.list_with_delimiter(prefix).await?;
        let beside = self.0.list_with_delimiter(Some(&Path::from("p"))).await?;
        found.objects.extend(beside.objects);
        found.common_prefixes.extend(beside.common_prefixes);
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}
