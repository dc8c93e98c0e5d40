//! What is taken out of a cache directory, and why: `zstore cache verify`, `clear` and `prune`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use serde_json::json;
use zstore_core::{Prefix, ReadStoreExt, StoreExt, Timestamp};
use zstore_format::Part;
use zstore_memory::MemoryStore;

use crate::{
    binary::Bench,
    planted::{self, blob_path, du, key},
};

/// What is said of a damaged blob, and how it comes to be so.
type Damage = (&'static str, fn(&Path));

/// Each way a blob may be damaged.
fn damages() -> Vec<Damage> {
    fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
    vec![
        ("instead of", |path| change(path, |bytes| bytes.truncate(bytes.len() / 2))),
        ("header is damaged", |path| change(path, |bytes| bytes.truncate(10))),
        ("header is damaged", |path| change(path, |bytes| bytes.clear())),
        ("header is damaged", |path| change(path, |bytes| bytes[40] ^= 4)),
        ("bytes are not", |path| change(path, |bytes| *bytes.last_mut().unwrap() ^= 1)),
        ("header is damaged", |path| change(path, |bytes| bytes.fill(0))),
        ("bytes are not", |path| change(path, |bytes| bytes[2000..].fill(0))),
        ("instead of", |path| change(path, |bytes| bytes.push(0))),
    ]
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn damage_of_every_kind_is_found_and_removed_and_nothing_else_is() {
    for (told, damage) in damages() {
        let bench = Bench::new();
        let cache = bench.path("cache");
        let directory = cache.to_str().unwrap();
        planted::cache(&cache);
        planted::plant_foreign(&cache);
        let sound = planted::json(&bench, 0, &["verify", directory]);
        assert_eq!((&sound["checked"], &sound["damaged"]), (&json!(5), &json!([])));
        let bad = blob_path(&cache, "first", "t/c/0", Part::Whole);
        damage(&bad);
        let (foreign, before) = (planted::foreign(&cache), files(&cache));

        let report = planted::json(&bench, 1, &["verify", directory]);
        let [damaged] = &report["damaged"].as_array().unwrap()[..] else { panic!("{told}: {report}") };
        assert!(damaged["flaw"].as_str().unwrap().contains(told), "{told}: {report}");
        assert_eq!(cache.join(damaged["file"].as_str().unwrap()), bad);
        assert_eq!((&damaged["removed"], files(&cache)), (&json!(false), before.clone()));
        let ran = bench.run(&["cache", "verify", directory]);
        assert!(ran.stdout.starts_with("damaged: ") && ran.stdout.contains(told), "{ran:?}");
        assert!(ran.stderr.starts_with("error: 1 of 5 blobs damaged\nhint: "), "{ran:?}");

        let size = fs::metadata(&bad).unwrap().len();
        let report = planted::json(&bench, 1, &["verify", directory, "--repair"]);
        assert_eq!([&report["removed_blobs"], &report["removed_bytes"]], [&json!(1), &json!(size)], "{told}");
        let mut left = before;
        left.retain(|path| *path != bad);
        left.push(cache.join("disturbed"));
        left.sort();
        assert_eq!((files(&cache), planted::foreign(&cache)), (left, foreign), "{told}");
        assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], json!(4), "{told}");
    }
}

#[test]
fn a_sound_blob_in_the_place_of_another_is_damage() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    let at = |name, part| blob_path(&cache, "first", name, part);
    for (from, to) in [
        (at("t/c/0", Part::Whole), at("t/c/7", Part::Whole)),
        (at("t/c/0", Part::Whole), at("t/c/0", Part::Block(0))),
        (at("t/c/1", Part::Block(0)), at("t/c/1", Part::Block(5))),
        (at("t/c/0", Part::Whole), blob_path(&cache, "other", "t/c/0", Part::Whole)),
    ] {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
        let report = planted::json(&bench, 1, &["verify", directory, "--repair"]);
        let [damaged] = &report["damaged"].as_array().unwrap()[..] else { panic!("{report}") };
        assert!(damaged["flaw"].as_str().unwrap().contains("name of another blob"), "{report}");
        assert!(!to.exists());
    }
    assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], json!(5));
}

