//! `zstore warm`: what is fetched ahead of use, and what is told of it.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use zstore_local::LocalStore;
use zstore_origin::Origin;

use crate::{
    binary::{Bench, copy_tree, fixture},
    failures::break_file,
    planted,
    urls::serve,
};

const SHARDED: &str = "2d.chunked.compressed.sharded.filled.i2";

/// Warms a cache, which must end with this code, and reads the object.
fn warm(bench: &Bench, code: i32, words: &[&str]) -> Value {
    let ran = bench.run(&[&["warm", "--json"], words].concat());
    assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn keys(bench: &Bench, cache: &str) -> Vec<String> {
    let list = planted::json(bench, 0, &["list", cache]);
    list["blobs"].as_array().unwrap().iter().map(|blob| blob["key"].as_str().unwrap().to_owned()).collect()
}

fn values(report: &Value, group: &str) -> u64 {
    report[group]["values"].as_u64().unwrap()
}

#[test]
fn what_was_warmed_is_read_without_the_source() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v3/data.zarr/consolidated"), bench.path("cache"));
    let cache = cache.to_str().unwrap();
    let report = warm(&bench, 0, &[&source, "--cache", cache]);
    assert_eq!((values(&report, "fetched"), &report["complete"]), (9, &json!(true)), "{report}");
    assert_eq!(bench.demo(&[&source, "--cache", cache]).requests(), [0, 0, 0]);
    let again = warm(&bench, 0, &[&source, "--cache", cache]);
    assert_eq!((values(&again, "fetched"), values(&again, "resident")), (0, 9), "{again}");
    let ran = bench.run(&["warm", &source, "--cache", cache]);
    assert!(ran.code == Some(0) && ran.stdout.ends_with("there already\n"), "{ran:?}");
}

#[test]
fn only_what_lies_below_a_prefix_is_warmed() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v3/data.zarr"), bench.path("cache"));
    let cache = cache.to_str().unwrap();
    warm(&bench, 0, &[&source, "--cache", cache, "--prefix", "/consolidated/nested/"]);
    let found = keys(&bench, cache);
    assert!(!found.is_empty() && found.iter().all(|key| key.starts_with("consolidated/nested/")), "{found:?}");
    let (error, hint) = bench.refusal(&["warm", &source, "--cache", cache, "--prefix", "nested"]);
    assert!(error.starts_with("there is nothing below nested in ") && hint.contains("zstore ls"), "{error}: {hint}");
}

#[test]
fn a_prefix_that_ends_within_a_name_is_said_to_be_one() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let assert_told = |source: &str, prefix: &str, name: &str| {
        let (error, hint) = bench.refusal(&["warm", source, "--cache", cache.to_str().unwrap(), "--prefix", prefix]);
        assert!(error.starts_with(&format!("there is nothing below {prefix} in ")), "{error}");
        assert_eq!(hint, format!("a prefix is made of whole names; did you mean {name}?"));
    };
    let source = fixture("v3/data.zarr");
    assert_told(&source, "2d", SHARDED);
    assert_told(&source, "consolidated/nest", "consolidated/nested");
    serve(Path::new(&fixture("v3/data.zarr/consolidated")), |url| {
        assert_told(url, "2d", "2d.contiguous.i2");
        assert_told(url, "nested/1", "nested/1d.i2");
    });
}

#[test]
fn a_region_warms_the_shards_it_touches_and_the_metadata() {
    let bench = Bench::new();
    let source = fixture("v3/data.zarr");
    // Two by two shards of two by two elements.
    for (region, shards) in [
        ("0:1,:", &["c/0/0", "c/0/1"][..]),
        ("2,3", &["c/1/1"]),
        ("...,-1", &["c/0/1", "c/1/1"]),
        (":", &["c/0/0", "c/0/1", "c/1/0", "c/1/1"]),
    ] {
        let cache = bench.path(region);
        let cache = cache.to_str().unwrap();
        warm(&bench, 0, &[&source, "--cache", cache, "--array", SHARDED, "--region", region]);
        let mut expected: Vec<String> = shards.iter().map(|shard| format!("{SHARDED}/{shard}")).collect();
        expected.extend([format!("{SHARDED}/zarr.json"), "zarr.json".to_owned()]);
        assert_eq!(keys(&bench, cache), expected, "{region}");
    }
}

