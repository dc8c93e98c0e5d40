//! Panics: of decoders, which data from anywhere can cause, and our own, which nobody should see as such.

use std::{any::Any, env, panic, thread};

use tokio::task::JoinError;

use crate::problem::{Problem, one_line};

tokio::task_local! {
    /// Set in tasks whose panic is told as a reason why data cannot be read.
    static EXPECTED: ();
}

/// Makes panics a line for people. Where RUST_BACKTRACE asks for more, they stay as Rust has them.
pub(crate) fn tame_panics() {
    if env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        return;
    }
    panic::set_hook(Box::new(|info| {
        if EXPECTED.try_with(|()| ()).is_ok() {
            return;
        }
        let place = info.location().map(|location| format!(" at {location}")).unwrap_or_default();
        let message = format!("zstore or a library of it is at fault: {}{place}", payload_message(info.payload()));
        if thread::current().name() == Some("main") {
            eprintln!("{}", Problem::new(message, "report this to the developers; RUST_BACKTRACE=1 tells more"));
        } else {
            eprintln!("note: {}", one_line(&message));
        }
    }));
}

/// Runs what decodes data; its panic ends its task alone, and is told by [`reason`].
pub(crate) async fn expected<F: Future>(decoding: F) -> F::Output {
    EXPECTED.scope((), decoding).await
}

/// Why a task that decodes data ended without a result.
pub(crate) fn reason(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => format!("its decoder gave up: {}", payload_message(&*payload)),
        Err(error) => format!("its decoder was stopped: {error}"),
    }
}

fn payload_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("for no known reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_reason() {
        for (task, told) in [
            (tokio::spawn(expected(async { panic!("odd data") })), "its decoder gave up: odd data"),
            (tokio::spawn(expected(async { panic!("odd data {}", 2) })), "its decoder gave up: odd data 2"),
        ] {
            let error: JoinError = task.await.map(|(): ()| ()).unwrap_err();
            assert_eq!(reason(error), told);
        }
    }
}
