//! Recalling: who has less than its part takes room from who has most, with the files that fill it.

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;

use super::{Shares, account::Account, table::Table};
use crate::{disturbance::disturb, member::MemberId};

/// Whoever removes files holds the lock of the shares, for which others wait a second: a removal takes some 20 µs, ten
/// times that on a slow disk.
const FILES_MAX: u32 = 1000;

/// Removes a file of that weight, if it is there. Breaks off once nothing more is wanted.
pub type Remove<'a> = dyn FnMut(&Path, u64) -> io::Result<ControlFlow<()>> + 'a;

/// What is to be taken from whom.
struct Recall {
    account: Arc<Account>,
    table: Table,
    cache: PathBuf,
    from: MemberId,
    journal: PathBuf,
    wanted: u64,
}

impl Shares {
    /// Takes room for so many bytes, or a piece if that is more, from the member that holds most, if that is more than
    /// its part and this one has less than its own: an equal part for each who lives. `victims` is told the journal of
    /// that member, and names files of it with their weights, who leave first in front, to what removes them as long as
    /// that wants more. Answers what the member may hold now.
    ///
    /// # Errors
    /// As for [`grow`](Self::grow). Files may have been removed whose room is found by their owner, then.
    ///
    /// # Cancel safety
    /// What has begun to remove files goes on behind the caller's back where there is a runtime, and what is gone
    /// changes hands. A runtime that shuts down may keep it from beginning; nothing is gone then.
    ///
    /// # Cost
    /// Two or three calls of the system for each member, the journal of one, and so many files removed as hold what is
    /// wanted, a thousand at most: all under the lock of the file. Where there is a runtime, the journal and the files
    /// are for a thread that may block.
    pub async fn recall(
        &self,
        bytes: u64,
        victims: impl FnOnce(&[u8], &mut Remove<'_>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<u64> {
        let hold = self.hold().await?;
        let Some(recall) = self.planned(bytes)? else { return self.granted_now() };
        let work = move || {
            let _hold = hold;
            recall.run(victims)
        };
        match Handle::try_current() {
            Ok(runtime) => runtime.spawn_blocking(work).await.map_err(io::Error::other)?,
            // There is nobody else to hold up.
            Err(_) => work(),
        }
    }

    /// None if nobody has too much, or this one has its part. The caller holds the lock.
    fn planned(&self, bytes: u64) -> io::Result<Option<Recall>> {
        let table = self.account.read()?;
        let (own, holders) = (self.member.id().0, table.holders());
        let mine = holders.get(&own).copied().unwrap_or(0);
        let richest = holders.iter().max_by_key(|(_, bytes)| **bytes).map(|(id, bytes)| (*id, *bytes));
        let Some((rich, held)) = richest.filter(|(id, _)| *id != own) else { return Ok(None) };
        let part = self.bytes_max / self.member.living(&self.members)?;
        let wanted = bytes.max(self.piece()).min(part.saturating_sub(mine)).min(held.saturating_sub(part));
        let (account, cache, from) = (Arc::clone(&self.account), self.cache.clone(), MemberId(rich));
        let journal = self.members.join(from.name());
        Ok((wanted > 0).then_some(Recall { account, table, cache, from, journal, wanted }))
    }
}

impl Recall {
    fn run(mut self, victims: impl FnOnce(&[u8], &mut Remove<'_>) -> io::Result<()>) -> io::Result<u64> {
        let journal = fs::read(&self.journal)?;
        let (mut freed, mut files) = (0_u64, 0);
        let (wanted, from, account, cache) = (self.wanted, self.from.0, &self.account, &self.cache);
        let (mut recalled, table) = (0, &mut self.table);
        let mut remove = |path: &Path, weight: u64| {
            let victim = match File::open(path) {
                Ok(victim) => victim,
                // Somebody removed it; whoever it belongs to will find that out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
                Err(error) => return Err(error),
            };
            // It may be another one of its name.
            let bytes = victim.metadata()?.len();
            // Before the file goes: its owner may find out, and use the room, before it has changed hands.
            let due = freed.saturating_add(weight.min(bytes)).max(wanted);
            if due > recalled {
                account.recall(table, from, due)?;
                recalled = due;
            }
            match fs::remove_file(path) {
                Ok(()) => {
                    prune(path, cache);
                    // If it is still there, another one has taken its place, whose weight is not known: the room stays
                    // its owner's.
                    if victim.metadata()?.nlink() == 0 {
                        freed = freed.saturating_add(weight.min(bytes));
                    }
                    files += 1;
                }
                // Somebody wrote or removed it; whoever it belongs to will find that out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            Ok(if freed < wanted && files < FILES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        };
        disturb(cache)?;
        let removed = victims(&journal, &mut remove);
        // Only what is gone changes hands; a kill between two steps loses room and gives none twice.
        let taken = account.take(table, from, freed)?;
        account.end_recall(table)?;
        account.add(table, taken)?;
        removed?;
        account.granted_now()
    }
}

/// Removes the directories that a file left empty, as its owner would have; those at the top of the cache stay.
fn prune(path: &Path, cache: &Path) {
    let emptied = path.ancestors().skip(1);
    for directory in emptied.take_while(|directory| directory.parent().is_some_and(|parent| parent != cache)) {
        // One that is not empty, or that somebody is about to use, stays.
        if !directory.starts_with(cache) || fs::remove_dir(directory).is_err() {
            return;
        }
    }
}
