//! Loading: what earlier members of a directory held is taken over from their journals, behind everybody's back.
//!
//! Reads are served meanwhile, by name. What is to land waits, for until then nobody can tell what has to leave.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::runtime::Handle;
use zstore_core::{Error, ErrorKind, Operation, Prefix, ReadStore, Result, Store};
use zstore_directory::Orphan;
use zstore_format::{index::Journal, marker::MARKERS_BYTES};
use zstore_policy::Reason;

use super::{
    Sharing,
    books::Note,
    replay::{Doubt, Doubts},
};
use crate::{
    catalog::{Catalog, Inherited},
    inner::Inner,
    name::Home,
};

/// Without a bound, members are dealt room out of this much.
const UNBOUNDED: u64 = 1 << 60;

/// A directory that cannot be looked at, for want of file descriptors perhaps, is looked at again so often.
const ATTEMPTS_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Loading that failed, because the disk is full or slow perhaps, is gone on with after so long.
const RETRY_MS: u64 = 10_000;

/// How far loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    UnderWay,
    /// It is to be gone on with once the clock has been running for so many milliseconds.
    Stalled(u64),
    /// All is known that earlier ones left.
    Done,
}

/// What is left to do once the journals were read.
#[derive(Debug)]
pub(super) struct Unsettled {
    doubts: Doubts,
    merged: Vec<Orphan>,
}

impl Unsettled {
    /// Nothing is believed. Nobody will bury whose journals could not be read: the next one must not believe them
    /// either.
    fn of_nobody_knows_what(sharing: &Sharing) -> Self {
        let _ = sharing.shares.disturb();
        Self { doubts: Doubts { all: true, unsure: Vec::new() }, merged: Vec::new() }
    }
}

/// What the dead held is being looked for: unless it becomes known, its room is used by nobody until it is counted.
struct Unknown {
    sharing: Arc<Sharing>,
    is_known: bool,
}

impl Drop for Unknown {
    fn drop(&mut self) {
        if !self.is_known {
            let _ = self.sharing.shares.disturb();
        }
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::TimedOut, Operation::Head).with_detail("the value is being written, and that takes long")
}

/// Tells whoever waits for it how loading ended, even if its runtime ended before it.
struct Loading {
    sharing: Arc<Sharing>,
    unsettled: Option<Unsettled>,
    /// Milliseconds that the clock must have been running for another attempt.
    retry_at: u64,
    is_done: bool,
}

impl Drop for Loading {
    fn drop(&mut self) {
        *self.sharing.unsettled.lock() = self.unsettled.take();
        let progress = if self.is_done { Progress::Done } else { Progress::Stalled(self.retry_at) };
        self.sharing.progress.send_replace(progress);
    }
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Joins those who share the directory. What they held before is loaded behind the caller's back.
    ///
    /// # Errors
    /// What the system refuses.
    pub(crate) async fn join(self: &Arc<Self>, directory: &Path) -> Result<()> {
        let bound = self.settings.size_max.map_or(UNBOUNDED, |max| max.saturating_sub(MARKERS_BYTES));
        let (sharing, orphans) = Sharing::join(directory, self.namespace.space().hash(), bound)
            .await
            .map_err(|error| self.trouble(error))?;
        let sharing = Arc::new(sharing);
        {
            let mut catalog = self.catalog.lock();
            // All that the dead held is there, until it is known what it is.
            let granted = sharing.shares.granted().saturating_add(MARKERS_BYTES);
            catalog.set_room(granted, granted);
            catalog.keep(Arc::clone(&sharing.books));
        }
        // Nobody else opens the tier meanwhile.
        let _ = self.sharing.set(Arc::clone(&sharing));
        let inner = Arc::clone(self);
        self.landings.carry(async move { inner.load(sharing, orphans).await }).await;
        Ok(())
    }

    async fn load(self: Arc<Self>, sharing: Arc<Sharing>, orphans: Vec<Orphan>) {
        // However it ends, nobody waits for it in vain.
        let mut loading = Loading { sharing: Arc::clone(&sharing), unsettled: None, retry_at: 0, is_done: false };
        let (inner, shared) = (Arc::clone(&self), Arc::clone(&sharing));
        // What was found out is not lost if the runtime shuts down, nor does anybody load beside this meanwhile.
        let replay = move || {
            loading.unsettled = match inner.replay(&shared, orphans) {
                Ok((doubts, merged)) => Some(Unsettled { doubts, merged }),
                Err(error) => {
                    inner.tier.fault(&inner.trouble(error));
                    None
                }
            };
            loading
        };
        let loading = match Handle::try_current() {
            Ok(runtime) => runtime.spawn_blocking(replay).await.ok(),
            Err(_) => Some(replay()),
        };
        if let Some(mut loading) = loading {
            loading.unsettled.get_or_insert_with(|| Unsettled::of_nobody_knows_what(&sharing));
            self.settle_all(loading).await;
        }
    }

