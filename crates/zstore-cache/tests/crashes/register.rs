//! The register: which writings of a value a reader may see. A file, so that it outlives whoever writes it.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use crate::value::VALUES;

const RECORD_BYTES: u64 = 24;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The last writing that has returned.
    pub(crate) done: u64,
    /// The last writing that has begun.
    pub(crate) begun: u64,
    /// Whether the value may be missing.
    pub(crate) may_be_missing: u64,
}

#[derive(Debug)]
pub(crate) struct Register {
    file: File,
    locks: Vec<File>,
}

/// A value that nobody else writes meanwhile.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    register: &'a Register,
    value: u64,
}

impl Register {
    pub(crate) fn open(directory: &Path) -> Self {
        let open = |name: &str| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(directory.join(name)).unwrap()
        };
        let file = open("register");
        if file.metadata().unwrap().len() == 0 {
            // At first all are missing.
            let record = [0_u64, 0, 1].map(u64::to_le_bytes).concat();
            file.write_all_at(&record.repeat(VALUES as usize), 0).unwrap();
        }
        // Values share locks, so that few file descriptors do.
        Self { file, locks: (0..4).map(|at| open(&format!("lock-{at}"))).collect() }
    }

    pub(crate) fn state(&self, value: u64) -> State {
        // Three words that others write one by one: what is read of them in this order allows too much at most.
        let word = |at: u64| {
            let mut word = [0; 8];
            self.file.read_exact_at(&mut word, value * RECORD_BYTES + 8 * at).unwrap();
            u64::from_le_bytes(word)
        };
        State { done: word(0), begun: word(1), may_be_missing: word(2) }
    }

    /// Nobody else writes the value until the turn is dropped; nor any other that shares its lock. None if somebody
    /// does.
    pub(crate) fn turn(&self, value: u64) -> Option<Turn<'_>> {
        self.locks[self.lock_of(value)].try_lock().ok()?;
        Some(Turn { register: self, value })
    }

    fn lock_of(&self, value: u64) -> usize {
        value as usize / 12 % self.locks.len()
    }

    fn write(&self, value: u64, at: u64, word: u64) {
        self.file.write_all_at(&word.to_le_bytes(), value * RECORD_BYTES + 8 * at).unwrap();
    }
}

impl Turn<'_> {
    /// A writing begins; a deletion is one too.
    pub(crate) fn begin(&self, value: u64, deletes: bool) -> u64 {
        let writing = self.register.state(value).begun + 1;
        if deletes {
            self.register.write(value, 2, 1);
        }
        self.register.write(value, 1, writing);
        writing
    }

    /// It has returned.
    pub(crate) fn end(&self, value: u64, writing: u64, deletes: bool) {
        if !deletes {
            self.register.write(value, 2, 0);
        }
        self.register.write(value, 0, writing);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.register.locks[self.register.lock_of(self.value)].unlock().unwrap();
    }
}

impl State {
    /// Whether a reader that began when `self` held and ended when `after` did may see this writing, or none.
    pub(crate) fn allows(self, after: Self, writing: Option<u64>) -> bool {
        match writing {
            Some(writing) => self.done <= writing && writing <= after.begun,
            None => self.may_be_missing + after.may_be_missing > 0 || self.begun != after.begun,
        }
    }
}
