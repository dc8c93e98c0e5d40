//! Members that hold files, no more bytes of them than their shares allow.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use zstore_directory::{MemberId, Shares};
use zstore_testkit::Seed;

use crate::{
    run,
    workers::{Worker, step},
};

const BYTES_MAX: u64 = 1_000_000;
const STEPS: u64 = 4000;

/// Plays a member: takes over what the dead held, and holds files of any size within its share.
pub(crate) fn hold(directory: &Path, seed: u64) {
    run(async {
        let mut seed = Seed::new(seed);
        let (shares, orphans) = Shares::join(directory, BYTES_MAX, |_| Vec::new()).await.unwrap();
        let own = home(directory, shares.member().id());
        fs::create_dir_all(&own).unwrap();
        take_over(directory, &own, orphans);
        let (mut held, mut bytes) = (held(&own), sum(&own));
        assert!(bytes <= shares.granted(), "took over {bytes} with {}", shares.granted());
        for at in 0..STEPS {
            let wanted = 1 + seed.below(BYTES_MAX / 20);
            if shares.grow(bytes + wanted).await.unwrap() >= bytes + wanted {
                let path = own.join(format!("{at}"));
                // Sparse: it weighs what it says and takes no disk.
                File::create(&path).unwrap().set_len(wanted).unwrap();
                held.push((path, wanted));
                bytes += wanted;
            } else if !held.is_empty() {
                let (path, weight) = held.swap_remove(usize::try_from(seed.below(held.len() as u64)).unwrap());
                fs::remove_file(path).unwrap();
                bytes -= weight;
            }
            if seed.below(8) == 0 {
                assert!(shares.granted_to_all().await.unwrap() <= BYTES_MAX);
                shares.shrink(|| bytes).await.unwrap();
            }
            if at % 16 == 0 {
                step();
            }
        }
    });
}

fn home(directory: &Path, id: MemberId) -> PathBuf {
    directory.join("homes").join(id.to_string())
}

fn take_over(directory: &Path, own: &Path, orphans: Vec<zstore_directory::Orphan>) {
    for orphan in orphans {
        for (path, _) in held(&home(directory, orphan.id())) {
            fs::rename(&path, own.join(format!("{}-{}", orphan.id(), path.file_name().unwrap().display()))).unwrap();
        }
        orphan.bury().unwrap();
    }
}

/// The files in a home; none if there is no such home.
fn held(home: &Path) -> Vec<(PathBuf, u64)> {
    let Ok(entries) = fs::read_dir(home) else { return Vec::new() };
    let sized = |path: PathBuf| {
        // It may be gone by now.
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        (path, bytes)
    };
    entries.map(|entry| sized(entry.unwrap().path())).collect()
}

fn sum(home: &Path) -> u64 {
    held(home).iter().map(|(_, bytes)| bytes).sum()
}

/// What all homes hold. What moves from one to the other meanwhile must not be seen twice, so each file counts once.
fn sum_of_all(directory: &Path) -> u64 {
    let Ok(homes) = fs::read_dir(directory.join("homes")) else { return 0 };
    let mut files: Vec<(u64, u64)> = Vec::new();
    for home in homes {
        for (path, _) in held(&home.unwrap().path()) {
            use std::os::unix::fs::MetadataExt;
            files.extend(fs::metadata(path).map(|metadata| (metadata.ino(), metadata.len())));
        }
    }
    files.sort_unstable();
    files.dedup_by_key(|file| file.0);
    files.iter().map(|(_, bytes)| bytes).sum()
}

/// The first member of all has nothing to count, and leaves. Then there is something.
pub(crate) async fn begin(directory: &Path) {
    let (first, orphans) = Shares::join(directory, 1000, |_| Vec::new()).await.unwrap();
    assert!(orphans.is_empty() && first.is_sure());
    assert_eq!(first.granted(), 0);
    first.leave().await.unwrap();
    fs::create_dir_all(directory.join("blobs")).unwrap();
}

