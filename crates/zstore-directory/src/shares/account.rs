//! The account of one member: what the records of the file say it may hold.

use std::{
    collections::HashSet,
    fs::{File, TryLockError},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::table::{Record, Table};
use crate::locks;

/// Whoever holds the lock does some thousand system calls at most. One that is stopped meanwhile must not stop the
/// others.
const PATIENCE: u32 = 2000;
const PAUSE: Duration = Duration::from_micros(500);
/// A record is written by one call, so that two readings of it never both fall into one writing.
const READS_MAX: u32 = 8;

/// What a member may hold, in the file and as it believes. Who changes a record holds the lock of the file.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) file: Arc<File>,
    id: u64,
    /// What the member's records say.
    granted: AtomicU64,
    /// What of it is taken by files of the dead that the member does not know yet.
    withheld: AtomicU64,
}

impl Account {
    pub(super) fn new(file: Arc<File>, id: u64) -> Self {
        Self { file, id, granted: AtomicU64::new(0), withheld: AtomicU64::new(0) }
    }

    /// The caller holds the lock.
    pub(super) fn read(&self) -> io::Result<Table> {
        let mut table = Table::read(&self.file)?;
        table.end_recalls(&self.file)?;
        Ok(table)
    }

    pub(super) fn granted(&self) -> u64 {
        self.granted.load(Ordering::Acquire)
    }

    /// What the records say in this instant. Needs no lock.
    pub(super) fn granted_now(&self) -> io::Result<u64> {
        // A record that is written in this instant may be read half, and whole a moment later.
        let mut attempts = 0;
        let table = loop {
            match Table::read(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::InvalidData && attempts < READS_MAX => attempts += 1,
                read => break read?,
            }
        };
        let granted: u64 = table.places_of(self.id).map(|at| table.granted_at(at)).sum();
        let granted = granted.saturating_sub(table.recalled_from(self.id));
        // Read after the records: what was inherited since is withheld before it is in them.
        let granted = granted.saturating_sub(self.withheld.load(Ordering::Acquire));
        self.granted.store(granted, Ordering::Release);
        Ok(granted)
    }

    /// Begins the file anew, with so much room for this member and none for anybody else.
    pub(super) fn begin_anew(&self, boot: u64, granted: u64) -> io::Result<()> {
        let record = (granted > 0).then_some(Record::share(self.id, granted));
        Table::begin(&self.file, boot, record)?;
        self.granted.store(granted, Ordering::Release);
        Ok(())
    }

    pub(super) fn add(&self, table: &mut Table, bytes: u64) -> io::Result<()> {
        let at = table.places_of(self.id).next().unwrap_or_else(|| table.free_place());
        let granted = table.granted_at(at).saturating_add(bytes);
        table.write(&self.file, at, Some(Record::share(self.id, granted)))?;
        self.granted.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    /// Takes so many bytes from a member, or as many as it has. Answers how many that was.
    pub(super) fn take(&self, table: &mut Table, id: u64, bytes: u64) -> io::Result<u64> {
        let mut due = bytes;
        for at in table.places_of(id).collect::<Vec<_>>() {
            let granted = table.granted_at(at);
            let taken = due.min(granted);
            let left = granted - taken;
            if id == self.id {
                // Before the record: what this member believes is never more than what it has.
                self.granted.fetch_sub(taken, Ordering::AcqRel);
            }
            table.write(&self.file, at, (left > 0).then_some(Record::share(id, left)))?;
            due -= taken;
        }
        Ok(bytes - due)
    }

    /// From now on a member may not use so many of its bytes, until the [recall is over](Self::end_recall).
    pub(super) fn recall(&self, table: &mut Table, id: u64, bytes: u64) -> io::Result<()> {
        let at = table.recall_place().unwrap_or_else(|| table.free_place());
        table.write(&self.file, at, Some(Record::recall(id, bytes)))
    }

    pub(super) fn end_recall(&self, table: &mut Table) -> io::Result<()> {
        table.end_recalls(&self.file)
    }

    /// Gives back so many bytes.
    pub(super) fn give_back(&self, table: &mut Table, bytes: u64) -> io::Result<()> {
        self.take(table, self.id, bytes).map(drop)
    }

    /// Puts this member's name on what the dead held.
    pub(super) fn inherit(&self, table: &mut Table, dead: &HashSet<u64>) -> io::Result<()> {
        table.rename(&self.file, dead, self.id)
    }

    pub(super) fn withhold(&self, bytes: u64) {
        self.withheld.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(super) fn release(&self, bytes: u64) {
        self.withheld.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// The lock of the file; dropping it releases it.
#[derive(Debug)]
pub(super) struct FileLock(Arc<File>);

impl Drop for FileLock {
    fn drop(&mut self) {
        // The kernel cannot refuse to release what is held; if it did, it would with the file.
        let _ = self.0.unlock();
    }
}

/// # Errors
/// What the system refuses; `TimedOut` if whoever holds the lock does not move.
pub(super) async fn lock(file: &Arc<File>) -> io::Result<FileLock> {
    for _ in 0..PATIENCE {
        match file.try_lock() {
            Ok(()) => return Ok(FileLock(Arc::clone(file))),
            Err(TryLockError::WouldBlock) => locks::wait(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "another process holds the lock of the cache's shares and does not move",
    ))
}