#[test]
fn clear_removes_every_blob_and_leftover_and_nothing_of_others() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::plant_foreign(&cache);
    let blob = blob_path(&cache, "first", "t/c/0", Part::Whole);
    fs::write(blob.with_file_name(".zstore-7-7-7.tmp"), "half").unwrap();
    let being_written = blob.with_file_name(".zstore-8-8-8.tmp");
    fs::write(&being_written, "half").unwrap();
    let writer = fs::File::open(&being_written).unwrap();
    writer.lock().unwrap();
    let blobs = planted::json(&bench, 0, &["list", directory]);
    let foreign = planted::foreign(&cache);
    let report = planted::json(&bench, 0, &["clear", directory, "--yes"]);
    assert_eq!([&report["removed_blobs"], &report["removed_bytes"]], [&json!(5), &blobs["found_bytes"]]);
    assert_eq!([&report["leftovers"], &report["leftover_bytes"]], [&json!(1), &json!(4)], "{report}");
    assert_eq!(planted::foreign(&cache), foreign);
    assert!(being_written.exists());
    drop(writer);
    let again = planted::json(&bench, 0, &["clear", directory, "--yes"]);
    assert_eq!([&again["removed_blobs"], &again["leftovers"]], [&json!(0), &json!(1)]);
    // It is a cache still.
    planted::cache(&cache);
    assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], json!(5));
}

#[test]
fn clear_refuses_where_it_cannot_ask_unless_a_yes_was_said() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    for words in [&["cache", "clear", directory][..], &["cache", "clear", directory, "--json", "--namespace", "first"]]
    {
        let (error, hint) = bench.refusal(words);
        assert!(error.contains("nobody can be asked") && hint.contains("--yes"), "{error}: {hint}");
        assert_eq!(bench.run(words).code, Some(2), "{words:?}");
    }
    assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], json!(5));
    assert_eq!(planted::json(&bench, 0, &["clear", directory, "-y"])["removed_blobs"], json!(5));
}

#[test]
fn clear_of_a_namespace_leaves_the_others_and_its_damaged_blobs_go_too() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::second(&cache);
    fs::write(blob_path(&cache, "second", "u/c/0", Part::Whole), "torn").unwrap();
    let ran = bench.run(&["cache", "clear", directory, "--namespace", "second", "--yes"]);
    assert!(ran.code == Some(0) && ran.stdout.starts_with("removed 2 blobs, "), "{ran:?}");
    let space = |namespace| blob_path(&cache, namespace, "u/c/0", Part::Whole).ancestors().nth(2).unwrap().to_owned();
    assert!(!space("second").exists() && space("first").exists(), "empty directories go, others do not");
    let stats = planted::json(&bench, 0, &["stats", directory]);
    assert_eq!((stats["namespaces"].as_array().unwrap().len(), &stats["blobs"]["values"]), (1, &json!(2)), "{stats}");
    let (error, _) = bench.refusal(&["cache", "clear", directory, "--namespace", "second", "--yes"]);
    assert!(error.contains("no namespace"), "{error}");
}

#[test]
fn what_is_freed_is_what_du_misses_afterwards() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    planted::cache(&cache);
    let apart_from_directories = || {
        let stats = planted::json(&bench, 0, &["stats", cache.to_str().unwrap()]);
        let [total, directories] = ["total_bytes", "directory_bytes"].map(|name| stats[name].as_u64().unwrap());
        total - directories
    };
    let before = apart_from_directories();
    let report = planted::json(&bench, 0, &["prune", cache.to_str().unwrap(), "--max-size", "100_000"]);
    assert_eq!(before - apart_from_directories(), report["removed_bytes"].as_u64().unwrap());
    assert!(report["removed_bytes"].as_u64().unwrap() > 100_000 && du(&cache) > 0, "{report}");
}

