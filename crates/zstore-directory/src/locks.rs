//! Locks on places of a file, which the kernel releases with the process.
//!
//! They are locks of the open file description: two descriptions conflict, be they of one process or of two, and
//! places need no bytes there. Within one description the kernel sees one owner, so who holds what among its users is
//! kept here.

use std::{collections::HashMap, fs::File, io, process, sync::Arc, thread, time::Duration};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;

/// Whoever waits for another process looks again after so long, and then after twice as long, up to the longest.
const PAUSE_MIN: Duration = Duration::from_micros(100);
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// A file, and who holds which place of it here.
#[derive(Debug)]
pub(crate) struct Locks {
    pub(crate) file: File,
    held: Mutex<HashMap<u64, Held>>,
    /// The process that opened it: a fork of it has the same locks, and must not release them.
    process: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Exclusive,
    Shared(usize),
}

/// Waits for so long. Without a runtime there is no timer, and nobody else to hold up.
pub(crate) async fn wait(pause: Duration) {
    match Handle::try_current() {
        Ok(_) => tokio::time::sleep(pause).await,
        Err(_) => thread::sleep(pause),
    }
}

/// How a place is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By one at a time.
    Exclusive,
    /// By many, if nobody has it for himself.
    Shared,
}

/// A lock on a place; dropping it releases it.
#[derive(Debug)]
#[must_use = "dropping it releases the lock"]
pub(crate) struct Lock {
    locks: Arc<Locks>,
    at: u64,
    mode: Mode,
}

impl Locks {
    pub(crate) fn new(file: File) -> Arc<Self> {
        Arc::new(Self { file, held: Mutex::default(), process: process::id() })
    }

    /// Locks a place if nobody is in the way.
    ///
    /// # Errors
    /// What the system refuses, such as locks on this file system.
    pub(crate) fn try_lock(self: &Arc<Self>, at: u64, mode: Mode) -> io::Result<Option<Lock>> {
        let mut held = self.held.lock();
        let now = match (held.get(&at), mode) {
            (Some(Held::Shared(count)), Mode::Shared) => Held::Shared(count + 1),
            (Some(_), _) => return Ok(None),
            (None, mode) => {
                if !self.set(at, mode)? {
                    return Ok(None);
                }
                match mode {
                    Mode::Exclusive => Held::Exclusive,
                    Mode::Shared => Held::Shared(1),
                }
            }
        };
        held.insert(at, now);
        Ok(Some(Lock { locks: Arc::clone(self), at, mode }))
    }

    /// Locks a place once nobody is in the way.
    ///
    /// # Errors
    /// As for [`try_lock`](Self::try_lock).
    ///
    /// # Cancel safety
    /// Nothing is locked after the drop.
    pub(crate) async fn lock(self: &Arc<Self>, at: u64, mode: Mode) -> io::Result<Lock> {
        let mut pause = PAUSE_MIN;
        loop {
            if let Some(lock) = self.try_lock(at, mode)? {
                return Ok(lock);
            }
            wait(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// The same, for so long at most; none if that was not enough.
    ///
    /// # Errors
    /// As for [`try_lock`](Self::try_lock).
    pub(crate) async fn lock_within(
        self: &Arc<Self>,
        at: u64,
        mode: Mode,
        patience: Duration,
    ) -> io::Result<Option<Lock>> {
        if let Some(lock) = self.try_lock(at, mode)? {
            return Ok(Some(lock));
        }
        if Handle::try_current().is_err() {
            return self.lock(at, mode).await.map(Some);
        }
        tokio::time::timeout(patience, self.lock(at, mode)).await.map_or(Ok(None), |lock| lock.map(Some))
    }

    /// Whether somebody has a place for himself through this file.
    pub(crate) fn is_held(&self, at: u64) -> bool {
        self.held.lock().get(&at) == Some(&Held::Exclusive)
    }

    /// Whether anybody has a place, for himself or with others.
    ///
    /// # Errors
    /// As for [`try_lock`](Self::try_lock).
    pub(crate) fn is_taken(&self, at: u64) -> io::Result<bool> {
        if self.held.lock().contains_key(&at) {
            return Ok(true);
        }
        let mut lock = place(at, libc::F_WRLCK)?;
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut lock))?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }

    fn set(&self, at: u64, mode: Mode) -> io::Result<bool> {
        let kind = match mode {
            Mode::Exclusive => libc::F_WRLCK,
            Mode::Shared => libc::F_RDLCK,
        };
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&place(at, kind)?)) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn release(&self, at: u64, mode: Mode) {
        let mut held = self.held.lock();
        if let (Mode::Shared, Some(Held::Shared(count @ 2..))) = (mode, held.get_mut(&at)) {
            *count -= 1;
            return;
        }
        held.remove(&at);
        // The kernel cannot refuse to release what is held; if it did, it would with the file.
        if let Ok(place) = place(at, libc::F_UNLCK) {
            let _ = fcntl(&self.file, FcntlArg::F_OFD_SETLK(&place));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.locks.process == process::id() {
            self.locks.release(self.at, self.mode);
        }
    }
}

fn place(at: u64, kind: i32) -> io::Result<libc::flock> {
    let wrong = |_| io::Error::from(io::ErrorKind::InvalidInput);
    Ok(libc::flock {
        l_type: i16::try_from(kind).map_err(wrong)?,
        l_whence: i16::try_from(libc::SEEK_SET).map_err(wrong)?,
        l_start: i64::try_from(at).map_err(wrong)?,
        l_len: 1,
        l_pid: 0,
    })
}
