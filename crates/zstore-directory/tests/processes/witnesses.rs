//! A value that is written and fetched by several processes: nobody may read less than what was written before.
//!
//! The source is a file with a number that only grows, and the copy another. Who writes removes the copy first; who
//! fetches brings it back.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use zstore_directory::Fence;
use zstore_testkit::Seed;

use crate::{
    run,
    workers::{Worker, step},
};

const HASH: u64 = 0x0123_4567_89ab_cdef;
const STEPS: u64 = 200;
/// Longer than anybody here waits.
const PATIENCE: Duration = Duration::from_secs(600);

struct Value {
    directory: PathBuf,
    fence: Fence,
}

impl Value {
    fn open(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), fence: Fence::open(&directory.join("fence"), 0).unwrap() }
    }

    fn number(&self, name: &str) -> Option<u64> {
        let file = File::open(self.directory.join(name)).ok()?;
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, 0).ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    fn put(&self, name: &str, number: u64) {
        let path = self.directory.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
        file.write_all_at(&number.to_le_bytes(), 0).unwrap();
    }

    /// The source takes one write at a time.
    fn locked<V>(&self, work: impl FnOnce() -> V) -> V {
        let lock = File::create(self.directory.join("lock")).unwrap();
        lock.lock().unwrap();
        work()
    }

    /// Writes the next number to the source.
    fn count(&self) -> u64 {
        self.locked(|| {
            let number = self.number("source").unwrap() + 1;
            self.put("source", number);
            number
        })
    }

    /// From now on nobody may read less.
    fn raise_written(&self, number: u64) {
        self.locked(|| {
            let written = self.number("written").unwrap();
            self.put("written", written.max(number));
        });
    }

    fn remove_copy(&self) {
        let _ = fs::remove_file(self.directory.join("copy"));
    }

    /// Puts the copy in place at once.
    fn land(&self, number: u64) {
        let name = format!("landing-{}", std::process::id());
        self.put(&name, number);
        fs::rename(self.directory.join(name), self.directory.join("copy")).unwrap();
    }
}

/// Plays a writer: each write makes the number greater, and its copy lands or not.
pub(crate) fn write(directory: &Path, seed: u64) {
    let (value, mut seed) = (Value::open(directory), Seed::new(seed));
    run(async {
        for _ in 0..STEPS {
            let below =
                if seed.below(4) == 0 { Some(value.fence.begin_write_below(PATIENCE).await.unwrap()) } else { None };
            let write = match &below {
                Some(_) => None,
                None => Some(value.fence.begin_write(HASH, PATIENCE).await.unwrap()),
            };
            value.remove_copy();
            dawdle(&mut seed);
            let number = value.count();
            dawdle(&mut seed);
            if let Some(write) = &write
                && seed.below(2) == 0
                && let Some(_landing) = write.begin_landing().unwrap()
            {
                value.land(number);
            }
            value.raise_written(number);
            drop((write, below));
            step();
        }
    });
}

/// Plays a fetcher until the test is over, and reads what there is: never less than was written when it began.
pub(crate) fn fetch(directory: &Path, seed: u64) {
    let (value, mut seed) = (Value::open(directory), Seed::new(seed));
    let over = directory.join("over");
    while !over.exists() {
        if let Some(pass) = value.fence.begin_fetch(HASH).unwrap() {
            let number = value.number("source").unwrap();
            dawdle(&mut seed);
            if let Some(_landing) = value.fence.begin_landing(pass).unwrap() {
                value.land(number);
            }
        }
        // Others are to have the processor too.
        std::thread::sleep(std::time::Duration::from_micros(seed.below(200)));
        let written = value.number("written").unwrap();
        if let Some(copy) = value.number("copy") {
            assert!(copy >= written, "{copy} was read after {written} was written");
        }
    }
}

/// Lets others in between: a few steps of theirs, or many.
fn dawdle(seed: &mut Seed) {
    let most = [2, 20, 200][usize::try_from(seed.below(3)).unwrap()];
    for _ in 0..seed.below(most) {
        std::thread::yield_now();
    }
}

fn value() -> (TempDir, Value) {
    let directory = TempDir::new().unwrap();
    let value = Value::open(directory.path());
    value.put("source", 1);
    value.put("written", 0);
    (directory, value)
}

