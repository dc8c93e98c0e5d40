//! What a cache directory holds: `zstore cache stats`, `list`, `top` and `inspect`.

use std::{fs, path::Path, time::SystemTime};

use serde_json::{Value, json};
use zstore_core::Timestamp;
use zstore_format::Part;

use crate::{
    binary::{Bench, fixture},
    planted::{self, blob_path, du},
};

fn keys(list: &Value) -> Vec<&str> {
    list["blobs"].as_array().unwrap().iter().map(|blob| blob["key"].as_str().unwrap()).collect()
}

#[test]
fn stats_add_up_to_what_du_says_to_the_byte() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::second(&cache);
    planted::plant_foreign(&cache);
    let index = planted::json(&bench, 0, &["stats", directory])["index_bytes"].as_u64().unwrap();
    fs::create_dir_all(cache.join("members")).unwrap();
    fs::write(cache.join("members/a-book"), "a book").unwrap();
    fs::write(cache.join("blobs/.zstore-9-9-9.tmp"), "half a val").unwrap();
    fs::write(blob_path(&cache, "first", "t/c/0", Part::Whole), "torn").unwrap();
    let stats = planted::json(&bench, 0, &["stats", directory]);
    // Newer releases of du leave directories out of such sums.
    let empty = bench.path("empty");
    fs::create_dir(&empty).unwrap();
    let directories: u64 = if du(&empty) > 0 { 0 } else { stats["directory_bytes"].as_u64().unwrap() };
    assert_eq!(stats["total_bytes"].as_u64().unwrap() - directories, du(&cache), "{stats}");
    assert_eq!([&stats["temporary_files"], &stats["temporary_bytes"]], [&json!(1), &json!(10)]);
    assert_eq!(stats["index_bytes"], json!(index + 6));
    // Seven names, of which two are of one file.
    assert_eq!(stats["foreign_files"], json!(7), "{stats}");
    let ran = bench.run(&["cache", "stats", directory]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    for told in ["first", "second", "all", "oldest", "total", "1 temporary file", "7 files of others"] {
        assert!(ran.stdout.contains(told), "{told}: {}", ran.stdout);
    }
}

#[test]
fn stats_tell_values_blocks_absences_and_damage_by_namespace() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    let now = || Timestamp::from(SystemTime::now()).as_millis();
    let before = now();
    planted::cache(&cache);
    let after = now();
    let stats = planted::json(&bench, 0, &["stats", directory]);
    let [first] = &stats["namespaces"].as_array().unwrap()[..] else { panic!("{stats}") };
    assert_eq!(first["namespace"], "first");
    assert_eq!([&first["values"], &first["blocks"], &first["absences"], &first["damaged"]], [2, 2, 1, 0]);
    assert_eq!(first["value_bytes"], json!(100 + 70_000 + 2 * planted::BLOCK_BYTES));
    let fetched = before..=after;
    assert!(fetched.contains(&first["oldest_ms"].as_u64().unwrap()), "{stats}");
    assert!(fetched.contains(&first["newest_ms"].as_u64().unwrap()), "{stats}");

    planted::second(&cache);
    fs::write(blob_path(&cache, "first", "t/c/0", Part::Whole), "torn").unwrap();
    let stats = planted::json(&bench, 0, &["stats", directory]);
    let all = &stats["blobs"];
    assert_eq!([&all["values"], &all["blocks"], &all["absences"], &all["damaged"]], [3, 2, 1, 1], "{stats}");
    assert_eq!((&all["damaged_bytes"], stats["namespaces"].as_array().unwrap().len()), (&json!(4), 2));
}

