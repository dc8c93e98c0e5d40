//! Room in the tier: claimed before bytes are written, given back when bytes are gone.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use tokio::runtime::Handle;
use zstore_core::{Error, Key, ReadStore, Store, Timestamp};
use zstore_policy::{Grant, Refused};

use crate::{
    catalog::{Claim, Entry, Gone, Record},
    flights::Token,
    inner::Inner,
    inspection::counters::Count,
    landing::Landed,
    name::{BlobId, Home},
    tier::CONCURRENT_MAX,
};

/// What could not be removed is tried again so many at a time, after a pause: a directory that has become read-only
/// must not cost every read a walk over all it holds.
const RETRIES_MAX: usize = 64;
const RETRY_PAUSE: Duration = Duration::from_secs(30);

type Granted = Result<Grant<BlobId, Record>, Refused>;

/// A claim on room; dropping it gives the room back, or leaves it to a later clean-up if something may have been
/// written.
#[derive(Debug)]
pub(crate) struct Claimed<'a, S: ReadStore + ?Sized, T: Store + ?Sized> {
    inner: &'a Inner<S, T>,
    claim: Option<Claim>,
    /// Its seat in the journal, once it was announced there.
    seat: Option<u32>,
    written: bool,
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Claimed<'_, S, T> {
    /// Puts down in the journal that this is about to be written.
    pub(crate) fn announce(&mut self, entry: &Entry) {
        if let Some(claim) = &self.claim {
            self.seat = self.inner.catalog.lock().announce(claim, entry);
        }
    }

    pub(crate) const fn seat(&self) -> Option<u32> {
        self.seat
    }

    /// From now on there may be bytes of it in the tier.
    pub(crate) const fn write(&mut self) {
        self.written = true;
    }

    /// Hands the claim over to be committed.
    pub(crate) const fn take(&mut self) -> Option<Claim> {
        self.claim.take()
    }

    /// Takes back a claim that was not committed.
    pub(crate) fn restore(&mut self, claim: Claim) {
        self.claim = Some(claim);
    }

    /// Gives the claim up; what may have been written is to be removed.
    pub(crate) fn spoil(mut self) -> Option<Gone> {
        let seat = self.seat;
        self.claim.take().map(|claim| self.inner.catalog.lock().spoil(claim, seat))
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Drop for Claimed<'_, S, T> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            let mut catalog = self.inner.catalog.lock();
            if self.written {
                let gone = catalog.spoil(claim, self.seat);
                catalog.strand(gone);
            } else {
                catalog.abort(claim, self.seat);
            }
        }
        // A claim that was committed is over too: what it holds may leave again.
        self.inner.room_moved.notify_waiters();
    }
}

