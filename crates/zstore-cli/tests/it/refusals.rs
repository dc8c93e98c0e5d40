//! What cannot be done is said in a line and a hint.

use std::{fs, path::Path};

use crate::binary::{Bench, Report, copy_tree, fixture};

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let bench = Bench::new();
    for (words, told) in [
        (&["dmeo"][..], "dmeo"),
        (&["demo", "--nonsense"], "--nonsense"),
        (&["demo", "--max-size", "12 parsecs"], "512MiB"),
        (&["demo", "--max-size", ""], "--max-size"),
        (&["demo", "--max-size", "0"], "keeps nothing"),
        (&["demo", "--max-size", "-5"], "is not a size"),
        (&["demo", "--max-size", "1"], "a cache of 1 byte keeps nothing"),
        (&["ls", "x", "--cache", "y", "--max-size", "1"], "a cache of 1 byte keeps nothing"),
        (&["warm", "x", "--cache", "y", "--max-size", "139"], "its own files take 139"),
        (&["demo", "--latency-ms", "soon"], "write a number of milliseconds"),
        (&["demo", "https://example.org/", "--latency-ms", "5"], "--latency-ms"),
        (&["ls", "s3://bucket", "-o", "region"], "write KEY=VALUE"),
        (&["cat", ".", "k", "-o", "region=x"], "--option is for sources on the network"),
        (&["demo", "--retries", "2"], "--retries is for sources on the network"),
        (&["warm", "https://example.org/", "--cache", "y", "--requests", "0"], "--requests"),
        (&["warm", "https://example.org/", "--cache", "y", "--max-age", "0s"], "name a longer age"),
    ] {
        let (error, _) = bench.refusal(words);
        assert!(error.contains(told), "{words:?}: {error}");
        assert_eq!(bench.run(words).code, Some(2), "{words:?}");
    }
}

#[test]
fn paths_that_are_no_directory_are_refused() {
    let bench = Bench::new();
    let (file, zip) = (bench.path("file"), bench.path("data.zarr.zip"));
    fs::write(&file, "").unwrap();
    fs::write(&zip, "").unwrap();
    let at = |path: &Path| bench.refusal(&["demo", path.to_str().unwrap()]);
    let (error, hint) = at(&bench.path("nowhere"));
    assert!(error.starts_with("no such path: ") && error.ends_with("nowhere") && hint.contains("zarr.json"), "{error}");
    let (error, _) = at(&file);
    assert!(error.contains("is a file"), "{error}");
    let (_, hint) = at(&zip);
    assert!(hint.contains("unpack"), "{hint}");
    let (error, _) = at(&file.join("below"));
    assert!(error.starts_with("no such path: "), "{error}");
}