#[test]
fn list_shows_each_blob_and_as_few_as_are_asked_for() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::second(&cache);
    let list = |words: &[&str]| planted::json(&bench, 0, &[&["list", directory], words].concat());
    let all = ["t/c/0", "t/c/1", "t/c/1", "t/c/2", "t/zarr.json", "u/c/0", "u/zarr.json"];
    assert_eq!(keys(&list(&[])), all);
    let of_second = list(&["--namespace", "second"]);
    assert_eq!(keys(&of_second), ["u/c/0", "u/zarr.json"]);
    let size = |name| fs::metadata(blob_path(&cache, "second", name, Part::Whole)).unwrap().len();
    assert_eq!(of_second["blobs"][0]["bytes"], json!(size("u/c/0")));
    assert_eq!(of_second["found_bytes"], json!(size("u/c/0") + size("u/zarr.json")));
    assert_eq!(keys(&list(&["--prefix", "t/c"])), ["t/c/0", "t/c/1", "t/c/1", "t/c/2"]);
    assert_eq!(keys(&list(&["--prefix", "t/c/0"])), ["t/c/0"]);
    assert!(keys(&list(&["--prefix", "t/"])).len() == 5 && keys(&list(&["--prefix", "z"])).is_empty());
    let ran = bench.run(&["cache", "list", directory, "--prefix", "t/z"]);
    let told = "note: nothing is at or below t/z, which would be whole segments of a key; t/zarr.json begins so\n";
    assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.as_str()), (Some(0), told, "0 blobs, 0 B\n"));
    let largest = list(&["--sort", "size", "--limit", "2"]);
    assert_eq!((keys(&largest), &largest["found"]), (vec!["t/c/0", "t/c/1"], &json!(7)));
    let parts: Vec<_> = list(&["--prefix", "t/c"])["blobs"].as_array().unwrap().clone();
    assert_eq!([&parts[1]["part"], &parts[3]["part"]], ["block", "absence"]);
    assert_eq!([&parts[2]["block_bytes"], &parts[2]["block_index"]], [&json!(planted::BLOCK_BYTES), &json!(1)]);

    let ran = bench.run(&["cache", "list", directory, "--limit", "1"]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].ends_with("key          namespace") || lines[0].contains("key"), "{ran:?}");
    assert!(lines[1].contains("t/c/0") && lines[1].ends_with("first"), "{ran:?}");
    assert!(lines[2].ends_with("(6 not shown)") && lines.len() == 3, "{ran:?}");
    let (error, hint) = bench.refusal(&["cache", "list", directory, "--namespace", "third"]);
    assert!(error.contains("third") && hint.contains("first, second") || hint.contains("second, first"), "{hint}");
}

#[test]
fn what_was_fetched_first_is_listed_first_by_age() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    for (name, at) in [("b", 3000), ("c", 1000), ("a", 2000)] {
        planted::plant(&cache, name, 10, Timestamp::from_millis(at));
    }
    let list = planted::json(&bench, 0, &["list", cache.to_str().unwrap(), "--sort", "age"]);
    assert_eq!((keys(&list), &list["blobs"][0]["fetched_ms"]), (vec!["c", "a", "b"], &json!(1000)));
}

#[test]
fn damaged_blobs_are_not_listed_and_said_not_to_be() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    planted::cache(&cache);
    fs::write(blob_path(&cache, "first", "t/c/0", Part::Whole), "torn").unwrap();
    let ran = bench.run(&["cache", "list", cache.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains("t/c/0"), "{ran:?}");
    assert!(ran.stderr.starts_with("note: 1 damaged blob not listed"), "{ran:?}");
}

