//! Landings: what was fetched goes into the tier behind its readers' backs, within a bound.

use std::sync::Arc;

use futures::poll;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// Bytes that may wait for a slow tier at once; beyond them readers wait for it. A hundred chunks of 2 MiB, as many
/// as an eager reader has under way, are below it.
const BEHIND_BYTES_MAX: usize = 256 << 20;
/// A landing is taken for so large at least: it costs a file, a lock and a task, so that no more than 4,096 wait.
const LANDING_BYTES_MIN: u64 = 64 << 10;
/// What one permit of the semaphore stands for, so that the bound fits its counter on any machine.
const PERMIT_BYTES: u64 = 1024;

/// Counts and bounds the landings under way.
#[derive(Debug)]
pub(crate) struct Landings {
    room: Arc<Semaphore>,
    under_way: Arc<watch::Sender<usize>>,
}

impl Landings {
    pub(crate) fn new() -> Self {
        let room = Semaphore::new(BEHIND_BYTES_MAX / PERMIT_BYTES as usize);
        Self { room: Arc::new(room), under_way: Arc::new(watch::Sender::new(0)) }
    }

    /// Waits until so many more bytes may wait for the tier.
    pub(crate) async fn hold(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let most = BEHIND_BYTES_MAX as u64 / PERMIT_BYTES;
        let bytes = bytes.max(LANDING_BYTES_MIN);
        let permits = u32::try_from((bytes / PERMIT_BYTES).min(most)).unwrap_or(1);
        Arc::clone(&self.room).acquire_many_owned(permits).await.ok()
    }

    /// Carries `landing` out, as far as it goes without waiting; the rest is spawned. Without a runtime the caller
    /// waits for it.
    pub(crate) async fn carry(&self, landing: impl Future<Output = ()> + Send + 'static) {
        let count = self.begin();
        let mut landing = Box::pin(async move {
            landing.await;
            drop(count);
        });
        match Handle::try_current() {
            Err(_) => landing.await,
            Ok(runtime) => {
                if poll!(landing.as_mut()).is_pending() {
                    runtime.spawn(landing);
                }
            }
        }
    }

    /// Carries work out in a task of its own, from the beginning.
    pub(crate) fn spawn(&self, runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        let count = self.begin();
        runtime.spawn(async move {
            work.await;
            drop(count);
        });
    }

    /// Waits until no landing is under way.
    pub(crate) async fn idle(&self) {
        // An error would mean that the sender is gone, which lives as long as `self`.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    fn begin(&self) -> UnderWay {
        self.under_way.send_modify(|count| *count += 1);
        UnderWay(Arc::clone(&self.under_way))
    }
}

struct UnderWay(Arc<watch::Sender<usize>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn landings_are_bounded_by_their_bytes_and_by_their_number() {
        for (bytes, held) in [(BEHIND_BYTES_MAX as u64, 1), (BEHIND_BYTES_MAX as u64 * 2, 1), (1 << 20, 256), (1, 4096)]
        {
            let landings = Landings::new();
            let mut permits = Vec::new();
            while let Some(Some(permit)) = tokio::task::unconstrained(landings.hold(bytes)).now_or_never() {
                permits.push(permit);
            }
            assert_eq!(permits.len(), held, "of {bytes} bytes each");
        }
    }
}
