//! Gates: one for each key, so that what changes the blobs of a key happens one after the other.
//!
//! Whoever writes or deletes a blob of this cache holds the gate of its key; blobs of others that are in the books
//! have none. Whoever holds a gate waits for another one only to delete what its own reservation evicted, and has by
//! then deleted every blob of its own key, of which none is taken over from the dead while the gate is held: so a ring
//! of waiters, each waiting for the blob of the next, would need each reservation to be older than the next one's, all
//! the way round.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use zstore_core::Key;

type Lock = Arc<tokio::sync::Mutex<()>>;

/// The gates that are held or waited for.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<Key, Lock>>);

impl Gates {
    /// Waits for the gate of `key`.
    pub(crate) async fn enter(self: &Arc<Self>, key: &Key) -> Gate {
        let lock = Arc::clone(self.0.lock().entry(key.clone()).or_default());
        // Made before the wait, so that a waiter who gives up cleans up too.
        let mut gate = Gate { gates: Arc::clone(self), key: key.clone(), held: None };
        gate.held = Some(lock.lock_owned().await);
        gate
    }

    /// Whether the gate of `key` is held or waited for.
    pub(crate) fn is_busy(&self, key: &Key) -> bool {
        self.0.lock().contains_key(key)
    }

    /// How many gates are held or waited for.
    pub(crate) fn under_way(&self) -> usize {
        self.0.lock().len()
    }
}

/// A held gate; dropping it opens the gate.
#[derive(Debug)]
pub(crate) struct Gate {
    gates: Arc<Gates>,
    key: Key,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.held = None;
        let mut gates = self.gates.0.lock();
        // Only the table holds it: nobody is in it or waits for it, and nobody can come while the table is locked.
        if gates.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            gates.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left_behind() {
        let gates = Arc::new(Gates::default());
        let (a, b) = (Key::new("a").unwrap(), Key::new("b").unwrap());
        let held = gates.enter(&a).await;
        assert!(gates.enter(&b).now_or_never().is_some(), "another key's gate is open");
        let mut waiting = Box::pin(gates.enter(&a));
        assert!((&mut waiting).now_or_never().is_none(), "a held gate is closed");
        assert_eq!(gates.under_way(), 1);
        drop(held);
        drop(waiting.await);
        assert_eq!(gates.under_way(), 0);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let gates = Arc::new(Gates::default());
        let key = Key::new("a").unwrap();
        let held = gates.enter(&key).await;
        assert!(gates.enter(&key).now_or_never().is_none());
        drop(held);
        assert!(gates.0.lock().is_empty());
    }
}
