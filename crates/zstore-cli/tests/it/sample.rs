//! The demonstration that needs nothing.

use crate::binary::{Bench, Report};

#[test]
fn the_sample_is_read_right_and_then_without_its_source() {
    let bench = Bench::new();
    let ran = bench.run(&["demo", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    let report = Report::read(&ran);
    assert_eq!(report.paths("same"), ["/elevation", "/temperature"]);
    let [cold, warm, restart] = report.requests();
    // 208 chunks and shards, absent ones among them, and two metadata.
    assert_eq!((cold, warm, restart), (210, 0, 0), "{report:?}");
    assert!(report.pass("cold")["source_bytes"].as_u64().unwrap() > 10_000_000, "{report:?}");
}

#[test]
fn a_cache_that_is_kept_knows_the_sample_again() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    let words = ["demo", "--json", "--latency-ms", "0", "--cache", cache.to_str().unwrap()];
    assert!(Report::read(&bench.run(&words)).requests()[0] > 0);
    let ran = bench.run(&words);
    assert_eq!(Report::read(&ran).requests(), [0, 0, 0], "{ran:?}");
    assert!(ran.stderr.contains("note: the cache directory held this data before"), "{ran:?}");
}
