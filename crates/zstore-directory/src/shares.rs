//! Shares: how much of the bound each member may use.
//!
//! # How
//! One small file has records: which member may hold how many bytes. The sum of all records never exceeds the bound, and
//! no member holds more than its records say; so all of them together never hold more than the bound. A member that
//! needs more asks for a good piece at a time, under a lock of the file. One that dies leaves its records behind, still
//! counted, until another puts its own name on them and takes over what they stand for.
//!
//! A record lies within one page and is written by one call, so a kill leaves it old or new, and each step changes one
//! record only. A file without its first record, which is written last of all, is damaged, as one is after a loss of
//! power: it tells nothing, and what is there has to be counted.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::Mutex;

use crate::member::{self, Member, Orphan};

const RECORD_BYTES: usize = 32;
/// Where the checksum of a record lies, over all before it.
const CHECKED_BYTES: usize = 16;
/// The first record, which makes the others worth reading.
const MARK: Record = Record { id: u64::from_le_bytes(*b"zstores\x01"), granted: 0 };
/// Who wants more room gets a piece of the bound, so that it need not ask for each fill: one part of so many.
const PIECES: u64 = 64;
/// Whoever holds the lock does a few system calls. One that is stopped meanwhile must not stop the others.
const PATIENCE: u32 = 2000;
const PAUSE: Duration = Duration::from_micros(500);

/// One member's share of the bound, and its way to more.
#[derive(Debug)]
pub struct Shares {
    file: File,
    path: PathBuf,
    members: PathBuf,
    member: Member,
    bytes_max: u64,
    /// What the member's records say.
    granted: AtomicU64,
    /// The lock of the file is the description's: among its users, the turn decides.
    turn: Mutex<()>,
}

/// The records as they are, by place.
#[derive(Debug)]
struct Table(Vec<Option<Record>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    id: u64,
    granted: u64,
}

impl Shares {
    /// Joins those who share the directory at `path`, which exists, within a bound of so many bytes.
    ///
    /// The dead are found by it: what they held is counted to this member from now on, and for it to take over or remove.
    /// If the file is damaged, as after a loss of power, and nobody else lives, all room is this member's until it has
    /// counted and [shrinks](Self::shrink).
    ///
    /// # Errors
    /// What the system refuses; `TimedOut` if another process holds the lock and does not move; `InvalidData` if the file
    /// is damaged and others live, who are counted on to die.
    ///
    /// # Cancel safety
    /// A member that joined and was dropped is found dead by the next.
    pub async fn join(path: &Path, bytes_max: u64) -> io::Result<(Self, Vec<Orphan>)> {
        let (members, path) = (path.join("members"), path.join("shares"));
        loop {
            fs::create_dir_all(&members)?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            let lock = lock(&file).await?;
            // The whole directory may have been removed since, and made anew by others.
            if !member::is_at(&file, &path) {
                continue;
            }
            let member = Member::join(&members)?;
            let (granted, turn) = (AtomicU64::new(0), Mutex::new(()));
            let shares = Self { file: file.try_clone()?, path, members, member, bytes_max, granted, turn };
            let orphans = shares.take_over()?;
            drop(lock);
            return Ok((shares, orphans));
        }
    }

