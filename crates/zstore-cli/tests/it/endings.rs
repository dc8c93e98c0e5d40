//! Ends before the end.

use std::{
    io::Read,
    process::{Command, Stdio},
};

use crate::binary::{Bench, fixture};

#[test]
fn help_and_version_are_printed() {
    let bench = Bench::new();
    for (words, told) in [
        (&["--help"][..], "Usage: zstore"),
        (&["demo", "--help"], "--max-size"),
        (&[], "Usage: zstore"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let ran = bench.run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words:?}: {ran:?}");
        assert!(ran.stdout.contains(told), "{words:?}: {ran:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let bench = Bench::new();
    let source = fixture("v3/data.zarr/1d.contiguous.raw.i2");
    let mut child = bench.command(&["demo", &source]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
    bench.assert_clear();
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    ends_clear("INT", Some(130));
}

#[test]
fn being_told_to_end_leaves_nothing_behind() {
    ends_clear("TERM", Some(143));
}

#[test]
fn a_closed_terminal_leaves_nothing_behind() {
    ends_clear("HUP", Some(129));
}

fn ends_clear(signal: &str, code: Option<i32>) {
    let bench = Bench::new();
    // An hour each request: it would not end by itself.
    let mut child = bench
        .command(&["demo", &fixture("v3/data.zarr"), "--latency-ms", "3600000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !has_cache(&bench) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), code);
    bench.assert_clear();
}

/// Whether the run has made its temporary cache, and so is under way.
fn has_cache(bench: &Bench) -> bool {
    let mut made = std::fs::read_dir(bench.temporary()).unwrap();
    made.any(|entry| entry.is_ok_and(|entry| entry.path().join("cache/zstore-format").exists()))
}

#[test]
fn completions_are_printed_for_each_shell() {
    let bench = Bench::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = bench.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        assert!(ran.stdout.contains("older-than") && ran.stdout.contains("zstore"), "{shell}");
    }
    assert_eq!(bench.run(&["completions", "seashell"]).code, Some(2));
}