#[test]
fn an_array_of_version_2_is_warmed_with_the_metadata_it_has() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v2/data.zarr"), bench.path("cache"));
    let cache = cache.to_str().unwrap();
    let report = warm(&bench, 0, &[&source, "--cache", cache, "--array", "/2d.chunked.i2", "--region", "1,:"]);
    let mut found = keys(&bench, cache);
    found.retain(|key| !key.contains(".z"));
    assert_eq!(found, ["2d.chunked.i2/1.0", "2d.chunked.i2/1.1"]);
    assert!(keys(&bench, cache).contains(&"2d.chunked.i2/.zarray".to_owned()) && values(&report, "missing") > 0);
}

#[test]
fn an_array_that_nobody_here_can_decode_is_warmed_all_the_same() {
    let bench = Bench::new();
    // Of the one the codec is not known, of the other the type of the elements.
    for (hierarchy, array, metadata, chunk) in [
        ("v3/data.zarr", "1d.contiguous.delta.i4", "zarr.json", "c/0"),
        ("v2/data.zarr", "1d.contiguous.S7", ".zarray", "0"),
    ] {
        let (source, cache) = (fixture(hierarchy), bench.path(array));
        let cache = cache.to_str().unwrap();
        warm(&bench, 0, &[&source, "--cache", cache, "--array", array, "--region", "3"]);
        let found = keys(&bench, cache);
        for name in [metadata, chunk] {
            assert!(found.contains(&format!("{array}/{name}")), "{found:?}");
        }
    }
}

#[test]
fn an_array_whose_chunks_are_not_known_is_left_out_and_told_and_the_rest_is_warmed() {
    let bench = Bench::new();
    let (source, cache) = (bench.path("source.zarr"), bench.path("cache"));
    copy_tree(Path::new(&fixture("v3/data.zarr/consolidated")), &source);
    let metadata = |array: &str, name: &str, value: Value| {
        let file = source.join(array).join("zarr.json");
        let mut json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        json[name] = value;
        fs::write(file, json.to_string()).unwrap();
    };
    metadata("2d.contiguous.i2", "chunk_grid", json!({"name": "hexagonal"}));
    metadata("1d.chunked.i2", "codecs", json!([{"name": "numcodecs.nobodys_own"}]));
    serve(&source, |url| {
        let words = [url, "--cache", cache.to_str().unwrap()];
        let report = warm(&bench, 1, &words);
        assert_eq!((&report["complete"], &report["left_out"][0]["path"]), (&json!(false), &json!("/2d.contiguous.i2")));
        assert!(report["left_out"][0]["reason"].as_str().unwrap().contains("hexagonal"), "{report}");
        let found = keys(&bench, words[2]);
        assert!(found.contains(&"1d.chunked.i2/c/1".to_owned()) && found.contains(&"nested/1d.i2/c/0".to_owned()));
        let ran = bench.run(&[&["warm"], &words[..]].concat());
        assert!(ran.code == Some(1) && ran.stdout.contains("LEFT OUT: /2d.contiguous.i2: "), "{ran:?}");
        assert!(ran.stderr.starts_with("error: 1 array left out: /2d.contiguous.i2: "), "{ran:?}");
    });
}

#[test]
fn a_server_that_cannot_be_reached_is_said_to_be_so() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    // Port 1 belongs to a service of the seventies.
    let source = "http://127.0.0.1:1/data.zarr";
    for words in [&["--array", "temperature"][..], &["--prefix", "temperature"], &[]] {
        let words = [&["warm", source, "--cache", cache.to_str().unwrap()], words].concat();
        let (error, hint) = bench.refusal(&words);
        assert!(error.contains("cannot reach 127.0.0.1"), "{words:?}: {error}");
        assert!(hint.contains("network") && !hint.contains("array"), "{words:?}: {hint}");
        assert_eq!(bench.run(&words).code, Some(1), "{words:?}");
    }
}

