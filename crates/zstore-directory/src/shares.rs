//! Shares: how much of the bound each member may use.
//!
//! # How
//! One small file has records: which member may hold how many bytes. The sum of all records never exceeds the bound, and
//! no member holds more than its records say; so all of them together never hold more than the bound. A member that
//! needs more asks for a good piece at a time, under a lock of the file. One that dies leaves its records behind, still
//! counted, until another puts its own name on them and takes over what they stand for.
//!
//! A record lies within one page and is written by one call, so a kill leaves it old or new, and each step changes one
//! record only. A file without its first record, which is written last of all, is damaged, and one of another boot of the
//! machine may have been when its power went: either tells nothing, and what is there has to be counted.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::Mutex;

use crate::{
    access,
    boot::{Boot, boot, tag},
    disturbance::{self, disturb},
    files::{MEMBERS, SHARES},
    locks,
    member::{self, Member, MemberId, Orphan},
};

const RECORD_BYTES: usize = 32;
/// Where the checksum of a record lies, over all before it.
const CHECKED_BYTES: usize = 16;
/// The first record says that the others are worth reading, and in which boot of the machine they were written.
const MARK_ID: u64 = u64::from_le_bytes(*b"zstores\x01");
/// Who wants more room gets a piece of the bound, so that it need not ask for each fill: one part of so many.
const PIECES: u64 = 64;
/// And no more than this, for others may have another bound.
const PIECE_BYTES_MAX: u64 = 1 << 30;
/// Whoever holds the lock does a few system calls. One that is stopped meanwhile must not stop the others.
const PATIENCE: u32 = 2000;
const PAUSE: Duration = Duration::from_micros(500);
/// A record is written by one call, so that two readings of it never both fall into one writing.
const READS_MAX: u32 = 8;

/// One member's share of the bound, and its way to more.
#[derive(Debug)]
pub struct Shares {
    file: File,
    cache: PathBuf,
    path: PathBuf,
    members: PathBuf,
    member: Member,
    boot: Boot,
    bytes_max: u64,
    /// What the member's records say.
    granted: AtomicU64,
    /// What of it is taken by files of the dead that the member does not know yet.
    withheld: AtomicU64,
    is_sure: bool,
    /// The lock of the file is the description's: among its users, the turn decides.
    turn: Mutex<()>,
}

