//! Values that the kernel has in memory are answered at once; the others by a thread that may wait.

use std::fs::File;

use futures::FutureExt;
use rustix::fs::{Advice, fadvise};
use zstore_core::{ByteRange, Fetch, GetOptions, ReadStore, StoreExt};

use crate::scratch::{Scratch, key};

/// Below the target folder, which lies on a disk: what is in a file system of memory is always at hand.
fn on_disk() -> Scratch {
    Scratch::new_in(env!("CARGO_TARGET_TMPDIR"))
}

#[tokio::test]
async fn what_was_just_written_is_at_hand_whole_and_in_parts() {
    let scratch = on_disk();
    let value: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    scratch.store.put(&key("a/value"), value.clone()).await.unwrap();
    for options in [GetOptions::default(), GetOptions::range(70_000..900_000), GetOptions::range(ByteRange::Suffix(3))]
    {
        let now = scratch.store.get_now(&key("a/value"), &options);
        assert!(now.is_some(), "{options:?}");
        // Polled once, by nobody's runtime in particular.
        let got = scratch.store.get(&key("a/value"), &options).now_or_never();
        assert_eq!(now, got.and_then(Result::ok));
    }
    let ranges = [ByteRange::Bounded(0..5), ByteRange::Bounded(500_000..1_000_000)];
    let parts = scratch.store.get_ranges(&key("a/value"), &ranges).now_or_never();
    let parts = parts.and_then(Result::ok).flatten().expect("they are at hand").parts;
    assert!(parts[0].bytes == value[..5] && parts[1].bytes == value[500_000..1_000_000]);
}

#[tokio::test]
async fn what_is_on_the_disk_alone_is_answered_all_the_same_and_then_at_hand() {
    let scratch = on_disk();
    let value: Vec<u8> = (0..4 << 20).map(|at: u32| (at % 241) as u8).collect();
    let whole = GetOptions::default();
    scratch.store.put(&key("value"), value.clone()).await.unwrap();
    let file = File::open(scratch.file("value")).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    // A part of it may be there again by the time that the rest is read.
    let read = scratch.store.get(&key("value"), &whole).await.unwrap().into_object().unwrap();
    assert!(read.bytes == value);
    let now = scratch.store.get_now(&key("value"), &whole).and_then(Fetch::into_object).expect("it is at hand");
    assert!(now.bytes == value);
}

#[tokio::test]
async fn what_is_missing_too_large_or_no_value_is_not_at_hand() {
    let scratch = on_disk();
    scratch.store.put(&key("large"), vec![0; (4 << 20) + 1]).await.unwrap();
    scratch.store.put(&key("directory/value"), "").await.unwrap();
    std::os::unix::fs::symlink("/etc/passwd", scratch.file("link")).unwrap();
    for name in ["large", "directory", "missing", "link"] {
        assert_eq!(scratch.store.get_now(&key(name), &GetOptions::default()), None, "{name}");
    }
    // Of a large value, a part is.
    let part = scratch.store.get_now(&key("large"), &GetOptions::range(0..4 << 20));
    assert!(matches!(part, Some(Fetch::Object(object)) if object.bytes.len() == 4 << 20));
}

/// Without it a time-out around many reads would never be looked at.
#[tokio::test]
async fn who_reads_on_and_on_gives_way_to_others() {
    let scratch = on_disk();
    scratch.store.put(&key("value"), "x").await.unwrap();
    let reads = async {
        for _ in 0..10_000 {
            scratch.store.get(&key("value"), &GetOptions::default()).await.unwrap();
        }
    };
    assert!(reads.now_or_never().is_none());
}
