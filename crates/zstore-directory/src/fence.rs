//! The fence: what was fetched before a value was written never lands after it, whoever fetched and whoever wrote.
//!
//! # How
//! Whoever writes a value announces it for as long as the write takes: by a lock at a place of the file that its hash
//! tells, which all writers of the value share. Then it takes the value for itself, by another lock, and changes a
//! token, of which there are some thousands for all values.
//!
//! Whoever fetches notes the token and looks for writers before it asks the source, and may land only if nobody wrote
//! then. It lands under the lock of the value, which landings share, after it has seen that nobody announced a write
//! and the token is still the same. So:
//!
//! - A write that began after the token was noted has changed it, or waits until the landing is over and removes what
//!   landed.
//! - A write that began before and lasted was announced, and the fetch does not land, be the writer alone or not.
//! - A write that was over before the fetch began does no harm: the source was asked after it.
//!
//! A writer that dies leaves its locks to nobody and its token changed. Values that share a token keep each other from
//! landing now and then, which costs a fetch and no truth. Writes below a prefix have a lock and a token for all
//! values of a namespace.

use std::{
    fs::{File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io,
    marker::PhantomData,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    process,
    sync::Arc,
    time::Duration,
};

use crate::{
    access,
    locks::{Lock, Locks, Mode},
    member::check_process,
};

/// As many tokens as a few pages hold: in a thousand values written per second, one fetch of 100 ms in forty lands in
/// vain.
const TOKENS: u64 = 4096;
const TOKEN_BYTES: u64 = 8;
/// The tokens of writes below prefixes come first, so many for all namespaces.
const BELOW_TOKENS: u64 = 64;
const FILE_BYTES: u64 = 2 * FLOORS_AT;
/// Behind the tokens come as many times: what was fetched until then is not to be believed.
const FLOORS_AT: u64 = (BELOW_TOKENS + TOKENS) * TOKEN_BYTES;
/// Places of locks, far behind all bytes: for each value, one for it, one for its writers and one for its fetch; for
/// each namespace, one for all its values and one for the writers below prefixes.
const KEYS_AT: u64 = 1 << 60;
const WRITERS_AT: u64 = 3 << 60;
const FETCHES_AT: u64 = 1 << 61;
const BELOW_AT: u64 = 1 << 62;

/// The fence of a directory, as one member of it sees it.
///
/// Values are told apart by a hash of 64 bits, which the caller makes of all that names them. Two of one hash wait
/// for each other.
#[derive(Clone, Debug)]
pub struct Fence {
    locks: Arc<Locks>,
    /// Of the namespace.
    below_token_at: u64,
    below_at: u64,
    writers_below_at: u64,
    /// The process that opened it. A fork of it has the same locks, so they tell the two nothing of each other.
    process: u32,
}

/// What a fetch notes before it asks the source: the state of the value as far as writes change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    hash: u64,
    token: u64,
    below_token: u64,
}

impl Pass {
    /// A number for the state alone: another one after each write.
    #[must_use]
    pub const fn state(&self) -> u64 {
        self.token ^ self.below_token.rotate_left(32)
    }
}

/// Leave to land; while it is held, nobody writes the value.
#[derive(Debug)]
#[must_use = "dropping it ends the landing"]
pub struct Landing<'w> {
    state: Pass,
    _value: Option<Lock>,
    _below: Lock,
    _write: PhantomData<&'w Write>,
}

impl Landing<'_> {
    /// The state of the value in which it lands, as [`Fence::look`] would tell it if nobody wrote since.
    #[must_use]
    pub const fn state(&self) -> Pass {
        self.state
    }
}

/// A write of a value under way.
#[derive(Debug)]
#[must_use = "dropping it ends the write"]
pub struct Write {
    fence: Fence,
    /// What it made of the state. None if it is not alone, or values below a prefix were being written when it began:
    /// which of the two the source saw last, nobody knows.
    state: Option<Pass>,
    value: Option<Lock>,
    /// Released last: a fetch that begins meanwhile may be answered what the source held before.
    _announced: Lock,
}