pub(crate) fn nobody_reads_less_than_was_written() {
    let (directory, value) = value();
    let mut seed = Seed::new(7);
    let start = |role: &str, seed: &mut Seed| Worker::start(role, directory.path(), seed.below(1 << 40));
    let fetchers: Vec<Worker> = (0..2).map(|_| start("fetcher", &mut seed)).collect();
    let mut writers: Vec<Worker> = (0..2).map(|_| start("writer", &mut seed)).collect();
    for _ in 0..20 {
        let at = usize::try_from(seed.below(2)).unwrap();
        writers[at].goes_on_for(1 + seed.below(30));
        std::mem::replace(&mut writers[at], start("writer", &mut seed)).kill();
    }
    writers.into_iter().for_each(Worker::end);
    File::create(directory.path().join("over")).unwrap();
    fetchers.into_iter().for_each(Worker::end);
    let (source, written) = (value.number("source").unwrap(), value.number("written").unwrap());
    assert!(source >= written && written > 0, "{source} {written}");
    // Nobody is left who holds anything: a fetch lands.
    let pass = value.fence.begin_fetch(HASH).unwrap().unwrap();
    assert!(value.fence.begin_landing(pass).unwrap().is_some());
}

pub(crate) fn what_was_fetched_before_a_write_never_lands() {
    let directory = TempDir::new().unwrap();
    let open = || Fence::open(&directory.path().join("fence"), 0).unwrap();
    let (reader, writer) = (open(), open());
    run(async {
        // Nobody writes.
        let pass = reader.begin_fetch(HASH).unwrap().unwrap();
        assert!(reader.begin_landing(pass).unwrap().is_some());
        // A write begins after the fetch, and lasts or is over.
        let write = writer.begin_write(HASH, PATIENCE).await.unwrap();
        assert!(reader.begin_landing(pass).unwrap().is_none());
        // A fetch begins during a write.
        assert!(reader.begin_fetch(HASH).unwrap().is_none());
        // What is written lands itself, and other values do.
        assert!(write.begin_landing().unwrap().is_some());
        let other = reader.begin_fetch(HASH + 1 + (1 << 40)).unwrap().unwrap();
        assert!(reader.begin_landing(other).unwrap().is_some());
        drop(write);
        assert!(reader.begin_landing(pass).unwrap().is_none());
        // The same below a prefix.
        let pass = reader.begin_fetch(HASH).unwrap().unwrap();
        let write = writer.begin_write(HASH, PATIENCE).await.unwrap();
        let below = reader.begin_write_below(PATIENCE).await.unwrap();
        assert!(writer.begin_fetch(HASH + 1).unwrap().is_none());
        assert!(write.begin_landing().unwrap().is_none(), "it is written below a prefix too");
        drop(below);
        assert!(write.begin_landing().unwrap().is_none(), "it was");
        drop(write);
        assert!(reader.begin_landing(pass).unwrap().is_none());
        // A write that began during one below a prefix may have come to the source before it.
        let below = reader.begin_write_below(PATIENCE).await.unwrap();
        let write = writer.begin_write(HASH, PATIENCE).await.unwrap();
        drop(below);
        assert!(write.begin_landing().unwrap().is_none());
        drop(write);
        // A write waits for a landing.
        let pass = reader.begin_fetch(HASH).unwrap().unwrap();
        let landing = reader.begin_landing(pass).unwrap();
        assert!(landing.is_some());
        let mut write = Box::pin(writer.begin_write(HASH, PATIENCE));
        assert!(futures_pending(&mut write).await);
        drop(landing);
        drop(write.await.unwrap());
    });
}

pub(crate) fn what_is_fetched_during_a_write_never_lands_though_another_is_stopped() {
    let directory = TempDir::new().unwrap();
    let open = || Fence::open(&directory.path().join("fence"), 0).unwrap();
    let (stopped, writer, reader) = (open(), open(), open());
    let looker = Fence::open_to_read(&directory.path().join("fence"), 0).unwrap();
    run(async {
        let pass = stopped.begin_fetch(HASH).unwrap().unwrap();
        let landing = stopped.begin_landing(pass).unwrap();
        assert!(landing.is_some());
        // The source is yet to be written, and what it answers now is old once it is.
        let write = writer.begin_write(HASH, Duration::ZERO).await.unwrap();
        assert!(!write.is_alone());
        assert!(reader.begin_fetch(HASH).unwrap().is_none());
        assert!(writer.begin_fetch(HASH).unwrap().is_none(), "nor here");
        assert!(looker.begin_fetch(HASH).unwrap().is_none(), "nor for who may only read");
        assert!(reader.begin_landing(reader.look(HASH).unwrap()).unwrap().is_none());
        assert!(write.begin_landing().unwrap().is_none(), "nobody knows what lands last");
        drop(write);
        let pass = reader.begin_fetch(HASH).unwrap().unwrap();
        assert!(reader.begin_landing(pass).unwrap().is_some());
        // The same below a prefix.
        let below = writer.begin_write_below(Duration::ZERO).await.unwrap();
        assert!(!below.is_alone());
        assert!(reader.begin_fetch(HASH).unwrap().is_none());
        assert!(writer.begin_fetch(HASH).unwrap().is_none(), "nor here");
        assert!(reader.begin_landing(reader.look(HASH).unwrap()).unwrap().is_none());
        let write = reader.begin_write(HASH + (1 << 40), PATIENCE).await.unwrap();
        assert!(write.begin_landing().unwrap().is_none(), "which of the two the source saw last, nobody knows");
        drop((write, below));
        let pass = reader.begin_fetch(HASH).unwrap().unwrap();
        assert!(reader.begin_landing(pass).unwrap().is_some());
        drop(landing);
    });
}

