//! What a get asks of the store below, and what it answers.

use std::{ops::Range, slice, sync::Arc};

use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};
use zstore_core::{ErrorKind, Operation};
use zstore_memory::MemoryStore;
use zstore_object_store::{Objects, store_error};
use zstore_testkit::Recorder;

struct World {
    store: Arc<Recorder<MemoryStore>>,
    objects: Objects,
    path: Path,
    e_tag: String,
}

impl World {
    /// A value of five bytes.
    async fn new() -> Self {
        let store = Arc::new(Recorder::new(MemoryStore::new()));
        let objects = Objects::new(Arc::clone(&store));
        let path = Path::from("a");
        let e_tag = objects.put(&path, "01234".into()).await.unwrap().e_tag.unwrap();
        store.clear();
        Self { store, objects, path, e_tag }
    }

    /// The answer, and what was asked for it.
    async fn ask(&self, options: GetOptions) -> (Result<(bytes::Bytes, Range<u64>), Error>, Vec<Operation>) {
        self.store.clear();
        let answer = match self.objects.get_opts(&self.path, options).await {
            Ok(result) => {
                assert_eq!((result.meta.size, result.meta.e_tag.as_ref()), (5, Some(&self.e_tag)));
                let range = result.range.clone();
                result.bytes().await.map(|bytes| (bytes, range))
            }
            Err(error) => Err(error),
        };
        (answer, self.store.requests().into_iter().map(|request| request.operation).collect())
    }
}

#[tokio::test]
async fn a_plain_question_is_one_request() {
    let world = World::new().await;
    for (options, answer, asked) in [
        (GetOptions::new(), ("01234", 0..5), Operation::Get),
        (GetOptions::new().with_range(Some(1..3)), ("12", 1..3), Operation::Get),
        (GetOptions::new().with_range(Some(GetRange::Offset(3))), ("34", 3..5), Operation::Get),
        (GetOptions::new().with_range(Some(GetRange::Suffix(9))), ("01234", 0..5), Operation::Get),
        (GetOptions::new().with_if_match(Some(&world.e_tag)), ("01234", 0..5), Operation::Get),
        (GetOptions::new().with_if_none_match(Some("\"other\"")), ("01234", 0..5), Operation::Get),
        (GetOptions::new().with_head(true), ("", 0..5), Operation::Head),
        (GetOptions::new().with_head(true).with_range(Some(1..9)), ("", 1..5), Operation::Head),
        (GetOptions::new().with_head(true).with_if_match(Some("*")), ("", 0..5), Operation::Head),
    ] {
        let (bytes, requests) = world.ask(options.clone()).await;
        assert_eq!(bytes.unwrap(), (answer.0.into(), answer.1), "{options:?}");
        assert_eq!(requests, [asked], "{options:?}");
    }
}