/// A write below a prefix under way.
#[derive(Debug)]
#[must_use = "dropping it ends the write"]
pub struct WriteBelow {
    below: Option<Lock>,
    /// As of a [`Write`].
    _announced: Lock,
}

impl WriteBelow {
    /// Whether nothing lands meanwhile.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.below.is_some()
    }
}

impl Fence {
    /// Opens the fence of a directory for the values of a namespace, of which `namespace` is a hash, or makes it.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Four calls of the system, which wait for nobody; who makes the file waits for others that do. A file descriptor,
    /// for as long as a clone of it lives.
    pub fn open(path: &Path, namespace: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        access::share(&file, path.parent().unwrap_or(path))?;
        if file.metadata()?.len() < FILE_BYTES {
            // One at a time: tokens that others have changed since must not become zeros again.
            file.lock()?;
            let len = file.metadata()?.len();
            if len < FILE_BYTES {
                // Written, not left out: a full disk must not stand in the way of a token later.
                file.write_all_at(&vec![0; usize::try_from(FILE_BYTES - len).unwrap_or(0)], len)?;
            }
            file.unlock()?;
        }
        Ok(Self::of_file(file, namespace))
    }

    /// Opens the fence of a directory that may not be written: nothing lands and nothing is written by way of it.
    ///
    /// # Errors
    /// What the system refuses; `NotFound` if nobody ever shared the directory.
    pub fn open_to_read(path: &Path, namespace: u64) -> io::Result<Self> {
        Ok(Self::of_file(OpenOptions::new().read(true).open(path)?, namespace))
    }

    fn of_file(file: File, namespace: u64) -> Self {
        let below_at = BELOW_AT + 2 * (namespace >> 8);
        Self {
            locks: Locks::new(file),
            below_token_at: namespace % BELOW_TOKENS * TOKEN_BYTES,
            below_at,
            writers_below_at: below_at + 1,
            process: process::id(),
        }
    }

    /// The state of a value as far as writes change it: another one if it was written between two calls. Values that
    /// share a token change each other's, now and then.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Two calls of the system, which wait for nobody.
    pub fn look(&self, hash: u64) -> io::Result<Pass> {
        Ok(Pass { hash, token: self.token(token_at(hash))?, below_token: self.token(self.below_token_at)? })
    }

    /// Blobs of a value that were fetched at `until_ms` or before, in milliseconds since the Unix epoch, are not to be
    /// believed, by anybody: something of it could not be removed when it was written, or may land later than the
    /// writer waited. So it is with values that
    /// share its token, which costs a fetch and no truth.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Two calls of the system, which need no room on the disk.
    pub fn distrust(&self, hash: u64, until_ms: u64) -> io::Result<()> {
        self.raise_floor(token_at(hash), until_ms)
    }

    /// The same of all values of the namespace.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// As of [`distrust`](Self::distrust).
    pub fn distrust_all(&self, until_ms: u64) -> io::Result<()> {
        self.raise_floor(self.below_token_at, until_ms)
    }

    /// Whether a blob of a value that was fetched then may be believed.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cost
    /// Two calls of the system, which wait for nobody.
    pub fn is_trusted(&self, hash: u64, fetched_ms: u64) -> io::Result<bool> {
        let floor = self.floor(token_at(hash))?.max(self.floor(self.below_token_at)?);
        Ok(floor == 0 || fetched_ms > floor)
    }

    /// Two who raise one at once may leave the lower one, if the clock of both shows another time.
    fn raise_floor(&self, token_at: u64, until_ms: u64) -> io::Result<()> {
        self.check()?;
        let floor = self.floor(token_at)?.max(until_ms).max(1);
        self.locks.file.write_all_at(&floor.to_le_bytes(), FLOORS_AT + token_at)
    }

