//! What is peculiar to the clouds.

use zstore_core::{ErrorKind, Fetch, GetOptions, ReadStore};
use zstore_remote::{RemoteBuilder, RemoteStore};

use crate::server::{Server, get_error, key, respond, whole};

fn s3(server: &Server) -> RemoteBuilder {
    RemoteBuilder::new("s3://bucket/prefix/")
        .option("endpoint", server.url())
        .option("skip_signature", "true")
        .retries_max(0)
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_not_a_bucket_without_values() {
    for (code, is_error) in [("NoSuchBucket", true), ("NoSuchKey", false)] {
        let body = format!("<Error><Code>{code}</Code></Error>");
        let length = format!("Content-Length: {}", body.len());
        let server = Server::answering(move |_, _| respond("404 Not Found", &[&length], &body)).await;
        let got = s3(&server).open_reader().unwrap().get(&key(), &GetOptions::default()).await;
        match got {
            Ok(fetch) => assert!(!is_error && fetch == Fetch::Missing, "{code}"),
            Err(error) => {
                assert!(is_error && error.kind() == ErrorKind::InvalidArgument, "{code}: {error}");
                assert!(error.to_string().contains("no such bucket"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_bucket_shows_with_its_endpoint_and_without_its_keys() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let store = s3(&server).option("access_key_id", "id").option("secret_access_key", "hush").open_store().unwrap();
    assert_eq!(store.to_string(), format!("Remote(s3://bucket/prefix at http://{})", server.address()));
    assert!(!format!("{store:?}").contains("hush"), "{store:?}");
    assert_eq!(RemoteStore::from_url("s3://bucket/").unwrap().to_string(), "Remote(s3://bucket)");
}

#[tokio::test]
async fn an_overloaded_bucket_is_unavailable() {
    let body = "<Error><Code>SlowDown</Code></Error>";
    let server =
        Server::answering(move |_, _| respond("503 Slow Down", &[&format!("Content-Length: {}", body.len())], body))
            .await;
    let error = get_error(&s3(&server).open_reader().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused_when_a_bucket_is_opened() {
    let error = RemoteBuilder::new("s3://bucket?versionId=1").open_reader().unwrap_err();
    assert!(error.to_string().contains("no query"), "{error}");
    let error = RemoteBuilder::new("s3://bucket").option("allow_http", "perhaps").open_reader().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}
