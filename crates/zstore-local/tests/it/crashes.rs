//! What a killed writer leaves.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
};

use zstore_core::{Prefix, ReadStoreExt, Store, StoreExt};
use zstore_local::LocalStore;

use crate::{
    again::{Process, command, is_other},
    scratch::{Scratch, key},
};

const ROOT: &str = "ZSTORE_TEST_ROOT";
const SIZE: usize = 1 << 20;

/// The value of one round: all bytes the same.
fn value(round: usize) -> Vec<u8> {
    vec![u8::try_from(round % 251).unwrap(); SIZE]
}

#[test]
fn a_killed_writer_leaves_whole_values_and_leftovers_that_can_be_removed() {
    const TEST: &str = "crashes::a_killed_writer_leaves_whole_values_and_leftovers_that_can_be_removed";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if is_other(TEST) {
        let store = LocalStore::open(PathBuf::from(std::env::var_os(ROOT).unwrap())).unwrap();
        runtime.block_on(async {
            for round in 0.. {
                store.put(&key(&format!("d/{}", round % 2)), value(round)).await.unwrap();
                println!("round {round}");
            }
        });
    }
    let scratch = Scratch::new();
    for rounds in [3, 5, 8, 13] {
        let writer = command(Process::Doomed, TEST).env(ROOT, scratch.store.root()).stdout(Stdio::piped()).spawn();
        let mut writer = writer.unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.filter(|line| line.starts_with("round")).take(rounds).count(), rounds);
        writer.kill().unwrap();
        writer.wait().unwrap();
        runtime.block_on(async {
            let metas = scratch.store.list_all(&Prefix::root()).await.unwrap();
            assert_eq!(metas.len(), 2);
            for meta in metas {
                let bytes = scratch.store.get_bytes(&meta.key).await.unwrap().unwrap();
                assert_eq!(bytes.len(), SIZE);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]));
            }
            scratch.store.remove_leftovers().await.unwrap();
        });
        assert_eq!(scratch.paths(), ["d", "d/0", "d/1"]);
    }
}

#[tokio::test]
async fn leftovers_are_counted_and_removed_and_values_stay() {
    let scratch = Scratch::new();
    scratch.put("a/value", "value").await.unwrap();
    scratch.plant("a/.zstore-1-2-3.tmp", "12345");
    scratch.plant(".zstore-4-5-6.tmp", "67");
    let leftovers = scratch.store.remove_leftovers().await.unwrap();
    assert_eq!((leftovers.files, leftovers.bytes), (2, 7));
    assert_eq!(scratch.paths(), ["a", "a/value"]);
    assert_eq!(scratch.store.remove_leftovers().await.unwrap(), zstore_local::Leftovers::default());
}

#[tokio::test]
async fn sweeping_below_a_prefix_removes_leftovers_there_and_nothing_else() {
    let scratch = Scratch::new();
    scratch.put("a/value", "value").await.unwrap();
    for path in ["a/.zstore-1-2-3.tmp", "a/b/.zstore-1-2-4.tmp", "a-b/.zstore-1-2-5.tmp", ".zstore-4-5-6.tmp"] {
        scratch.plant(path, "12345");
    }
    scratch.plant("a/foreign.tmp", "mine");
    scratch.store.sweep(&Prefix::new("a").unwrap()).await.unwrap();
    assert_eq!(
        scratch.paths(),
        [".zstore-4-5-6.tmp", "a", "a-b", "a-b/.zstore-1-2-5.tmp", "a/b", "a/foreign.tmp", "a/value"]
    );
}

#[tokio::test]
async fn emptying_the_store_removes_leftovers_too() {
    let scratch = Scratch::new();
    scratch.plant("a/b/.zstore-1-2-3.tmp", "12345");
    scratch.store.delete_prefix(&Prefix::root()).await.unwrap();
    assert!(scratch.paths().is_empty());
}
