//! SeaweedFS: a real store that speaks S3.

use std::env;

use url::Url;
use zstore_core::{Error, ErrorKind, Fetch, GetOptions, Key, ReadStore, ReadStoreExt, StoreExt};
use zstore_remote::RemoteBuilder;

use crate::server::key;

/// A bucket of SeaweedFS, asked as somebody with these credentials, or as nobody.
fn seaweedfs(bucket: &str, credentials: Option<(&str, &str)>) -> RemoteBuilder {
    let server = Url::parse(&env::var("ZSTORE_TEST_SEAWEEDFS").unwrap()).unwrap();
    let endpoint = format!("http://127.0.0.1:{}", server.port().unwrap());
    let builder =
        RemoteBuilder::new(format!("s3://{bucket}")).option("endpoint", endpoint).option("region", "us-east-1");
    match credentials {
        Some((id, secret)) => builder.option("access_key_id", id).option("secret_access_key", secret),
        None => builder.option("skip_signature", "true"),
    }
}

async fn error_of(builder: RemoteBuilder) -> Error {
    builder.open_reader().unwrap().get(&key(), &GetOptions::default()).await.unwrap_err()
}

#[tokio::test]
#[ignore = "needs SeaweedFS"]
async fn an_error_of_a_bucket_says_whether_it_was_credentials_or_the_bucket() {
    let tester = Some(("tester", "secret"));
    assert_eq!(seaweedfs("zstore", tester).open_reader().unwrap().get_bytes(&key()).await.unwrap(), None);
    for (who, what) in [(Some(("tester", "wrong")), "signature"), (Some(("nobody", "x")), "access key")] {
        let error = error_of(seaweedfs("zstore", who)).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().to_lowercase().contains(what), "{error}");
    }
    let error = error_of(seaweedfs("zstore", None)).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let error = error_of(seaweedfs("no-such-bucket", tester)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.to_string().contains("no such bucket"), "{error}");
}

#[tokio::test]
#[ignore = "needs SeaweedFS"]
async fn a_public_bucket_is_read_by_anybody_and_written_by_nobody() {
    let store = seaweedfs("public", None).open_store().unwrap();
    assert_eq!(store.get_bytes(&Key::new("hello").unwrap()).await.unwrap().unwrap(), "hello");
    let error = store.put(&key(), "value").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[tokio::test]
#[ignore = "needs SeaweedFS"]
async fn a_value_in_a_bucket_that_is_the_same_is_not_sent_again() {
    let place = format!("zstore/same-{}", std::process::id());
    let store = seaweedfs(&place, Some(("tester", "secret"))).open_store().unwrap();
    store.put(&key(), "one").await.unwrap();
    let version = store.head(&key()).await.unwrap().unwrap().version;
    let unless = GetOptions { if_none_match: Some(version.clone()), ..GetOptions::default() };
    assert_eq!(store.get(&key(), &unless).await.unwrap(), Fetch::NotModified(version));
    store.put(&key(), "two").await.unwrap();
    assert_eq!(store.get(&key(), &unless).await.unwrap().into_object().unwrap().bytes, "two");
}
