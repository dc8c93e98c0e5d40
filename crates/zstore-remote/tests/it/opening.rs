//! URLs, options and names.

use std::sync::Arc;

use object_store::memory::InMemory;
use zstore_core::{Error, ErrorKind, GetOptions, Prefix, ReadStore};
use zstore_remote::{RemoteBuilder, RemoteReader, RemoteStore};

use crate::server::{Server, key, object, whole};

fn refused(url: &str) -> Error {
    RemoteReader::from_url(url).unwrap_err()
}

#[test]
fn a_url_that_names_no_store_is_refused_with_advice() {
    for (url, advice) in [
        ("data/climate.zarr", "is not a URL"),
        ("/data/climate.zarr", "begins with https://"),
        ("ftp://example.org/", "http, https, file, s3, gs and az"),
        ("http://example.org/#top", "fragment"),
        ("s3://", "s3:// names no bucket; write s3://BUCKET/PREFIX"),
        ("gs:///prefix", "gs:// names no bucket"),
        ("az://", "az:// names no bucket"),
        ("file:///no/such/folder", "cannot open the folder /no/such/folder"),
        ("file:///etc/hostname", "is not a folder"),
        ("file://elsewhere/folder", "three slashes"),
    ] {
        let error = refused(url);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}");
        assert!(error.to_string().contains(advice), "{url}: {error}");
    }
}

#[cfg(not(any(feature = "aws", feature = "azure", feature = "gcp")))]
#[test]
fn a_cloud_that_is_not_built_in_names_its_feature() {
    for (url, feature) in [("s3://bucket/prefix", "aws"), ("gs://bucket", "gcp"), ("az://container", "azure")] {
        let error = refused(url);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().ends_with(&format!("rebuild with feature \"{feature}\"")), "{error}");
    }
}

#[test]
fn a_web_server_cannot_be_opened_for_writing() {
    let error = RemoteStore::from_url("https://example.org/data").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("open it as a RemoteReader"), "{error}");
}

#[test]
fn a_place_shows_in_one_way_however_it_is_written() {
    for (url, shown) in [
        ("http://example.org", "Remote(http://example.org)"),
        ("http://example.org/", "Remote(http://example.org)"),
        ("HTTP://Example.ORG:80/a/", "Remote(http://example.org/a)"),
        ("https://example.org:8443/a%20b/x/../c", "Remote(https://example.org:8443/a%20b/c)"),
    ] {
        assert_eq!(RemoteReader::from_url(url).unwrap().to_string(), shown);
    }
    let name = |name| RemoteStore::new(Arc::new(InMemory::new()), Prefix::root(), name).unwrap().to_string();
    assert_eq!(name("memory:1"), "Remote(memory:1)");
}

#[tokio::test]
async fn keys_follow_the_path_of_the_url_as_it_is_written() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    for (path, target) in [("", "/k"), ("data", "/data/k"), ("data/", "/data/k"), ("a%20b/%2525/", "/a%20b/%2525/k")] {
        let before = server.asked().len();
        let reader = RemoteReader::from_url(&format!("{}{path}", server.url())).unwrap();
        assert_eq!(object(&reader, &GetOptions::default()).await.bytes, "value");
        assert_eq!(server.asked()[before].target, target);
    }
}

#[tokio::test]
async fn options_are_handed_to_the_scheme_and_unknown_ones_refused() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let reader = RemoteBuilder::new(server.url()).option("User_Agent", "tester/1").open_reader().unwrap();
    reader.head(&key()).await.unwrap();
    assert_eq!(server.asked()[0].header("user-agent"), Some("tester/1"));

    let error = RemoteBuilder::new(server.url()).option("colour", "red").open_reader().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("\"colour\""), "{error}");
    assert!(RemoteBuilder::new("file:///tmp").option("user_agent", "x").open_store().is_err());
}