pub(crate) fn the_bound_holds_over_members_that_are_killed() {
    let directory = TempDir::new().unwrap();
    run(begin(directory.path()));
    let mut seed = Seed::new(1);
    let start = |seed: &mut Seed| Worker::start("holder", directory.path(), seed.below(1 << 40));
    let mut workers: Vec<Worker> = (0..4).map(|_| start(&mut seed)).collect();
    for _ in 0..60 {
        let at = usize::try_from(seed.below(4)).unwrap();
        let lives = workers[at].goes_on_for(1 + seed.below(40));
        let bytes = sum_of_all(directory.path());
        assert!(bytes <= BYTES_MAX, "{bytes} bytes are held");
        if !lives {
            std::mem::replace(&mut workers[at], start(&mut seed)).end();
        } else if seed.below(2) == 0 {
            std::mem::replace(&mut workers[at], start(&mut seed)).kill();
        }
    }
    workers.into_iter().for_each(Worker::kill);
    run(async {
        let (last, orphans) = Shares::join(directory.path(), BYTES_MAX, |_| Vec::new()).await.unwrap();
        assert!(!orphans.is_empty());
        let bytes = sum_of_all(directory.path());
        assert!(bytes <= last.granted() && last.granted() <= BYTES_MAX, "{bytes} bytes with {}", last.granted());
        assert_eq!(last.granted_to_all().await.unwrap(), last.granted(), "nobody else has a share");
        take_over(directory.path(), &home(directory.path(), last.member().id()), Vec::new());
    });
}

pub(crate) fn what_the_dead_held_is_taken_over_once() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let join = async || Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        let (dying, _) = join().await;
        dying.grow(600).await.unwrap();
        let id = dying.member().id();
        let (other, orphans) = join().await;
        assert!(orphans.is_empty(), "it lives");
        drop(dying);
        assert_eq!(other.grow(600).await.unwrap(), 400, "what the dead held is still counted");
        let (heir, orphans) = join().await;
        assert_eq!(orphans.iter().map(zstore_directory::Orphan::id).collect::<Vec<_>>(), [id]);
        assert_eq!(heir.granted(), 600);
        assert!(other.find_orphans().await.unwrap().0.is_empty(), "it is in the hands of another");
        // The heir dies before it has written down what it took over.
        drop((heir, orphans));
        let (orphans, withheld) = other.find_orphans().await.unwrap();
        assert_eq!((orphans.len(), withheld, other.granted_now().unwrap()), (2, 600, 400), "until it knows what it is");
        other.accept(withheld);
        assert_eq!(other.granted_now().unwrap(), 1000);
        // Dropped, they are still in the hands of this one.
        drop(orphans);
        let (_, orphans) = join().await;
        assert!(orphans.is_empty());
        let dead = fs::read_dir(directory.path().join("members")).unwrap().count();
        assert_eq!(dead, 4, "and not buried");
        other.shrink(|| 0).await.unwrap();
        let id = other.member().id();
        other.leave().await.unwrap();
        let (last, orphans) = join().await;
        assert!(orphans.iter().all(|orphan| orphan.id() != id), "who left is not dead");
        assert_eq!((orphans.len(), last.granted()), (3, 0));
        for orphan in orphans {
            orphan.bury().unwrap();
        }
        assert_eq!(fs::read_dir(directory.path().join("members")).unwrap().count(), 1);
    });
}

pub(crate) fn a_share_grows_by_pieces_and_shrinks() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let (one, _) = Shares::join(directory.path(), 6400, |_| Vec::new()).await.unwrap();
        let (other, _) = Shares::join(directory.path(), 6400, |_| Vec::new()).await.unwrap();
        assert_eq!(one.grow(1).await.unwrap(), 100, "a piece");
        assert_eq!(one.grow(100).await.unwrap(), 100);
        assert_eq!(one.grow(5000).await.unwrap(), 5000);
        assert_eq!(other.grow(3000).await.unwrap(), 1400, "the rest");
        one.shrink(|| 200).await.unwrap();
        assert_eq!((one.granted(), other.grow(3000).await.unwrap()), (200, 3000));
        one.shrink(|| 5000).await.unwrap();
        assert_eq!(one.granted(), 200, "shrinking to more gives nothing");
        assert_eq!(one.granted_to_all().await.unwrap(), 3200);
        // A bound that was lowered since: nobody gets more, and nobody loses what he has.
        let (third, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        assert_eq!(third.grow(1).await.unwrap(), 0);
    });
}

