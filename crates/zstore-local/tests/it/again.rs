//! Runs a test again, in a process of another kind: what it needs cannot be had in this one, or not be undone.

use std::{
    env,
    fs::metadata,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

const MARK: &str = "ZSTORE_TEST_AGAIN";

/// The user and the group nobody.
const NOBODY: u32 = 65534;

/// What is special about the other process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// Permissions bind it, as they do not bind the superuser.
    OrdinaryUser,
    /// It can have 64 files open.
    FewFiles,
    /// What it mounts nobody else sees, and is unmounted when it ends.
    OwnMounts,
    /// It will be killed.
    Doomed,
}

/// Whether this is the other process. If not, runs `test` in one and asserts that it passes there.
///
/// It never skips: where such a process cannot be had, the test fails and says why.
pub(crate) fn is_in(process: Process, test: &str) -> bool {
    if is_other(test) {
        return true;
    }
    let scratch = scratch(process);
    let output = command(process, test).env("TMPDIR", scratch.path()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {test} as {process:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let hint = match process {
        Process::OwnMounts => " (mounting needs root, or a kernel that lets users unshare)",
        Process::OrdinaryUser | Process::FewFiles | Process::Doomed => "",
    };
    assert!(output.status.success() && text.contains("1 passed"), "{test} as {process:?} failed{hint}:\n{text}");
    let place = scratch.path().to_owned();
    scratch
        .close()
        .unwrap_or_else(|error| panic!("{test} left what cannot be removed in {}: {error}", place.display()));
    false
}

/// The directory for the temporary files of the other process. It is removed from this one: what the other mounted or
/// forbade is not in the way here.
fn scratch(process: Process) -> TempDir {
    if process != Process::OrdinaryUser || !rustix::process::geteuid().is_root() {
        return tempfile::tempdir().unwrap();
    }
    let places = [env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let place = places.iter().find(|place| is_open_to_all(place)).unwrap_or_else(|| {
        panic!("an ordinary user can enter none of {places:?}; set TMPDIR to a directory that all users can enter")
    });
    let scratch = tempfile::tempdir_in(place).unwrap();
    chown(scratch.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    scratch
}

/// Whether every user can enter a directory, which is to enter all those above it.
fn is_open_to_all(directory: &Path) -> bool {
    let all_can_enter = |path: &Path| metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o001 != 0);
    directory.canonicalize().is_ok_and(|directory| directory.ancestors().all(all_can_enter))
}

/// Whether this is the process that [`command`] starts for `test`.
pub(crate) fn is_other(test: &str) -> bool {
    env::var(MARK).is_ok_and(|mark| mark == test)
}

/// A command that runs `test` in another process.
pub(crate) fn command(process: Process, test: &str) -> Command {
    let this = env::current_exe().unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let mut command = match process {
        Process::OrdinaryUser | Process::Doomed => Command::new(&this),
        Process::FewFiles => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(&this);
            shell
        }
        Process::OwnMounts => {
            let mut unshare = Command::new("unshare");
            unshare.arg("--mount").args((!is_root).then_some("--map-root-user")).arg(&this);
            unshare
        }
    };
    if process == Process::OrdinaryUser && is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.args([test, "--exact", "--nocapture"]).env(MARK, test).stdin(Stdio::null());
    command
}
