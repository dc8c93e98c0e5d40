//! Stale or wrong data: defects 1 to 7.

use std::{fs::OpenOptions, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, future::join_all};
use zstore_cache::{CacheStore, WriteMode};
use zstore_core::{
    ByteRange, ErrorKind, GetOptions, Operation, Payload, Prefix, ReadStore, ReadStoreExt, SetMode, Store, StoreExt,
};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;

use super::{blobs, cost, files, local, over, root, seen, truth, without_runtime};
use crate::setup::{Cache, Source, Tier, built, crash, key, pattern, plant, read, source, tier};

const MODES: [WriteMode; 2] = [WriteMode::Through, WriteMode::Around];

async fn an_array_is_overwritten<T: Store + 'static>(tier: Arc<T>, below: Prefix, mode: WriteMode) {
    let source = source();
    let open = || built(over(&source, &tier).write_mode(mode).cache_absent(std::time::Duration::MAX));
    let cache = open().await;
    for name in ["a/zarr.json", "a/c/whole", "a/c/part", "a-b/c/0"] {
        plant(&source, name, pattern(20_000)).await;
    }
    for name in ["a/zarr.json", "a/c/whole", "a/c/absent", "a-b/c/0"] {
        read(&cache, name).await;
    }
    cache.get_range(&key("a/c/part"), ByteRange::Bounded(5_000..5_010)).await.unwrap();
    cache.flush().await;
    cache.delete_prefix(&below).await.unwrap();
    cache.put(&key("a/zarr.json"), "new").await.unwrap();
    cache.put(&key("a/c/absent"), "new chunk").await.unwrap();
    let again = open().await;
    for cache in [&cache, &again] {
        assert_eq!(seen(cache, "a/zarr.json").await.unwrap(), "new");
        assert_eq!(seen(cache, "a/c/absent").await.unwrap(), "new chunk");
        assert_eq!(seen(cache, "a/c/whole").await, None);
        assert_eq!(seen(cache, "a/c/part").await, None);
        assert_eq!(seen(cache, "a-b/c/0").await, truth(&source, "a-b/c/0").await);
    }
}

/// "delete_dir and clear leave cached values: `create_array(overwrite=True)` then a read gives the old data."
///
/// Seen red with: `delete_prefix` that drops nothing of what is resident.
#[tokio::test]
async fn defect_01_an_overwritten_array_is_not_read_as_it_was() {
    for below in [Prefix::new("a").unwrap(), root()] {
        for mode in MODES {
            an_array_is_overwritten(Arc::new(MemoryStore::new()), below.clone(), mode).await;
            an_array_is_overwritten(blobs(), below.clone(), mode).await;
        }
    }
}

/// Ways to write that are not a plain set in a coroutine.
#[derive(Clone, Copy, Debug)]
enum Way {
    Many,
    IfNotExists,
    IfUnchanged,
    WithoutRuntime,
    InPieces,
}

async fn write<T: Store + 'static>(source: &Source, cache: &Cache<T>, names: [&str; 2], way: Way) {
    let set = |name: &str, mode| {
        let (key, value) = (key(name), Payload::from("new"));
        async move { cache.set(&key, value, mode).await.unwrap() }
    };
    if matches!(way, Way::Many) {
        join_all(names.map(|name| set(name, SetMode::Overwrite))).await;
        return;
    }
    for name in names {
        match way {
            Way::Many => {}
            Way::IfNotExists => {
                source.inner().inner().delete(&key(name)).await.unwrap();
                set(name, SetMode::Create).await;
            }
            Way::IfUnchanged => {
                let version = source.inner().inner().head(&key(name)).await.unwrap().unwrap().version;
                set(name, SetMode::Update(version)).await;
            }
            Way::WithoutRuntime => {
                without_runtime(set(name, SetMode::Overwrite));
            }
            Way::InPieces => {
                let pieces: Payload = ["n", "e", "w"].map(Bytes::from).into_iter().collect();
                cache.set(&key(name), pieces, SetMode::Overwrite).await.unwrap();
            }
        }
    }
}

async fn old_values_are_written_over<T: Store + 'static>(tier: Arc<T>, way: Way, mode: WriteMode) {
    let source = source();
    let cache = built(over(&source, &tier).write_mode(mode)).await;
    for name in ["whole", "part"] {
        plant(&source, name, pattern(20_000)).await;
    }
    read(&cache, "whole").await;
    cache.get_range(&key("part"), ByteRange::Bounded(0..10)).await.unwrap();
    cache.flush().await;
    write(&source, &cache, ["whole", "part"], way).await;
    for name in ["whole", "part"] {
        assert_eq!(seen(&cache, name).await.unwrap(), "new", "{way:?} {mode:?}");
        assert_eq!(truth(&source, name).await.unwrap(), "new", "{way:?} {mode:?}");
    }
}

