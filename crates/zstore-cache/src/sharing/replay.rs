//! Replay: journals of the dead, taken over into the catalog.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

use zstore_core::{InvalidKey, Key, ReadStore, Store, Timestamp};
use zstore_directory::Orphan;
use zstore_format::{
    Part,
    index::{Journal, Noted},
};
use zstore_policy::KeyHasher;

use super::{Sharing, books::Note};
use crate::{
    catalog::{Catalog, Inherited},
    inner::Inner,
    name::{BlobId, Home},
};

/// So many blobs are taken over while the catalog is locked: readers wait for no more than that.
/// What is known of so many stays in the first cache of the processor meanwhile.
const BATCH: usize = 64;
/// So many are handed from one thread to the other at a time, and so many hands may lie between them.
const HAND: usize = 256;
const HANDS_MAX: usize = 32;

/// What journals said and cannot be believed without a look at the files.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// What was being written or removed, and what two held.
    pub(super) unsure: Vec<Doubt>,
    /// A journal was damaged, or may have been when the power went: all files have to be counted.
    pub(super) all: bool,
}

/// What may be there or not.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) note: Note,
    pub(super) seat: u32,
    pub(super) is_settled: AtomicBool,
}

/// What a journal told of a resident.
struct Told {
    inherited: Inherited,
    is_sure: bool,
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// Takes over what the dead held, from the longest journal as it is and from others by putting it down anew.
    pub(super) fn replay(&self, sharing: &Sharing, mut orphans: Vec<Orphan>) -> io::Result<(Doubts, Vec<Orphan>)> {
        let mut doubts = Doubts { all: !sharing.shares.is_sure(), unsure: Vec::new() };
        orphans.sort_by_key(Orphan::journal_bytes);
        if let Some(longest) = orphans.pop() {
            let bytes = longest.journal()?;
            sharing.shares.member().inherit(longest)?;
            match Journal::read(&bytes) {
                Ok(journal) => {
                    // What was written in another boot may be lost.
                    doubts.all |= !journal.is_complete() || journal.boot() != sharing.shares.boot();
                    // Once and for all journals: to make room later is to move all that is there, under the lock.
                    let all_bytes = orphans.iter().fold(bytes.len() as u64, |sum, orphan| sum + orphan.journal_bytes());
                    let journals = all_bytes.div_ceil(bytes.len() as u64);
                    self.catalog.lock().expect(journal.seats().count() * usize::try_from(journals).unwrap_or(1));
                    self.go_on(sharing, &journal, bytes.len() as u64, &mut doubts);
                    if !journal.is_complete() {
                        // What would be written behind what is damaged could not be read.
                        sharing.books.break_off();
                    }
                }
                Err(_) => {
                    doubts.all = true;
                    sharing.books.break_off();
                }
            }
        }
        for orphan in &orphans {
            let bytes = orphan.journal()?;
            match Journal::read(&bytes) {
                Ok(journal) => {
                    doubts.all |= !journal.is_complete() || journal.boot() != sharing.shares.boot();
                    self.put_down(sharing, &journal, &mut doubts, |_, _| ());
                }
                Err(_) => doubts.all = true,
            }
        }
        if doubts.all {
            // Until it is seen, for whoever comes after a kill.
            sharing.shares.disturb()?;
        }
        Ok((doubts, orphans))
    }

    /// Goes on with a journal as this cache's own: seats stay what they are.
    fn go_on(&self, sharing: &Sharing, journal: &Journal<'_>, journal_bytes: u64, doubts: &mut Doubts) {
        let homes = self.homes(journal);
        let spaces = u16::try_from(journal.spaces().len()).unwrap_or(u16::MAX);
        let seats = journal.seats().collect();
        sharing.books.go_on(spaces, journal_bytes, seats);
        for (number, home) in (0..).zip(&homes) {
            home.iter().for_each(|[_, blocks]| sharing.books.know(*blocks, number));
        }
        self.take_over(sharing, journal, &homes, doubts, |_, _| (), |_, _| ());
    }

    /// Takes over what another journal tells, and puts it down in this cache's own.
    pub(super) fn put_down(
        &self,
        sharing: &Sharing,
        journal: &Journal<'_>,
        doubts: &mut Doubts,
        account: impl FnMut(&mut Catalog, u64),
    ) {
        let homes = self.homes(journal);
        let seat = |catalog: &Catalog, told: &mut Told| {
            let note = told.inherited.note();
            let space = catalog.space(note.id.home);
            told.inherited.seat = sharing.books.put(note, space, told.is_sure);
        };
        self.take_over(sharing, journal, &homes, doubts, seat, account);
    }

    /// Where the blobs of each space of a journal live: whole values, then blocks.
    fn homes(&self, journal: &Journal<'_>) -> Vec<Option<[Home; 2]>> {
        let mut catalog = self.catalog.lock();
        journal.spaces().iter().map(|space| Some([catalog.home_of_wholes(*space)?, catalog.home(*space)?])).collect()
    }

    /// Whether a blob of this name is being written or removed here: what a journal says of it was true before.
    /// If gates are open, none is held.
    fn is_under_way(&self, catalog: &Catalog, id: &BlobId, are_open: bool) -> bool {
        id.home == Home::OWN && (catalog.is_under_way(id) || !are_open && self.gates.is_busy(&id.key))
    }

