//! Shares: how much of the bound each member may use.
//!
//! # How
//! One small file has records: which member may hold how many bytes. The sum of all shares never exceeds the bound,
//! and no member holds more than its records say; so all of them together never hold more than the bound. A member that
//! needs more asks for a good piece at a time, under a lock of the file. One that dies leaves its records behind, still
//! counted, until another puts its own name on them and takes over what they stand for.
//!
//! A record lies within one page and is written by one call, so a kill leaves it old or new, and each step changes one
//! record only. What is about to be taken from a member stands in a record of its own until it has changed hands, and may
//! be used by neither. A file without its first record, which is written last of all, is damaged, and one of another boot of
//! the machine may have been when its power went: either tells nothing, and what is there has to be counted.

mod account;
mod recall;
mod table;

pub use recall::Remove;

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    access,
    boot::{Boot, boot, tag},
    disturbance::{self, disturb},
    files::{MEMBERS, SHARES},
    member::{self, Member, Orphan},
    shares::account::{Account, FileLock, lock},
};

/// Who wants more room gets a piece of the bound, so that it need not ask for each fill: one part of so many.
const PIECES: u64 = 64;
/// And no more than this, for others may have another bound.
const PIECE_BYTES_MAX: u64 = 1 << 30;

/// One member's share of the bound, and its way to more.
#[derive(Debug)]
pub struct Shares {
    cache: PathBuf,
    path: PathBuf,
    members: PathBuf,
    member: Member,
    boot: Boot,
    bytes_max: u64,
    account: Arc<Account>,
    is_sure: bool,
    /// The lock of the file is the description's: among its users, the turn decides.
    turn: Arc<Mutex<()>>,
}

/// While it is held, nobody else changes a record, nor looks for the dead.
#[derive(Debug)]
struct Hold {
    // Released first.
    _lock: FileLock,
    _turn: OwnedMutexGuard<()>,
}