#[test]
fn prune_removes_what_is_older_and_a_dry_run_only_says_so() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    let now = Timestamp::from(SystemTime::now()).as_millis();
    let days = |days: u64| Timestamp::from_millis(now - days * 24 * 60 * 60 * 1000);
    let old = planted::plant(&cache, "old", 500, days(40));
    let young = planted::plant(&cache, "young", 500, days(20));
    let to_come = planted::plant(&cache, "to-come", 500, Timestamp::from_millis(now + 3_600_000));
    fs::write(old.with_file_name("notes.txt"), "mine").unwrap();
    let words = ["prune", directory, "--older-than", "30d"];
    let would = planted::json(&bench, 0, &[&words[..], &["--dry-run"]].concat());
    assert!(old.exists());
    let size = fs::metadata(&old).unwrap().len();
    let did = planted::json(&bench, 0, &words);
    for report in [&would, &did] {
        assert_eq!([&report["removed_blobs"], &report["removed_bytes"]], [&json!(1), &json!(size)], "{report}");
    }
    assert_eq!([&would["dry_run"], &did["dry_run"]], [&json!(true), &json!(false)]);
    assert_eq!([old.exists(), young.exists(), to_come.exists()], [false, true, true]);
    assert!(old.with_file_name("notes.txt").exists());
    assert_eq!(planted::json(&bench, 0, &words)["removed_blobs"], json!(0));
}

#[test]
fn a_dry_run_says_what_a_real_one_does_where_killed_processes_left_files() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    let blobs: Vec<_> =
        (1..=3).map(|at| planted::plant(&cache, &format!("{at}"), 10_000, Timestamp::from_millis(at))).collect();
    let left = cache.join(".zstore-7-7-7.tmp");
    fs::write(&left, vec![0; 50_000]).unwrap();
    let being_written = cache.join(".zstore-8-8-8.tmp");
    fs::write(&being_written, vec![0; 15_000]).unwrap();
    let writer = fs::File::open(&being_written).unwrap();
    writer.lock().unwrap();
    // Without the leftover, and with what is being written, there is room for two of the three.
    let words = ["prune", directory, "--max-size", "38_000"];
    let would = planted::json(&bench, 0, &[&words[..], &["--dry-run"]].concat());
    assert!(left.exists() && being_written.exists() && blobs.iter().all(|blob| blob.exists()));
    let mut did = planted::json(&bench, 0, &words);
    assert_eq!(
        [&did["removed_blobs"], &did["leftovers"], &did["leftover_bytes"]],
        [&json!(1), &json!(1), &json!(50_000)]
    );
    assert_eq!([left.exists(), being_written.exists()], [false, true]);
    did["dry_run"] = json!(true);
    assert_eq!(would, did);
    let ran = bench.run(&["cache", "prune", directory, "--max-size", "1", "--dry-run"]);
    assert!(ran.stdout.starts_with("would remove 2 blobs, "), "{ran:?}");
}

#[test]
fn prune_removes_the_oldest_until_the_rest_fits() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    let blobs: Vec<_> =
        (1..=5).map(|at| planted::plant(&cache, &format!("{at}"), 10_000, Timestamp::from_millis(at))).collect();
    fs::write(&blobs[4], "torn").unwrap();
    let stats = planted::json(&bench, 0, &["stats", directory]);
    let bytes = |name: &str| stats[name].as_u64().unwrap();
    // Books and directories do not count, as they do not for a cache that is given a size.
    let max = (bytes("total_bytes") - bytes("index_bytes") - bytes("directory_bytes") - 15_000).to_string();
    let words = ["prune", directory, "--max-size", &max];
    let report = planted::json(&bench, 0, &words);
    // The damaged one, and two of ten thousand bytes.
    assert_eq!(report["removed_blobs"], json!(3), "{report}");
    assert_eq!(blobs.iter().map(|blob| blob.exists()).collect::<Vec<_>>(), [false, false, true, true, false]);
    assert!(report["held_bytes"].as_u64().unwrap() <= max.parse().unwrap());
    let ran = bench.run(&["cache", "prune", directory, "--max-size", "0"]);
    assert!(ran.stdout.starts_with("removed 2 blobs, ") && ran.stderr.starts_with("note: more than 0 B"), "{ran:?}");
}