#[test]
fn a_directory_without_metadata_is_no_hierarchy() {
    let bench = Bench::new();
    let folder = bench.path("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "").unwrap();
    let (error, hint) = bench.refusal(&["demo", folder.to_str().unwrap()]);
    assert!(error.contains("is not a Zarr hierarchy"), "{error}");
    assert!(hint.contains(".zarray"), "{hint}");

    copy_tree(Path::new(&fixture("v2/data.zarr")), &folder.join("climate.zarr"));
    let (_, hint) = bench.refusal(&["demo", folder.to_str().unwrap()]);
    assert!(hint.contains("climate.zarr"), "{hint}");
}

#[test]
fn a_hierarchy_without_arrays_or_with_broken_metadata_is_refused() {
    let bench = Bench::new();
    let group = bench.path("group.zarr");
    fs::create_dir(&group).unwrap();
    let metadata = group.join("zarr.json");
    fs::write(&metadata, r#"{"zarr_format": 3, "node_type": "group"}"#).unwrap();
    let (error, _) = bench.refusal(&["demo", group.to_str().unwrap()]);
    assert!(error.contains("there is no array"), "{error}");
    fs::write(&metadata, "{").unwrap();
    let (error, _) = bench.refusal(&["demo", group.to_str().unwrap()]);
    assert!(error.contains("zarr.json is not JSON"), "{error}");
}

#[test]
fn arrays_that_cannot_be_read_are_named_and_do_not_stop_the_rest() {
    let bench = Bench::new();
    let source = bench.path("source.zarr");
    copy_tree(Path::new(&fixture("v3/data.zarr")), &source);
    fs::write(source.join("1d.chunked.ragged.i2/zarr.json"), "{").unwrap();
    fs::write(source.join("2d.chunked.compressed.sharded.filled.i2/c/0/0"), "not a shard").unwrap();
    fs::write(source.join("1d.contiguous.raw.i2/c/0"), "odd").unwrap();
    let report = bench.demo(&[source.to_str().unwrap()]);
    let arrays = report.arrays();
    for (path, told) in [
        ("/1d.chunked.ragged.i2", "not JSON"),
        ("/2d.chunked.compressed.sharded.filled.i2", "1 of 4 chunks cannot be decoded: chunk "),
        ("/1d.contiguous.raw.i2", "1 of 1 chunk cannot be decoded: chunk "),
    ] {
        let (status, reason) = arrays[path];
        assert_eq!(status, "unsupported", "{path}");
        assert!(reason.unwrap().contains(told), "{path}: {reason:?}");
    }
    assert_eq!(report.paths("same").len(), 4, "{report:?}");
}

#[test]
fn an_array_at_which_the_decoder_panics_is_named_and_does_not_stop_the_rest() {
    let bench = Bench::new();
    let source = bench.path("source.zarr");
    copy_tree(Path::new(&fixture("v3/data.zarr")), &source);
    // A string that says it is two gigabytes long, uncompressed, where strings of a chunk should be.
    let array = source.join("1d.string.unicode");
    let metadata = fs::read_to_string(array.join("zarr.json")).unwrap();
    let mut metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    metadata["codecs"] = serde_json::json!([{"name": "vlen-utf8"}]);
    fs::write(array.join("zarr.json"), metadata.to_string()).unwrap();
    fs::write(array.join("c/0"), [&[4, 0, 0, 0][..], &[0xff, 0xff, 0xff, 0x7f].repeat(4)].concat()).unwrap();
    let ran = bench.run(&["demo", "--json", "--latency-ms", "1", source.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let report = Report::read(&ran);
    let (status, reason) = report.arrays()["/1d.string.unicode"];
    assert_eq!(status, "unsupported", "{report:?}");
    assert!(reason.unwrap().starts_with("its decoder gave up: "), "{report:?}");
    assert_eq!(report.paths("same").len(), 6, "{report:?}");
}

#[test]
fn a_value_of_a_variable_is_refused_by_the_name_of_the_variable() {
    let bench = Bench::new();
    let stderr = |words: &[&str], variable: &str, value: &str| {
        let output = bench.command(words).env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let (warm, prune) = (&["warm", "x", "--cache", "y"][..], &["cache", "prune", "x"][..]);
    for (words, variable, value, told) in [
        (warm, "ZSTORE_MAX_SIZE", "some", "is not a size"),
        (warm, "ZSTORE_MAX_SIZE", "1", "keeps nothing"),
        (warm, "ZSTORE_MAX_AGE", "soon", "is not a duration"),
        (warm, "ZSTORE_MAX_AGE", "0s", "too old as soon as"),
        (prune, "ZSTORE_MAX_SIZE", "some", "is not a size"),
    ] {
        let text = stderr(words, variable, value);
        let begin = format!("error: invalid value '{value}' of the variable {variable}: ");
        assert!(text.starts_with(&begin) && text.contains(told) && !text.contains("'--max"), "{text}");
    }
    for option in [&["--max-size", "some"][..], &["--max-size=some"]] {
        let text = stderr(&[warm, option].concat(), "ZSTORE_MAX_SIZE", "1GiB");
        assert!(text.contains("'--max-size <SIZE>'") && !text.contains("ZSTORE_"), "{text}");
    }
    let text = stderr(&["cache", "stats", ""], "ZSTORE_CACHE", "x");
    assert!(text.contains("'<DIR>'") && !text.contains("ZSTORE_"), "{text}");
}

#[test]
fn a_variable_that_is_empty_counts_as_not_set() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let (source, directory) = (fixture("v3/data.zarr/1d.contiguous.raw.i2"), cache.to_str().unwrap());
    let run = |words: &[&str]| {
        let mut command = bench.command(words);
        for variable in ["ZSTORE_CACHE", "ZSTORE_MAX_SIZE", "ZSTORE_MAX_AGE"] {
            command.env(variable, "");
        }
        command.output().unwrap()
    };
    for words in [
        &["ls", &source][..],
        &["warm", &source, "--cache", directory],
        &["cat", &source, "c/0"],
        &["cache", "stats", directory],
        &["cache", "inspect", directory, "c/0"],
        &["cache", "prune", directory, "--older-than", "1d"],
    ] {
        let output = run(words);
        assert!(output.status.success() && !output.stdout.is_empty(), "{words:?}: {output:?}");
    }
    for (words, told) in [
        (&["warm", &source][..], "--cache <DIR>"),
        (&["cache", "stats"], "<DIR>"),
        (&["cache", "inspect", "c/0"], "<KEY>"),
        (&["cache", "prune", directory], "--older-than"),
    ] {
        let output = run(words);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && text.contains(told), "{words:?}: {text}");
    }
}
