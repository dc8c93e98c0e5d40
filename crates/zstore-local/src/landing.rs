//! What a dropped future can no longer do.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Fault;

/// Whether effects may still happen. The lock is held while one does, so that abandoning waits for it and allows none
/// after.
#[derive(Debug, Default)]
pub(crate) struct Landing {
    is_abandoned: Mutex<bool>,
}

impl Landing {
    /// Carries out one short effect, unless the future that asked for it is gone.
    pub(crate) fn land<T>(&self, effect: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let is_abandoned = self.is_abandoned.lock();
        if *is_abandoned { Err(Fault::Abandoned) } else { effect() }
    }
}

/// Held by the future: when it is dropped, no effect lands any more.
#[derive(Debug)]
pub(crate) struct AbandonOnDrop(pub(crate) Arc<Landing>);

impl Drop for AbandonOnDrop {
    /// Waits for an effect that is just landing: one rename or unlink.
    fn drop(&mut self) {
        *self.0.is_abandoned.lock() = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lands_after_the_drop_and_the_drop_waits_for_what_is_landing() {
        let landing = Arc::new(Landing::default());
        let guard = AbandonOnDrop(Arc::clone(&landing));
        // A drop takes this lock: it cannot return before the effect is done.
        let landed = landing.land(|| Ok(landing.is_abandoned.is_locked()));
        assert!(landed.is_ok_and(|locked| locked));
        drop(guard);
        let landed = landing.land(|| Ok(()));
        assert!(matches!(landed, Err(Fault::Abandoned)), "{landed:?}");
    }
}