pub(crate) fn a_kill_in_a_take_over_counts_nothing_twice() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let join = async || Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        let (path, mut dead) = (directory.path().join("shares"), Vec::new());
        // Two die with a share; who takes over is killed after each of its writes: whatever it has written, in order.
        for bytes in [600, 300] {
            let (dying, _) = join().await;
            dying.grow(bytes).await.unwrap();
            dead.push(dying);
        }
        drop(dead);
        let before = fs::read(&path).unwrap();
        drop(join().await);
        let after = fs::read(&path).unwrap();
        assert_ne!(before, after);
        for kept in 0..=before.len() / 32 {
            let mut killed = after.clone();
            killed[kept * 32..before.len()].copy_from_slice(&before[kept * 32..]);
            fs::write(&path, &killed).unwrap();
            let (heir, _) = join().await;
            assert_eq!((heir.granted(), heir.granted_to_all().await.unwrap()), (900, 900), "{kept} records written");
        }
    });
}

pub(crate) fn a_share_that_two_change_at_once_is_what_the_last_left() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let (shares, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        shares.grow(600).await.unwrap();
        let file = File::open(directory.path().join("shares")).unwrap();
        file.lock().unwrap();
        let open = async { file.unlock().unwrap() };
        let (one, two, ()) = tokio::join!(shares.shrink(|| 100), shares.shrink(|| 500), open);
        one.and(two).unwrap();
        assert_eq!((shares.granted(), shares.granted_to_all().await.unwrap()), (100, 100));
        file.lock().unwrap();
        let open = async { file.unlock().unwrap() };
        let (one, two, ()) = tokio::join!(shares.grow(500), shares.grow(300), open);
        assert_eq!((one.unwrap(), two.unwrap(), shares.granted()), (500, 500, 500));
    });
}

pub(crate) fn a_directory_that_was_removed_gives_no_room() {
    run(async {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("cache");
        fs::create_dir(&path).unwrap();
        let (old, _) = Shares::join(&path, 1000, |_| Vec::new()).await.unwrap();
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let (new, orphans) = Shares::join(&path, 1000, |_| Vec::new()).await.unwrap();
        assert!(orphans.is_empty());
        assert_eq!(old.grow(1000).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(new.grow(1000).await.unwrap(), 1000);
    });
}

pub(crate) fn shares_that_are_lost_are_no_loss_once_nobody_lives() {
    run(async {
        for lost in [0, 32, 64] {
            let directory = TempDir::new().unwrap();
            begin(directory.path()).await;
            let (dying, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
            dying.grow(600).await.unwrap();
            drop(dying);
            // The length is there or not, and the bytes are not.
            let path = directory.path().join("shares");
            fs::write(&path, vec![0; lost]).unwrap();
            let (heir, orphans) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
            assert_eq!((heir.granted(), orphans.len()), (1000, 1), "until it has counted");
        }
    });
}

pub(crate) fn damaged_shares_are_no_loss_once_nobody_lives() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let (living, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        living.grow(10).await.unwrap();
        let path = directory.path().join("shares");
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, &bytes).unwrap();
        for _ in 0..3 {
            let error = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "who lives may hold more than anybody can tell");
        }
        let members = fs::read_dir(directory.path().join("members")).unwrap().count();
        assert_eq!(members, 1, "who could not join is none");
        let id = living.member().id();
        drop(living);
        let (heir, orphans) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        assert_eq!(heir.granted(), 1000, "until it has counted");
        assert!(orphans.iter().any(|orphan| orphan.id() == id));
        heir.shrink(|| 10).await.unwrap();
        assert_eq!(heir.granted_to_all().await.unwrap(), 10);
    });
}

