//! The examples, run.

#[allow(dead_code, reason = "its `main` reads the arguments of the program, which are the tests' own here")]
#[path = "../../examples/cached_bucket.rs"]
mod cached_bucket;

use std::fs;

use cached_bucket::Pass;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_a_cached_bucket_reads_it_once() {
    let scratch = tempfile::tempdir().unwrap();
    let passes = cached_bucket::of_this_machine(&scratch.path().join("cache")).await.unwrap();
    let first = Pass { values: 14, bytes: 140_000, requests: 14 };
    assert_eq!(passes, [first, Pass { requests: 0, ..first }]);
}

/// A folder lists as a bucket does.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_a_cached_bucket_reads_what_a_url_lists() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("data");
    fs::create_dir_all(folder.join("a/c")).unwrap();
    fs::write(folder.join("a/zarr.json"), "{}").unwrap();
    fs::write(folder.join("a/c/0"), "a chunk").unwrap();
    let url = format!("file://{}", folder.display());
    let passes = cached_bucket::of_url(&url, &scratch.path().join("cache")).await.unwrap();
    let first = Pass { values: 2, bytes: 9, requests: 2 };
    assert_eq!(passes, [first, Pass { requests: 0, ..first }]);
}
