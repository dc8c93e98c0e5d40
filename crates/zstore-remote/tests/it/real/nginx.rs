//! nginx: a web server over files.

use std::{env, fs, path::PathBuf};

use zstore_core::{GetOptions, Key, ReadStore, ReadStoreExt};
use zstore_remote::RemoteReader;

#[tokio::test]
#[ignore = "needs nginx"]
async fn two_writes_within_a_second_are_two_versions_though_the_server_has_one_tag_for_them() {
    let folder = PathBuf::from(env::var_os("ZSTORE_TEST_NGINX_FOLDER").unwrap());
    let reader = RemoteReader::from_url(&env::var("ZSTORE_TEST_NGINX").unwrap()).unwrap();
    let (key, file) = (Key::new("written-twice").unwrap(), folder.join("written-twice"));
    fs::write(&file, "one").unwrap();
    let first = reader.get(&key, &GetOptions::default()).await.unwrap().into_object().unwrap();
    fs::write(&file, "two").unwrap();
    let unless = GetOptions { if_none_match: Some(first.meta.version), ..GetOptions::default() };
    assert_eq!(reader.get(&key, &unless).await.unwrap().into_object().unwrap().bytes, "two");
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn what_a_server_would_compress_is_read_as_it_is() {
    let url = format!("{}/gzip", env::var("ZSTORE_TEST_NGINX").unwrap());
    let reader = RemoteReader::from_url(&url).unwrap();
    assert_eq!(reader.get_bytes(&Key::new("hello").unwrap()).await.unwrap().unwrap(), "hello");
}
