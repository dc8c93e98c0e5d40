//! Writers and deleters at once.

use std::sync::Arc;

use futures::future::join_all;
use zstore_core::{ErrorKind, Prefix, Store, StoreExt};
use zstore_local::LocalStore;

use crate::scratch::{Scratch, key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_survives_the_removal_of_its_directory_by_deletes_of_its_siblings() {
    let scratch = Scratch::new();
    let store = Arc::new(LocalStore::open(scratch.store.root()).unwrap());
    let tasks = (0..8).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0..200 {
                let name = key(&format!("deep/er/and/deeper/{task}"));
                store.put(&name, format!("{round}")).await.unwrap();
                store.delete(&name).await.unwrap();
            }
            store.put(&key(&format!("deep/er/and/deeper/{task}")), "end").await.unwrap();
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(scratch.keys("").await.len(), 8);
    assert_eq!(scratch.text("deep/er/and/deeper/7").await.as_deref(), Some("end"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_survive_the_emptying_of_the_store_around_them() {
    let scratch = Scratch::new();
    let store = Arc::new(LocalStore::open(scratch.store.root()).unwrap());
    let writers: Vec<_> = (0..4)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..200 {
                    store.put(&key(&format!("a/{round}/{task}")), "value").await.unwrap();
                }
            })
        })
        .collect();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        store.delete_prefix(&Prefix::root()).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    store.delete_prefix(&Prefix::root()).await.unwrap();
    assert!(scratch.paths().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_creates_through_several_stores_one_succeeds() {
    let scratch = Scratch::new();
    for round in 0..20 {
        let creates = (0..8).map(|task| {
            let store = LocalStore::open(scratch.store.root()).unwrap();
            tokio::spawn(async move { store.create(&key(&format!("a/{round}")), format!("{task}")).await })
        });
        let results: Vec<_> = join_all(creates).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<usize> = (0..8).filter(|&task| results[task].is_ok()).collect();
        assert_eq!(winners.len(), 1);
        assert!(results.iter().flat_map(|r| r.as_ref().err()).all(|e| e.kind() == ErrorKind::PreconditionFailed));
        assert_eq!(scratch.text(&format!("a/{round}")).await, Some(winners[0].to_string()));
    }
    assert_eq!(scratch.paths().len(), 21);
}