/// Something out of service whose bytes are to be removed; dropping it leaves that to a later clean-up.
#[derive(Debug)]
struct Owed<'a, S: ReadStore + ?Sized, T: Store + ?Sized> {
    inner: &'a Inner<S, T>,
    gone: Option<Gone>,
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Owed<'_, S, T> {
    fn left(mut self) {
        if let Some(gone) = self.gone.take() {
            // Others may have had the room of it already.
            self.inner.measure_room();
            self.inner.catalog.lock().left(gone);
            self.inner.room_moved.notify_waiters();
        }
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Drop for Owed<'_, S, T> {
    fn drop(&mut self) {
        if let Some(gone) = self.gone.take() {
            self.inner.catalog.lock().strand(gone);
            self.inner.room_moved.notify_waiters();
        }
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// Claims room for a blob that is of use until `expires`, and removes what has to leave for it. Not for a caller who
    /// holds a gate.
    ///
    /// # Errors
    /// Why it will not land: there is no room, the policy would rather keep what is there, or the tier does not let go.
    pub(crate) async fn claim(
        &self,
        id: &BlobId,
        weight: u64,
        expires: Option<Timestamp>,
    ) -> Result<Claimed<'_, S, T>, Landed> {
        self.extend_room(weight).await;
        let granted = self.catalog.lock().reserve(id.clone(), weight, expires, self.watch.now());
        self.clear_for(id, granted, None).await
    }

    /// The same for who holds the gate of its key, and has [asked for room](Self::extend_room) before.
    ///
    /// # Errors
    /// As for [`claim`](Self::claim).
    pub(crate) async fn claim_gated(
        &self,
        id: &BlobId,
        weight: u64,
        expires: Option<Timestamp>,
    ) -> Result<Claimed<'_, S, T>, Landed> {
        self.respect_floor(weight);
        let granted = self.catalog.lock().reserve(id.clone(), weight, expires, self.watch.now());
        self.clear_for(id, granted, Some(&id.key)).await
    }

    /// The same for who can wait: if all room is being vacated or written in by others, that is waited for, as long as
    /// one operation on the tier may take. Not for a caller who holds a gate.
    ///
    /// # Errors
    /// As for [`claim`](Self::claim), and if it may not land any more.
    pub(crate) async fn claim_in_turn(
        &self,
        id: &BlobId,
        weight: u64,
        expires: Option<Timestamp>,
        token: &Token,
    ) -> Result<Claimed<'_, S, T>, Landed> {
        // Without a runtime, whoever makes room may be a future that nobody polls.
        if Handle::try_current().is_err() {
            return self.claim(id, weight, expires).await;
        }
        self.extend_room(weight).await;
        match self.tier.bear_with(self.grant_in_turn(id, weight, expires, token)).await {
            Some(Some(granted)) => self.clear_for(id, granted, None).await,
            Some(None) => Err(Landed::Outdated),
            None => Err(self.refused(&id.key, Refused::NoRoom)),
        }
    }

    /// What the ledger says once no room is in motion that might be enough; none if it may not land any more.
    async fn grant_in_turn(
        &self,
        id: &BlobId,
        weight: u64,
        expires: Option<Timestamp>,
        token: &Token,
    ) -> Option<Granted> {
        loop {
            let mut moved = pin!(self.room_moved.notified());
            // From here on no notice is missed.
            moved.as_mut().enable();
            let now = self.watch.now();
            if token.is_doomed() || expires.is_some_and(|expires| expires <= now) {
                return None;
            }
            {
                let mut catalog = self.catalog.lock();
                match catalog.reserve(id.clone(), weight, expires, now) {
                    Err(Refused::NoRoom) if catalog.is_in_motion() => {}
                    granted => return Some(granted),
                }
            }
            moved.await;
        }
    }

    /// Removes what has to leave for what was granted. The caller holds no gate but that of `held`.
    async fn clear_for(&self, id: &BlobId, granted: Granted, held: Option<&Key>) -> Result<Claimed<'_, S, T>, Landed> {
        let Grant { reservation, leaving } = granted.map_err(|refused| self.refused(&id.key, refused))?;
        self.count_leaving(&leaving);
        let claimed = self.claimed(reservation);
        if !self.remove_each(leaving, held).await {
            return Err(Landed::TierFault);
        }
        // Others may have taken what was to leave, and its room.
        if self.catalog.lock().is_over() {
            return Err(self.refused(&id.key, Refused::NoRoom));
        }
        Ok(claimed)
    }

    pub(crate) const fn claimed(&self, claim: Claim) -> Claimed<'_, S, T> {
        Claimed { inner: self, claim: Some(claim), seat: None, written: false }
    }

    pub(crate) fn refused(&self, key: &Key, refused: Refused) -> Landed {
        self.tallies.add(key, Count::Refused, 1);
        match refused {
            Refused::TooLarge | Refused::NoRoom => Landed::NoRoom,
            Refused::NotAdmitted => Landed::NotAdmitted,
        }
    }

    /// Counts what leaves for space or age.
    pub(crate) fn count_leaving(&self, leaving: &[Gone]) {
        for gone in leaving {
            if let Some(count) = Count::of_leaving(gone.reason) {
                self.tallies.add(&gone.key.key, count, 1);
            }
        }
    }

    /// Removes blobs that are out of service. Whether all are gone.
    pub(crate) async fn remove(&self, gone: Vec<Gone>) -> bool {
        self.remove_each(gone, None).await
    }

    /// The same for who holds the gate of `key`.
    pub(crate) async fn remove_gated(&self, key: &Key, gone: Vec<Gone>) -> bool {
        self.remove_each(gone, Some(key)).await
    }

    async fn remove_each(&self, gone: Vec<Gone>, held: Option<&Key>) -> bool {
        // All are owed before the first wait, so that none is lost if the wait is given up.
        let owed: Vec<_> = gone.into_iter().map(|gone| Owed { inner: self, gone: Some(gone) }).collect();
        // So that a kill does not make forgotten that it may be gone. What cannot be written has to go all the same.
        if !owed.is_empty() {
            self.write_books().await;
        }
        let silent = AtomicBool::new(false);
        let removals: Vec<_> = owed.into_iter().map(|owed| self.remove_owed(owed, held, &silent)).collect();
        stream::iter(removals).buffer_unordered(CONCURRENT_MAX).fold(true, async |all, gone| all && gone).await
    }

    async fn remove_owed(&self, owed: Owed<'_, S, T>, held: Option<&Key>, silent: &AtomicBool) -> bool {
        let Some(id) = owed.gone.as_ref().map(|gone| gone.key.clone()) else { return true };
        let enters = id.home == Home::OWN && held != Some(&id.key);
        let _gate = if enters { Some(self.gates.enter(&id.key).await) } else { None };
        // A successor was written over it: its bytes are gone already, and those under its name are not its own.
        let replaced = self.catalog.lock().ledger().peek(&id).is_some();
        // A tier that gives no answer about one of many will give none about the others: one time-out is enough.
        if !replaced && (silent.load(Ordering::Relaxed) || !self.delete_blob(&id, silent).await) {
            return false;
        }
        owed.left();
        true
    }

    /// Deletes the blob of this name, whoever's it is, and tells if the tier gave no answer. The caller holds the gate.
    pub(crate) async fn delete_blob(&self, id: &BlobId, silent: &AtomicBool) -> bool {
        let Ok(name) = self.blob_key(id) else { return false };
        let deleted = self.tier.delete(&name).await;
        if deleted.as_ref().is_err_and(Error::is_retryable) {
            silent.store(true, Ordering::Relaxed);
        }
        deleted.is_ok()
    }

    /// Tries again to remove so many of what could not be removed, unless the tier is left alone. Not for a caller
    /// who holds a gate: it may be the gate of what is to be removed.
    pub(crate) async fn remove_stranded(&self, most: usize) {
        if self.tier.is_down() {
            return;
        }
        let stranded = {
            let mut catalog = self.catalog.lock();
            let mut stranded = catalog.take_stranded();
            for later in stranded.split_off(most.min(stranded.len())) {
                catalog.strand(later);
            }
            stranded
        };
        if !stranded.is_empty() {
            let next = self.watch.now().saturating_add(RETRY_PAUSE);
            self.retry_removals_at.store(next.as_millis(), Ordering::Relaxed);
            self.remove(stranded).await;
        }
    }

    /// Tries again, behind the caller's back, to remove some of what could not be removed, if that is due.
    pub(crate) async fn retry_removals(self: &Arc<Self>)
    where
        S: 'static,
        T: 'static,
    {
        if self.watch.now().as_millis() < self.retry_removals_at.load(Ordering::Relaxed) {
            return;
        }
        let inner = Arc::clone(self);
        self.landings.carry(async move { inner.remove_stranded(RETRIES_MAX).await }).await;
    }

    /// Removes blobs behind the caller's back.
    pub(crate) async fn remove_behind(self: &Arc<Self>, gone: Vec<Gone>)
    where
        S: 'static,
        T: 'static,
    {
        if gone.is_empty() {
            return;
        }
        let inner = Arc::clone(self);
        self.landings
            .carry(async move {
                inner.remove(gone).await;
            })
            .await;
    }
}
