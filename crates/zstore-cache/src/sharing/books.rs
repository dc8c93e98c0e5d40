//! Books: the journal of what this cache holds in a directory that it shares.
//!
//! What happens is put down in memory, under the catalog's lock, so that the journal and the catalog agree. It is
//! written out before anything is done that a kill must not make forgotten: before bytes are written, and before they
//! are removed.

use std::{collections::HashMap, io, sync::Arc};

use parking_lot::Mutex;
use zstore_core::Timestamp;
use zstore_directory::Member;
use zstore_format::{
    Space, blob_id,
    index::{self, Boot, Frames, Noted},
};

use crate::{
    catalog::Catalog,
    name::{BlobId, Home},
};

/// So many touches are kept in memory: what a kill makes forgotten of the order of use.
const TOUCHES_MAX: usize = 1024;
/// A journal is written anew once it is so much longer than what it tells.
const SURPLUS: u64 = 3;
const SURPLUS_BYTES_MIN: u64 = 1 << 16;
/// So many vacant seats are remembered.
const VACANT_MAX: usize = 1 << 24;
/// A journal that lags behind by more is written anew, from what is resident then.
const OWED_BYTES_MAX: usize = 16 << 20;
/// About what a blob takes in a journal.
const BLOB_BYTES: u64 = 96;

/// A blob as the journal is to tell of it.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) id: BlobId,
    pub(crate) weight: u64,
    pub(crate) fetched: Timestamp,
    pub(crate) is_absence: bool,
}

/// The journal of one cache.
#[derive(Debug, Default)]
pub(crate) struct Books {
    state: Mutex<State>,
    /// Held by whoever writes, so that what happened first is written first. Taken before the catalog's lock.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What happened since the journal was written last.
    events: Frames,
    /// Frames that could not be written yet.
    owed: Vec<u8>,
    touched: Vec<u32>,
    /// What is being written or removed: it may be there or not.
    under_way: HashMap<u32, Note>,
    /// Seats that were left, and the first that was never taken.
    vacant: Vec<u32>,
    next: u32,
    /// The number in the journal of each space.
    numbers: HashMap<Home, u16>,
    spaces: u16,
    journal_bytes: u64,
    broken: bool,
}

impl Books {
    /// Goes on with a journal that was read: so many spaces and bytes, and these seats taken.
    pub(crate) fn go_on(&self, spaces: u16, journal_bytes: u64, mut seats: Vec<u32>) {
        seats.sort_unstable();
        let mut state = self.state.lock();
        let mut next = 0_u32;
        for seat in seats {
            // A number out of all proportion must not take memory in proportion.
            let room = VACANT_MAX.saturating_sub(state.vacant.len());
            state.vacant.extend((next..seat).take(room));
            next = seat.saturating_add(1);
        }
        (state.next, state.spaces, state.journal_bytes) = (next, spaces, journal_bytes);
    }

    /// Nothing is written to the journal any more until it is [written anew](Self::rewrite).
    pub(crate) fn break_off(&self) {
        self.state.lock().broken = true;
    }

    /// In the journal this space has that number.
    pub(crate) fn know(&self, home: Home, number: u16) {
        self.state.lock().numbers.insert(home, number);
    }

    /// A blob is about to be written, or was found. Answers its seat.
    pub(crate) fn put(&self, note: Note, space: Space, is_resident: bool) -> u32 {
        let mut state = self.state.lock();
        let seat = match state.vacant.pop() {
            Some(seat) => seat,
            None => {
                state.next += 1;
                state.next - 1
            }
        };
        let number = state.number(note.id.home, space);
        state.events.blob(&note.noted(seat, number), is_resident);
        if !is_resident {
            state.under_way.insert(seat, note);
        }
        seat
    }

    pub(crate) fn landed(&self, seat: u32) {
        let mut state = self.state.lock();
        state.under_way.remove(&seat);
        state.events.landed(seat);
    }

    pub(crate) fn leaving(&self, seat: u32, note: Note) {
        let mut state = self.state.lock();
        state.under_way.insert(seat, note);
        state.events.leaving(seat);
    }

    pub(crate) fn gone(&self, seat: u32) {
        let mut state = self.state.lock();
        state.under_way.remove(&seat);
        state.events.gone(seat);
        state.vacant.push(seat);
    }

    /// A blob was read.
    pub(crate) fn touched(&self, seat: u32) {
        let mut state = self.state.lock();
        if state.touched.last() != Some(&seat) {
            state.touched.push(seat);
        }
    }

    /// Whether so much was read that it is time to write that down.
    pub(crate) fn is_due(&self) -> bool {
        self.state.lock().touched.len() >= TOUCHES_MAX
    }

