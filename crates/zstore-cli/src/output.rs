//! Standard output, which may go away: `zstore demo | head -1` is no mistake.

use std::io::{ErrorKind, Write, stdout};

use crate::problem::Problem;

/// Writes `text` to standard output. If nobody reads it any more, that is no failure.
///
/// # Errors
/// If the output is there and cannot be written, as when a disk is full.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Problem::new(
            format!("cannot write the result: {error}"),
            "see that standard output is open and its disk has room",
        )),
        _ => Ok(()),
    }
}