#[test]
fn what_is_no_array_or_region_is_refused() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v3/data.zarr"), bench.path("cache"));
    let cache = cache.to_str().unwrap();
    for (words, told, code) in [
        (&["--array", "nowhere"][..], "/nowhere is no array: it has neither", 1),
        (&["--array", "consolidated"], "/consolidated is no array whose chunks are known: it is a group", 1),
        (&["--array", SHARDED, "--region", "0,0,0"], "has 3 dimensions and the array has 2", 2),
        (&["--array", SHARDED, "--region", "4:"], "empty in dimension 0", 2),
        (&["--array", SHARDED, "--region", "0:4:2"], "has a step", 2),
        (&["--region", "0"], "--array", 2),
        (&["--array", SHARDED, "--prefix", "a"], "cannot be used with", 2),
        (&["--prefix", "a//b"], "a//b", 2),
        (&["--max-size", "0"], "keeps nothing", 2),
        (&["--max-age", "soon"], "is not a duration", 2),
        (&["--max-age", "0s"], "too old as soon as it is there", 2),
        (&["--array", SHARDED, "--max-age", "0d0h"], "too old as soon as it is there", 2),
    ] {
        let words = [&["warm", &source, "--cache", cache], words].concat();
        let (error, _) = bench.refusal(&words);
        assert!(error.contains(told), "{words:?}: {error}");
        assert_eq!(bench.run(&words).code, Some(code), "{words:?}");
    }
    let (error, _) = bench.refusal(&["warm", &source]);
    assert!(error.contains("--cache"), "{error}");
    let inside = format!("{source}/cache");
    let (error, _) = bench.refusal(&["warm", &source, "--cache", &inside]);
    assert!(error.contains("overlaps") && !Path::new(&inside).exists(), "{error}");
}

#[test]
fn what_does_not_fit_is_told_and_the_bound_is_kept() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v3/data.zarr"), bench.path("cache"));
    let directory = cache.to_str().unwrap();
    let ran = bench.run(&["warm", &source, "--cache", directory, "--max-size", "2_000"]);
    assert!(ran.code == Some(1) && ran.stdout.contains("NOT KEPT: no room"), "{ran:?}");
    assert!(ran.stderr.contains("did not fit beside the rest\nhint: raise --max-size"), "{ran:?}");
    let stats = planted::json(&bench, 0, &["stats", directory]);
    let bytes = |name: &str| stats[name].as_u64().unwrap();
    let held = bytes("total_bytes") - bytes("index_bytes") - bytes("directory_bytes");
    assert!(held <= 2000 && stats["blobs"]["values"].as_u64().unwrap() > 0, "{stats}");
}

#[test]
fn a_source_that_fails_is_told_and_the_rest_is_warmed() {
    let bench = Bench::new();
    let (source, cache) = (bench.path("source.zarr"), bench.path("cache"));
    copy_tree(Path::new(&fixture("v3/data.zarr/consolidated")), &source);
    // Of what cannot be read a listing does not tell, but the metadata do.
    break_file(&source.join("nested/1d.i2/c/0"));
    let words = [source.to_str().unwrap(), "--cache", cache.to_str().unwrap(), "--array", "nested/1d.i2"];
    let report = warm(&bench, 1, &words);
    assert_eq!((values(&report, "failed"), &report["complete"]), (1, &json!(false)), "{report}");
    assert!(report["errors"][0].as_str().unwrap().contains("nested/1d.i2/c/0"), "{report}");
    assert!(values(&report, "fetched") + values(&report, "resident") >= 3, "{report}");
    let ran = bench.run(&[&["warm"], &words[..]].concat());
    assert!(ran.stderr.starts_with("error: 1 value failed: ") && ran.stderr.contains("\nhint: "), "{ran:?}");
}