    fn floor(&self, token_at: u64) -> io::Result<u64> {
        match self.token(FLOORS_AT + token_at) {
            // One that may only be read, and was never made longer.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            floor => floor,
        }
    }

    /// A fetch of a value begins. None if the value is being written: what the source answers may be old, and must
    /// not land.
    ///
    /// # Errors
    /// What the system refuses; the fetch must not land then.
    ///
    /// # Cost
    /// Five system calls, which wait for nobody.
    pub fn begin_fetch(&self, hash: u64) -> io::Result<Option<Pass>> {
        self.check()?;
        // Before the locks: a write that begins now changes the tokens, and one that is over by the time its lock is
        // looked for has.
        let pass = self.look(hash)?;
        let is_written = self.locks.is_taken(writers_at(hash))? || self.locks.is_taken(self.writers_below_at)?;
        Ok(if is_written { None } else { Some(pass) })
    }

    /// What was fetched is to land. None if the value was written since, or is being written.
    ///
    /// # Errors
    /// What the system refuses; the fetch must not land then.
    ///
    /// # Cost
    /// Nine system calls, two of them when it ends, which wait for nobody.
    pub fn begin_landing(&self, pass: Pass) -> io::Result<Option<Landing<'static>>> {
        self.check()?;
        let Some(value) = self.locks.try_lock(key_at(pass.hash), Mode::Shared)? else { return Ok(None) };
        // Who waits to write waits for those only who were landing before, so landings without end do not keep it.
        if self.locks.is_taken(writers_at(pass.hash))? {
            return Ok(None);
        }
        self.land(pass, Some(value))
    }

    /// A value is to be written: waits until nobody else writes it or lands it, for so long at most. From then on
    /// nothing lands that was fetched before or is fetched meanwhile. What is resident of it is for the caller to
    /// remove now, before it writes to the source.
    ///
    /// One who is stopped in the middle of a landing must not stop writers for ever. The write of whoever waited so
    /// long is not [alone](Write::is_alone): nothing that is fetched until it ends lands either, but what was landing
    /// already may come at any moment, so the caller removes what is resident once more after the source is written.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cancel safety
    /// Nothing has begun after the drop.
    ///
    /// # Cost
    /// Nine system calls, two of them when it ends. While it waits, it looks again each 2 ms at the latest. Without a
    /// runtime it blocks, and its patience has no end.
    pub async fn begin_write(&self, hash: u64, patience: Duration) -> io::Result<Write> {
        let announced = self.announce(writers_at(hash))?;
        let value = self.locks.lock_within(key_at(hash), Mode::Exclusive, patience).await?;
        self.check()?;
        let token = self.change_token(token_at(hash))?;
        let state = Pass { hash, token, below_token: self.token(self.below_token_at)? };
        let is_unsure = value.is_none() || self.locks.is_taken(self.writers_below_at)?;
        let state = if is_unsure { None } else { Some(state) };
        Ok(Write { fence: self.clone(), state, value, _announced: announced })
    }

    /// Values below a prefix are to be written: as [`begin_write`](Self::begin_write), for all values at once.
    ///
    /// # Errors
    /// What the system refuses.
    ///
    /// # Cancel safety
    /// Nothing has begun after the drop.
    ///
    /// # Cost
    /// As of [`begin_write`](Self::begin_write).
    pub async fn begin_write_below(&self, patience: Duration) -> io::Result<WriteBelow> {
        let announced = self.announce(self.writers_below_at)?;
        let below = self.locks.lock_within(self.below_at, Mode::Exclusive, patience).await?;
        self.check()?;
        self.change_token(self.below_token_at)?;
        Ok(WriteBelow { below, _announced: announced })
    }

    /// A value is to be fetched by one member at a time: none if another fetches it now. Ends when the lead is
    /// dropped, or with the process.
    ///
    /// # Errors
    /// What the system refuses; whoever wants the value fetches it then.
    ///
    /// # Cost
    /// Two system calls, one of them when it ends, which wait for nobody.
    pub fn try_lead(&self, hash: u64) -> io::Result<Option<Lead>> {
        Ok(self.locks.try_lock(fetch_at(hash), Mode::Exclusive)?.map(Lead))
    }

    /// Whether this member fetches the value, by way of another call.
    #[must_use]
    pub fn is_led_here(&self, hash: u64) -> bool {
        self.locks.is_held(fetch_at(hash))
    }

    /// Waits until no other member fetches the value.
    ///
    /// # Errors
    /// As for [`try_lead`](Self::try_lead).
    ///
    /// # Cancel safety
    /// Nobody leads after the drop.
    ///
    /// # Cost
    /// As of [`begin_write`](Self::begin_write), for as long as others fetch.
    pub async fn lead(&self, hash: u64) -> io::Result<Lead> {
        self.locks.lock(fetch_at(hash), Mode::Exclusive).await.map(Lead)
    }

    /// From now on fetches know of a write.
    fn announce(&self, at: u64) -> io::Result<Lock> {
        // Nobody takes such a place for himself.
        self.locks.try_lock(at, Mode::Shared)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn land<'w>(&self, state: Pass, value: Option<Lock>) -> io::Result<Option<Landing<'w>>> {
        if self.locks.is_taken(self.writers_below_at)? {
            return Ok(None);
        }
        let Some(below) = self.locks.try_lock(self.below_at, Mode::Shared)? else { return Ok(None) };
        let is_same = self.look(state.hash)? == state;
        Ok(is_same.then_some(Landing { state, _value: value, _below: below, _write: PhantomData }))
    }

    /// # Errors
    /// `NotFound` if the file was removed, with the whole directory perhaps: others may have a fence anew that this one
    /// does not see. `Unsupported` in a fork of the process that opened it.
    fn check(&self) -> io::Result<()> {
        check_process(self.process)?;
        if self.locks.file.metadata()?.nlink() > 0 {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the cache directory was removed; open the cache anew"))
    }

    fn token(&self, at: u64) -> io::Result<u64> {
        let mut token = [0; TOKEN_BYTES as usize];
        self.locks.file.read_exact_at(&mut token, at)?;
        Ok(u64::from_le_bytes(token))
    }

    /// At random, so that two who change one token at once need not wait for each other: no value comes twice, but by
    /// a chance of one in 2^64.
    fn change_token(&self, at: u64) -> io::Result<u64> {
        let token = RandomState::new().hash_one((self.process, self.token(at)?));
        self.locks.file.write_all_at(&token.to_le_bytes(), at)?;
        Ok(token)
    }
}

impl Write {
    /// Whether nobody else writes or lands the value meanwhile.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.value.is_some()
    }

    /// What was written is to land. None if another wrote it meanwhile, who would not wait for this one, or values
    /// below a prefix were being written, this one perhaps among them.
    ///
    /// # Errors
    /// What the system refuses; the value must not land then.
    ///
    /// # Cost
    /// Five system calls, one of them when it ends, which wait for nobody.
    pub fn begin_landing(&self) -> io::Result<Option<Landing<'_>>> {
        self.state.map_or(Ok(None), |state| self.fence.land(state, None))
    }
}

/// The lead of a fetch: nobody else fetches the value meanwhile. Dropping it ends it.
#[derive(Debug)]
#[must_use = "dropping it lets others fetch"]
pub struct Lead(#[expect(dead_code, reason = "held, not looked at")] Lock);

const fn token_at(hash: u64) -> u64 {
    (BELOW_TOKENS + hash % TOKENS) * TOKEN_BYTES
}

const fn key_at(hash: u64) -> u64 {
    KEYS_AT + (hash >> 4)
}

const fn writers_at(hash: u64) -> u64 {
    WRITERS_AT + (hash >> 4)
}

const fn fetch_at(hash: u64) -> u64 {
    FETCHES_AT + (hash >> 4)
}
