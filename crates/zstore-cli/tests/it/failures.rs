//! Sources that fail while they are read.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::binary::{Bench, Report, copy_tree, fixture};

/// Makes reading of a file fail, whoever reads: a link that leads to itself.
pub(crate) fn break_file(path: &Path) {
    fs::remove_file(path).unwrap();
    symlink(path.file_name().unwrap(), path).unwrap();
}

#[test]
fn a_chunk_or_metadata_that_cannot_be_read_fail_the_run_and_not_the_rest() {
    for (broken, array) in
        [("1d.contiguous.raw.i2/c/0", "/1d.contiguous.raw.i2"), ("1d.string.unicode/zarr.json", "/1d.string.unicode")]
    {
        let bench = Bench::new();
        let source = bench.path("source.zarr");
        copy_tree(Path::new(&fixture("v3/data.zarr")), &source);
        break_file(&source.join(broken));
        let source = source.to_str().unwrap();

        let ran = bench.run(&["demo", "--json", "--latency-ms", "1", source]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let report = Report::read(&ran);
        let (status, reason) = report.arrays()[array];
        assert_eq!(status, "unsupported", "{ran:?}");
        assert!(reason.unwrap().contains(source) && !reason.unwrap().contains("LocalStore("), "{ran:?}");
        assert_eq!(report.paths("same").len(), 6, "{ran:?}");

        let ran = bench.run(&["demo", "--latency-ms", "1", source]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.starts_with(&format!("{source}: 6 of 8 arrays, ")), "{ran:?}");
        assert!(ran.stdout.contains(&format!("cannot be read: {array}: ")), "{ran:?}");
        let told = format!("error: the source failed, 1 of 8 arrays cannot be read: {array}: ");
        assert!(ran.stderr.starts_with(&told) && ran.stderr.contains("\nhint: "), "{ran:?}");
    }
}

#[test]
fn nothing_read_is_nothing_shown() {
    let bench = Bench::new();
    let source = bench.path("source.zarr");
    copy_tree(Path::new(&fixture("v3/data.zarr/1d.contiguous.raw.i2")), &source);
    break_file(&source.join("c/0"));
    let source = source.to_str().unwrap();
    let (error, _) = bench.refusal(&["demo", source]);
    assert!(error.starts_with("the array cannot be read: /: "), "{error}");
    let ran = bench.run(&["demo", "--json", source]);
    assert_eq!((ran.code, &Report::read(&ran).0["speedup"]), (Some(1), &serde_json::Value::Null), "{ran:?}");

    let bench = Bench::new();
    let source = bench.path("source.zarr");
    copy_tree(Path::new(&fixture("v3/data.zarr/consolidated")), &source);
    for array in ["1d.chunked.i2", "2d.contiguous.i2", "nested/1d.i2"] {
        break_file(&source.join(array).join("zarr.json"));
    }
    let ran = bench.run(&["demo", source.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.starts_with("error: none of the 3 arrays can be read: /1d.chunked.i2: "), "{ran:?}");
    assert!(!ran.stdout.contains("speedup") && ran.stdout.lines().count() == 3, "{ran:?}");
}
