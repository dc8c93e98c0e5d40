//! A player: a process that reads and writes through a cache until it is killed.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use zstore_cache::{CacheStore, RangeStrategy};
use zstore_core::{ByteRange, ErrorKind, Key, Prefix, ReadStore, ReadStoreExt, Result, Store, StoreExt};
use zstore_local::LocalStore;
use zstore_testkit::Seed;

use crate::{
    register::Register,
    value::{self, BELOW, VALUES},
};

/// Bytes of the directory's bound: a third of all values.
pub(crate) const BOUND: u64 = 300_000;
const TASKS: u64 = 4;

pub(crate) type Cache = CacheStore<LocalStore, LocalStore>;

pub(crate) async fn open(place: &Path) -> Cache {
    let source = Arc::new(LocalStore::create(place.join("source")).unwrap());
    let tier = Arc::new(LocalStore::create_cache(place.join("cache")).unwrap());
    let strategy = RangeStrategy::WholeUpTo { size_max: 20_000, block_size: 4096 };
    CacheStore::builder(source, tier).max_size(BOUND).range_strategy(strategy).build().await.unwrap()
}

/// Plays until it is killed. Tells each move by a line, and what it has checked in a file of its own.
pub(crate) fn play(place: &Path, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // Before the cache, which may have all file descriptors that are left, for a moment.
        let counts = place.join("counts");
        fs::create_dir_all(&counts).unwrap();
        let count = fs::File::create(counts.join(std::process::id().to_string())).unwrap();
        // One for each, for locks are those of an open file.
        let registers: Vec<_> = (0..TASKS).map(|_| Register::open(place)).collect();
        let cache = open(place).await;
        let checked = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..)
            .zip(registers)
            .map(|(task, register)| {
                let player = Player {
                    cache: cache.clone(),
                    register,
                    seed: Seed::new(seed.wrapping_mul(31).wrapping_add(task)),
                    checked: Arc::clone(&checked),
                };
                tokio::spawn(player.play())
            })
            .collect();
        let reporter = tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                let _ =
                    std::os::unix::fs::FileExt::write_all_at(&count, &checked.load(Ordering::Relaxed).to_le_bytes(), 0);
            }
        });
        for task in tasks {
            if let Err(error) = task.await {
                eprintln!("{error}");
                std::process::exit(1);
            }
        }
        reporter.abort();
    });
}

struct Player {
    cache: Cache,
    register: Register,
    seed: Seed,
    checked: Arc<AtomicU64>,
}

impl Player {
    async fn play(mut self) {
        loop {
            match self.seed.below(100) {
                0..60 => self.read().await,
                60..75 => self.read_part().await,
                75..80 => self.head().await,
                80..90 => self.set().await,
                90..93 => self.delete().await,
                93..95 => self.delete_below().await,
                95 => {
                    let key = self.any_key();
                    self.cache.invalidate(&key).await.unwrap();
                }
                96 => self.cache.clear_cache().await.unwrap(),
                97 => self.cache.flush().await,
                _ => self.cache.check().unwrap(),
            }
            step();
        }
    }

    fn any_value(&mut self) -> u64 {
        // Some are read more often than others.
        self.seed.below(VALUES).min(self.seed.below(VALUES))
    }

    fn any_key(&mut self) -> Key {
        key(self.any_value())
    }

    async fn read(&mut self) {
        let value = self.any_value();
        let before = self.register.state(value);
        let Some(bytes) = answer(self.cache.get_bytes(&key(value)).await) else { return };
        let writing = bytes.as_ref().map(|bytes| {
            let writing = value::writing(value, 0, bytes).unwrap();
            assert_eq!(bytes.len() as u64, value::size(value, writing), "value {value} was cut");
            writing
        });
        self.judge(value, before, writing);
    }

    async fn read_part(&mut self) {
        let value = self.any_value();
        let start = 8 * self.seed.below(value::size(value, 0) / 8);
        let end = start + 8 * (1 + self.seed.below(1000));
        let before = self.register.state(value);
        let Some(bytes) = answer(self.cache.get_range(&key(value), ByteRange::Bounded(start..end)).await) else {
            return;
        };
        let writing = bytes.map(|bytes| value::writing(value, start, &bytes).unwrap());
        self.judge(value, before, writing);
    }

    async fn head(&mut self) {
        let value = self.any_value();
        let before = self.register.state(value);
        let Some(meta) = answer(self.cache.head(&key(value)).await) else { return };
        let after = self.register.state(value);
        let allowed = match meta {
            None => before.allows(after, None),
            Some(meta) => (before.done..=after.begun).any(|writing| value::size(value, writing) == meta.size),
        };
        assert!(allowed, "value {value} has another size than any writing from {before:?} to {after:?}");
        self.checked.fetch_add(1, Ordering::Relaxed);
    }

    fn judge(&self, value: u64, before: crate::register::State, writing: Option<u64>) {
        let after = self.register.state(value);
        assert!(before.allows(after, writing), "value {value} is of writing {writing:?}, from {before:?} to {after:?}");
        self.checked.fetch_add(1, Ordering::Relaxed);
    }

    async fn set(&mut self) {
        let value = self.any_value();
        let Some(turn) = self.register.turn(value) else { return };
        let writing = turn.begin(value, false);
        if answer(self.cache.put(&key(value), value::bytes(value, writing)).await).is_some() {
            turn.end(value, writing, false);
        }
    }

    async fn delete(&mut self) {
        let value = self.any_value();
        let Some(turn) = self.register.turn(value) else { return };
        let writing = turn.begin(value, true);
        if answer(self.cache.delete(&key(value)).await).is_some() {
            turn.end(value, writing, true);
        }
    }

    async fn delete_below(&mut self) {
        // They share one lock.
        let Some(turn) = self.register.turn(BELOW.start) else { return };
        let writings: Vec<u64> = BELOW.map(|value| turn.begin(value, true)).collect();
        if answer(self.cache.delete_prefix(&Prefix::new("below").unwrap()).await).is_some() {
            for (value, writing) in BELOW.zip(writings) {
                turn.end(value, writing, true);
            }
        }
    }
}

/// What the source answered; none if it could not, for want of file descriptors. A write may be done or not then.
fn answer<V>(result: Result<V>) -> Option<V> {
    match result {
        Err(error) if error.kind() == ErrorKind::Unavailable => None,
        result => Some(result.unwrap()),
    }
}

pub(crate) fn key(value: u64) -> Key {
    Key::new(value::name(value)).unwrap()
}

/// Tells the one who started this that another move is done.
fn step() {
    let mut out = std::io::stdout().lock();
    if writeln!(out, ".").and_then(|()| out.flush()).is_err() {
        // Nobody is left to kill it.
        std::process::exit(0);
    }
}