#[test]
fn a_server_that_cannot_list_is_warmed_by_its_consolidated_metadata() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let cache = cache.to_str().unwrap();
    serve(Path::new(&fixture("v3/data.zarr")), |url| {
        let source = format!("{url}consolidated");
        let report = warm(&bench, 0, &[&source, "--cache", cache]);
        assert_eq!(report["source"], json!(source));
        let ran = bench.run(&["demo", "--json", &source, "--cache", cache]);
        assert_eq!(crate::binary::Report::read(&ran).requests(), [0, 0, 0], "{ran:?}");

        let only = bench.path("only");
        let words = [&source, "--cache", only.to_str().unwrap(), "--prefix", "nested"];
        warm(&bench, 0, &words.map(|word| word));
        assert!(keys(&bench, words[2]).iter().any(|key| key == "nested/1d.i2/c/0"));
        assert!(!keys(&bench, words[2]).iter().any(|key| key.starts_with("1d.chunked.i2")));
        let (error, hint) = bench.refusal(&["warm", url, "--cache", cache]);
        assert!(error.contains("neither be listed") && hint.contains("consolidate"), "{error}");
    });
}

#[test]
fn the_environment_bounds_the_cache_and_the_age() {
    let bench = Bench::new();
    let (source, cache) = (bench.path("source.zarr"), bench.path("cache"));
    copy_tree(Path::new(&fixture("v3/data.zarr/1d.contiguous.raw.i2")), &source);
    let name = source.to_str().unwrap();
    let run = |variables: &[(&str, &str)], words: &[&str]| {
        let mut command = bench.command(words);
        let output = command.env("ZSTORE_CACHE", &cache).envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), output.stdout)
    };
    assert_eq!(run(&[], &["warm", name]).0, Some(0));
    fs::write(source.join("c/0"), "changed!").unwrap();
    // A cache without an age takes what it has for right.
    assert_ne!(run(&[], &["cat", name, "c/0"]), (Some(0), b"changed!".to_vec()));
    assert_eq!(run(&[("ZSTORE_MAX_AGE", "0s")], &["cat", name, "c/0"]), (Some(0), b"changed!".to_vec()));
    assert_eq!(run(&[("ZSTORE_MAX_SIZE", "700")], &["warm", name]).0, Some(1));
    assert_eq!(run(&[("ZSTORE_MAX_SIZE", "some")], &["warm", name]).0, Some(2));
}

#[test]
fn a_warm_up_that_is_interrupted_leaves_a_cache_to_go_on_with() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v3/data.zarr/consolidated"), bench.path("cache"));
    let directory = cache.to_str().unwrap();
    let store = Arc::new(LocalStore::open(&source).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // An hour each request: it would not end by itself.
    let slow = Origin::builder(store).latency(Duration::from_secs(3600));
    let origin = runtime.block_on(async { slow.bind().await }).unwrap();
    let words = ["warm", &origin.url(), "--cache", directory];
    let mut child = bench.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !cache.join("zstore-format").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    planted::json(&bench, 0, &["verify", directory]);
    assert_eq!(values(&warm(&bench, 0, &[&source, "--cache", directory]), "fetched"), 9);
}

/// Writes groups of version 3, of which the first has the metadata of all others in its own.
fn write_groups(source: &Path, groups: &[&str]) {
    let group = json!({"zarr_format": 3, "node_type": "group", "attributes": {}});
    for name in groups {
        fs::create_dir_all(source.join(name)).unwrap();
        fs::write(source.join(name).join("zarr.json"), group.to_string()).unwrap();
    }
    let root = source.join("zarr.json");
    let mut json: Value = fs::read(&root).map_or(group.clone(), |json| serde_json::from_slice(&json).unwrap());
    if json["consolidated_metadata"].is_null() {
        json["consolidated_metadata"] = json!({"kind": "inline", "must_understand": false, "metadata": {}});
    }
    for name in groups {
        json["consolidated_metadata"]["metadata"][name] = group.clone();
    }
    fs::write(root, json.to_string()).unwrap();
}

