//! `zstore ls`, `cat` and `info`: what a source holds.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use serde_json::{Value, json};

use crate::{
    binary::{Bench, copy_tree, fixture},
    urls::serve,
};

const SHARDED: &str = "2d.chunked.compressed.sharded.filled.i2";

fn bytes(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output.stdout
}

fn json(bench: &Bench, words: &[&str]) -> Value {
    let ran = bench.run(&[words, &["--json"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words:?}: {ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn cat_prints_a_value_or_some_of_it_byte_for_byte() {
    let bench = Bench::new();
    let source = bench.path("source");
    fs::create_dir_all(source.join("deep")).unwrap();
    // More than is read at once, and no piece like another.
    let value: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(source.join("deep/value"), &value).unwrap();
    let (name, file) = (source.to_str().unwrap(), source.join("deep/value"));
    let cat = |words: &[&str]| bytes(&mut bench.command(&[&["cat"], words].concat()));
    assert!(cat(&[name, "deep/value"]) == value && cat(&[file.to_str().unwrap()]) == value);
    assert!(cat(&[&format!("file://{}", file.display())]) == value);
    for (range, expected) in [
        ("8_388_600:8_388_700", &value[8_388_600..8_388_700]),
        ("19_999_990:", &value[19_999_990..]),
        ("19_999_990:99_999_999", &value[19_999_990..]),
        (":5", &value[..5]),
        ("-3:", &value[value.len() - 3..]),
        ("7:7", &[]),
    ] {
        assert_eq!(cat(&[name, "/deep/value", "--range", range]), expected, "{range}");
    }
    let cached = bench.path("cache");
    for _ in 0..2 {
        assert!(cat(&[name, "deep/value", "--cache", cached.to_str().unwrap()]) == value);
        // What is in the cache needs no source.
        fs::write(source.join("deep/value"), "").unwrap();
    }
}

#[test]
fn cat_of_what_is_not_there_is_refused() {
    let bench = Bench::new();
    let source = fixture("v3/data.zarr");
    let (error, _) = bench.refusal(&["cat", &source, "nothing/here"]);
    assert!(error.starts_with("there is no value nothing/here in "), "{error}");
    assert_eq!(bench.run(&["cat", &source, "nothing/here"]).code, Some(1));
    let (error, hint) = bench.refusal(&["cat", &source, "zarr.json", "--range", "1000:"]);
    assert!(error.contains("1000") && hint.contains("has 99 bytes"), "{error}: {hint}");
    for range in ["9:3", "some"] {
        let (error, _) = bench.refusal(&["cat", &source, "zarr.json", "--range", range]);
        assert!(error.contains("is not a range of bytes"), "{error}");
        assert_eq!(bench.run(&["cat", &source, "zarr.json", "--range", range]).code, Some(2));
    }
}

#[test]
fn cat_stops_when_nobody_reads_on() {
    let bench = Bench::new();
    let source = bench.path("source");
    fs::create_dir(&source).unwrap();
    // A terabyte of zeros that takes no room: who read all of it would not end.
    fs::File::create(source.join("value")).unwrap().set_len(1 << 40).unwrap();
    let words = ["cat", source.to_str().unwrap(), "value"];
    let mut child = bench.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((first, child.wait().unwrap().code(), stderr.as_str()), ([0; 10], Some(0), ""));
}

#[test]
fn ls_lists_what_is_directly_below() {
    let bench = Bench::new();
    let source = fixture("v3/data.zarr");
    let of = |words: &[&str]| json(&bench, &[&["ls", &source], words].concat());
    let root = of(&[]);
    assert_eq!(root["prefixes"].as_array().unwrap().len(), 7, "{root}");
    assert_eq!((&root["values"][0]["key"], &root["values"][0]["bytes"]), (&json!("zarr.json"), &json!(99)));
    let nested = of(&["/consolidated/nested"]);
    assert_eq!(nested["prefixes"], json!(["consolidated/nested/1d.i2"]));
    let ran = bench.run(&["ls", &source, "consolidated/nested"]);
    assert!(ran.stdout.lines().any(|line| line.ends_with("  1d.i2/")), "{ran:?}");
    assert!(ran.stdout.lines().any(|line| line.ends_with("  zarr.json")), "{ran:?}");
    let (error, _) = bench.refusal(&["ls", &source, "nothing"]);
    assert!(error.starts_with("there is nothing below nothing in "), "{error}");
}

#[test]
fn ls_of_a_server_that_cannot_list_tells_what_its_metadata_do() {
    let bench = Bench::new();
    serve(Path::new(&fixture("v3/data.zarr")), |url| {
        let listed = json(&bench, &["ls", &format!("{url}consolidated")]);
        assert_eq!(listed["prefixes"], json!(["1d.chunked.i2", "2d.contiguous.i2", "nested"]));
        assert_eq!(json(&bench, &["ls", url, "consolidated"])["prefixes"][2], json!("consolidated/nested"));
        let (error, hint) = bench.refusal(&["ls", url]);
        assert!(error.contains("neither be listed") && hint.contains("consolidate"), "{error}");
    });
    let source = bench.path("v2.zarr");
    copy_tree(Path::new(&fixture("v2/data.zarr")), &source);
    fs::write(source.join(".zmetadata"), r#"{"metadata": {".zgroup": {}, "g/a/.zarray": {}, "b/.zarray": {}}}"#)
        .unwrap();
    serve(&source, |url| assert_eq!(json(&bench, &["ls", url])["prefixes"], json!(["b", "g"])));
}

#[test]
fn ls_of_a_server_that_cannot_list_knows_groups_by_the_metadata_of_those_above() {
    let bench = Bench::new();
    let (new, old) = (bench.path("new.zarr"), bench.path("old.zarr"));
    copy_tree(Path::new(&fixture("v3/data.zarr/consolidated")), &new);
    let root = fs::read_to_string(new.join("zarr.json")).unwrap();
    let mut root: Value = serde_json::from_str(&root).unwrap();
    root["consolidated_metadata"]["metadata"]["nested/hollow"] = json!({"zarr_format": 3, "node_type": "group"});
    fs::write(new.join("zarr.json"), root.to_string()).unwrap();
    copy_tree(Path::new(&fixture("v2/data.zarr")), &old);
    let metadata =
        json!({".zgroup": {}, "nested/.zgroup": {}, "nested/1d.i2/.zarray": {}, "nested/hollow/.zgroup": {}});
    fs::write(old.join(".zmetadata"), json!({"metadata": metadata}).to_string()).unwrap();
    for source in [&new, &old] {
        serve(source, |url| {
            let nested = json(&bench, &["ls", url, "nested"]);
            assert_eq!(nested["prefixes"], json!(["nested/1d.i2", "nested/hollow"]));
            assert_eq!(json(&bench, &["ls", url, "nested/hollow"])["prefixes"], json!([]));
            let (error, hint) = bench.refusal(&["ls", url, "nested/1d.i2"]);
            assert!(error.contains("nested/1d.i2 in http") && error.contains("is an array"), "{error}");
            assert!(hint.contains("zstore info"), "{hint}");
            let (error, _) = bench.refusal(&["ls", url, "nowhere"]);
            assert!(error.starts_with("there is nothing below nowhere in "), "{error}");
        });
    }
}

#[test]
fn info_tells_arrays_groups_values_and_what_is_none_of_them() {
    let bench = Bench::new();
    let source = fixture("v3/data.zarr");
    let of = |words: &[&str]| json(&bench, &[&["info", &source], words].concat());
    let array = of(&[SHARDED]);
    assert_eq!([&array["kind"], &array["data_type"]], ["array", "int16"]);
    assert_eq!(
        [&array["shape"], &array["shard_shape"], &array["chunk_shape"], &array["codecs"]],
        [&json!([4, 4]), &json!([2, 2]), &json!([1, 1]), &json!(["bytes", "gzip"])]
    );
    assert_eq!([&of(&[])["kind"], &of(&["consolidated"])["zarr_format"]], [&json!("group"), &json!(3)]);
    let value = of(&["/1d.contiguous.raw.i2/c/0"]);
    assert_eq!((&value["kind"], &value["bytes"]), (&json!("value"), &json!(8)));
    let prefix = of(&["1d.contiguous.raw.i2/c"]);
    assert_eq!((&prefix["kind"], &prefix["values"]), (&json!("prefix"), &json!(1)));
    let by_file = json(&bench, &["info", &format!("{source}/1d.contiguous.raw.i2/c/0")]);
    assert_eq!((&by_file["path"], &by_file["bytes"]), (&json!("0"), &json!(8)));
    let v2 = json(&bench, &["info", &fixture("v2/data.zarr"), "2d.chunked.i2"]);
    assert_eq!([&v2["zarr_format"], &v2["codecs"]], [&json!(2), &json!(["blosc"])]);
    assert_eq!(json(&bench, &["info", &fixture("v2/data.zarr")])["kind"], "group");
    let ran = bench.run(&["info", &source, SHARDED]);
    assert!(ran.stdout.contains("shards      2 x 2, 4 shards\nchunks      1 x 1, 16 chunks\n"), "{ran:?}");
    let (error, _) = bench.refusal(&["info", &source, "nothing"]);
    assert!(error.starts_with("there is nothing at nothing in "), "{error}");

    let broken = bench.path("broken.zarr");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("zarr.json"), "{").unwrap();
    let (error, _) = bench.refusal(&["info", broken.to_str().unwrap()]);
    assert!(error.contains("zarr.json is not JSON"), "{error}");
}

#[test]
fn a_value_behind_a_url_is_known_by_its_own_or_by_its_source_and_key() {
    let bench = Bench::new();
    let source = bench.path("source");
    fs::create_dir_all(source.join("a b")).unwrap();
    fs::write(source.join("a b/c%d"), "value").unwrap();
    serve(&source, |url| {
        let own = format!("{url}a%20b/c%25d");
        assert_eq!(bytes(&mut bench.command(&["cat", &own])), b"value");
        assert_eq!(bytes(&mut bench.command(&["cat", url, "a b/c%d"])), b"value");
        assert_eq!(json(&bench, &["info", &own])["bytes"], json!(5));
        assert_eq!(json(&bench, &["info", url, "a b/c%d"])["kind"], json!("value"));
        let (error, _) = bench.refusal(&["info", &format!("{url}nothing")]);
        assert!(error.starts_with("there is nothing at "), "{error}");
    });
}

#[test]
fn what_was_looked_at_through_a_cache_is_in_it() {
    let bench = Bench::new();
    let (source, cache) = (bench.path("source.zarr"), bench.path("cache"));
    copy_tree(Path::new(&fixture("v3/data.zarr")), &source);
    let words = ["info", source.to_str().unwrap(), SHARDED, "--cache", cache.to_str().unwrap()];
    let first = json(&bench, &words);
    fs::remove_file(source.join(SHARDED).join("zarr.json")).unwrap();
    assert_eq!(json(&bench, &words), first);
    assert_eq!(bench.run(&words[..3]).code, Some(0), "it is a prefix still");
    assert_eq!(json(&bench, &words[..3])["kind"], json!("prefix"));
}

/// Serves one value to whoever asks for anything, whole whatever part is asked for, while `test` runs with the URL.
/// Answers the methods of all requests.
fn serve_whole(value: &[u8], test: impl FnOnce(&str)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, methods) = (listener.local_addr().unwrap(), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    // The last to come says nothing: it is the test that is over.
                    let Ok(1) = stream.read(&mut byte) else { return };
                    asked.push(byte[0]);
                }
                let method = String::from_utf8(asked).unwrap().split(' ').next().unwrap().to_owned();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", value.len());
                let body = if method == "HEAD" { &[] } else { value };
                methods.lock().unwrap().push(method);
                // A client that has heard enough hangs up.
                _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        test(&format!("http://{address}/"));
        drop(TcpStream::connect(address).unwrap());
    });
    methods.into_inner().unwrap().join(" ")
}

#[test]
fn cat_of_a_server_that_sends_no_parts_does_not_ask_for_each() {
    let bench = Bench::new();
    let value: Vec<u8> = (0..6_000_000u32).flat_map(u32::to_le_bytes).collect();
    for (bytes_max, methods) in [
        // The first answer is of the whole and not waited for; the second is read as far as the first piece goes.
        (value.len(), "GET GET GET"),
        (100, "GET GET"),
        (0, "GET GET"),
    ] {
        let value = &value[..bytes_max];
        let asked = serve_whole(value, |url| {
            assert!(bytes(&mut bench.command(&["cat", &format!("{url}value")])) == value);
        });
        assert_eq!(asked, methods, "{bytes_max} bytes");
    }
}