/// Removes a file of that weight, if it is there. Whether more is wanted.
pub type Remove<'a> = dyn FnMut(&Path, u64) -> io::Result<bool> + 'a;

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
    /// If the file tells nothing, because it is lost or damaged or of another boot, and nobody else lives, all room is
    /// this member's until it has counted and [shrinks](Self::shrink): [`is_sure`](Self::is_sure) says so. There is
    /// nothing to count where there is no directory yet.
    ///
    /// # Errors
    /// What the system refuses; `TimedOut` if another process holds the lock and does not move; `InvalidData` if the file
    /// is damaged and others live, who are counted on to die. Nothing of this member is left then, unless it took something
    /// over: then it is found dead.
    ///
    /// # Cancel safety
    /// A member that joined and was dropped is found dead by the next.
    pub async fn join(path: &Path, bytes_max: u64) -> io::Result<(Self, Vec<Orphan>)> {
        let (cache, members, path) = (path, path.join(MEMBERS), path.join(SHARES));
        loop {
            access::make_directory(&members, cache)?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            access::share(&file, cache)?;
            let lock = lock(&file).await?;
            // The whole directory may have been removed since, and made anew by others.
            if !member::is_at(&file, &path) {
                continue;
            }
            let (book, member) = (file.try_clone()?, Member::join(cache, &members)?);
            let (granted, turn) = (AtomicU64::new(0), Mutex::new(()));
            let (boot, is_sure, withheld) = (boot(), true, AtomicU64::new(0));
            let cache = cache.to_owned();
            let mut shares =
                Self { file: book, cache, path, members, member, boot, bytes_max, granted, withheld, is_sure, turn };
            let joined = match shares.take_over() {
                Ok(orphans) => Ok((shares, orphans)),
                Err(error) => {
                    shares.withdraw();
                    Err(error)
                }
            };
            drop(lock);
            return joined;
        }
    }

    /// The member whose share this is.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Whether the file told, when this member joined, what the dead held: if not, what is there has to be counted.
    #[must_use]
    pub const fn is_sure(&self) -> bool {
        self.is_sure
    }

    /// In which boot of the machine this is.
    #[must_use]
    pub const fn boot(&self) -> Boot {
        self.boot
    }

    /// Bytes that the member may hold, as it believes.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.granted.load(Ordering::Acquire)
    }

    /// Bytes that the member may hold at this instant. Another member may have taken some, with what was held in them:
    /// so this is to be asked whenever something turned out to be gone, before the room of it is used again.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Two calls of the system.
    pub fn granted_now(&self) -> io::Result<u64> {
        // A record that is written in this instant may be read half, and whole a moment later.
        let mut attempts = 0;
        let table = loop {
            match self.read() {
                Err(error) if error.kind() == io::ErrorKind::InvalidData && attempts < READS_MAX => attempts += 1,
                read => break read?,
            }
        };
        let id = self.member.id().0;
        let granted: u64 = table.places_of(id).map(|at| table.granted_at(at)).sum();
        // Read after the records: what was inherited since is withheld before it is in them.
        let granted = granted.saturating_sub(self.withheld.load(Ordering::Acquire));
        self.granted.store(granted, Ordering::Release);
        Ok(granted)
    }

    /// Files were removed that are in somebody else's books. Whoever opens the directory next will count what is there.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// As of [`disturb`].
    pub fn disturb(&self) -> io::Result<()> {
        disturb(&self.cache)
    }

    /// Whether books may tell of files that others removed, or not tell of some that are there.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        disturbance::is_disturbed(&self.cache)
    }

    /// This member has counted what is there. If nobody else lives, whose books may be wrong too, all are right.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn settle(&self) -> io::Result<()> {
        if self.is_disturbed() && self.member.all(&self.members)?.len() == 1 {
            disturbance::settle(&self.cache)
        } else {
            Ok(())
        }
    }

    fn piece(&self) -> u64 {
        (self.bytes_max / PIECES).min(PIECE_BYTES_MAX)
    }

    /// Takes room for so many bytes, or a piece if that is more, from the member that holds most, if that is more than
    /// its part and this one has less than its own: an equal part for each who lives. `victims` is told the journal of
    /// that member, and names files of it with their weights, who leave first in front, to what removes them as long as
    /// that wants more. Answers what the member may hold now.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow). Files may have been removed whose room is found by their owner, then.
    ///
    /// # Cancel safety
    /// As after an error.
    pub async fn recall(
        &self,
        bytes: u64,
        victims: impl FnOnce(&[u8], &mut Remove<'_>) -> io::Result<()> + Send,
    ) -> io::Result<u64> {
        let _turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        let mut table = self.read()?;
        let own = self.member.id().0;
        let holders = table.holders();
        let mine = holders.get(&own).copied().unwrap_or(0);
        let richest = holders.iter().max_by_key(|(_, bytes)| **bytes).map(|(id, bytes)| (*id, *bytes));
        let Some((rich, held)) = richest.filter(|(id, _)| *id != own) else { return self.granted_now() };
        let part = self.bytes_max / self.member.living(&self.members)?;
        let wanted = bytes.max(self.piece()).min(part.saturating_sub(mine)).min(held.saturating_sub(part));
        if wanted == 0 {
            return self.granted_now();
        }
        let journal = fs::read(self.members.join(MemberId(rich).name()))?;
        let mut freed = 0_u64;
        let mut remove = |path: &Path, weight: u64| {
            // Another may have taken its place.
            let bytes = fs::symlink_metadata(path).map_or(weight, |metadata| metadata.len());
            match fs::remove_file(path) {
                Ok(()) => freed = freed.saturating_add(weight.min(bytes)),
                // Somebody wrote or removed it; whoever it belongs to will find that out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            Ok(freed < wanted)
        };
        self.disturb()?;
        let removed = victims(&journal, &mut remove);
        // Only what is gone changes hands; a kill between the two steps loses room and gives none twice.
        let taken = self.take(&mut table, rich, freed)?;
        self.add(&mut table, taken)?;
        removed?;
        self.granted_now()
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
        let granted = self.granted_now()?;
        let wanted = bytes.saturating_sub(granted);
        if wanted > 0 {
            let free = self.bytes_max.saturating_sub(table.sum());
            self.add(&mut table, wanted.max(self.piece()).min(free))?;
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
        let surplus = self.granted_now()?.saturating_sub(held());
        self.take(&mut table, self.member.id().0, surplus).map(drop)
    }

    /// Looks for members that died since: what they held is counted to this one from now on. Answers how much that is;
    /// it is withheld from what this member [may hold](Self::granted_now) until it [accepts](Self::accept) it.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow). Whoever is not counted to this member then is found again, by it or another; the others
    /// once it is dead.
    ///
    /// # Cancel safety
    /// What was taken over is found again once this member is dead.
    ///
    /// # Cost
    /// Two or three calls of the system for each member, under the lock of the file.
    pub async fn find_orphans(&self) -> io::Result<(Vec<Orphan>, u64)> {
        let _turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        let mut orphans = self.member.orphans(&self.members)?;
        let mut table = self.read()?;
        let dead = orphans.iter().map(|orphan| orphan.id().0).collect();
        let held = table.holders();
        let withheld = table.sum_of(&dead);
        self.withheld.fetch_add(withheld, Ordering::AcqRel);
        let inherited = self.inherit(&mut table, &dead);
        if inherited.is_err() {
            self.accept(table.sum_of(&dead));
        }
        let left = table.holders();
        for orphan in &mut orphans {
            // Of whom something is counted to this member, nobody else may find.
            let id = orphan.id().0;
            if inherited.is_ok() || held.get(&id) != left.get(&id) {
                orphan.keep(&self.member);
            }
        }
        inherited.map(|()| (orphans, withheld))
    }

    /// What of the dead was withheld is known from now on.
    pub fn accept(&self, withheld: u64) {
        self.withheld.fetch_sub(withheld, Ordering::AcqRel);
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
        self.take(&mut table, self.member.id().0, u64::MAX)?;
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

    /// Finds the dead, and puts this member's name on what they held. The caller holds the lock.
    fn take_over(&mut self) -> io::Result<Vec<Orphan>> {
        let mut orphans = self.member.orphans(&self.members)?;
        let table = match self.read() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            read => Some(read?).filter(|table| table.boot() == Some(tag(self.boot))),
        };
        match table {
            Some(mut table) => {
                // Whose file is gone has nobody to tell what it held.
                let known = self.member.all(&self.members)?;
                let lost: Vec<u64> = table.holders().into_keys().filter(|id| !known.contains(id)).collect();
                self.is_sure = lost.is_empty();
                let dead = orphans.iter().map(|orphan| orphan.id().0).chain(lost).collect();
                self.inherit(&mut table, &dead)?;
                self.granted_now()?;
            }
            None if self.member.has_living_others(&orphans)? => return Err(damaged()),
            None => {
                self.is_sure = orphans.is_empty() && self.is_alone_here()?;
                self.begin_anew(if self.is_sure { 0 } else { self.bytes_max })?;
            }
        }
        for orphan in &mut orphans {
            orphan.keep(&self.member);
        }
        Ok(orphans)
    }

    /// Leaves without a share, after an error, which is not looked at: whatever cannot be done here is left to others, as
    /// after a kill. The caller holds the lock.
    fn withdraw(self) {
        // Of any record that bears its name, sound or not, somebody has to find out what it stands for.
        let is_named = fs::read(&self.path).map_or(true, |bytes| Record::is_named_in(&bytes, self.member.id().0));
        if !is_named {
            let _ = self.member.leave();
        }
    }

    /// Puts this member's name on what the dead held.
    fn inherit(&self, table: &mut Table, dead: &HashSet<u64>) -> io::Result<()> {
        for at in 1..table.0.len() {
            if let Some(record) = table.0[at].filter(|record| dead.contains(&record.id)) {
                self.write(table, at, Some(Record { id: self.member.id().0, ..record }))?;
            }
        }
        Ok(())
    }

    /// Whether there is no directory beside that of the members, so that nothing has to be counted.
    fn is_alone_here(&self) -> io::Result<bool> {
        for entry in fs::read_dir(&self.cache)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.path() != self.members {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the file as if this member were the first, with so much room.
    fn begin_anew(&self, granted: u64) -> io::Result<()> {
        self.file.set_len(0)?;
        let mut table = Table(vec![None]);
        let record = (granted > 0).then_some(Record { id: self.member.id().0, granted });
        self.write(&mut table, 1, record)?;
        self.granted.store(granted, Ordering::Release);
        // Last: without it all the rest means nothing.
        self.write(&mut table, 0, Some(Record { id: MARK_ID, granted: tag(self.boot) }))
    }

    fn add(&self, table: &mut Table, bytes: u64) -> io::Result<()> {
        let id = self.member.id().0;
        let at = table.places_of(id).next().unwrap_or_else(|| table.free_place());
        let granted = table.granted_at(at).saturating_add(bytes);
        self.write(table, at, Some(Record { id, granted }))?;
        self.granted.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    /// Takes so many bytes from a member, or as many as it has. Answers how many that was.
    fn take(&self, table: &mut Table, id: u64, bytes: u64) -> io::Result<u64> {
        let mut due = bytes;
        for at in table.places_of(id).collect::<Vec<_>>() {
            let granted = table.granted_at(at);
            let taken = due.min(granted);
            let left = granted - taken;
            if id == self.member.id().0 {
                // Before the record: what this member believes is never more than what it has.
                self.granted.fetch_sub(taken, Ordering::AcqRel);
            }
            self.write(table, at, (left > 0).then_some(Record { id, granted: left }))?;
            due -= taken;
        }
        Ok(bytes - due)
    }

    fn read(&self) -> io::Result<Table> {
        let mut bytes = vec![0; usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, 0)?;
        let records = bytes.chunks(RECORD_BYTES).map(Record::decode);
        let table = Table(records.collect::<io::Result<_>>()?);
        if table.boot().is_some() { Ok(table) } else { Err(damaged()) }
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
    /// In which boot the file was begun; none if it tells nothing.
    fn boot(&self) -> Option<u64> {
        self.0.first().copied().flatten().filter(|mark| mark.id == MARK_ID).map(|mark| mark.granted)
    }

    fn shares(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().skip(1).flatten()
    }

    fn sum(&self) -> u64 {
        self.shares().fold(0, |sum, record| sum.saturating_add(record.granted))
    }

    /// What all of these may hold.
    fn sum_of(&self, ids: &HashSet<u64>) -> u64 {
        self.shares().filter(|record| ids.contains(&record.id)).map(|record| record.granted).sum()
    }

    /// What each member may hold.
    fn holders(&self) -> HashMap<u64, u64> {
        let mut holders = HashMap::new();
        for record in self.shares() {
            let granted: &mut u64 = holders.entry(record.id).or_default();
            *granted = granted.saturating_add(record.granted);
        }
        holders
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
    /// Whether any record of a file bears this name.
    fn is_named_in(bytes: &[u8], id: u64) -> bool {
        bytes.chunks(RECORD_BYTES).any(|record| record.starts_with(&id.to_le_bytes()))
    }

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
            Err(TryLockError::WouldBlock) => locks::wait(PAUSE).await,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_took_over_something_is_not_forgotten_by_an_error() {
        let directory = tempfile::TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let files = || fs::read_dir(directory.path().join(MEMBERS)).unwrap().count();
        runtime.block_on(async {
            let (poor, _) = Shares::join(directory.path(), 1000).await.unwrap();
            poor.withdraw();
            assert_eq!(files(), 0);
            let (holder, _) = Shares::join(directory.path(), 1000).await.unwrap();
            holder.grow(10).await.unwrap();
            let id = holder.member().id();
            holder.withdraw();
            let (_, orphans) = Shares::join(directory.path(), 1000).await.unwrap();
            assert_eq!(orphans.first().unwrap().id(), id);
        });
    }

    #[test]
    fn the_dead_whose_share_cannot_be_taken_over_are_found_again() {
        let directory = tempfile::TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let join = async || Shares::join(directory.path(), 1000).await.unwrap().0;
            let (dying, mut finder, other) = (join().await, join().await, join().await);
            finder.grow(100).await.unwrap();
            dying.grow(600).await.unwrap();
            drop(dying);
            let to_write = std::mem::replace(&mut finder.file, File::open(directory.path().join(SHARES)).unwrap());
            finder.find_orphans().await.unwrap_err();
            finder.file = to_write;
            assert_eq!(finder.granted_now().unwrap(), 100, "nothing is withheld");
            let (orphans, withheld) = other.find_orphans().await.unwrap();
            assert_eq!((orphans.len(), withheld), (1, 600));
            drop(orphans);
            assert!(finder.find_orphans().await.unwrap().0.is_empty(), "they are the other's");
        });
    }
}