#[test]
fn groups_without_arrays_are_warmed_too_where_a_server_cannot_list() {
    let bench = Bench::new();
    let (full, bare, old) = (bench.path("full.zarr"), bench.path("bare.zarr"), bench.path("old.zarr"));
    copy_tree(Path::new(&fixture("v3/data.zarr/consolidated")), &full);
    write_groups(&full, &["nested/hollow"]);
    write_groups(&bare, &["g"]);
    fs::create_dir_all(old.join("g")).unwrap();
    for (name, json) in [
        (".zgroup", r#"{"zarr_format": 2}"#),
        ("g/.zgroup", r#"{"zarr_format": 2}"#),
        (".zmetadata", r#"{"metadata": {".zgroup": {}, "g/.zgroup": {}}}"#),
    ] {
        fs::write(old.join(name), json).unwrap();
    }
    let warmed = |source: &Path, words: &[&str]| {
        let cache = bench.path(&format!("cache of {} {words:?}", source.file_name().unwrap().to_str().unwrap()));
        serve(source, |url| {
            warm(&bench, 0, &[&[url, "--cache", cache.to_str().unwrap()], words].concat());
        });
        keys(&bench, cache.to_str().unwrap())
    };
    let found = warmed(&full, &[]);
    assert!(found.contains(&"nested/hollow/zarr.json".to_owned()) && found.len() == 10, "{found:?}");
    let hollow = ["nested/hollow/zarr.json", "nested/zarr.json", "zarr.json"];
    assert_eq!(warmed(&full, &["--prefix", "nested/hollow"]), hollow);
    assert_eq!(warmed(&bare, &[]), ["g/zarr.json", "zarr.json"]);
    assert_eq!(warmed(&old, &[]), [".zgroup", ".zmetadata", "g/.zgroup"]);
}

#[test]
fn what_is_below_a_path_in_an_array_is_warmed_where_a_server_cannot_list() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let cache = cache.to_str().unwrap();
    serve(Path::new(&fixture("v3/data.zarr/consolidated")), |url| {
        warm(&bench, 0, &[url, "--cache", cache, "--prefix", "1d.chunked.i2/c"]);
        assert_eq!(keys(&bench, cache), ["1d.chunked.i2/c/0", "1d.chunked.i2/c/1"]);
    });
}

/// Runs the binary where nobody may write a directory, which is so for the superuser as well.
fn run_read_only(bench: &Bench, directory: &Path, words: &[&str]) -> Output {
    const SCRIPT: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let command = bench.command(words);
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount").args((!is_root).then_some("--map-root-user")).args(["sh", "-c", SCRIPT]).arg(directory);
    unshare.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => unshare.env(name, value),
            None => unshare.env_remove(name),
        };
    }
    unshare.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn that_the_cache_directory_may_not_be_written_is_told_once() {
    let bench = Bench::new();
    let (source, cache) = (fixture("v3/data.zarr"), bench.path("cache"));
    let directory = cache.to_str().unwrap();
    warm(&bench, 0, &[&source, "--cache", directory, "--array", SHARDED]);
    let output = run_read_only(&bench, &cache, &["warm", &source, "--cache", directory]);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stdout.contains("NOT KEPT: "), "{stdout}");
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    let told = format!(" values could not be kept: cannot write {directory}: ");
    assert!(stderr.contains(&told) && stderr.contains("ead-only"), "{stderr}");
    // A directory that never was a cache cannot become one.
    let fresh = bench.path("fresh");
    fs::create_dir(&fresh).unwrap();
    let output = run_read_only(&bench, &fresh, &["warm", &source, "--cache", fresh.to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("ead-only"), "{stderr}");
}