pub(crate) fn a_slow_write_does_not_land_after_one_that_would_not_wait() {
    let directory = TempDir::new().unwrap();
    let open = || Fence::open(&directory.path().join("fence"), 0).unwrap();
    let (slow, hasty, reader) = (open(), open(), open());
    run(async {
        let first = slow.begin_write(HASH, PATIENCE).await.unwrap();
        let state = first.begin_landing().unwrap().unwrap().state();
        assert_eq!(state, reader.look(HASH).unwrap());
        let second = hasty.begin_write(HASH, Duration::ZERO).await.unwrap();
        assert_eq!((first.is_alone(), second.is_alone()), (true, false));
        assert!(first.begin_landing().unwrap().is_none(), "which of the two the source saw last, nobody knows");
        drop(second);
        assert!(first.begin_landing().unwrap().is_none(), "the other has returned");
        assert_ne!(state, reader.look(HASH).unwrap());
        assert!(reader.begin_fetch(HASH).unwrap().is_none(), "the first has not");
    });
}

pub(crate) fn a_write_waits_for_those_only_who_were_landing_before() {
    let directory = TempDir::new().unwrap();
    let open = || Fence::open(&directory.path().join("fence"), 0).unwrap();
    let (first, writer, next) = (open(), open(), open());
    run(async {
        let pass = first.begin_fetch(HASH).unwrap().unwrap();
        let landing = first.begin_landing(pass).unwrap();
        let mut write = Box::pin(writer.begin_write(HASH, PATIENCE));
        assert!(futures_pending(&mut write).await);
        assert!(next.begin_landing(pass).unwrap().is_none());
        drop(landing);
        assert!(write.await.unwrap().is_alone());
        let pass = first.begin_fetch(HASH).unwrap().unwrap();
        let landing = first.begin_landing(pass).unwrap();
        let mut below = Box::pin(writer.begin_write_below(PATIENCE));
        assert!(futures_pending(&mut below).await);
        assert!(next.begin_landing(pass).unwrap().is_none());
        // Who gives up has announced nothing.
        drop(below);
        assert!(next.begin_landing(pass).unwrap().is_some());
        drop(landing);
    });
}

/// Whether a future has to wait.
async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending()))
        .await
}

pub(crate) fn a_killed_writer_is_in_nobodys_way() {
    let (directory, value) = value();
    for seed in 0..10 {
        let mut writer = Worker::start("writer", directory.path(), seed);
        assert!(writer.goes_on_for(1 + seed));
        writer.kill();
        let pass = value.fence.begin_fetch(HASH).unwrap().unwrap();
        assert!(value.fence.begin_landing(pass).unwrap().is_some());
    }
}

pub(crate) fn one_fetches_at_a_time_and_the_dead_do_not_count() {
    let directory = TempDir::new().unwrap();
    let open = || Fence::open(&directory.path().join("fence"), 0).unwrap();
    let (one, other) = (open(), open());
    run(async {
        let lead = one.try_lead(HASH).unwrap();
        assert!(lead.is_some());
        assert!(other.try_lead(HASH).unwrap().is_none());
        assert!(one.try_lead(HASH).unwrap().is_none(), "nor twice by one");
        assert!(other.try_lead(HASH + (1 << 30)).unwrap().is_some());
        drop((lead, one));
        drop(other.lead(HASH).await.unwrap());
    });
}

pub(crate) fn a_fence_that_was_removed_lets_nothing_land() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("fence");
    let old = Fence::open(&path, 0).unwrap();
    let pass = old.begin_fetch(HASH).unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    let _new = Fence::open(&path, 0).unwrap();
    assert!(old.begin_landing(pass).is_err());
    assert!(old.begin_fetch(HASH).is_err());
    assert!(run(old.begin_write(HASH, PATIENCE)).is_err(), "what others fetch would land after it");
}

pub(crate) fn a_fence_opens_though_another_is_stopped_opening_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("fence");
    // What a kill left of a file that was being made.
    fs::write(&path, [1; 8]).unwrap();
    let first = Fence::open(&path, 0).unwrap();
    let token = first.look(HASH).unwrap();
    let stopped = File::open(&path).unwrap();
    stopped.lock().unwrap();
    let (told, opened) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(Fence::open(&path, 0).and_then(|fence| fence.look(HASH))));
    // A minute is for ever here.
    let seen = opened.recv_timeout(Duration::from_secs(60)).expect("it waits for one who is stopped").unwrap();
    assert_eq!(seen, token);
}