    /// Takes over what a journal tells. `account` is told, under the catalog's lock, how much was taken over at a time.
    fn take_over(
        &self,
        sharing: &Sharing,
        journal: &Journal<'_>,
        homes: &[Option<[Home; 2]>],
        doubts: &mut Doubts,
        seat: impl Fn(&Catalog, &mut Told),
        mut account: impl FnMut(&mut Catalog, u64),
    ) {
        let hasher = self.catalog.lock().hasher();
        let hand = |number: usize| -> Vec<Option<Told>> {
            let noted: Vec<_> = journal.residents_in(number * HAND..(number + 1) * HAND).collect();
            let keys = Key::new_many(noted.iter().map(|(noted, _)| noted.key));
            let told = |((noted, is_sure), key): (&(Noted<'_>, bool), Result<Key, InvalidKey>)| {
                let inherited = self.told(noted, key.ok()?, homes, &hasher)?;
                Some(Told { inherited, is_sure: *is_sure })
            };
            noted.iter().zip(keys).map(told).collect()
        };
        made_ahead(journal.places().div_ceil(HAND), hand, |hand| {
            let mut hand = hand.into_iter();
            while hand.len() > 0 {
                let mut catalog = self.catalog.lock();
                let known = catalog.known();
                // Whoever comes to hold a gate from here on finds in the catalog what is taken over now.
                let are_open = self.gates.under_way() == 0;
                for told in hand.by_ref().take(BATCH) {
                    let Some(mut told) = told else {
                        doubts.all = true;
                        continue;
                    };
                    seat(&catalog, &mut told);
                    let Told { inherited, is_sure } = told;
                    let seat = inherited.seat;
                    let is_sure = is_sure && !self.is_under_way(&catalog, inherited.id(), are_open);
                    let taken = if is_sure { catalog.take_over(inherited) } else { Err(inherited.into_note()) };
                    if let Err(note) = taken {
                        // Until it is seen whether it is there: so no journal that is written anew forgets it.
                        sharing.books.leaving(seat, note.clone());
                        doubts.unsure.push(Doubt { note, seat, is_settled: AtomicBool::new(false) });
                    }
                }
                let taken = catalog.known() - known;
                account(&mut catalog, taken);
            }
        });
    }

    /// All of a resident that can be found out without the catalog's lock. None if it has no place.
    fn told(&self, noted: &Noted<'_>, key: Key, homes: &[Option<[Home; 2]>], hasher: &KeyHasher) -> Option<Inherited> {
        let [wholes, blocks] = homes.get(usize::from(noted.space)).copied()??;
        let home = if noted.part == Part::Whole { wholes } else { blocks };
        let id = BlobId::at(home, key, noted.part);
        let note = Note { id, weight: noted.weight, fetched: noted.fetched, is_absence: noted.is_absence };
        let expires = self.noted_until(&note);
        Some(Inherited::known_as(noted.id, note, noted.seat, expires, hasher))
    }

    /// From when on a blob is of no use that is only known from an index; never if none.
    pub(super) fn noted_until(&self, note: &Note) -> Option<Timestamp> {
        if note.id.home != Home::OWN {
            return None;
        }
        let age = self.settings.freshness.noted_age_max(&note.id.key, note.is_absence);
        age.map(|age| note.fetched.saturating_add(age))
    }
}

/// Makes so many things, each from its number, and uses them up in their order: another thread makes them ahead, and
/// whoever uses them makes some himself rather than wait.
fn made_ahead<V: Send>(count: usize, make: impl Fn(usize) -> V + Sync, mut use_up: impl FnMut(V)) {
    let (due, make) = (&AtomicUsize::new(0), &make);
    let make_next = move || {
        let number = due.fetch_add(1, Ordering::Relaxed);
        (number < count).then(|| (number, make(number)))
    };
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(HANDS_MAX);
        // One who may have no more threads makes all himself.
        let _ = thread::Builder::new().name("zstore-replay".into()).spawn_scoped(scope, move || {
            while let Some(made) = make_next() {
                if sender.send(made).is_err() {
                    return;
                }
            }
        });
        let mut early = BTreeMap::new();
        for number in 0..count {
            let made = loop {
                if let Some(made) = early.remove(&number) {
                    break made;
                }
                // One at a time: so many lie between the two threads and no more.
                match receiver.try_recv().ok().or_else(make_next).or_else(|| receiver.recv().ok()) {
                    Some((other, made)) => early.insert(other, made),
                    // The other thread panicked, which is passed on when the scope ends.
                    None => return,
                };
            };
            use_up(made);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_ahead_is_used_in_order_each_once() {
        for count in [0, 1, 2, 1000] {
            let made = AtomicUsize::new(0);
            let make = |number: usize| {
                made.fetch_add(1, Ordering::Relaxed);
                // Some take longer than others.
                (0..number % 7 * 100).fold(number, |number, more| number ^ (more & 1) ^ (more & 1))
            };
            let mut used = Vec::new();
            made_ahead(count, make, |number| used.push(number));
            assert!(used.into_iter().eq(0..count));
            assert_eq!(made.into_inner(), count);
        }
    }
}