/// "_set_many, set_if_not_exists, set_sync leave the old value cached."
///
/// Seen red with: a set that drops and keeps nothing unless it overwrites; and with one that drops and keeps nothing
/// where there is no runtime.
#[tokio::test]
async fn defect_02_no_way_to_write_leaves_the_old_value_cached() {
    for way in [Way::Many, Way::IfNotExists, Way::IfUnchanged, Way::WithoutRuntime, Way::InPieces] {
        for mode in MODES {
            old_values_are_written_over(Arc::new(MemoryStore::new()), way, mode).await;
            old_values_are_written_over(blobs(), way, mode).await;
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Fill {
    Whole,
    Range,
    Ranges,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Set,
    Delete,
    DeletePrefix,
    DeleteAll,
}

async fn fill(cache: Cache, what: Fill) {
    let (key, far) = (key("a/k"), ByteRange::Bounded(100_000..100_010));
    match what {
        Fill::Whole => drop(cache.get_bytes(&key).await.unwrap()),
        Fill::Range => drop(cache.get_range(&key, far).await.unwrap()),
        Fill::Ranges => drop(cache.get_ranges(&key, &[ByteRange::Bounded(0..10), far]).await.unwrap()),
    }
}

async fn change(cache: Cache, what: Change) {
    match what {
        Change::Set => drop(cache.put(&key("a/k"), vec![2; 200_000]).await.unwrap()),
        Change::Delete => cache.delete(&key("a/k")).await.unwrap(),
        Change::DeletePrefix => cache.delete_prefix(&Prefix::new("a").unwrap()).await.unwrap(),
        Change::DeleteAll => cache.delete_prefix(&root()).await.unwrap(),
    }
}

/// A fill is held, on its way from the source or into the tier, while its key is changed.
async fn a_key_is_changed_during_a_fill(filling: Fill, changing: Change, mode: WriteMode, landing: bool) {
    let (source, tier) = (source(), tier());
    let open = || built(over(&source, &tier).write_mode(mode).range_gap(0));
    let cache = open().await;
    plant(&source, "a/k", vec![1; 200_000]).await;
    let held = match (landing, filling) {
        (true, _) => tier.hold(Operation::Set),
        (false, Fill::Ranges) => source.inner().hold_after(Operation::GetRanges),
        (false, Fill::Whole | Fill::Range) => source.inner().hold_after(Operation::Get),
    };
    let filled = tokio::spawn(fill(cache.clone(), filling));
    held.arrived(1).await;
    let changed = tokio::spawn(change(cache.clone(), changing));
    if landing {
        // It waits for the blob of the key that is being written.
        others_go_on().await;
        held.release();
        changed.await.unwrap();
    } else {
        changed.await.unwrap();
        if matches!((changing, mode), (Change::Set, WriteMode::Through)) {
            assert_eq!(read(&cache, "a/k").await, truth(&source, "a/k").await, "while the old fill is under way");
        }
        held.release();
    }
    filled.await.unwrap();
    cache.flush().await;
    let expected = matches!(changing, Change::Set).then(|| Bytes::from(vec![2; 200_000]));
    assert_eq!(truth(&source, "a/k").await, expected);
    let case = (filling, changing, mode, landing);
    for cache in [cache, open().await] {
        assert!(seen(&cache, "a/k").await == expected, "{case:?}");
    }
}

/// "A fill in flight while the key is set or deleted lands afterwards: old value, or a deleted key back, for ever.
/// Ranges too."
///
/// Seen red with: tokens of flights that are never doomed.
#[tokio::test]
async fn defect_03_a_fill_in_flight_when_its_key_is_written_or_deleted_never_lands() {
    for filling in [Fill::Whole, Fill::Range, Fill::Ranges] {
        for changing in [Change::Set, Change::Delete, Change::DeletePrefix, Change::DeleteAll] {
            for mode in MODES {
                for landing in [false, true] {
                    a_key_is_changed_during_a_fill(filling, changing, mode, landing).await;
                }
            }
        }
    }
}

/// Lets every other task of this thread go on until it has to wait for something that is held.
async fn others_go_on() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// "Two concurrent sets of one key leave source and cache different."
///
/// Seen red with: sets that take no gate and doom nobody's token.
#[tokio::test]
async fn defect_04_concurrent_sets_of_one_key_leave_source_and_cache_equal() {
    // Both are under way before the source has either. The first is then held on its way into the tier, until another
    // value has left, and the second has the source to itself.
    let (source, tier) = (source(), tier());
    let cache = built(over(&source, &tier).max_size(5_000)).await;
    cache.put(&key("leaves"), vec![0; 2_000]).await.unwrap();
    let (at_source, evicting) = (source.inner().hold(Operation::Set), tier.hold(Operation::Delete));
    let set = |value: Vec<u8>| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.put(&key("k"), value).await.unwrap() })
    };
    let first = set(vec![1; 3_500]);
    at_source.arrived(1).await;
    let second = set(vec![2; 10]);
    others_go_on().await;
    at_source.release_one();
    evicting.arrived(1).await;
    at_source.release();
    others_go_on().await;
    evicting.release();
    join_all([first, second]).await.into_iter().for_each(|set| drop(set.unwrap()));
    assert_eq!(seen(&cache, "k").await, truth(&source, "k").await);

    for round in 0..20 {
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let cache = &cache;
                scope.spawn(move || {
                    futures::executor::block_on(cache.put(&key("k"), format!("{round} {writer}"))).unwrap();
                });
            }
        });
        source.clear();
        let cached = read(&cache, "k").await;
        assert_eq!(source.count(), 0, "the last written is resident");
        assert_eq!(cached, truth(&source, "k").await);
    }
}