#[test]
fn prune_that_is_not_told_what_to_remove_says_how_to() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let words = ["cache", "prune", cache.to_str().unwrap()];
    let (error, hint) = bench.refusal(&words);
    assert!(
        error.contains("--older-than AGE, --max-size SIZE or both") && hint.contains("cache clear"),
        "{error}: {hint}"
    );
    assert_eq!(bench.run(&words).code, Some(2));
    let (error, hint) = bench.refusal(&[&words[..], &["--prefix", "2d"]].concat());
    assert!(error.contains("'--prefix'") && hint.contains("--older-than, --max-size, --dry-run"), "{error}: {hint}");
}

#[test]
fn links_in_the_place_of_ours_are_neither_followed_nor_removed() {
    let bench = Bench::new();
    let (cache, outside) = (bench.path("cache"), bench.path("outside"));
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::cache(&outside);
    let (blob, target) =
        (blob_path(&cache, "first", "t/c/0", Part::Whole), blob_path(&outside, "first", "t/c/0", Part::Whole));
    fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink(&target, &blob).unwrap();
    let space = blob.parent().unwrap().parent().unwrap();
    std::os::unix::fs::symlink(target.parent().unwrap(), space.join("zz")).unwrap();
    let blocks = blob_path(&cache, "first", "t/c/1", Part::Block(0)).parent().unwrap().to_owned();
    fs::remove_dir_all(&blocks).unwrap();
    let outer_blocks = blob_path(&outside, "first", "t/c/1", Part::Block(0)).parent().unwrap().to_owned();
    std::os::unix::fs::symlink(&outer_blocks, &blocks).unwrap();
    assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], json!(2));
    let before = files(&outside);
    assert_eq!(planted::json(&bench, 0, &["clear", directory, "--yes"])["removed_blobs"], json!(2));
    assert_eq!(files(&outside), before);
    assert!(blob.is_symlink() && blocks.is_symlink());
}

#[test]
fn whatever_comes_and_goes_meanwhile_is_no_error() {
    let bench = Bench::new();
    let cache_path = bench.path("cache");
    let directory = cache_path.to_str().unwrap();
    planted::cache(&cache_path);
    let (is_done, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let user = {
        let (is_done, rounds, path) = (Arc::clone(&is_done), Arc::clone(&rounds), cache_path.clone());
        std::thread::spawn(move || {
            planted::block_on(async {
                let source = Arc::new(MemoryStore::new());
                for at in 0..200 {
                    source.put(&key(&format!("a/c/{at}")), vec![5; 2000]).await.unwrap();
                }
                let cache = planted::open(source, "busy", &path).await;
                while !is_done.load(Ordering::Relaxed) {
                    cache.warm_prefix(&Prefix::root()).run().await.unwrap();
                    cache.clear_cache().await.unwrap();
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
                cache.warm_prefix(&Prefix::root()).run().await.unwrap();
            });
        })
    };
    let mut commands = 0;
    // So that much of it happens while both are at work.
    while commands < 5 || rounds.load(Ordering::Relaxed) < 5 {
        assert!(!user.is_finished());
        for command in ["stats", "list", "top", "verify"] {
            let report = planted::json(&bench, 0, &[command, directory]);
            assert!(report.is_object());
        }
        planted::json(&bench, 0, &["clear", directory, "--namespace", "first", "--yes"]);
        planted::cache(&cache_path);
        commands += 1;
    }
    is_done.store(true, Ordering::Relaxed);
    user.join().unwrap();
    assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], json!(205));
}

#[test]
fn who_uses_a_cache_that_is_cleared_reads_on() {
    let bench = Bench::new();
    let cache_path = bench.path("cache");
    planted::block_on(async {
        let source = Arc::new(MemoryStore::new());
        source.put(&key("a"), vec![5; 2000]).await.unwrap();
        let cache = planted::open(source, "busy", &cache_path).await;
        for _ in 0..2 {
            assert_eq!(cache.get_bytes(&key("a")).await.unwrap().unwrap(), vec![5; 2000]);
            cache.flush().await;
        }
        let cleared = planted::json(&bench, 0, &["clear", cache_path.to_str().unwrap(), "--yes"]);
        assert_eq!(cleared["removed_blobs"], json!(1));
        assert_eq!(cache.get_bytes(&key("a")).await.unwrap().unwrap(), vec![5; 2000]);
        cache.flush().await;
        assert_eq!((cache.stats().source_requests, cache.check()), (2, Ok(())));
    });
}
