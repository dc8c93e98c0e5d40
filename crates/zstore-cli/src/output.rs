//! Standard output, which may go away: `zstore demo | head -1` is no mistake.

use std::io::{ErrorKind, Write, stdout};

use serde::Serialize;

use crate::problem::Problem;

/// Whether anybody reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    Gone,
}

/// Writes `text` to standard output. If nobody reads it any more, that is no failure.
///
/// # Errors
/// If the output is there and cannot be written, as when a disk is full.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    print_bytes(text.as_bytes()).map(|_| ())
}

/// The same for any bytes, and tells whether there is a use in more.
///
/// # Errors
/// As of [`print`].
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<Reader, Problem> {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Problem::new(
            format!("cannot write the result: {error}"),
            "see that standard output is open and its disk has room",
        )),
    }
}

/// One JSON object and a line break.
///
/// # Errors
/// Never for what a report holds.
pub(crate) fn json(report: &impl Serialize) -> Result<String, Problem> {
    let json = serde_json::to_string(report).map_err(|error| {
        Problem::new(format!("cannot write the report as JSON: {error}"), "report this to the developers of zstore")
    })?;
    Ok(json + "\n")
}
