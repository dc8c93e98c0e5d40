//! What is peculiar to the clouds.

use std::{error::Error as _, fs};

use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, Prefix, ReadStore, ReadStoreExt, Store};
use zstore_remote::{RemoteBuilder, RemoteStore};

use crate::server::{Server, get_error, key, object, respond, whole};

fn s3(server: &Server) -> RemoteBuilder {
    RemoteBuilder::new("s3://bucket/prefix/")
        .option("endpoint", server.url())
        .option("skip_signature", "true")
        .max_retries(0)
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

#[test]
fn a_place_in_a_bucket_shows_in_one_way_however_it_is_written() {
    let shown = |url: &str| RemoteStore::from_url(url).unwrap().to_string();
    for url in ["s3://bucket/a/t2m", "s3://bucket/a/t%32m/", "s3a://bucket//a/t2m", "s3://bucket/./a/x/../t2m"] {
        assert_eq!(shown(url), "Remote(s3://bucket/a/t2m)", "{url}");
    }
    assert_eq!(shown("s3://bucket/a%2520b"), "Remote(s3://bucket/a%20b)");
    assert_eq!(shown("s3://bucket/a%20b"), "Remote(s3://bucket/a b)");
}

#[test]
fn a_server_or_keys_in_the_url_of_a_bucket_are_refused_rather_than_ignored() {
    for url in ["s3://localhost:9000/bucket", "s3://me:hush@bucket/prefix", "s3://me@bucket"] {
        let error = RemoteBuilder::new(url).option("skip_signature", "true").open_reader().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("no port, name or password"), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn a_list_that_is_refused_says_why_like_a_value_that_is() {
    let body = "<Error><Code>AccessDenied</Code><Message>Not for you</Message></Error>";
    let length = format!("Content-Length: {}", body.len());
    let server = Server::answering(move |_, _| respond("403 Forbidden", &[&length], body)).await;
    let store = s3(&server).open_store().unwrap();
    let list = store.list_all(&Prefix::root()).await.unwrap_err();
    let get = store.get(&key(), &GetOptions::default()).await.unwrap_err();
    for error in [list, get, store.delete(&key()).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().ends_with("403 Forbidden: Not for you"), "{error}");
    }
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

#[tokio::test]
async fn an_object_that_is_stored_coded_is_what_was_stored_and_never_decoded() {
    let coded = "Content-Encoding: gzip";
    let server = Server::answering(move |asked, _| match asked.header("range") {
        None => respond("200 OK", &["Content-Length: 5", coded, "ETag: \"a\""], "coded"),
        Some(_) => respond(
            "206 Partial Content",
            &["Content-Length: 2", "Content-Range: bytes 1-2/5", coded, "ETag: \"a\""],
            "od",
        ),
    })
    .await;
    let reader = s3(&server).open_reader().unwrap();
    assert_eq!(object(&reader, &GetOptions::default()).await.bytes, "coded");
    assert_eq!(object(&reader, &GetOptions::range(ByteRange::Bounded(1..3))).await.bytes, "od");
    assert!(
        server.asked().iter().all(|asked| asked.header("accept-encoding").is_none_or(|coding| coding == "identity"))
    );
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
        let error = get_error(&builder.max_retries(1).open_reader().unwrap()).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let line = "get \"k\" in Remote(s3://bucket/prefix): no credentials for s3://bucket: set AWS_ACCESS_KEY_ID and \
                    AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket";
        assert_eq!(error.to_string(), line);
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn credentials_that_are_no_good_any_more_are_told_of_whatever_the_status() {
    for (status, code, is_denied) in [
        ("400 Bad Request", "ExpiredToken", true),
        ("400 Bad Request", "InvalidToken", true),
        ("400 Bad Request", "TokenRefreshRequired", true),
        ("400 Bad Request", "AuthorizationHeaderMalformed", true),
        ("400 Bad Request", "InvalidArgument", false),
        ("403 Forbidden", "SignatureDoesNotMatch", true),
    ] {
        let body = format!("<Error><Code>{code}</Code><Message>No good</Message></Error>");
        let length = format!("Content-Length: {}", body.len());
        let server =
            Server::answering(move |asked, _| respond(status, &[&length], if asked.is_head() { "" } else { &body }))
                .await;
        let reader = s3(&server).open_reader().unwrap();
        for options in [GetOptions::default(), GetOptions::range(ByteRange::Bounded(3..5))] {
            let error = reader.get(&key(), &options).await.unwrap_err();
            assert_eq!(error.kind() == ErrorKind::PermissionDenied, is_denied, "{code}: {error}");
            assert!(!is_denied || error.to_string().ends_with(&format!("{status}: No good")), "{error}");
        }
        assert!(!is_denied || server.methods() == "GET GET", "{code}: {}", server.methods());
    }
}

/// A folder with the two files of AWS's command line, and the variables that name them.
fn profiles(endpoint: &str) -> (tempfile::TempDir, Vec<(&'static str, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[default]\nregion = us-east-1\n[profile field]\nregion = eu-central-1\nendpoint_url = {endpoint}\n\
         [profile desk]\nsso_session = corp\n"
    );
    let credentials = "[field]\naws_access_key_id = FIELDKEY\naws_secret_access_key = hush\n";
    fs::write(folder.path().join("config"), config).unwrap();
    fs::write(folder.path().join("credentials"), credentials).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let variables = vec![("AWS_CONFIG_FILE", path("config")), ("AWS_SHARED_CREDENTIALS_FILE", path("credentials"))];
    (folder, variables)
}

#[tokio::test]
async fn a_profile_gives_what_no_variable_says() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let (_folder, variables) = profiles(&server.url());
    let builder = RemoteBuilder::new("s3://bucket").environment(variables).environment([("AWS_PROFILE", "field")]);
    let signed_by = async |builder: RemoteBuilder| {
        builder.open_reader().unwrap().get(&key(), &GetOptions::default()).await.unwrap();
        server.asked().last().unwrap().header("authorization").unwrap_or_default().to_owned()
    };
    let signature = signed_by(builder.clone()).await;
    assert!(signature.contains("Credential=FIELDKEY/") && signature.contains("/eu-central-1/s3"), "{signature}");
    let signature = signed_by(builder.clone().environment([("AWS_DEFAULT_REGION", "ap-east-1")])).await;
    assert!(signature.contains("/ap-east-1/s3"), "{signature}");
    // Credentials come all from one place, and what is said nearer wins.
    let own = builder.environment([("AWS_ACCESS_KEY_ID", "OWN"), ("AWS_SECRET_ACCESS_KEY", "hush")]);
    let signature = signed_by(own.clone()).await;
    assert!(signature.contains("Credential=OWN/") && signature.contains("/eu-central-1/s3"), "{signature}");
    let signature = signed_by(own.option("region", "us-west-2")).await;
    assert!(signature.contains("/us-west-2/s3"), "{signature}");
}

#[test]
fn a_profile_that_cannot_be_used_is_told_of_with_what_to_do() {
    let (_folder, variables) = profiles("http://127.0.0.1:1");
    let open = |more: [(&str, &str); 2]| {
        RemoteBuilder::new("s3://bucket").environment(variables.clone()).environment(more).open_reader()
    };
    let error = open([("AWS_PROFILE", "feild"), ("", "")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("no profile \"feild\""), "{error}");
    let error = open([("AWS_PROFILE", "desk"), ("", "")]).unwrap_err();
    assert!(error.to_string().contains("aws configure export-credentials --profile desk"), "{error}");
    assert!(open([("AWS_PROFILE", "desk"), ("AWS_SKIP_SIGNATURE", "true")]).is_ok(), "a public bucket needs none");
    assert!(open([("", ""), ("", "")]).is_ok(), "nobody chose a profile");
}

#[tokio::test]
async fn who_reads_at_ones_own_cost_says_so_in_every_request() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let builder = s3(&server).option("skip_signature", "false").option("access_key_id", "id");
    let builder = builder.option("secret_access_key", "hush").environment([("AWS_REQUEST_PAYER", "true")]);
    builder.open_reader().unwrap().get(&key(), &GetOptions::default()).await.unwrap();
    assert_eq!(server.asked()[0].header("x-amz-request-payer"), Some("requester"));
}

#[cfg(feature = "azure")]
#[tokio::test]
async fn a_connection_string_says_whose_container_and_where() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let text =
        format!("DefaultEndpointsProtocol=http;AccountName=me;AccountKey=c2VjcmV0;BlobEndpoint={}me;", server.url());
    let open = |text: &str| {
        RemoteBuilder::new("az://box").environment([("AZURE_STORAGE_CONNECTION_STRING", text)]).open_reader()
    };
    // What is answered is not as Azure would have it.
    let _ = open(&text).unwrap().head(&key()).await;
    let asked = &server.asked()[0];
    assert_eq!(asked.target, "/me/box/k");
    assert!(asked.header("authorization").unwrap().starts_with("SharedKey me:"), "{asked:?}");
    let error = open("AccountName").unwrap_err().to_string();
    assert!(error.contains("AZURE_STORAGE_CONNECTION_STRING is not made of NAME=VALUE"), "{error}");
}

#[cfg(feature = "azure")]
#[tokio::test]
async fn a_container_without_credentials_is_told_of_in_the_same_way() {
    let none = Server::answering(|_, _| respond("404 Not Found", &["Content-Length: 0"], "")).await;
    let builder = RemoteBuilder::new("az://box").option("account_name", "me").option("msi_endpoint", none.url());
    let error = get_error(&builder.max_retries(0).open_reader().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("no credentials for az://box: set AZURE_STORAGE_ACCOUNT_KEY"), "{error}");
}
