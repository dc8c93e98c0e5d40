//! Programs run from here: each is shown before it starts, and its failure is ours.

use std::{
    env,
    ffi::OsStr,
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::repository;

/// What went wrong, for people.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Runs cargo at the root of the repository, with these variables set besides our own.
pub(crate) fn cargo(arguments: &[&str], variables: &[(&str, &OsStr)]) -> Outcome {
    let mut line = String::from("$");
    for (name, value) in variables {
        let _ = write!(line, " {name}={}", value.display());
    }
    println!("{line} cargo {}", arguments.join(" "));
    status(command(arguments).envs(variables.iter().copied()))
}

/// Runs a command, whose failure is ours.
pub(crate) fn status(command: &mut Command) -> Outcome {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = [program].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy);
    let line = words.collect::<Vec<_>>().join(" ");
    let status = command.status().map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed: {status}")) }
}

/// What cargo prints for this question. Its complaints go to our own terminal.
pub(crate) fn ask_cargo(arguments: &[&str]) -> Outcome<String> {
    let output = command(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("`cargo {}` failed: {}", arguments.join(" "), output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`cargo {}`: {error}", arguments.join(" ")))
}

fn command(arguments: &[&str]) -> Command {
    // Under cargo this names the very cargo that runs us.
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(repository::root());
    command
}