/// Where a set is when it is given up: the source has the value by then.
const GIVEN_UP: [fn(&Source, &Tier) -> zstore_testkit::Held; 3] = [
    |source, _| source.inner().hold_after(Operation::Set),
    |_, tier| tier.hold(Operation::Set),
    |_, tier| tier.hold_after(Operation::Set),
];

async fn a_set_is_cancelled(hold: fn(&Source, &Tier) -> zstore_testkit::Held) {
    let (source, tier, cache) = crate::setup::cache().await;
    cache.put(&key("k"), "old").await.unwrap();
    let held = hold(&source, &tier);
    let name = key("k");
    let mut set = Box::pin(cache.set(&name, "new".into(), SetMode::Overwrite));
    assert!((&mut set).now_or_never().is_none());
    held.arrived(1).await;
    assert_eq!(truth(&source, "k").await.unwrap(), "new");
    let crashed = built(over(&source, &crash(&tier).await)).await;
    drop(set);
    held.release();
    while cache.info().under_way > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen(&cache, "k").await.unwrap(), "new");
    assert_eq!(seen(&crashed, "k").await.unwrap(), "new", "after a crash in its place");
}

/// Where there is no runtime to carry a set through, it stops where it is dropped.
async fn a_set_is_cancelled_for_good(hold: fn(&Source, &Tier) -> zstore_testkit::Held) {
    let (source, tier, cache) = crate::setup::cache().await;
    cache.put(&key("k"), "old").await.unwrap();
    let held = hold(&source, &tier);
    let name = key("k");
    let mut set = Box::pin(cache.set(&name, "new".into(), SetMode::Overwrite));
    assert!((&mut set).now_or_never().is_none());
    drop(set);
    held.release();
    assert_eq!(truth(&source, "k").await.unwrap(), "new");
    assert_eq!(seen(&cache, "k").await.unwrap(), "new");
}

/// "A set cancelled between the two writes, or ENOSPC in the second, leaves the old value cached."
///
/// Seen red with: a set that drops the resident copy after it has written the source; and, for the full disk, with one
/// that drops no copy before it writes the new one.
#[tokio::test]
async fn defect_05_a_set_that_stops_half_way_leaves_no_old_value_cached() {
    let (source, tier) = (source(), tier());
    let cache = built(over(&source, &tier)).await;
    cache.put(&key("k"), "old").await.unwrap();
    tier.inner().fail_always(Operation::Set, ErrorKind::Full);
    cache.put(&key("k"), "new").await.unwrap();
    assert_eq!(seen(&cache, "k").await.unwrap(), "new");
    tier.inner().heal();
    for cache in [cache, built(over(&source, &tier)).await] {
        assert_eq!(seen(&cache, "k").await.unwrap(), "new");
        assert_eq!(truth(&source, "k").await.unwrap(), "new");
    }
    for hold in GIVEN_UP {
        a_set_is_cancelled(hold).await;
        without_runtime(a_set_is_cancelled_for_good(hold));
    }
}

async fn two_sources_share<S: Store + 'static, T: Store + 'static>(one: Arc<S>, two: Arc<S>, tier: Arc<T>) {
    one.put(&key("zarr.json"), "one").await.unwrap();
    two.put(&key("zarr.json"), "two").await.unwrap();
    let open = async || (built(over(&one, &tier)).await, built(over(&two, &tier)).await);
    let (mut first, mut second) = open().await;
    for _restart in 0..3 {
        for _ in 0..2 {
            assert_eq!(seen(&first, "zarr.json").await.unwrap(), "one");
            assert_eq!(seen(&second, "zarr.json").await.unwrap(), "two");
            first.flush().await;
            second.flush().await;
        }
        (first, second) = open().await;
    }
    seen(&second, "zarr.json").await;
    second.flush().await;
    first.put(&key("only/one"), "1").await.unwrap();
    assert_eq!(seen(&second, "only/one").await, None);
    first.delete_prefix(&Prefix::new("only").unwrap()).await.unwrap();
    first.clear_cache().await.unwrap();
    assert_eq!(cost(&second, &["zarr.json"]).await, 0, "clearing one leaves the other alone");
    assert_eq!(seen(&second, "zarr.json").await.unwrap(), "two");
    assert_eq!(seen(&first, "zarr.json").await.unwrap(), "one");
}