#[tokio::test]
async fn a_condition_that_the_contract_has_no_words_for_is_judged_before_bytes_are_moved() {
    let world = World::new().await;
    let tag = &world.e_tag;
    let list = format!("\"other\", {tag}");
    let modified = world.objects.head(&world.path).await.unwrap().last_modified;
    for options in [
        GetOptions::new().with_if_none_match(Some("*")),
        GetOptions::new().with_if_none_match(Some(&list)),
        GetOptions::new().with_if_none_match(Some(format!("W/{tag}"))),
        GetOptions::new().with_if_modified_since(Some(modified)),
        // Conditions come before the range.
        GetOptions::new().with_if_none_match(Some("*")).with_range(Some(90..99)),
    ] {
        let (answer, requests) = world.ask(options.clone()).await;
        assert!(matches!(answer, Err(Error::NotModified { .. })), "{options:?}: {answer:?}");
        assert_eq!(requests, [Operation::Head], "{options:?}");
    }
    for options in [
        GetOptions::new().with_if_match(Some("\"b\", \"c\"")),
        GetOptions::new().with_if_match(Some(format!("W/{tag}"))),
        GetOptions::new().with_if_unmodified_since(Some(std::time::UNIX_EPOCH)),
    ] {
        let (answer, requests) = world.ask(options.clone()).await;
        assert!(matches!(answer, Err(Error::Precondition { .. })), "{options:?}: {answer:?}");
        assert_eq!(requests, [Operation::Head], "{options:?}");
    }
    for options in [
        GetOptions::new().with_if_match(Some(&list)),
        GetOptions::new().with_if_match(Some("*")),
        GetOptions::new().with_if_unmodified_since(Some(modified)),
        GetOptions::new().with_if_modified_since(Some(std::time::UNIX_EPOCH)),
    ] {
        let (answer, requests) = world.ask(options.clone()).await;
        assert_eq!(answer.unwrap().0, "01234", "{options:?}");
        assert_eq!(requests, [Operation::Head, Operation::Get], "{options:?}");
        let failed = GetOptions::new().with_if_none_match(Some(tag));
        assert!(matches!(world.ask(failed).await.0, Err(Error::NotModified { .. })));
    }
}

#[tokio::test]
async fn an_old_version_is_not_there() {
    let world = World::new().await;
    let (answer, _) = world.ask(GetOptions::new().with_version(Some("7"))).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error:?}");
    assert!(error.to_string().contains("version \"7\" is not the present one"), "{error}");
}

#[tokio::test]
async fn a_range_without_a_byte_is_an_error_that_says_which() {
    let world = World::new().await;
    let backwards = Range { start: 3, end: 2 };
    for (range, shown) in [
        (GetRange::Bounded(5..9), "5..9"),
        (GetRange::Bounded(6..9), "6..9"),
        (GetRange::Bounded(2..2), "2..2"),
        (GetRange::Bounded(backwards), "3..2"),
        (GetRange::Offset(5), "5.."),
        (GetRange::Offset(6), "6.."),
    ] {
        for options in [GetOptions::new(), GetOptions::new().with_head(true)] {
            let error = world.ask(options.with_range(Some(range.clone()))).await.0.unwrap_err();
            assert_eq!(store_error(&error).unwrap().kind(), ErrorKind::InvalidRange, "{range:?}");
            let expected = format!("no bytes {shown} in a value of 5 bytes");
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
        if let GetRange::Bounded(range) = range {
            let error = world.objects.get_ranges(&world.path, &[0..1, range]).await.unwrap_err();
            assert_eq!(store_error(&error).unwrap().kind(), ErrorKind::InvalidRange);
        }
    }
}

#[tokio::test]
async fn several_ranges_are_one_request() {
    let world = World::new().await;
    let parts = world.objects.get_ranges(&world.path, &[3..9, 0..1, 0..1]).await.unwrap();
    assert_eq!(parts, ["34", "0", "0"]);
    assert_eq!(world.objects.get_ranges(&world.path, &[]).await.unwrap(), [""; 0]);
    let asked: Vec<_> = world.store.requests().into_iter().map(|request| request.operation).collect();
    assert_eq!(asked, [Operation::GetRanges, Operation::GetRanges]);
    let error = world.objects.get_ranges(&Path::from("missing"), slice::from_ref(&(0..1))).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { path, .. } if path == "missing"));
}

#[tokio::test]
async fn bytes_are_handed_on_without_a_copy() {
    let world = World::new().await;
    let value = bytes::Bytes::from(vec![7; 1 << 16]);
    world.objects.put(&world.path, value.clone().into()).await.unwrap();
    let got = world.objects.get(&world.path).await.unwrap().bytes().await.unwrap();
    assert_eq!(got.as_ptr(), value.as_ptr());
    let parts = world.objects.get_ranges(&world.path, slice::from_ref(&(9..99))).await.unwrap();
    assert_eq!(parts[0].as_ptr(), value[9..].as_ptr());
}
