//! Workers: this program again, as another process.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A worker under way. It tells each step by a line.
pub(crate) struct Worker {
    child: Child,
    steps: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(role: &str, directory: &Path, seed: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["worker", role]).arg(directory).arg(seed.to_string()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let steps = BufReader::new(child.stdout.take().unwrap());
        Self { child, steps }
    }

    /// Waits until it has told of so many more steps; false if it ended before.
    pub(crate) fn goes_on_for(&mut self, steps: u64) -> bool {
        (0..steps).all(|_| self.steps.read_line(&mut String::new()).unwrap() > 0)
    }

    /// Kills it wherever it is.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it is done.
    pub(crate) fn end(mut self) {
        while self.steps.read_line(&mut String::new()).unwrap() > 0 {}
        assert!(self.child.wait().unwrap().success(), "a worker found something wrong");
    }
}

/// Tells the one who started this worker that another step is done.
pub(crate) fn step() {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Whoever started it may have heard enough.
    let _ = writeln!(out, ".").and_then(|()| out.flush());
}