/// "Two sources over one cache store get each other's `zarr.json`."
///
/// Seen red with: one namespace for all sources.
#[tokio::test]
async fn defect_06_two_sources_over_one_tier_never_see_each_others_bytes() {
    let memory = || Arc::new(MemoryStore::new());
    let (directory, here, there) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    two_sources_share(memory(), memory(), memory()).await;
    two_sources_share(memory(), memory(), blobs()).await;
    two_sources_share(memory(), memory(), local(&directory)).await;
    two_sources_share(local(&here), local(&there), local(&directory)).await;
}

/// Cuts every blob below a directory to so many parts of twelve.
fn truncate(directory: &tempfile::TempDir, twelfths: u64) {
    for (path, bytes) in files(&directory.path().join("blobs")) {
        OpenOptions::new().write(true).open(path).unwrap().set_len(bytes * twelfths / 12).unwrap();
    }
}

async fn blobs_are_truncated(twelfths: u64, reopens: bool) {
    let (directory, source) = (tempfile::tempdir().unwrap(), source());
    plant(&source, "whole", pattern(200_000)).await;
    plant(&source, "part", pattern(200_000)).await;
    let open = async || built(over::<Source, LocalStore>(&source, &local(&directory))).await;
    let cache = open().await;
    // Of each way to read, the first meets the damage.
    let far = ByteRange::Bounded(190_000..190_100);
    for way in 0..3 {
        read(&cache, "whole").await;
        cache.get_range(&key("part"), far.clone()).await.unwrap();
        cache.flush().await;
        truncate(&directory, twelfths);
        let cache = if reopens { open().await } else { cache.clone() };
        let expected = pattern(200_000);
        for name in ["whole", "part"] {
            let (name, case) = (key(name), (name, twelfths, way, reopens));
            match way {
                0 => assert!(cache.get_bytes(&name).await.unwrap().unwrap() == expected, "{case:?}"),
                1 => {
                    let found = cache.get_range(&name, far.clone()).await.unwrap().unwrap();
                    assert!(found == expected[190_000..190_100], "{case:?}");
                }
                _ => {
                    let found = cache.get_ranges(&name, &[ByteRange::Bounded(0..9), far.clone()]).await;
                    let parts = found.unwrap().unwrap().parts;
                    let right = parts[0].bytes == expected[..9] && parts[1].bytes == expected[190_000..190_100];
                    assert!(right, "{case:?}");
                }
            }
        }
        assert!(cache.stats().corrupt > 0, "it was seen");
    }
}

async fn an_answer_is_changed<T: Store + 'static>(tier: Arc<T>) {
    let source = source();
    plant(&source, "k", pattern(20_000)).await;
    let cache: CacheStore<Source, T> = built(over(&source, &tier)).await;
    for way in 0..6 {
        let options = match way % 3 {
            0 => GetOptions::default(),
            1 => GetOptions::range(ByteRange::From(0)),
            _ => GetOptions::range(ByteRange::Bounded(4_096..9_000)),
        };
        let fetch = cache.get(&key("k"), &options).await.unwrap();
        let answer = crate::setup::bytes_of(fetch).unwrap();
        cache.flush().await;
        // Its caller changes it where that can be done without a copy.
        let mut mine = answer.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        mine.fill(b'X');
        assert!(seen(&cache, "k").await.unwrap() == pattern(20_000));
    }
    // What was written belongs to its writer too.
    let mine = BytesMut::from(&b"value"[..]).freeze();
    cache.put(&key("written"), mine.clone()).await.unwrap();
    mine.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..])).fill(b'X');
    assert_eq!(seen(&cache, "written").await.unwrap(), "value");
}

/// "A truncated cache file is served. Returned buffers alias cached bytes and are mutable."
///
/// Seen red with: checksums that are not compared and parts that are cut as far as they go. That answers cannot be
/// changed is seen to by `Bytes`: no fault could be planted without unsafe code, which this crate forbids.
#[tokio::test]
async fn defect_07_a_truncated_file_is_not_served_and_answers_cannot_change_what_is_cached() {
    for twelfths in [0, 1, 4, 11] {
        blobs_are_truncated(twelfths, false).await;
        blobs_are_truncated(twelfths, true).await;
    }
    let directory = tempfile::tempdir().unwrap();
    an_answer_is_changed(Arc::new(MemoryStore::new())).await;
    an_answer_is_changed(blobs()).await;
    an_answer_is_changed(local(&directory)).await;
}