#[test]
fn top_tells_the_heaviest_arrays_or_values() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::second(&cache);
    let top = |words: &[&str]| planted::json(&bench, 0, &[&["top", directory], words].concat());
    let names = |top: &Value| -> Vec<(String, u64)> {
        let heaps = top["top"].as_array().unwrap().iter();
        heaps.map(|heap| (heap["name"].as_str().unwrap().to_owned(), heap["blobs"].as_u64().unwrap())).collect()
    };
    assert_eq!(names(&top(&[])), [("t".to_owned(), 5), ("u".to_owned(), 2)]);
    let keys = top(&["--keys", "--limit", "2"]);
    assert_eq!((names(&keys), &keys["found"]), (vec![("t/c/1".to_owned(), 2), ("t/c/0".to_owned(), 1)], &json!(6)));
    let size = planted::json(&bench, 0, &["list", directory, "--prefix", "t/c/1"])["found_bytes"].clone();
    assert_eq!(keys["top"][0]["bytes"], size);
    planted::plant(&cache, "one/large", 1_000_000, Timestamp::from_millis(0));
    assert_eq!(names(&top(&["--limit", "1"]))[0].0, "one");
    assert_eq!(names(&top(&["--by", "count", "--limit", "1"]))[0].0, "t");
    let ran = bench.run(&["cache", "top", directory]);
    assert!(ran.stdout.contains("/one") && ran.stdout.ends_with("3 arrays\n"), "{ran:?}");
}

#[test]
fn a_namespace_is_named_for_inspect_as_for_all_others() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    planted::second(&cache);
    let blob = blob_path(&cache, "first", "t/c/0", Part::Whole);
    let digest = blob.parent().unwrap().parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    for name in ["first", "first/", &digest] {
        let listed = planted::json(&bench, 0, &["list", directory, "--namespace", name, "--prefix", "t/c/0"]);
        let inspected = planted::json(&bench, 0, &["inspect", directory, "t/c/0", "--namespace", name]);
        assert_eq!([listed, inspected].map(|report| report["blobs"].as_array().unwrap().len()), [1, 1], "{name}");
    }
    let (error, _) = bench.refusal(&["cache", "inspect", directory, "t/c/0", "--namespace", "second"]);
    assert!(error.ends_with("holds nothing of \"t/c/0\" in the namespace \"second\""), "{error}");
    // A damaged blob does not tell its namespace, but its name does.
    std::fs::write(&blob, "torn").unwrap();
    let inspected = planted::json(&bench, 1, &["inspect", directory, "t/c/0", "--namespace", &digest]);
    assert_eq!(inspected["blobs"][0]["is_sound"], json!(false));
}

#[test]
fn inspect_tells_all_of_a_value_by_its_key_or_its_file() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let directory = cache.to_str().unwrap();
    planted::cache(&cache);
    let inspect = |code, what: &str| planted::json(&bench, code, &["inspect", directory, what]);
    let whole = inspect(0, "t/c/0");
    let [blob] = &whole["blobs"].as_array().unwrap()[..] else { panic!("{whole}") };
    let said = &blob["header"];
    assert_eq!([&said["key"], &said["namespace"], &said["holds"]], ["t/c/0", "first", "value"]);
    assert_eq!(
        (&said["extent"], &said["value_bytes"], &blob["is_sound"]),
        (&json!([0, 70_000]), &json!(70_000), &json!(true))
    );
    assert!(said["e_tag"].is_string() && said["fetched_ms"].is_u64(), "{said}");
    let file = blob_path(&cache, "first", "t/c/0", Part::Whole);
    assert_eq!(blob["file_bytes"], json!(fs::metadata(&file).unwrap().len()));
    assert_eq!(inspect(0, file.to_str().unwrap()), whole);
    assert_eq!(inspect(0, file.strip_prefix(&cache).unwrap().to_str().unwrap()), whole);
    let blocks = inspect(0, "t/c/1");
    assert_eq!(blocks["blobs"][1]["header"]["extent"], json!([planted::BLOCK_BYTES, 2 * planted::BLOCK_BYTES]));
    assert_eq!(inspect(0, "t/c/2")["blobs"][0]["header"]["value_bytes"], Value::Null);

    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let damaged = inspect(1, "t/c/0");
    assert_eq!(
        (&damaged["blobs"][0]["is_sound"], &damaged["blobs"][0]["header"]["key"]),
        (&json!(false), &json!("t/c/0"))
    );
    let ran = bench.run(&["cache", "inspect", directory, "t/c/0"]);
    assert!(ran.stdout.contains("DAMAGED: its bytes are not") && ran.stdout.contains("entity tag"), "{ran:?}");
    assert!(ran.stderr.starts_with("error: 1 of 1 blob damaged\nhint: "), "{ran:?}");
    let (error, _) = bench.refusal(&["cache", "inspect", directory, "nothing/here"]);
    assert!(error.contains("holds nothing of \"nothing/here\""), "{error}");
}

