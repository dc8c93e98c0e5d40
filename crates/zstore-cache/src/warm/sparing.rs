//! Sparing: room for what a warm-up brings, without the departure of what it is to bring or keep.
//!
//! The policy chooses victims by what was read; a warm-up knows what will be. So it asks the policy only in which
//! order it would let the others go, and where they are not enough, nobody leaves.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use zstore_core::{Key, ReadStore, Store, Timestamp};

use crate::{inner::Inner, inspection::counters::Count, landing::Landed, name::BlobId, room::Claimed};

/// Others may take the room that was made before it is claimed; then some more is made, so often.
const ATTEMPTS_MAX: usize = 4;

/// Whom a warm-up spares, and in which order others leave for it.
#[derive(Debug)]
pub(crate) struct Sparing {
    pub(crate) spared: Arc<HashSet<Key>>,
    /// Who leaves next. It is filled anew when it is used up, so each filling is paid for by those who leave.
    order: Mutex<VecDeque<BlobId>>,
    /// Held by whoever makes room: two at once would each have others leave for the room that one of them is about to
    /// get.
    turn: tokio::sync::Mutex<()>,
}

impl Sparing {
    pub(crate) fn new(spared: Arc<HashSet<Key>>) -> Self {
        Self { spared, order: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// Claims room for a blob as [`claim`](Self::claim) does, but nobody leaves for it who is spared, and the policy
    /// is not asked whether it is worth it. Not for a caller who holds a gate.
    ///
    /// # Errors
    /// Why it will not land.
    pub(crate) async fn claim_sparing(
        &self,
        id: &BlobId,
        weight: u64,
        expires: Option<Timestamp>,
        sparing: &Sparing,
    ) -> Result<Claimed<'_, S, T>, Landed> {
        let _turn = sparing.turn.lock().await;
        self.extend_room(weight).await;
        for _ in 0..ATTEMPTS_MAX {
            let now = self.watch.now();
            let (leaving, enough) = {
                let mut catalog = self.catalog.lock();
                let free = catalog.free();
                if weight <= free {
                    // Nobody has to leave, so nobody is asked.
                    let granted = catalog.reserve(id.clone(), weight, expires, now);
                    drop(catalog);
                    return granted
                        .map(|grant| self.claimed(grant.reservation))
                        .map_err(|refused| self.refused(&id.key, refused));
                }
                let leaves = |other: &BlobId| other.key == id.key || !sparing.spared.contains(&other.key);
                catalog.vacate(weight - free, &mut sparing.order.lock(), now, leaves)
            };
            self.count_leaving(&leaving);
            if !self.remove(leaving).await {
                return Err(Landed::TierFault);
            }
            if !enough {
                // An older copy of the same value may be leaving; whoever removes it holds its gate.
                drop(self.gates.enter(&id.key).await);
                if weight > self.catalog.lock().free() {
                    break;
                }
            }
        }
        self.tallies.add(&id.key, Count::Refused, 1);
        Err(Landed::NoRoom)
    }
}
