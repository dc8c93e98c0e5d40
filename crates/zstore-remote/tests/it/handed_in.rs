//! Objects that a program opened itself: their names, and errors of which only they know the meaning.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions as Question, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, memory::InMemory, path::Path,
};
use zstore_core::{ByteRange, ErrorKind, GetOptions, Prefix, ReadStore, StoreExt};
use zstore_remote::{RemoteReader, RemoteStore};

use crate::server::key;

#[test]
fn two_prefixes_of_one_bucket_have_two_names() {
    let objects = Arc::new(InMemory::new());
    let shown = |prefix| {
        RemoteStore::new(Arc::<InMemory>::clone(&objects), Prefix::new(prefix).unwrap(), "memory:1")
            .unwrap()
            .to_string()
    };
    assert_eq!(shown(""), "Remote(memory:1)");
    assert_eq!(shown("a/b"), "Remote(memory:1, a/b)");
    let reader = RemoteReader::new(Arc::new(InMemory::new()), Prefix::new("a/b").unwrap(), "memory:1").unwrap();
    assert_eq!(reader.to_string(), shown("a/b"), "whoever reads and whoever writes the same share what is cached");
}

#[test]
fn a_name_that_is_not_one_line_is_refused() {
    for name in ["", "two\nlines", "bell\u{7}"] {
        let error = RemoteReader::new(Arc::new(InMemory::new()), Prefix::root(), name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[tokio::test]
async fn an_error_that_nothing_is_known_of_is_no_reason_to_read_the_whole() {
    for fails in [Fails::Parts, Fails::All] {
        let objects = Arc::new(Throttled { objects: InMemory::new(), fails, asked: Mutex::default() });
        let store = RemoteStore::new(Arc::<Throttled>::clone(&objects), Prefix::root(), "memory:throttled").unwrap();
        store.put(&key(), "0123456789").await.unwrap();
        let error = store.get(&key(), &GetOptions::range(ByteRange::Bounded(2..4))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), "get \"k\" in Remote(memory:throttled): not so fast: a part");
        // The metadata alone tell whether there are such bytes.
        assert_eq!(*objects.asked.lock().unwrap(), ["a part", "metadata"], "{fails:?}");
    }
    let objects = Arc::new(Throttled { objects: InMemory::new(), fails: Fails::Parts, asked: Mutex::default() });
    let store = RemoteStore::new(objects, Prefix::root(), "memory:throttled").unwrap();
    store.put(&key(), "0123456789").await.unwrap();
    let error = store.get(&key(), &GetOptions::range(ByteRange::Bounded(12..14))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRange, "{error}");
}

/// Which questions fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    Parts,
    All,
}

/// Objects that refuse to be read, in words that nobody else knows.
#[derive(Debug)]
struct Throttled {
    objects: InMemory,
    fails: Fails,
    asked: Mutex<Vec<&'static str>>,
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Throttled")
    }
}

#[async_trait]
impl ObjectStore for Throttled {
    async fn get_opts(&self, path: &Path, question: Question) -> object_store::Result<GetResult> {
        let what = match (&question.range, question.head) {
            (Some(_), _) => "a part",
            (None, true) => "metadata",
            (None, false) => "the whole",
        };
        self.asked.lock().unwrap().push(what);
        if what == "a part" || self.fails == Fails::All {
            let source = format!("not so fast: {what}").into();
            return Err(object_store::Error::Generic { store: "throttled", source });
        }
        self.objects.get_opts(path, question).await
    }

    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.objects.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