    /// The member whose share this is.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Bytes that the member may hold.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.granted.load(Ordering::Acquire)
    }

    /// Asks for room for so many bytes in all, and gets a piece more than that if there is one. Answers what the member
    /// may hold now, which may be less than was asked for: the rest is in the hands of others.
    ///
    /// # Errors
    /// As for [`join`](Self::join), and `NotFound` if the directory was removed. The share is as it was.
    ///
    /// # Cancel safety
    /// The share has grown or has not.
    pub async fn grow(&self, bytes: u64) -> io::Result<u64> {
        if bytes <= self.granted() {
            return Ok(self.granted());
        }
        let _turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        let mut table = self.read()?;
        let granted = self.granted();
        let wanted = bytes.saturating_sub(granted);
        if wanted > 0 {
            let free = self.bytes_max.saturating_sub(table.sum());
            self.add(&mut table, wanted.max(self.bytes_max / PIECES).min(free))?;
        }
        Ok(self.granted())
    }

    /// Gives back what is more than the member is to hold from now on, which `held` tells once nobody else can change the
    /// share: it sees to it that no more is held, nor will be.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow). The share is as it was, or smaller.
    ///
    /// # Cancel safety
    /// The share has shrunk or has not.
    pub async fn shrink(&self, held: impl FnOnce() -> u64) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        let mut table = self.read()?;
        let surplus = self.granted().saturating_sub(held());
        self.take(&mut table, surplus)
    }

    /// Looks for members that died since: what they held is counted to this one from now on.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow).
    ///
    /// # Cancel safety
    /// What was taken over is found again once this member is dead.
    pub async fn find_orphans(&self) -> io::Result<Vec<Orphan>> {
        let _turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        self.take_over()
    }

    /// Bytes that all members may hold at present, the dead included.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow).
    pub async fn granted_to_all(&self) -> io::Result<u64> {
        let _turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        Ok(self.read()?.sum())
    }

    /// Leaves for good, holding nothing.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow); it is found dead then.
    pub async fn leave(self) -> io::Result<()> {
        let turn = self.turn.lock().await;
        let lock = self.lock().await?;
        let mut table = self.read()?;
        self.take(&mut table, self.granted())?;
        drop((lock, turn));
        self.member.leave()
    }

    async fn lock(&self) -> io::Result<FileLock<'_>> {
        self.member.check_process()?;
        let lock = lock(&self.file).await?;
        if member::is_at(&self.file, &self.path) {
            return Ok(lock);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the cache directory was removed; open the cache anew"))
    }

    /// Puts this member's name on what the dead held. The caller holds the lock.
    fn take_over(&self) -> io::Result<Vec<Orphan>> {
        let orphans = self.member.orphans(&self.members)?;
        let mut table = match self.read() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData && !self.member.has_living_others(&orphans)? => {
                let all_is_new = orphans.is_empty() && self.file.metadata()?.len() == 0;
                return self.begin_anew(if all_is_new { 0 } else { self.bytes_max }).map(|()| orphans);
            }
            read => read?,
        };
        for at in 0..table.0.len() {
            if let Some(record) = table.0[at].filter(|record| orphans.iter().any(|orphan| orphan.id().0 == record.id)) {
                self.write(&mut table, at, Some(Record { id: self.member.id().0, ..record }))?;
                self.granted.fetch_add(record.granted, Ordering::AcqRel);
            }
        }
        Ok(orphans)
    }

    /// Makes the file as if this member were the first, with a share of so many bytes.
    fn begin_anew(&self, granted: u64) -> io::Result<()> {
        self.file.set_len(0)?;
        let mut table = Table(vec![None]);
        if granted > 0 {
            self.write(&mut table, 1, Some(Record { id: self.member.id().0, granted }))?;
        }
        self.granted.store(granted, Ordering::Release);
        // Last: without it all the rest means nothing.
        self.write(&mut table, 0, Some(MARK))
    }

    fn add(&self, table: &mut Table, bytes: u64) -> io::Result<()> {
        let id = self.member.id().0;
        let at = table.places_of(id).next().unwrap_or_else(|| table.free_place());
        let granted = table.granted_at(at).saturating_add(bytes);
        self.write(table, at, Some(Record { id, granted }))?;
        self.granted.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    fn take(&self, table: &mut Table, mut bytes: u64) -> io::Result<()> {
        let id = self.member.id().0;
        for at in table.places_of(id).collect::<Vec<_>>() {
            let granted = table.granted_at(at);
            let taken = bytes.min(granted);
            let left = granted - taken;
            // Before the record: what this member believes is never more than what it has.
            self.granted.fetch_sub(taken, Ordering::AcqRel);
            self.write(table, at, (left > 0).then_some(Record { id, granted: left }))?;
            bytes -= taken;
        }
        Ok(())
    }

    fn read(&self) -> io::Result<Table> {
        let mut bytes = vec![0; usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, 0)?;
        let records = bytes.chunks(RECORD_BYTES).map(Record::decode);
        let table = Table(records.collect::<io::Result<_>>()?);
        if table.0.first() == Some(&Some(MARK)) { Ok(table) } else { Err(damaged()) }
    }

    fn write(&self, table: &mut Table, at: usize, record: Option<Record>) -> io::Result<()> {
        self.file.write_all_at(&Record::encode(record), (at * RECORD_BYTES) as u64)?;
        if at == table.0.len() {
            table.0.push(record);
        } else {
            table.0[at] = record;
        }
        Ok(())
    }
}

impl Table {
    fn sum(&self) -> u64 {
        self.0.iter().flatten().fold(0, |sum, record| sum.saturating_add(record.granted))
    }

    fn places_of(&self, id: u64) -> impl Iterator<Item = usize> {
        (0..self.0.len()).filter(move |at| self.0[*at].is_some_and(|record| record.id == id))
    }

    fn granted_at(&self, at: usize) -> u64 {
        self.0.get(at).copied().flatten().map_or(0, |record| record.granted)
    }

    /// The first place of nobody, or the one behind all.
    fn free_place(&self) -> usize {
        self.0.iter().position(Option::is_none).unwrap_or(self.0.len())
    }
}

impl Record {
    /// A record of nobody is all zeros.
    fn encode(record: Option<Self>) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        if let Some(Self { id, granted }) = record {
            bytes[..8].copy_from_slice(&id.to_le_bytes());
            bytes[8..CHECKED_BYTES].copy_from_slice(&granted.to_le_bytes());
            let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
            bytes[CHECKED_BYTES..CHECKED_BYTES + 4].copy_from_slice(&checksum.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> io::Result<Option<Self>> {
        let number = |at: usize| bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let (Some(id), Some(granted)) = (number(0), number(8)) else { return Err(damaged()) };
        let record = (id != 0).then_some(Self { id, granted });
        if Self::encode(record) == bytes { Ok(record) } else { Err(damaged()) }
    }
}

/// The lock of the file; dropping it releases it.
struct FileLock<'a>(&'a File);

impl Drop for FileLock<'_> {
    fn drop(&mut self) {
        // The kernel cannot refuse to release what is held; if it did, it would with the file.
        let _ = self.0.unlock();
    }
}

async fn lock(file: &File) -> io::Result<FileLock<'_>> {
    for _ in 0..PATIENCE {
        match file.try_lock() {
            Ok(()) => return Ok(FileLock(file)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "another process holds the lock of the cache's shares and does not move",
    ))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of the cache's shares is damaged")
}
