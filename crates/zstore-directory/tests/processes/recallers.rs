//! Members that take room from others, with the files that fill it.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tempfile::TempDir;
use zstore_directory::{Remove, Shares};

use crate::{holders::begin, run};

/// Two of them, of which one has all there is.
async fn rich_and_poor(directory: &Path, bytes_max: u64) -> (Shares, Shares) {
    begin(directory).await;
    let join = async || Shares::join(directory, bytes_max, |_| Vec::new()).await.unwrap().0;
    let (rich, poor) = (join().await, join().await);
    assert_eq!(rich.grow(bytes_max).await.unwrap(), bytes_max);
    assert_eq!(poor.grow(50).await.unwrap(), 0, "there is nothing left");
    (rich, poor)
}

/// So many files of so many bytes, and how to remove them as long as more is wanted.
fn files(
    directory: &Path,
    count: u64,
    bytes: u64,
) -> impl Fn(&[u8], &mut Remove<'_>) -> io::Result<()> + Clone + Send + 'static {
    let files = directory.join("files");
    fs::create_dir(&files).unwrap();
    let file = move |at: u64| files.join(at.to_string());
    (0..count).for_each(|at| fs::write(file(at), vec![0; usize::try_from(bytes).unwrap()]).unwrap());
    move |_, remove| {
        for at in 0..count {
            if remove(&file(at), bytes)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn left(directory: &Path) -> usize {
    fs::read_dir(directory.join("files")).unwrap().count()
}

pub(crate) fn who_has_less_than_his_part_gets_it_from_who_has_most() {
    run(async {
        let directory = TempDir::new().unwrap();
        let (rich, poor) = rich_and_poor(directory.path(), 1000).await;
        rich.member().append(b"journal").unwrap();
        let file = |name: &str| -> PathBuf { directory.path().join(name) };
        let (gone, a, b, c) = (file("gone"), file("a"), file("b"), file("c"));
        for path in [&a, &b, &c] {
            fs::write(path, [0; 100]).unwrap();
        }
        let granted = poor.recall(150, move |journal, remove| {
            assert_eq!(journal, b"journal");
            let wanted = [remove(&gone, 100)?, remove(&a, 100)?, remove(&b, 100)?];
            assert_eq!(wanted.map(|more| more.is_continue()), [true, true, false]);
            Ok(())
        });
        assert_eq!(granted.await.unwrap(), 200, "for what was there");
        assert_eq!((file("a").exists(), file("b").exists(), c.exists()), (false, false, true));
        assert_eq!((rich.granted(), rich.granted_now().unwrap()), (1000, 800), "it finds out when it asks");
        // No more than half for one of two.
        fs::write(&c, [0; 300]).unwrap();
        let more = move |_: &[u8], remove: &mut Remove<'_>| {
            assert_eq!(remove(&c, 300)?, ControlFlow::Break(()));
            Ok(())
        };
        assert_eq!(poor.recall(1000, more).await.unwrap(), 500);
        assert_eq!(poor.recall(1000, |_, _| panic!("it has its part")).await.unwrap(), 500);
        assert_eq!(rich.granted_to_all().await.unwrap(), 1000);
    });
}

pub(crate) fn nobody_uses_room_that_is_being_taken_from_him() {
    run(async {
        let directory = TempDir::new().unwrap();
        let (rich, poor) = rich_and_poor(directory.path(), 1000).await;
        let rich = Arc::new(rich);
        let file = |name: &str| -> PathBuf { directory.path().join(name) };
        let (a, b) = (file("a"), file("b"));
        fs::write(&a, [0; 100]).unwrap();
        fs::write(&b, [0; 300]).unwrap();
        let owner = Arc::clone(&rich);
        let victims = move |_: &[u8], remove: &mut Remove<'_>| {
            let _ = remove(&a, 100)?;
            assert_eq!(owner.granted_now().unwrap(), 850, "as much as is wanted");
            let _ = remove(&b, 300)?;
            assert_eq!(owner.granted_now().unwrap(), 600, "or as much as is gone");
            Ok(())
        };
        assert_eq!(poor.recall(150, victims).await.unwrap(), 400);
        assert_eq!(rich.granted_now().unwrap(), 600);
        // As after a kill: what was about to be taken is his again once somebody looks.
        let c = file("c");
        fs::write(&c, [0; 50]).unwrap();
        let victims = move |_: &[u8], remove: &mut Remove<'_>| {
            let _ = remove(&c, 50)?;
            panic!("planned")
        };
        poor.recall(60, victims).await.unwrap_err();
        assert!(rich.granted_now().unwrap() < 600);
        assert_eq!(poor.granted_to_all().await.unwrap(), 1000);
        assert_eq!((rich.granted_now().unwrap(), poor.granted_now().unwrap()), (600, 400));
    });
}

pub(crate) fn directories_that_a_recall_empties_go_with_the_files() {
    run(async {
        let directory = TempDir::new().unwrap();
        let (_rich, poor) = rich_and_poor(directory.path(), 1000).await;
        let blobs = directory.path().join("blobs");
        let (a, b) = (blobs.join("x/y/a"), blobs.join("x/b"));
        fs::create_dir_all(a.parent().unwrap()).unwrap();
        for file in [&a, &b] {
            fs::write(file, [0; 100]).unwrap();
        }
        let one = move |_: &[u8], remove: &mut Remove<'_>| remove(&a, 100).map(drop);
        poor.recall(100, one).await.unwrap();
        assert_eq!((blobs.join("x/y").exists(), b.exists()), (false, true));
        let other = move |_: &[u8], remove: &mut Remove<'_>| remove(&b, 100).map(drop);
        poor.recall(200, other).await.unwrap();
        assert_eq!((blobs.join("x").exists(), blobs.exists()), (false, true), "the top of the cache stays");
    });
}

pub(crate) fn the_dead_have_no_part() {
    run(async {
        let directory = TempDir::new().unwrap();
        let (_rich, poor) = rich_and_poor(directory.path(), 1000).await;
        // One is dead and found, another is not.
        let join = async || Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap().0;
        drop(join().await);
        poor.find_orphans().await.unwrap();
        drop(join().await);
        assert_eq!(fs::read_dir(directory.path().join("members")).unwrap().count(), 4);
        let first = files(directory.path(), 100, 10);
        assert_eq!(poor.recall(1000, first).await.unwrap(), 500, "half of it for each of two");
    });
}

pub(crate) fn a_thousand_files_are_removed_at_a_time() {
    run(async {
        let directory = TempDir::new().unwrap();
        let (_rich, poor) = rich_and_poor(directory.path(), 10_000).await;
        let first = files(directory.path(), 1500, 1);
        assert_eq!(poor.recall(1200, first.clone()).await.unwrap(), 1000);
        assert_eq!(left(directory.path()), 500);
        // What is gone already is no reason to stop.
        assert_eq!(poor.recall(1200, first).await.unwrap(), 1500);
    });
}

pub(crate) fn what_is_removed_for_nobody_changes_hands_all_the_same() {
    run(async {
        let directory = TempDir::new().unwrap();
        let (rich, poor) = rich_and_poor(directory.path(), 1000).await;
        let first = files(directory.path(), 10, 20);
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (go, gone) = mpsc::channel();
        let victims = move |journal: &[u8], remove: &mut Remove<'_>| {
            begin.send(()).unwrap();
            // A minute is for ever here.
            gone.recv_timeout(Duration::from_secs(60)).expect("a thread of the runtime waits");
            first(journal, remove)
        };
        tokio::select! {
            _ = poor.recall(200, victims) => panic!("it was not told to go on"),
            begun = begun => begun.unwrap(),
        }
        // Nobody waits for it any more.
        go.send(()).unwrap();
        assert_eq!(poor.granted_to_all().await.unwrap(), 1000);
        assert_eq!((left(directory.path()), poor.granted(), rich.granted_now().unwrap()), (0, 200, 800));
    });
}

pub(crate) fn room_is_taken_without_a_runtime_too() {
    let directory = TempDir::new().unwrap();
    let (_rich, poor) = run(rich_and_poor(directory.path(), 1000));
    let first = files(directory.path(), 10, 20);
    let recalled = pin!(poor.recall(200, first)).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(recalled, Poll::Ready(Ok(200))), "{recalled:?}");
}
