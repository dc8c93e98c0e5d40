//! Hierarchies that zarr-python wrote.

use crate::binary::{Bench, fixture};

#[test]
fn a_v3_hierarchy_is_read_right_and_then_without_its_source() {
    let bench = Bench::new();
    let report = bench.demo(&[&fixture("v3/data.zarr")]);
    assert_eq!(
        report.paths("same"),
        [
            "/1d.chunked.ragged.i2",
            "/1d.contiguous.raw.i2",
            "/1d.string.unicode",
            "/2d.chunked.compressed.sharded.filled.i2",
            "/consolidated/1d.chunked.i2",
            "/consolidated/2d.contiguous.i2",
            "/consolidated/nested/1d.i2",
        ]
    );
    assert_eq!(report.paths("unsupported"), ["/1d.contiguous.delta.i4"]);
    assert!(report.arrays()["/1d.contiguous.delta.i4"].1.unwrap().contains("delta"), "{report:?}");
    let [cold, warm, restart] = report.requests();
    // An object of metadata each, and a chunk at the least.
    assert!(cold >= 14, "{report:?}");
    assert_eq!((warm, restart), (0, 0), "{report:?}");
}

#[test]
fn a_v2_hierarchy_is_read_right_and_then_without_its_source() {
    let bench = Bench::new();
    let report = bench.demo(&[&fixture("v2/data.zarr")]);
    assert_eq!(
        report.paths("same"),
        ["/1d.contiguous.zlib.i2", "/2d.chunked.i2", "/3d.chunked.O", "/3d.chunked.mixed.i2.F"]
    );
    assert_eq!(report.paths("unsupported"), ["/1d.contiguous.S7"]);
    let [cold, warm, restart] = report.requests();
    // zarr.json that is absent, .zarray and .zattrs each, and a chunk at the least.
    assert!(cold >= 16, "{report:?}");
    assert_eq!((warm, restart), (0, 0), "{report:?}");
}

#[test]
fn an_array_alone_is_a_hierarchy() {
    let bench = Bench::new();
    for array in ["v3/data.zarr/1d.contiguous.raw.i2", "v2/data.zarr/2d.chunked.i2"] {
        assert_eq!(bench.demo(&[&fixture(array)]).paths("same"), ["/"]);
    }
}

#[test]
fn the_passes_say_where_bytes_came_from() {
    let bench = Bench::new();
    let report = bench.demo(&[&fixture("v3/data.zarr/1d.contiguous.raw.i2")]);
    let number = |pass: &str, field: &str| report.pass(pass)[field].as_f64().unwrap();
    assert!(number("cold", "source_bytes") > 0.0 && number("cold", "hit_ratio") < 0.5, "{report:?}");
    for pass in ["warm", "restart"] {
        assert_eq!((number(pass, "source_bytes"), number(pass, "hit_ratio")), (0.0, 1.0), "{report:?}");
        assert!(number(pass, "tier_bytes") > 0.0 && number(pass, "seconds") > 0.0, "{report:?}");
        assert!(report.0["speedup"][pass].as_f64().unwrap() > 0.0, "{report:?}");
    }
}

#[test]
fn people_are_shown_a_table() {
    let bench = Bench::new();
    let ran = bench.run(&["demo", &fixture("v3/data.zarr"), "--latency-ms", "1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let starts: Vec<_> = ran.stdout.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(starts[2..6], ["time", "cold", "warm", "restart"], "{ran:?}");
    assert!(ran.stdout.contains("Every byte of 7 arrays"), "{ran:?}");
    assert!(ran.stdout.contains("cannot be read: /1d.contiguous.delta.i4: "), "{ran:?}");
}

/// The whole set is large, and not in the repository.
#[test]
#[ignore = "needs ZSTORE_FIXTURES, the folder that holds v2 and v3: `cargo xtask test` finds it"]
fn the_whole_set_is_read_right_where_it_is() {
    let folder = std::env::var_os("ZSTORE_FIXTURES").expect("ZSTORE_FIXTURES names the folder that holds v2 and v3");
    let bench = Bench::new();
    for (version, same, unsupported) in [("v2", 26, 6), ("v3", 43, 2)] {
        let source = std::path::Path::new(&folder).join(version).join("data.zarr");
        let report = bench.demo(&[source.to_str().unwrap()]);
        assert_eq!((report.paths("same").len(), report.paths("unsupported").len()), (same, unsupported), "{report:?}");
        assert_eq!(report.requests()[1..], [0, 0], "{report:?}");
    }
}
