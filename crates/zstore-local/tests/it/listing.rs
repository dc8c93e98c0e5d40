//! Pages, order and depth.

use futures::StreamExt;
use zstore_core::{Meta, Prefix, ReadStore, ReadStoreExt, Store, StoreExt};

use crate::scratch::{Scratch, key, prefix};

#[tokio::test]
async fn a_listing_of_many_pages_yields_each_value_once() {
    let scratch = Scratch::new();
    let mut names: Vec<String> = (0..1300).map(|n| format!("flat/{n:04}")).collect();
    names.extend((0..300).map(|n| format!("tree/{}/{}/{n}", n % 7, n % 13)));
    for name in &names {
        scratch.plant(name, name);
    }
    names.sort();
    assert_eq!(scratch.keys("").await, names);
    assert_eq!(scratch.store.size_below(&prefix("flat")).await.unwrap(), 1300 * 9);
    assert_eq!(scratch.keys("flat").await.len(), 1300);
    scratch.store.delete_prefix(&prefix("flat")).await.unwrap();
    assert_eq!(scratch.keys("").await.len(), 300);
}

#[tokio::test]
async fn a_listing_lives_on_while_what_it_lists_is_deleted() {
    let scratch = Scratch::new();
    for n in 0..1300 {
        scratch.plant(&format!("d{}/{n}", n % 3), "");
    }
    let mut listing = scratch.store.list(&Prefix::root());
    let first = listing.next().await.unwrap().unwrap();
    scratch.store.delete_prefix(&Prefix::root()).await.unwrap();
    let others: Vec<Meta> = listing.map(Result::unwrap).collect().await;
    // The page read before the deletion is still handed out, and little or nothing after it.
    assert!((511..1300).contains(&others.len()), "{}", others.len());
    assert!(others.iter().all(|meta| meta.key != first.key));
}

#[tokio::test]
async fn what_is_listed_is_what_head_tells() {
    let scratch = Scratch::new();
    for name in ["a/x", "a/y/z", "b"] {
        scratch.put(name, name).await.unwrap();
    }
    for meta in scratch.store.list_all(&Prefix::root()).await.unwrap() {
        assert_eq!(scratch.store.head(&meta.key).await.unwrap(), Some(meta));
    }
    let children = scratch.store.list_dir(&prefix("a")).await.unwrap();
    assert_eq!(children.values, [scratch.store.head(&key("a/x")).await.unwrap().unwrap()]);
    assert_eq!(children.prefixes, [prefix("a/y")]);
}

#[tokio::test]
async fn a_key_is_not_listed_below_itself_nor_its_neighbours() {
    let scratch = Scratch::new();
    for name in ["foo/x", "foo-bar/x", "foo0", "fo/x"] {
        scratch.store.put(&key(name), "").await.unwrap();
    }
    assert_eq!(scratch.keys("foo").await, ["foo/x"]);
    assert!(scratch.keys("foo0").await.is_empty());
    scratch.store.delete_prefix(&prefix("foo")).await.unwrap();
    assert_eq!(scratch.keys("").await, ["fo/x", "foo-bar/x", "foo0"]);
}
