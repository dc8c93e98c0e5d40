//! Sources behind URLs.

use std::{fs, path::Path, sync::Arc};

use zstore_local::LocalStore;
use zstore_origin::Origin;

use crate::binary::{Bench, Report, fixture};

/// Serves a directory by HTTP while `test` runs with the server's URL, which ends with a slash.
pub(crate) fn serve(directory: &Path, test: impl FnOnce(&str)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Arc::new(LocalStore::open(directory).unwrap());
    let origin = runtime.block_on(async { Origin::builder(store).bind().await }).unwrap();
    test(&origin.url());
}

fn demo(bench: &Bench, url: &str) -> Report {
    let ran = bench.run(&["demo", "--json", url]);
    assert_eq!(ran.code, Some(0), "{url}: {ran:?}");
    Report::read(&ran)
}

#[test]
fn what_a_server_has_is_known_from_consolidated_metadata() {
    let bench = Bench::new();
    serve(Path::new(&fixture("v3/data.zarr")), |url| {
        let report = demo(&bench, &format!("{url}consolidated"));
        assert_eq!(report.paths("same"), ["/1d.chunked.i2", "/2d.contiguous.i2", "/nested/1d.i2"]);
        let [cold, warm, restart] = report.requests();
        assert!(cold > 0 && warm == 0 && restart == 0, "{report:?}");
    });
}

#[test]
fn what_a_server_has_is_known_from_consolidated_metadata_of_v2() {
    let bench = Bench::new();
    let source = bench.path("v2.zarr");
    crate::binary::copy_tree(Path::new(&fixture("v2/data.zarr")), &source);
    fs::write(
        source.join(".zmetadata"),
        r#"{"metadata": {".zgroup": {}, "2d.chunked.i2/.zarray": {}, "gone/.zarray": {}}}"#,
    )
    .unwrap();
    serve(&source, |url| {
        let report = demo(&bench, url);
        assert_eq!(report.paths("same"), ["/2d.chunked.i2"]);
        assert_eq!(report.paths("unsupported"), ["/gone"]);
    });
}

#[test]
fn an_array_is_read_by_its_own_url() {
    let bench = Bench::new();
    serve(Path::new(&fixture("v3/data.zarr")), |url| {
        assert_eq!(demo(&bench, &format!("{url}1d.contiguous.raw.i2/")).paths("same"), ["/"]);
    });
}

#[test]
fn a_folder_by_its_url_is_walked() {
    let bench = Bench::new();
    let report = demo(&bench, &format!("file://{}", fixture("v3/data.zarr/consolidated")));
    assert_eq!(report.paths("same").len(), 3, "{report:?}");
}

#[test]
fn a_group_that_nobody_can_list_is_refused_with_what_to_do() {
    let bench = Bench::new();
    serve(Path::new(&fixture("v3/data.zarr")), |url| {
        let (error, hint) = bench.refusal(&["demo", url]);
        assert!(error.contains("consolidated"), "{error}");
        assert!(hint.contains("consolidate_metadata"), "{hint}");
        let (error, _) = bench.refusal(&["demo", &format!("{url}nothing/here")]);
        assert!(error.contains("is not a Zarr hierarchy"), "{error}");
    });
}

#[test]
fn a_bucket_of_an_endpoint_is_read_by_its_options() {
    let bench = Bench::new();
    // To read without a signature is to ask `/bucket/key`, which an origin answers too.
    serve(Path::new(&fixture("v3")), |url| {
        let endpoint = format!("endpoint={url}");
        let cat = ["cat", "s3://data.zarr", "consolidated/zarr.json", "-o", &endpoint, "-o", "skip_signature=true"];
        let ran = bench.run(&cat);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("consolidated_metadata"), "{ran:?}");
        let (error, _) = bench.refusal(&[&cat[..], &["-o", "colour=red"]].concat());
        assert!(error.contains("s3:// has no option \"colour\""), "{error}");
    });
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let bench = Bench::new();
    // Port 1 belongs to a service of the seventies.
    let (error, hint) = bench.refusal(&["demo", "http://user:hush@127.0.0.1:1/data.zarr"]);
    assert!(error.contains("127.0.0.1"), "{error}");
    assert!(!error.contains("hush"), "{error}");
    assert!(hint.contains("network"), "{hint}");
}

#[test]
fn urls_that_are_none_are_refused() {
    let bench = Bench::new();
    for url in ["gopher://example.org/data.zarr", "http://", "https://[", "file:///nowhere/at/all"] {
        let (error, hint) = bench.refusal(&["demo", url]);
        assert!(!error.is_empty() && !hint.is_empty(), "{url}");
    }
}