#[test]
fn the_environment_names_the_directory() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    planted::cache(&cache);
    for words in [&["stats"][..], &["list"], &["top"], &["verify"], &["inspect", "t/c/0"], &["clear", "--yes"]] {
        let words = [&["cache"], words].concat();
        let output = bench.command(&words).env("ZSTORE_CACHE", &cache).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{words:?}: {output:?}");
        assert_eq!(bench.run(&words).code, Some(2), "{words:?}");
    }
}

#[test]
fn a_directory_that_is_no_cache_of_ours_is_refused_by_all_and_left_alone() {
    let bench = Bench::new();
    let (letters, newer, file) = (bench.path("letters"), bench.path("newer"), bench.path("file"));
    fs::create_dir(&letters).unwrap();
    fs::write(letters.join("dear.txt"), "do not touch").unwrap();
    planted::cache(&newer);
    fs::write(newer.join("zstore-format"), "zstore cache, format 2\n").unwrap();
    fs::write(&file, "").unwrap();
    let size = du(&newer);
    for command in [
        &["stats"][..],
        &["list"],
        &["top"],
        &["verify", "--repair"],
        &["clear", "--yes"],
        &["prune", "--max-size", "0"],
    ] {
        let refusal = |path: &Path| {
            let [name, options @ ..] = command else { panic!("no command") };
            bench.refusal(&[&["cache", name, path.to_str().unwrap()], options].concat())
        };
        let (error, hint) = refusal(&letters);
        assert!(error.contains("is not a cache of zstore") && hint.contains("zstore made"), "{error}: {hint}");
        let (error, hint) = refusal(&newer);
        assert!(error.contains("another version") && hint.contains("delete the directory"), "{error}: {hint}");
        assert!(refusal(&file).0.contains("is no directory"));
        assert!(refusal(&bench.path("nowhere")).0.contains("no such directory"));
    }
    assert!(letters.join("dear.txt").exists() && du(&newer) == size);
}

#[test]
fn what_a_demonstration_leaves_can_be_looked_at() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let (source, directory) = (fixture("v3/data.zarr"), cache.to_str().unwrap());
    bench.demo(&[&source, "--cache", directory]);
    let stats = planted::json(&bench, 0, &["stats", directory]);
    let real = fs::canonicalize(&source).unwrap();
    let real = real.to_str().unwrap();
    assert_eq!(stats["namespaces"][0]["namespace"], json!(real));
    let list = planted::json(&bench, 0, &["list", directory, "--namespace", real]);
    assert!(keys(&list).contains(&"1d.contiguous.raw.i2/c/0"), "{list}");
    assert_eq!(planted::json(&bench, 0, &["verify", directory])["checked"], list["found"]);
    // A namespace is spelled alike by all, and so that each takes what another told.
    let chunk = "1d.contiguous.raw.i2/c/0";
    for name in [real, &format!("LocalStore({real})")] {
        let inspected = planted::json(&bench, 0, &["inspect", directory, chunk, "--namespace", name]);
        assert_eq!(inspected["blobs"][0]["header"]["namespace"], json!(real));
    }
    let top = planted::json(&bench, 0, &["top", directory, "--namespace", real]);
    assert_eq!([&list["blobs"][0]["namespace"], &top["top"][0]["namespace"]], [real, real]);
    let ran = bench.run(&["cache", "inspect", directory, chunk]);
    assert!(ran.stdout.contains(real) && !ran.stdout.contains("LocalStore"), "{ran:?}");
}