    /// Writes out what happened so far. It may have to wait for the disk.
    ///
    /// # Errors
    /// What the system refuses; it is tried again the next time.
    pub(crate) fn write(&self, member: &Member) -> io::Result<()> {
        let _turn = self.writing.lock();
        let frames = {
            let mut state = self.state.lock();
            if state.broken {
                state.forget();
                return Err(io::Error::other("the journal could not be written anew"));
            }
            let frames = state.take();
            if frames.is_empty() {
                return Ok(());
            }
            state.owed.clone_from(&frames);
            frames
        };
        let appended = member.append(&frames);
        let mut state = self.state.lock();
        if let Err(error) = appended {
            if error.kind() == io::ErrorKind::InvalidData || frames.len() > OWED_BYTES_MAX {
                state.broken = true;
                state.forget();
            }
            return Err(error);
        }
        state.owed.clear();
        state.journal_bytes += frames.len() as u64;
        Ok(())
    }

    /// Whether the journal is much longer than what it tells of so many blobs.
    pub(crate) fn is_long(&self, blobs: usize) -> bool {
        let told = blobs as u64 * BLOB_BYTES;
        self.state.lock().journal_bytes > SURPLUS * told + SURPLUS_BYTES_MIN
    }

    /// Whether what was written last is not all that happened: the journal has to be written anew.
    pub(crate) fn is_broken(&self) -> bool {
        self.state.lock().broken
    }

    /// Writes the journal anew, of what the catalog has: those who leave first in front. It may have to wait for the
    /// disk.
    ///
    /// # Errors
    /// What the system refuses; it has to be tried again before anything else is written.
    ///
    /// # Cost
    /// A walk over all residents under the catalog's lock.
    pub(crate) fn rewrite(&self, member: &Member, boot: Boot, catalog: &Mutex<Catalog>) -> io::Result<()> {
        let _turn = self.writing.lock();
        let before;
        let journal = {
            let catalog = catalog.lock();
            let mut state = self.state.lock();
            for (home, space) in catalog.spaces() {
                state.number(home, space);
            }
            let mut frames = Frames::default();
            // As they are numbered, so that what is put down meanwhile suits the old journal and the new one.
            for space in state.spaces_in_order(&catalog) {
                frames.space(space);
            }
            let number = |note: &Note| state.numbers.get(&note.id.home).copied().unwrap_or_default();
            catalog.for_each_seated(&mut |seat, note| frames.blob(&note.noted(seat, number(&note)), true));
            for (seat, note) in &state.under_way {
                frames.blob(&note.noted(*seat, number(note)), false);
            }
            // All that was to be written shows in that.
            before = state.take();
            [index::head(boot), frames.finish()].concat()
        };
        let rewritten = member.rewrite(&journal);
        let mut state = self.state.lock();
        match &rewritten {
            Ok(()) => {
                state.broken = false;
                state.journal_bytes = journal.len() as u64;
            }
            // The old one is there, and goes on.
            Err(_) => state.owed.splice(0..0, before).for_each(drop),
        }
        rewritten
    }
}

impl State {
    /// The number of a space; told to the journal if it is not known there.
    fn number(&mut self, home: Home, space: Space) -> u16 {
        if let Some(number) = self.numbers.get(&home) {
            return *number;
        }
        let number = self.spaces;
        self.spaces += 1;
        self.numbers.insert(home, number);
        self.events.space(space);
        number
    }

    /// The spaces as the journal numbers them.
    fn spaces_in_order(&self, catalog: &Catalog) -> Vec<Space> {
        // Of one that is not known, nothing is in the catalog.
        let mut spaces = vec![catalog.space(Home::OWN); usize::from(self.spaces)];
        for (home, number) in &self.numbers {
            if let Some(space) = spaces.get_mut(usize::from(*number)) {
                *space = catalog.space(*home);
            }
        }
        spaces
    }

    /// What happened shows in the journal that will be written anew.
    fn forget(&mut self) {
        (self.events, self.owed, self.touched) = Default::default();
    }

    fn take(&mut self) -> Vec<u8> {
        let touched = std::mem::take(&mut self.touched);
        if !touched.is_empty() {
            self.events.touched(&touched);
        }
        let mut frames = std::mem::take(&mut self.owed);
        frames.extend(std::mem::take(&mut self.events).finish());
        frames
    }
}

impl Note {
    /// As the journal tells it, of this seat and space.
    pub(crate) fn noted(&self, seat: u32, space: u16) -> Noted<'_> {
        let id = blob_id(&self.id.key, self.id.part());
        let (key, part) = (self.id.key.as_str(), self.id.part());
        Noted { seat, space, key, part, weight: self.weight, fetched: self.fetched, id, is_absence: self.is_absence }
    }
}

/// Shared by the catalog, which puts down what happens, and the cache, which writes it out.
pub(crate) type SharedBooks = Arc<Books>;
