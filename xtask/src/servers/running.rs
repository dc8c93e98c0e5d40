//! A server that runs: a process, its folder, and its end.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::process::Outcome;

/// How long a server may take until it answers. The slowest takes six seconds alone on two cores.
const READY_TIME_MAX: Duration = Duration::from_secs(90);
/// How long a server may take to end in good order.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(50);

/// A process that ends with this value, and its folder with it.
pub(super) struct Running {
    child: Child,
    folder: PathBuf,
}

impl Running {
    /// Starts `command`, whose output goes to a file in `folder`, and waits until `is_ready`.
    pub(super) fn start(folder: PathBuf, command: &mut Command, is_ready: impl Fn() -> bool) -> Outcome<Self> {
        let log = folder.join("log");
        let program = command.get_program().display().to_string();
        let failed = |error: std::io::Error| format!("{program} cannot be started: {error}");
        let output = File::create(&log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let child = command.current_dir(&folder).stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let mut running = Self { child: child.map_err(failed)?, folder };
        let start = Instant::now();
        while !is_ready() {
            let ended = running.child.try_wait().map_err(|error| format!("{program} cannot be asked: {error}"))?;
            let why = match ended {
                Some(status) => format!("{program} ended: {status}"),
                None if start.elapsed() > READY_TIME_MAX => format!("{program} does not answer"),
                None => {
                    thread::sleep(PAUSE);
                    continue;
                }
            };
            let said = fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(10).collect();
            return Err(format!("{why}\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n")));
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A server that is asked to end ends its own workers too.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let start = Instant::now();
        while asked.as_ref().is_ok_and(|status| status.success()) && start.elapsed() < STOP_TIME_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(PAUSE);
        }
        // Nothing can be done about a failure here, and nothing depends on it.
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// Ports of 127.0.0.1 that are free, all different. Somebody may take one before the server does, which then does not
/// start; among some 28,000 that is not worth more than to be told.
pub(super) fn free_ports<const COUNT: usize>() -> Outcome<[u16; COUNT]> {
    let failed = |error: std::io::Error| format!("there is no free port: {error}");
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        *port = listener.local_addr().map_err(failed)?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::scratch;

    #[test]
    fn a_server_that_ends_at_once_is_told_of_in_its_own_words() {
        let folder = scratch("ends").unwrap();
        let mut command = Command::new("sh");
        let started = Running::start(folder, command.args(["-c", "echo no such disk; exit 3"]), || false);
        let why = started.err().unwrap();
        assert!(why.contains("exit status: 3") && why.ends_with("no such disk"), "{why}");
    }

    #[test]
    fn a_server_and_its_folder_end_with_the_value() {
        let folder = scratch("stops").unwrap();
        let mut command = Command::new("sleep");
        let running = Running::start(folder.clone(), command.arg("600"), || true).unwrap();
        let process = PathBuf::from(format!("/proc/{}", running.child.id()));
        assert!(process.exists() && folder.exists());
        drop(running);
        assert!(!process.exists() && !folder.exists());
    }

    #[test]
    fn ports_are_different() {
        let [first, second] = free_ports().unwrap();
        assert_ne!(first, second);
    }
}