impl Shares {
    /// Joins those who share the directory at `path`, which exists, within a bound of so many bytes. `journal` tells
    /// how a journal of this boot begins.
    ///
    /// The dead are found by it: what they held is counted to this member from now on, and for it to take over or
    /// remove. If the file tells nothing, because it is lost or damaged or of another boot, and nobody else lives,
    /// all room is this member's until it has counted and [shrinks](Self::shrink): [`is_sure`](Self::is_sure) says
    /// so. There is nothing to count where there is no directory yet.
    ///
    /// # Errors
    /// What the system refuses; `TimedOut` if another process holds the lock and does not move; `InvalidData` if the
    /// file is damaged and others live, who are counted on to die. Nothing of this member is left then, unless it
    /// took something over: then it is found dead.
    ///
    /// # Cancel safety
    /// A member that joined and was dropped is found dead by the next.
    ///
    /// # Cost
    /// Some ten calls of the system and three for each member, and one for each share that is taken over; it waits a
    /// second at most for others who do such a thing. Two file descriptors, and one for each of the dead until it
    /// is buried.
    pub async fn join(
        path: &Path,
        bytes_max: u64,
        journal: impl Fn(Boot) -> Vec<u8> + Send,
    ) -> io::Result<(Self, Vec<Orphan>)> {
        let (cache, members, path) = (path, path.join(MEMBERS), path.join(SHARES));
        loop {
            access::make_directory(&members, cache)?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            access::share(&file, cache)?;
            let file = Arc::new(file);
            let lock = lock(&file).await?;
            // The whole directory may have been removed since, and made anew by others.
            if !member::is_at(&file, &path) {
                continue;
            }
            let member = Member::join(cache, &members, &journal(boot()))?;
            let account = Arc::new(Account::new(file, member.id().0));
            let (cache, boot, turn) = (cache.to_owned(), boot(), Arc::default());
            let mut shares = Self { cache, path, members, member, boot, bytes_max, account, is_sure: true, turn };
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
        self.account.granted()
    }

    /// Bytes that the member may hold at this instant. Another member may have taken some, or be about to, with what was held in them:
    /// so this is to be asked whenever something turned out to be gone, before the room of it is used again.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Two calls of the system.
    pub fn granted_now(&self) -> io::Result<u64> {
        self.account.granted_now()
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

    /// This member is about to count what is there. Whether books may be wrong: what is disturbed from here on is for
    /// the next one to count.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Two calls of the system.
    pub fn begin_count(&self) -> io::Result<bool> {
        disturbance::begin_count(&self.cache)
    }

    /// This member has counted what is there. If nobody else lives, whose books may be wrong too, all are right that
    /// were wrong when the [counting began](Self::begin_count).
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// A call of the system; a few more if there is the mark.
    pub fn settle(&self) -> io::Result<()> {
        if disturbance::is_being_counted(&self.cache) && self.member.all(&self.members)?.len() == 1 {
            disturbance::settle(&self.cache)
        } else {
            Ok(())
        }
    }

    fn piece(&self) -> u64 {
        (self.bytes_max / PIECES).min(PIECE_BYTES_MAX)
    }

    /// Asks for room for so many bytes in all, and gets a piece more than that if there is one. Answers what the member
    /// may hold now, which may be less than was asked for: the rest is in the hands of others.
    ///
    /// # Errors
    /// As for [`join`](Self::join), and `NotFound` if the directory was removed. The share is as it was.
    ///
    /// # Cancel safety
    /// The share has grown or has not.
    ///
    /// # Cost
    /// None if the member has so much. Otherwise some ten calls of the system, and it waits a second at most for others
    /// who change a share.
    pub async fn grow(&self, bytes: u64) -> io::Result<u64> {
        if bytes <= self.granted() {
            return Ok(self.granted());
        }
        let _hold = self.hold().await?;
        let mut table = self.account.read()?;
        let granted = self.granted_now()?;
        let wanted = bytes.saturating_sub(granted);
        if wanted > 0 {
            let free = self.bytes_max.saturating_sub(table.sum());
            self.account.add(&mut table, wanted.max(self.piece()).min(free))?;
        }
        Ok(self.granted())
    }

    /// Gives back what is more than the member is to hold from now on, which `held` tells once nobody else can change
    /// the share: it sees to it that no more is held, nor will be.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow). The share is as it was, or smaller.
    ///
    /// # Cancel safety
    /// The share has shrunk or has not.
    ///
    /// # Cost
    /// As of [`grow`](Self::grow).
    pub async fn shrink(&self, held: impl FnOnce() -> u64) -> io::Result<()> {
        let _hold = self.hold().await?;
        let mut table = self.account.read()?;
        let surplus = self.granted_now()?.saturating_sub(held());
        self.account.give_back(&mut table, surplus)
    }

    /// Looks for members that died since: what they held is counted to this one from now on. Answers how much that is;
    /// it is withheld from what this member [may hold](Self::granted_now) until it [accepts](Self::accept) it.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow). Whoever is not counted to this member then is found again, by it or another; the
    /// others once it is dead.
    ///
    /// # Cancel safety
    /// What was taken over is found again once this member is dead.
    ///
    /// # Cost
    /// Two or three calls of the system for each member, under the lock of the file.
    pub async fn find_orphans(&self) -> io::Result<(Vec<Orphan>, u64)> {
        let _hold = self.hold().await?;
        let mut orphans = self.member.orphans(&self.members)?;
        let mut table = self.account.read()?;
        let dead = orphans.iter().map(|orphan| orphan.id().0).collect();
        let held = table.holders();
        let withheld = table.sum_of(&dead);
        self.account.withhold(withheld);
        let inherited = self.account.inherit(&mut table, &dead);
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
        self.account.release(withheld);
    }

    /// Bytes that all members may hold at present, the dead included.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow).
    ///
    /// # Cancel safety
    /// Nothing is changed.
    ///
    /// # Cost
    /// As of [`grow`](Self::grow).
    pub async fn granted_to_all(&self) -> io::Result<u64> {
        let _hold = self.hold().await?;
        Ok(self.account.read()?.sum())
    }

    /// Leaves for good, holding nothing.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow); it is found dead then.
    ///
    /// # Cancel safety
    /// Dropped before it has left, it is found dead.
    ///
    /// # Cost
    /// As of [`grow`](Self::grow).
    pub async fn leave(self) -> io::Result<()> {
        let hold = self.hold().await?;
        let mut table = self.account.read()?;
        self.account.give_back(&mut table, u64::MAX)?;
        drop(hold);
        self.member.leave()
    }

    async fn hold(&self) -> io::Result<Hold> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        self.member.check_process()?;
        let lock = lock(&self.account.file).await?;
        if member::is_at(&self.account.file, &self.path) {
            return Ok(Hold { _lock: lock, _turn: turn });
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the cache directory was removed; open the cache anew"))
    }

    /// Finds the dead, and puts this member's name on what they held. The caller holds the lock.
    fn take_over(&mut self) -> io::Result<Vec<Orphan>> {
        let mut orphans = self.member.orphans(&self.members)?;
        let table = match self.account.read() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            read => Some(read?).filter(|table| table.boot() == Some(tag(self.boot))),
        };
        match table {
            Some(mut table) => {
                // Whose file is gone has nobody to tell what it held.
                let known = self.member.all(&self.members)?;
                let lost: Vec<u64> = table.holders().into_keys().filter(|id| !known.contains(id)).collect();
                self.is_sure = lost.is_empty();
                self.remember_doubt()?;
                let dead = orphans.iter().map(|orphan| orphan.id().0).chain(lost).collect();
                self.account.inherit(&mut table, &dead)?;
                self.granted_now()?;
            }
            None if self.member.has_living_others(&orphans)? => return Err(table::damaged()),
            None => {
                self.is_sure = orphans.is_empty() && self.is_alone_here()?;
                self.remember_doubt()?;
                self.account.begin_anew(tag(self.boot), if self.is_sure { 0 } else { self.bytes_max })?;
            }
        }
        for orphan in &mut orphans {
            orphan.keep(&self.member);
        }
        Ok(orphans)
    }

    /// That it is not known what is held is marked before it is forgotten by a file that looks sound.
    fn remember_doubt(&self) -> io::Result<()> {
        if self.is_sure { Ok(()) } else { self.disturb() }
    }

    /// Leaves without a share, after an error, which is not looked at: whatever cannot be done here is left to others,
    /// as after a kill. The caller holds the lock.
    fn withdraw(self) {
        // Of any record that bears its name, sound or not, somebody has to find out what it stands for.
        if table::bears(&self.account.file, self.member.id().0).is_ok_and(|bears| !bears) {
            let _ = self.member.leave();
        }
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
            let (poor, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
            poor.withdraw();
            assert_eq!(files(), 0);
            let (holder, _) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
            holder.grow(10).await.unwrap();
            let id = holder.member().id();
            holder.withdraw();
            let (_, orphans) = Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap();
            assert_eq!(orphans.first().unwrap().id(), id);
        });
    }

    #[test]
    fn the_dead_whose_share_cannot_be_taken_over_are_found_again() {
        let directory = tempfile::TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let join = async || Shares::join(directory.path(), 1000, |_| Vec::new()).await.unwrap().0;
            let (dying, mut finder, other) = (join().await, join().await, join().await);
            finder.grow(100).await.unwrap();
            dying.grow(600).await.unwrap();
            drop(dying);
            let file = Arc::new(fs::File::open(directory.path().join(SHARES)).unwrap());
            let to_write = std::mem::replace(&mut Arc::get_mut(&mut finder.account).unwrap().file, file);
            finder.find_orphans().await.unwrap_err();
            Arc::get_mut(&mut finder.account).unwrap().file = to_write;
            assert_eq!(finder.granted_now().unwrap(), 100, "nothing is withheld");
            let (orphans, withheld) = other.find_orphans().await.unwrap();
            assert_eq!((orphans.len(), withheld), (1, 600));
            drop(orphans);
            assert!(finder.find_orphans().await.unwrap().0.is_empty(), "they are the other's");
        });
    }
}
