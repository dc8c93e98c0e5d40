//! What is peculiar to `file://`.

use std::fs;

use tempfile::TempDir;
use zstore_core::{ErrorKind, Prefix, ReadStore, ReadStoreExt, SetMode, Store, StoreExt, Version};
use zstore_remote::RemoteStore;

use crate::server::key;

fn folder() -> (TempDir, RemoteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = RemoteStore::from_url(&format!("file://{}", folder.path().display())).unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_value_is_a_file_of_that_name() {
    let (folder, store) = folder();
    fs::create_dir(folder.path().join("a b")).unwrap();
    fs::write(folder.path().join("a b/100%25"), "value").unwrap();
    let name = zstore_core::Key::new("a b/100%25").unwrap();
    assert_eq!(store.get_bytes(&name).await.unwrap().unwrap(), "value");
    store.put(&name, "new").await.unwrap();
    assert_eq!(fs::read(folder.path().join("a b/100%25")).unwrap(), b"new");
    assert_eq!(store.list_all(&Prefix::root()).await.unwrap()[0].key, name);
}

#[tokio::test]
async fn a_value_both_at_a_key_and_below_it_is_a_conflict() {
    let (_folder, store) = folder();
    let (above, below) = (key(), zstore_core::Key::new("k/below").unwrap());
    store.put(&above, "above").await.unwrap();
    let error = store.put(&below, "below").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("both at a key and below it"), "{error}");
    assert_eq!(store.get_bytes(&below).await.unwrap(), None);
    store.delete(&below).await.unwrap();
    assert_eq!(store.get_bytes(&above).await.unwrap().unwrap(), "above");
}

#[tokio::test]
async fn updates_are_refused() {
    let (_folder, store) = folder();
    let version = store.put(&key(), "old").await.unwrap();
    let error = store.set(&key(), "new".into(), SetMode::Update(version)).await.unwrap_err();
    assert_eq!((error.kind(), store.capabilities().update), (ErrorKind::Unsupported, false));
    let unknown = store.set(&key(), "new".into(), SetMode::Update(Version::default())).await.unwrap_err();
    assert!(matches!(unknown.kind(), ErrorKind::Unsupported | ErrorKind::PreconditionFailed));
}

#[tokio::test]
async fn deleting_a_prefix_leaves_no_empty_directories() {
    let (folder, store) = folder();
    for name in ["d/e/f/1", "d/e/2", "d/3", "kept/4"] {
        store.put(&zstore_core::Key::new(name).unwrap(), "value").await.unwrap();
    }
    store.delete_prefix(&Prefix::new("d").unwrap()).await.unwrap();
    assert!(!folder.path().join("d").exists());
    assert_eq!(store.list_dir(&Prefix::root()).await.unwrap().prefixes, [Prefix::new("kept").unwrap()]);
}
