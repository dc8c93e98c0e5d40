//! The cache directory, and what is in it from before.

use std::{fs, path::Path};

use crate::binary::{Bench, Report, copy_tree, fixture};

#[test]
fn a_cache_that_is_kept_serves_the_next_run() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let words = [&fixture("v3/data.zarr"), "--cache", cache.to_str().unwrap()];
    assert!(bench.demo(&words).requests()[0] > 0);
    let ran = bench.run(&[&["demo", "--json"], &words[..]].concat());
    assert_eq!(Report::read(&ran).requests(), [0, 0, 0], "{ran:?}");
    assert!(ran.stderr.contains("note: the cache directory held this data before"), "{ran:?}");
}

#[test]
fn a_stale_cache_is_told_from_the_truth() {
    let bench = Bench::new();
    let (source, cache) = (bench.path("source"), bench.path("cache"));
    copy_tree(Path::new(&fixture("v3/data.zarr/1d.contiguous.raw.i2")), &source);
    let words = [source.to_str().unwrap(), "--cache", cache.to_str().unwrap()];
    assert_eq!(bench.demo(&words).paths("same"), ["/"]);

    let chunk = source.join("c/0");
    let mut bytes = fs::read(&chunk).unwrap();
    bytes[0] ^= 1;
    fs::write(&chunk, bytes).unwrap();
    let ran = bench.run(&[&["demo", "--json"], &words[..]].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(Report::read(&ran).paths("different"), ["/"]);
    assert!(ran.stderr.contains("error: what was read through the cache is not what the source holds: /"), "{ran:?}");
    assert!(ran.stderr.contains(&format!("hint: the cache in {} may be older", cache.display())), "{ran:?}");
}

#[test]
fn two_sources_share_a_cache_directory_and_no_bytes() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    for (name, byte) in [("one", 1), ("two", 2)] {
        let source = bench.path(name);
        copy_tree(Path::new(&fixture("v3/data.zarr/1d.contiguous.raw.i2")), &source);
        fs::write(source.join("c/0"), [byte; 8]).unwrap();
        let report = bench.demo(&[source.to_str().unwrap(), "--cache", cache.to_str().unwrap()]);
        assert_eq!(report.paths("same"), ["/"], "{name}");
        assert!(report.requests()[0] > 0, "{name}");
    }
}

#[test]
fn a_directory_of_somebody_else_is_refused_and_left_alone() {
    let bench = Bench::new();
    let cache = bench.path("letters");
    fs::create_dir(&cache).unwrap();
    fs::write(cache.join("dear.txt"), "do not touch").unwrap();
    let (error, hint) = bench.refusal(&["demo", &fixture("v3/data.zarr"), "--cache", cache.to_str().unwrap()]);
    assert!(error.contains(cache.to_str().unwrap()) && error.contains("not a cache of zstore"), "{error}");
    assert!(hint.contains("empty"), "{hint}");
    let left: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["dear.txt"]);
}

#[test]
fn a_cache_directory_that_is_a_file_is_refused() {
    let bench = Bench::new();
    let cache = bench.path("file");
    fs::write(&cache, "").unwrap();
    for path in [cache.clone(), cache.join("below")] {
        let (error, _) = bench.refusal(&["demo", &fixture("v3/data.zarr"), "--cache", path.to_str().unwrap()]);
        assert!(error.contains("cannot be the cache directory"), "{error}");
    }
}

#[test]
fn a_cache_inside_its_source_is_refused_and_not_made() {
    let bench = Bench::new();
    let source = bench.path("source");
    copy_tree(Path::new(&fixture("v3/data.zarr")), &source);
    let cache = source.join("cache");
    let (error, _) = bench.refusal(&["demo", source.to_str().unwrap(), "--cache", cache.to_str().unwrap()]);
    assert!(error.contains("overlaps"), "{error}");
    assert!(!cache.exists());
}

#[test]
fn data_that_does_not_fit_is_read_right_and_said_not_to() {
    let bench = Bench::new();
    let ran = bench.run(&["demo", "--json", "--latency-ms", "1", "--max-size", "2_000", &fixture("v3/data.zarr")]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = Report::read(&ran);
    assert_eq!(report.paths("same").len(), 7, "{report:?}");
    assert!(report.requests()[1] > 0, "{report:?}");
    assert!(ran.stderr.contains("note: the data does not fit into the 2.0 KiB"), "{ran:?}");
    assert!(ran.stderr.contains("note: the warm pass still asked the source"), "{ran:?}");
}
