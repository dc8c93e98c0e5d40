//! Room in a directory that is shared: a share of the bound, and a floor under the free space of the disk.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use futures::future::join_all;
use zstore_core::{ReadStore, Store, Timestamp};
use zstore_directory::Remove;
use zstore_format::{Header, PROBE_BYTES, index::Journal, marker::MARKERS_BYTES};
use zstore_policy::Reason;

use super::{Sharing, books::Note};
use crate::{inner::Inner, tier::CONCURRENT_MAX};

/// So many files of another are looked at for those to be removed: he may not have noticed yet that they are gone, and
/// others wait for the lock meanwhile.
const LOOKS_MAX: usize = 10_000;
/// Who got no more room asks again after so many milliseconds: each asking reads who lives.
const ASK_PAUSE_MS: u64 = 100;

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// Sees to it that there is room for so many bytes, if the directory has some to give. Not for a caller who holds a
    /// gate: what the dead held may have to wait for that.
    pub(crate) async fn extend_room(&self, weight: u64) {
        let Some(sharing) = self.sharing.get() else { return };
        self.extend_share(sharing, weight).await;
        self.respect_floor(weight);
    }

    /// Leaves free of the disk what is to be left: who comes then has others leave.
    pub(crate) fn respect_floor(&self, weight: u64) {
        let Some(sharing) = self.sharing.get() else { return };
        if self.settings.floor_percent == 0 {
            return;
        }
        // Who cannot be told how full the disk is finds out when it is full.
        let Ok((free, all)) = zstore_directory::free_space(&sharing.directory) else { return };
        let floor = all / 100 * u64::from(self.settings.floor_percent);
        let lacking = floor.saturating_add(weight).saturating_sub(free);
        if lacking > 0 {
            let mut catalog = self.catalog.lock();
            let room = catalog.ledger().charged().saturating_add(weight).saturating_sub(lacking);
            if catalog.ledger().weight_max().is_none_or(|max| room < max) {
                catalog.set_room_max(room);
            }
        }
    }

    async fn extend_share(&self, sharing: &Arc<Sharing>, weight: u64) {
        let now_ms = self.running_ms();
        if weight <= self.catalog.lock().free() || now_ms < sharing.ask_at.load(Ordering::Relaxed) {
            return;
        }
        // Who comes second waits for what the first one gets, which may be enough for both.
        let _turn = sharing.asking.lock().await;
        if now_ms < sharing.ask_at.load(Ordering::Relaxed) {
            return;
        }
        self.strike_off_recalled(sharing).await;
        let needed = {
            let catalog = self.catalog.lock();
            if weight <= catalog.free() {
                return;
            }
            let ledger = catalog.ledger();
            ledger.charged().saturating_add(ledger.promised()).saturating_add(weight) - MARKERS_BYTES
        };
        let granted = self.ask_for_room(sharing, needed).await;
        if granted.is_none_or(|granted| granted < needed) {
            sharing.ask_at.store(self.running_ms().saturating_add(ASK_PAUSE_MS), Ordering::Relaxed);
        }
        self.measure_room();
    }

    /// Others may have taken room from this cache, with the files that filled it. As long as those are in its books, it
    /// would take room from others for what it only believes to hold, and they from it.
    async fn strike_off_recalled(&self, sharing: &Arc<Sharing>) {
        let Ok(granted) = sharing.shares.granted_now() else { return };
        let is_over = || self.catalog.lock().ledger().charged() > granted.saturating_add(MARKERS_BYTES);
        if !is_over() {
            return;
        }
        // Who takes room takes the files that leave first.
        let mut noted = Vec::new();
        self.catalog.lock().for_each_seated(&mut |seat, note| {
            if noted.len() < LOOKS_MAX {
                noted.push((seat, note));
            }
        });
        for noted in noted.chunks(CONCURRENT_MAX) {
            if !is_over() {
                return;
            }
            let looks = noted.iter().map(|(seat, note)| self.strike_off_if_gone(*seat, note));
            join_all(looks).await;
        }
    }

    async fn strike_off_if_gone(&self, seat: u32, note: &Note) {
        let Ok(name) = self.blob_key(&note.id) else { return };
        if !matches!(self.tier.head(&name).await, Ok(None)) {
            return;
        }
        let gone = {
            let mut catalog = self.catalog.lock();
            // It may have come again meanwhile, or be about to.
            let is_same = catalog.is_seated(seat, note) && !self.gates.is_busy(&note.id.key);
            if is_same { catalog.leave(&note.id, Reason::Invalidated) } else { None }
        };
        if let Some(gone) = gone {
            self.measure_room();
            self.catalog.lock().left(gone);
        }
    }

    async fn ask_for_room(&self, sharing: &Arc<Sharing>, needed: u64) -> Option<u64> {
        let granted = sharing.shares.grow(needed).await.ok()?;
        if granted >= needed {
            return Some(granted);
        }
        let (orphans, withheld) = sharing.shares.find_orphans().await.ok()?;
        if !orphans.is_empty() {
            self.merge(sharing, orphans, withheld).await;
        }
        let directory = sharing.directory.clone();
        let remove = move |journal: &[u8], remove: &mut Remove<'_>| remove_first(&directory, journal, remove);
        sharing.shares.recall(needed - granted, remove).await.ok()
    }

    /// Takes over from the books of the directory how much room this cache has: others may have taken some.
    pub(crate) fn measure_room(&self) {
        let Some(sharing) = self.sharing.get() else { return };
        let mut catalog = self.catalog.lock();
        // Under the lock: what was read earlier must not be taken over later.
        match sharing.shares.granted_now() {
            Ok(granted) => {
                let bound = self.settings.size_max.unwrap_or(u64::MAX);
                catalog.set_room_max(granted.saturating_add(MARKERS_BYTES).min(bound));
            }
            Err(error) => {
                let charged = catalog.ledger().charged();
                catalog.set_room_max(charged);
                drop(catalog);
                self.tier.fault(&self.trouble(error));
            }
        }
    }
}

/// Removes what leaves first of a journal, as long as `remove` wants more.
fn remove_first(directory: &Path, journal: &[u8], remove: &mut Remove<'_>) -> io::Result<()> {
    let Ok(journal) = Journal::read(journal) else { return Ok(()) };
    for (noted, _) in journal.residents().filter(|(_, is_sure)| *is_sure).take(LOOKS_MAX) {
        if let Some(path) = journal.blob_key(&noted).map(|name| directory.join(name.as_str()))
            // Under its name lies another's by now, perhaps his who asks.
            && fetched_of(&path) == Some(noted.fetched)
            && remove(&path, noted.weight)?.is_break()
        {
            break;
        }
    }
    Ok(())
}

/// When the blob in a file was fetched; none if there is none.
fn fetched_of(path: &Path) -> Option<Timestamp> {
    let file = File::open(path).ok()?;
    let blob_bytes = file.metadata().ok()?.len();
    let mut probe = PROBE_BYTES.min(blob_bytes);
    loop {
        let mut bytes = vec![0; usize::try_from(probe).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        match Header::decode(&bytes) {
            Ok(header) => return Some(header.fetched),
            Err(damage) => probe = damage.more(probe, blob_bytes)?,
        }
    }
}