pub(crate) fn the_dead_are_found_again_after_an_error() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let join = async || Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap().0;
        let (dying, finder) = (join().await, join().await);
        dying.grow(600).await.unwrap();
        drop(dying);
        let path = directory.path().join("shares");
        let sound = fs::read(&path).unwrap();
        let mut damaged = sound.clone();
        damaged[40] ^= 1;
        fs::write(&path, damaged).unwrap();
        finder.find_orphans().await.unwrap_err();
        fs::write(&path, sound).unwrap();
        let (orphans, withheld) = finder.find_orphans().await.unwrap();
        assert_eq!((orphans.len(), withheld), (1, 600));
    });
}

pub(crate) fn shares_of_another_boot_tell_nothing() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let (dying, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        assert!(dying.is_sure());
        dying.grow(600).await.unwrap();
        drop(dying);
        // The first record, with another boot and its checksum.
        let path = directory.path().join("shares");
        let mut bytes = fs::read(&path).unwrap();
        bytes[8..16].copy_from_slice(&[1; 8]);
        let checksum = crc32fast::hash(&bytes[..16]).to_le_bytes();
        bytes[16..20].copy_from_slice(&checksum);
        fs::write(&path, &bytes).unwrap();
        let (heir, orphans) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        assert_eq!((heir.is_sure(), heir.granted(), orphans.len()), (false, 1000, 1));
    });
}

pub(crate) fn a_journal_is_gone_on_with_or_written_anew() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let join = async || Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        let (dying, _) = join().await;
        dying.member().append(b"one ").unwrap();
        let id = dying.member().id();
        drop(dying);
        let (heir, mut orphans) = join().await;
        let orphan = orphans.pop().unwrap();
        assert_eq!(
            (orphan.id(), orphan.journal().unwrap().to_vec(), orphan.journal_bytes()),
            (id, b"one ".to_vec(), 4)
        );
        heir.member().inherit(orphan).unwrap();
        heir.member().append(b"two").unwrap();
        assert_eq!(heir.member().journal().unwrap()[..], *b"one two");
        let (other, orphans) = join().await;
        assert!(orphans.is_empty(), "what was inherited is held");
        heir.member().rewrite(b"three").unwrap();
        heir.member().append(b" four").unwrap();
        assert_eq!(heir.member().journal().unwrap()[..], *b"three four");
        let journals = other.member().journals_of_others().unwrap();
        assert_eq!(journals.len(), 1);
        assert_eq!((&journals[0].bytes[..], journals[0].is_orphan), (&b"three four"[..], false));
        assert!(other.find_orphans().await.unwrap().0.is_empty(), "what was written anew is held");
        drop(heir);
        assert_eq!(other.find_orphans().await.unwrap().0.pop().unwrap().journal().unwrap()[..], *b"three four");
        assert!(other.member().journals_of_others().unwrap()[0].is_orphan, "its share is counted to the finder");
    });
}

pub(crate) fn nothing_is_left_of_a_journal_that_was_being_written_anew() {
    run(async {
        let directory = TempDir::new().unwrap();
        begin(directory.path()).await;
        let members = directory.path().join("members");
        let (mut dead, mut killed) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let (dying, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
            dying.member().append(b"journal").unwrap();
            killed.push(members.join(format!("{}.new", dying.member().id())));
            dead.push(dying);
        }
        drop(dead);
        // Of one that was killed before its first journal was in place.
        let unplaced = members.join("00000000000000ff.new");
        killed.push(unplaced);
        let foreign = members.join("notes.new");
        fs::write(&foreign, b"not ours").unwrap();
        killed.iter().for_each(|path| fs::write(path, b"jour").unwrap());
        let (heir, mut orphans) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
        heir.member().inherit(orphans.pop().unwrap()).unwrap();
        orphans.pop().unwrap().bury().unwrap();
        fs::remove_file(foreign).expect("it is nobody's here");
        assert_eq!(fs::read_dir(&members).unwrap().count(), 1);
        // One that cannot take the place of the old one: there is a directory in it.
        let own = members.join(heir.member().id().to_string());
        fs::remove_file(&own).unwrap();
        fs::create_dir(&own).unwrap();
        heir.member().rewrite(b"anew").unwrap_err();
        assert_eq!(fs::read_dir(&members).unwrap().count(), 1);
        assert_eq!(heir.member().journal().unwrap()[..], *b"journal");
    });
}
