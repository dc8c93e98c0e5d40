//! What is peculiar to the clouds.

use std::error::Error as _;

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

#[tokio::test]
async fn without_credentials_one_line_says_how_to_give_them() {
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    // A machine of the cloud that has no role, one whose service is on fire, one behind a proxy, and a machine of no
    // cloud.
    let none = Server::answering(|_, _| respond("404 Not Found", &["Content-Length: 0"], "")).await;
    let fire = Server::answering(|_, _| respond("500 Internal Server Error", &["Content-Length: 0"], "")).await;
    let proxy = Server::answering(|_, _| respond("403 Forbidden", &["Content-Length: 0"], "")).await;
    for service in [none.url(), fire.url(), proxy.url(), nobody] {
        let builder = RemoteBuilder::new("s3://bucket/prefix").option("metadata_endpoint", service);
        let error = get_error(&builder.retries_max(1).open_reader().unwrap()).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let line = "get \"k\" in Remote(s3://bucket/prefix): no credentials for s3://bucket: set AWS_ACCESS_KEY_ID and \
                    AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket";
        assert_eq!(error.to_string(), line);
        assert!(error.source().is_some());
    }
}

#[cfg(feature = "azure")]
#[tokio::test]
async fn a_container_without_credentials_is_told_of_in_the_same_way() {
    let none = Server::answering(|_, _| respond("404 Not Found", &["Content-Length: 0"], "")).await;
    let builder = RemoteBuilder::new("az://box").option("account_name", "me").option("msi_endpoint", none.url());
    let error = get_error(&builder.retries_max(0).open_reader().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("no credentials for az://box: set AZURE_STORAGE_ACCOUNT_KEY"), "{error}");
}
