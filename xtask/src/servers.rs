//! Real servers for the tests of remotes: started on free ports of 127.0.0.1, and stopped when the value that stands
//! for them is dropped.
//!
//! Tests find each by a variable that holds its URL, with the name and password it knows where it asks for some:
//!
//! | variable | server |
//! |---|---|
//! | `ZSTORE_TEST_SEAWEEDFS` | SeaweedFS, a real store that speaks S3; has the buckets `zstore` and `public` |
//! | `ZSTORE_TEST_MOTO` | moto, a mock of S3 by others; has the bucket `zstore` |
//! | `ZSTORE_TEST_AZURITE` | Azurite, Microsoft's emulator of Azure Blob Storage |
//! | `ZSTORE_TEST_NGINX` | nginx; serves the folder in `ZSTORE_TEST_NGINX_FOLDER` |

mod azurite;
mod http;
mod moto;
mod nginx;
mod running;
mod seaweedfs;

use std::{ffi::OsString, fmt, fs, process::Command};

use self::running::Running;
use crate::{
    process::{self, Outcome},
    provision, repository,
};

/// A variable of the environment and what it is to be.
pub(crate) type Variable = (&'static str, OsString);

/// Servers that run. Those that could not be started are told of.
pub(crate) struct Servers {
    _running: Vec<Running>,
    /// How tests find them.
    pub(crate) variables: Vec<Variable>,
    /// Which are not there.
    pub(crate) absent: Vec<Absent>,
}

/// A server that could not be started.
pub(crate) struct Absent {
    name: &'static str,
    why: String,
}

impl Absent {
    /// The module of the tests that need it.
    pub(crate) fn tests(&self) -> String {
        format!("real::{}", self.name.to_lowercase())
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not there: {}", self.name, self.why)
    }
}

/// A server that was started, and how tests find it.
struct Started {
    running: Running,
    variables: Vec<Variable>,
}

/// How a server is started, beginning with its installation.
type Start = fn() -> Outcome<Started>;

/// Starts all of them, one after the other: each is ready in seconds.
pub(crate) fn start() -> Servers {
    let all: [(&str, Start); 4] =
        [("SeaweedFS", seaweedfs::start), ("moto", moto::start), ("Azurite", azurite::start), ("nginx", nginx::start)];
    let mut servers = Servers { _running: Vec::new(), variables: Vec::new(), absent: Vec::new() };
    for (name, start) in all {
        match start() {
            Ok(Started { running, variables }) => {
                println!("{name} runs: {}", shown(&variables));
                servers._running.push(running);
                servers.variables.extend(variables);
            }
            Err(why) => servers.absent.push(Absent { name, why }),
        }
    }
    servers
}

/// Runs a command while the servers run, or tells how to find them until the input ends.
pub(crate) fn run(command: &[&str]) -> Outcome {
    let servers = start();
    if !servers.absent.is_empty() {
        return Err(servers.absent.iter().map(Absent::to_string).collect::<Vec<_>>().join("\n"));
    }
    match command {
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).envs(servers.variables.iter().cloned()).current_dir(repository::root());
            process::status(&mut command)
        }
        [] => {
            println!("They stop at the end of the input (Ctrl-D).");
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
                .map(drop)
                .map_err(|error| format!("the input cannot be read: {error}"))
        }
    }
}

fn shown(variables: &[Variable]) -> String {
    variables.iter().map(|(name, value)| format!("{name}={}", value.display())).collect::<Vec<_>>().join(" ")
}

/// An empty folder for what a server writes.
fn scratch(name: &str) -> Outcome<std::path::PathBuf> {
    // One for each process: two may run the tests at once.
    let folder = provision::folder().join("run").join(format!("{name}-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("{} cannot be made: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    Ok(folder)
}
