//! Running the binary, and what it left.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A place to run the binary in: its temporary files go there, and nothing of them may be left.
pub(crate) struct Bench {
    scratch: TempDir,
}

/// What a run ended in.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { scratch: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bench.temporary()).unwrap();
        bench
    }

    /// A path for a test's own files.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zstore"));
        command.args(words).env("TMPDIR", self.temporary()).env_remove("RUST_BACKTRACE");
        // What people have in their environment is not for tests.
        command
            .env_remove("ZSTORE_CACHE")
            .env_remove("ZSTORE_MAX_SIZE")
            .env_remove("ZSTORE_MAX_AGE")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let ran = Ran {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        };
        assert!(!ran.stderr.contains("panicked"), "{words:?}: {ran:?}");
        self.assert_clear();
        ran
    }

    /// Nothing temporary is left.
    pub(crate) fn assert_clear(&self) {
        let left: Vec<_> = std::fs::read_dir(self.temporary()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// Runs the demo with `--json`, which must end well, and reads the object.
    pub(crate) fn demo(&self, words: &[&str]) -> Report {
        let ran = self.run(&[&["demo", "--json", "--latency-ms", "1"], words].concat());
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        Report::read(&ran)
    }

    /// Runs the binary, which must refuse: an error and a hint of one line each, and no output.
    pub(crate) fn refusal(&self, words: &[&str]) -> (String, String) {
        let ran = self.run(words);
        assert!(ran.code.is_some_and(|code| code != 0), "{words:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{words:?}");
        let lines: Vec<_> = ran.stderr.lines().collect();
        let [error, hint] = lines[..] else { panic!("{words:?}: {ran:?}") };
        let error = error.strip_prefix("error: ").unwrap_or_else(|| panic!("{words:?}: {ran:?}"));
        let hint = hint.strip_prefix("hint: ").unwrap_or_else(|| panic!("{words:?}: {ran:?}"));
        // Names of Rust's and of its errors' innards are for debugging.
        assert!(!ran.stderr.contains("::") && !ran.stderr.contains("Some("), "{words:?}: {ran:?}");
        (error.to_owned(), hint.to_owned())
    }
}

/// The object of `--json`.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    pub(crate) fn read(ran: &Ran) -> Self {
        Self(serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}")))
    }

    pub(crate) fn pass(&self, name: &str) -> &Value {
        self.0["passes"].as_array().unwrap().iter().find(|pass| pass["name"] == name).unwrap()
    }

    pub(crate) fn requests(&self) -> [u64; 3] {
        ["cold", "warm", "restart"].map(|name| self.pass(name)["source_requests"].as_u64().unwrap())
    }

    /// Status and reason of each array.
    pub(crate) fn arrays(&self) -> BTreeMap<&str, (&str, Option<&str>)> {
        let arrays = self.0["arrays"].as_array().unwrap().iter();
        arrays
            .map(|array| {
                (array["path"].as_str().unwrap(), (array["status"].as_str().unwrap(), array["reason"].as_str()))
            })
            .collect()
    }

    pub(crate) fn paths(&self, status: &str) -> Vec<&str> {
        self.arrays().into_iter().filter(|(_, (found, _))| *found == status).map(|(path, _)| path).collect()
    }
}

/// A fixture's directory.
pub(crate) fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
