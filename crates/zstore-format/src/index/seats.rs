//! Seats: who sits where while a journal is read.

use std::collections::HashMap;

/// What is known of a blob in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Resident,
    /// It was about to be written or removed.
    Unsure,
}

/// Who sits in a seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sitting {
    /// Where its event lies.
    pub(super) at: usize,
    pub(super) state: State,
    /// Its place in the order.
    pub(super) place: u32,
}

/// Who sits where. Seats are as many as blobs were at one time, so nearly all are small numbers.
#[derive(Debug)]
pub(super) struct Seats {
    dense: Vec<Option<Sitting>>,
    dense_max: usize,
    sparse: HashMap<u32, Sitting>,
}

impl Seats {
    /// For a journal of so many bytes: what is kept densely takes memory in proportion.
    pub(super) fn new(journal_bytes: usize) -> Self {
        Self { dense: Vec::new(), dense_max: journal_bytes / 8 + 1024, sparse: HashMap::new() }
    }

    pub(super) fn get_mut(&mut self, seat: u32) -> Option<&mut Sitting> {
        if (seat as usize) < self.dense_max {
            self.dense.get_mut(seat as usize)?.as_mut()
        } else {
            self.sparse.get_mut(&seat)
        }
    }

    pub(super) fn get(&self, seat: u32) -> Option<&Sitting> {
        if (seat as usize) < self.dense_max { self.dense.get(seat as usize)?.as_ref() } else { self.sparse.get(&seat) }
    }

    /// Answers who sat there before.
    pub(super) fn take(&mut self, seat: u32, sitting: Option<Sitting>) -> Option<Sitting> {
        let at = seat as usize;
        if at >= self.dense_max {
            return match sitting {
                Some(sitting) => self.sparse.insert(seat, sitting),
                None => self.sparse.remove(&seat),
            };
        }
        if at >= self.dense.len() {
            self.dense.resize(at + 1, None);
        }
        std::mem::replace(&mut self.dense[at], sitting)
    }
}
