//! One hop to a thread that may block.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
};

use crate::{
    error::Fault,
    landing::{AbandonOnDrop, Landing},
};

/// Does file work on the blocking pool of the tokio runtime we are called in.
///
/// # Errors
/// Those of the work; `NoRuntime` outside any, `RuntimeShutDown` and `Panicked` if the work came to no end.
///
/// # Cancel safety
/// Work that has not begun is never done. Work that has begun is finished, and its result thrown away.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let runtime = Handle::try_current().map_err(|_| Fault::NoRuntime)?;
    match Task(runtime.spawn_blocking(work)).await {
        Ok(result) => result,
        Err(error) => Err(fault_of(error)),
    }
}

/// As [`run`], for work that changes something: none of its effects lands after the future is dropped.
pub(crate) async fn run_landing<T: Send + 'static>(
    work: impl FnOnce(&Landing) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let landing = Arc::new(Landing::default());
    let _abandon = AbandonOnDrop(Arc::clone(&landing));
    run(move || work(&landing)).await
}

fn fault_of(error: JoinError) -> Fault {
    match error.try_into_panic() {
        Ok(panic) => {
            let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            Fault::Panicked(message.or_else(|| panic.downcast_ref().cloned()).unwrap_or_default())
        }
        Err(_) => Fault::RuntimeShutDown,
    }
}

/// A task that is taken out of the queue when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    };

    use futures::{FutureExt, executor::block_on};

    use super::*;

    #[test]
    fn without_a_runtime_it_says_what_is_missing() {
        let result = block_on(run(|| Ok(())));
        assert!(matches!(result, Err(Fault::NoRuntime)), "{result:?}");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        for (result, message) in [
            (run(|| -> Result<(), Fault> { panic!("plain") }).await, "plain"),
            (run(|| -> Result<(), Fault> { panic!("with {}", 1) }).await, "with 1"),
        ] {
            assert!(matches!(&result, Err(Fault::Panicked(found)) if found == message), "{result:?}");
        }
    }

    #[test]
    fn after_the_runtime_shut_down_it_says_so() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _inside = handle.enter();
        let result = block_on(run(|| Ok(())));
        assert!(matches!(result, Err(Fault::RuntimeShutDown)), "{result:?}");
    }

    #[tokio::test]
    async fn an_effect_does_not_land_after_the_future_is_dropped() {
        let (begin, begun) = channel();
        let (go_on, wait) = channel();
        let (end, ended) = channel();
        let mut work = Box::pin(run_landing(move |landing| {
            begin.send(()).unwrap();
            wait.recv().unwrap();
            end.send(landing.land(|| Ok(()))).unwrap();
            Ok(())
        }));
        assert!(work.as_mut().now_or_never().is_none());
        begun.recv().unwrap();
        drop(work);
        go_on.send(()).unwrap();
        let landed = ended.recv().unwrap();
        assert!(matches!(landed, Err(Fault::Abandoned)), "{landed:?}");
    }

    #[tokio::test]
    async fn an_effect_that_is_landing_has_landed_when_the_drop_returns() {
        let (begin, begun) = channel();
        let (go_on, wait) = channel();
        let has_landed = Arc::new(AtomicBool::new(false));
        let landed = Arc::clone(&has_landed);
        let mut work = Box::pin(run_landing(move |landing| {
            landing.land(|| {
                begin.send(()).unwrap();
                wait.recv().unwrap();
                landed.store(true, Ordering::SeqCst);
                Ok(())
            })
        }));
        assert!(work.as_mut().now_or_never().is_none());
        begun.recv().unwrap();
        let dropper = std::thread::spawn(move || {
            go_on.send(()).unwrap();
            drop(work);
            has_landed.load(Ordering::SeqCst)
        });
        assert!(dropper.join().unwrap());
    }
}