    /// Goes on with loading that failed, if that is due.
    pub(super) async fn retry_loading(self: &Arc<Self>, sharing: &Arc<Sharing>) {
        let (mut is_due, now_ms) = (false, self.running_ms());
        sharing.progress.send_if_modified(|progress| {
            is_due = matches!(progress, Progress::Stalled(retry_at) if *retry_at <= now_ms);
            if is_due {
                *progress = Progress::UnderWay;
            }
            is_due
        });
        if is_due {
            let left = sharing.unsettled.lock().take();
            let unsettled = Some(left.unwrap_or_else(|| Unsettled::of_nobody_knows_what(sharing)));
            let loading = Loading { sharing: Arc::clone(sharing), unsettled, retry_at: 0, is_done: false };
            let inner = Arc::clone(self);
            self.landings.carry(async move { inner.settle_all(loading).await }).await;
        }
    }

    /// Looks for what journals cannot be believed about, and has leave what is too much.
    async fn settle_all(self: Arc<Self>, mut loading: Loading) {
        let sharing = Arc::clone(&loading.sharing);
        let Some(unsettled) = &mut loading.unsettled else { return };
        let is_disturbed = match sharing.shares.begin_count() {
            Ok(is_disturbed) => is_disturbed,
            Err(error) => {
                self.tier.fault(&self.trouble(error));
                true
            }
        };
        for attempt in 1.. {
            if self.verify(&sharing, &mut unsettled.doubts, is_disturbed).await {
                break;
            }
            if attempt == ATTEMPTS_MAX || Handle::try_current().is_err() {
                // Nothing lands, for nobody can say what would have to leave.
                loading.retry_at = self.running_ms().saturating_add(RETRY_MS);
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        // Shares that were lost are asked for anew, before anything has to leave for the want of them.
        let known = self.catalog.lock().known();
        let _ = sharing.shares.grow(known).await;
        let now = self.watch.now();
        let surplus = {
            let mut catalog = self.catalog.lock();
            let mut surplus = self.opening.take_written(|written| {
                catalog.leave_where(Reason::Invalidated, |key| written.iter().any(|scope| scope.holds(key)))
            });
            let granted = sharing.shares.granted().saturating_add(MARKERS_BYTES);
            let bound = self.settings.size_max.unwrap_or(u64::MAX);
            catalog.set_room(granted.min(bound), MARKERS_BYTES);
            catalog.touch_early();
            let trimmed = catalog.trim(now);
            self.count_leaving(&trimmed);
            surplus.extend(trimmed);
            surplus
        };
        self.remove(surplus).await;
        let blobs = self.catalog.lock().ledger().len();
        if unsettled.doubts.all || sharing.books.is_broken() || sharing.books.is_long(blobs) {
            self.rewrite_books(&sharing).await;
        }
        if !self.write_books().await {
            loading.retry_at = self.running_ms().saturating_add(RETRY_MS);
            return;
        }
        for orphan in std::mem::take(&mut unsettled.merged) {
            if orphan.bury().is_err() {
                // It is found again by the next one, and tells what was true once.
                let _ = sharing.shares.disturb();
            }
        }
        // Only now: a kill must not make forgotten what was counted.
        if unsettled.doubts.all || is_disturbed {
            let _ = sharing.shares.settle();
        }
        let held = || self.catalog.lock().ledger().charged().saturating_sub(MARKERS_BYTES);
        if !sharing.shares.is_sure() || held() < sharing.shares.granted() {
            let _ = sharing.shares.shrink(held).await;
        }
        // Not measured before: what was shrunk is room no more.
        self.measure_room();
        loading.is_done = true;
        drop(loading);
        self.room_moved.notify_waiters();
    }

    /// Looks for what journals cannot be believed about. Whether all was seen.
    async fn verify(&self, sharing: &Arc<Sharing>, doubts: &mut Doubts, is_disturbed: bool) -> bool {
        let seen = if doubts.all {
            // They are found with all others, if they are there.
            doubts.unsure.drain(..).for_each(|doubt| sharing.books.gone(doubt.seat));
            // Without a name, nobody can say where it was left.
            self.tier.sweep_all().await.is_ok()
        } else {
            self.settle(sharing, &doubts.unsure).await
        };
        seen && (!doubts.all && !is_disturbed || self.audit(sharing).await)
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// Looks for what the dead were writing or removing. Whether all was seen; it may be done again.
    async fn settle(&self, sharing: &Sharing, unsure: &[Doubt]) -> bool {
        let mut swept = BTreeSet::new();
        let mut all_seen = true;
        for doubt in unsure {
            if doubt.is_settled.load(Ordering::Relaxed) {
                continue;
            }
            let seen = self.settle_one(sharing, doubt, &mut swept).await.is_ok();
            doubt.is_settled.store(seen, Ordering::Relaxed);
            all_seen &= seen;
        }
        all_seen
    }

    async fn settle_one(&self, sharing: &Sharing, doubt: &Doubt, swept: &mut BTreeSet<String>) -> Result<()> {
        let Doubt { note, seat, .. } = doubt;
        let space = self.catalog.lock().space(note.id.home);
        let name = space.blob_key(&note.id.key, note.id.part())?;
        // What was written under another name is in the same directory.
        if let Some((directory, _)) = name.as_str().rsplit_once('/')
            && !swept.contains(directory)
        {
            self.tier.sweep(&Prefix::new(directory)?).await?;
            swept.insert(directory.to_owned());
        }
        // Nothing of this name is written or removed here meanwhile.
        let _gate = if note.id.home == Home::OWN {
            // Whoever holds it may wait for the source, for as long as that takes.
            Some(self.tier.bear_with(self.gates.enter(&note.id.key)).await.ok_or_else(busy)?)
        } else {
            None
        };
        let there = self.tier.head(&name).await?.map(|meta| meta.size);
        let expires = self.noted_until(note);
        let gone = {
            let mut catalog = self.catalog.lock();
            let held = catalog.weight(&note.id);
            let gone = if there == held { None } else { catalog.leave(&note.id, Reason::Invalidated) };
            let is_held = held.is_some() && gone.is_none();
            let seat = match there {
                Some(weight) if !is_held && weight == note.weight => {
                    sharing.books.landed(*seat);
                    Some((*seat, weight))
                }
                // Another one has taken its place, or two told of it and the first was wrong.
                Some(weight) if !is_held => {
                    sharing.books.gone(*seat);
                    Some((sharing.books.put(Note { weight, ..note.clone() }, space, true), weight))
                }
                _ => {
                    sharing.books.gone(*seat);
                    None
                }
            };
            if let Some((seat, weight)) = seat {
                let inherited = Inherited::new(Note { weight, ..note.clone() }, seat, expires, &catalog.hasher());
                let _ = catalog.take_over(inherited);
            }
            gone
        };
        if let Some(gone) = gone {
            // Others may have had the room of it already.
            self.measure_room();
            self.catalog.lock().left(gone);
        }
        Ok(())
    }

    /// Takes over what members held that died since, room of so many bytes.
    pub(super) async fn merge(&self, sharing: &Arc<Sharing>, orphans: Vec<Orphan>, withheld: u64) {
        let mut doubts = Doubts::default();
        let (mut left, bound) = (withheld, self.settings.size_max.unwrap_or(u64::MAX));
        // The room of each comes with it: nobody need leave meanwhile.
        let mut account = |catalog: &mut Catalog, taken: u64| {
            let known = taken.min(left);
            left -= known;
            sharing.shares.accept(known);
            let room = catalog.ledger().weight_max().unwrap_or(u64::MAX);
            catalog.set_room_max(room.saturating_add(known).min(bound.max(room)));
        };
        for orphan in &orphans {
            let bytes = orphan.journal().unwrap_or_default();
            match Journal::read(&bytes) {
                Ok(journal) if journal.is_complete() => self.put_down(sharing, &journal, &mut doubts, &mut account),
                _ => doubts.all = true,
            }
        }
        // However this ends, what could not be found out is counted by the next one.
        let mut unknown = Unknown { sharing: Arc::clone(sharing), is_known: false };
        if doubts.all {
            return;
        }
        // What is in doubt may be there; all other room of theirs is this one's.
        let doubtful = doubts.unsure.iter().fold(0_u64, |sum, doubt| sum.saturating_add(doubt.note.weight)).min(left);
        sharing.shares.accept(left - doubtful);
        if !self.settle(sharing, &doubts.unsure).await {
            return;
        }
        sharing.shares.accept(doubtful);
        unknown.is_known = true;
        let are_told = self.write_books().await;
        for orphan in orphans {
            if !are_told || orphan.bury().is_err() {
                // It is found again by the next one, and tells what was true once.
                let _ = sharing.shares.disturb();
            }
        }
    }
}
