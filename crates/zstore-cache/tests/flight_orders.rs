//! The table of flights in every order of threads that shuttle thinks of, with the locks of shuttle in place of our
//! own.
//!
//! One flight a block at a time, nobody waits in vain, nothing doomed lands, no read goes back in time, and the table
//! is empty in the end. The catalog is played by one slot, and the source by a number that grows with each write.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../src/fetched.rs"]
#[allow(dead_code, reason = "the part of the crate that flights need")]
mod fetched;
#[path = "../src/flights.rs"]
#[allow(dead_code, reason = "not all of it is asked here")]
mod flights;
#[path = "../src/watch.rs"]
#[allow(dead_code, reason = "the part of the crate that flights need")]
mod watch;

/// What a flight is told of its landing; nobody waits for it here.
mod landing {
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Landed {}
}

/// Whom a landing spares; nobody has to leave here.
mod warm {
    #[derive(Debug)]
    pub(crate) enum Sparing {}
}

/// The locks of shuttle, in the shape of ours.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<V>(shuttle::sync::Mutex<V>);

    impl<V> Mutex<V> {
        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, V> {
            self.0.lock().unwrap()
        }
    }
}

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use shuttle::{
    Config, Runner,
    future::{block_on, yield_now},
    scheduler::{PctScheduler, RandomScheduler},
    sync::atomic::{AtomicU64, AtomicUsize},
    thread,
};
use zstore_core::{Key, Meta, Prefix, SystemClock, Version};

use self::{
    fetched::Fetched,
    flights::{Answer, Ask, Asking, Boarding, BoardingOne, Departure, Flights, Passage, Scope, Token},
    sync::{AtomicBool, Mutex, Ordering},
    watch::Watch,
};

const BLOCKS: u64 = 3;

/// Nothing here is ever too old to be joined.
fn now() -> Asking {
    let now = Watch::new(Arc::new(SystemClock::new())).moment();
    Asking { now, age_max: None, passage: Passage::Alone }
}

#[derive(Debug, Default)]
struct World {
    flights: Arc<Flights>,
    /// How often the source was written: its present value.
    source: AtomicU64,
    /// What is resident.
    resident: Mutex<Option<u64>>,
    /// One write of the key at a time.
    gate: Mutex<()>,
    /// How many fetch each block.
    aloft: [AtomicUsize; BLOCKS as usize],
    /// Somebody gives up: a fetch that nobody waits for is out of the table before it is dropped, and is never polled
    /// again.
    abandons: AtomicBool,
}

fn key() -> Key {
    Key::new("a/k").unwrap()
}

fn fetched(value: u64) -> Fetched {
    let meta = Meta { key: key(), size: value, modified: None, version: Version::default() };
    Fetched::Value { meta, pieces: Vec::new() }
}

fn value(answer: &Answer) -> u64 {
    match &**answer.as_ref().unwrap() {
        Fetched::Value { meta, .. } => meta.size,
        Fetched::Missing | Fetched::Here | Fetched::Unchanged(_) => panic!("the source always holds something"),
    }
}

impl World {
    fn land(&self, value: u64, token: &Token) {
        let mut resident = self.resident.lock();
        if !token.is_doomed() {
            *resident = Some(value);
        }
    }

    /// What a flight does: it asks the source, lands what it found, and leaves the table when it is over or dropped.
    fn fetch(self: &Arc<Self>, asks: Vec<Ask>, departure: Departure, lands: bool) -> BoxFuture<'static, Answer> {
        let world = Arc::clone(self);
        let aloft = Aloft { world: Arc::clone(self), serial: departure.serial, asks: Vec::new() };
        async move {
            let mut aloft = aloft;
            aloft.begin(asks);
            yield_now().await;
            let value = world.source.load(Ordering::SeqCst);
            yield_now().await;
            world.flights.answered(departure.serial);
            if lands {
                world.land(value, &departure.token);
            }
            drop(aloft);
            Ok(Arc::new(fetched(value)))
        }
        .boxed()
    }

    /// Reads through a flight of one ask.
    fn read(self: &Arc<Self>, ask: Ask) {
        let before = self.source.load(Ordering::SeqCst);
        let landed = || *self.resident.lock();
        let start = |departure| self.fetch(Vec::new(), departure, true);
        let found = match self.flights.board_one(&key(), ask, now(), landed, start) {
            BoardingOne::Landed(value) => value,
            BoardingOne::Own(ticket) | BoardingOne::Joined(ticket) => value(&block_on(ticket.answer())),
        };
        assert!(found >= before, "{found} was read when the source held {before} already");
    }

    /// Reads blocks, or gives up after the first poll.
    fn read_blocks(self: &Arc<Self>, blocks: &[u64], gives_up: bool) {
        self.abandons.fetch_or(gives_up, Ordering::SeqCst);
        let asks = blocks.iter().map(|block| Ask::Block(*block)).collect();
        let plan = |asks: Vec<Ask>| vec![(asks.clone(), asks)];
        let start = |asks, departure| self.fetch(asks, departure, false);
        let Boarding::Waits { own, joined } = self.flights.board(&key(), asks, now(), || None::<()>, plan, start)
        else {
            panic!("nothing ever lands here");
        };
        for ticket in own.into_iter().chain(joined) {
            if gives_up {
                let _ = ticket.answer().now_or_never();
            } else {
                assert!(block_on(ticket.answer()).is_ok());
            }
        }
    }

    /// Writes as a set does.
    fn set(&self) {
        let _gate = self.gate.lock();
        let writing = self.flights.begin_write(Scope::Key(key()));
        *self.resident.lock() = None;
        let value = self.source.fetch_add(1, Ordering::SeqCst) + 1;
        let token = writing.written();
        self.land(value, &token);
        drop(writing);
        self.returned(value);
    }

    /// Writes as a deletion below a prefix does: without the gate, and nothing lands.
    fn delete_prefix(&self) {
        let writing = self.flights.begin_write(Scope::Below(Prefix::new("a").unwrap()));
        *self.resident.lock() = None;
        let value = self.source.fetch_add(1, Ordering::SeqCst) + 1;
        drop(writing);
        self.returned(value);
    }

    /// A write has returned: nothing older is resident.
    fn returned(&self, value: u64) {
        let resident = *self.resident.lock();
        assert!(resident.is_none_or(|resident| resident >= value), "{resident:?} is resident, {value} was written");
    }

    fn is_at_rest(&self) {
        self.flights.check().unwrap();
        assert_eq!(self.flights.under_way(), 0, "{:?}", self.flights);
        let (resident, source) = (*self.resident.lock(), self.source.load(Ordering::SeqCst));
        assert!(resident.is_none_or(|resident| resident == source), "{resident:?} is resident of {source}");
    }
}

/// A flight under way.
struct Aloft {
    world: Arc<World>,
    serial: u64,
    asks: Vec<Ask>,
}

impl Aloft {
    fn begin(&mut self, asks: Vec<Ask>) {
        self.asks = asks;
        self.count(|counter| {
            let others = counter.fetch_add(1, Ordering::SeqCst);
            assert!(others == 0 || self.world.abandons.load(Ordering::SeqCst), "two fetch one block");
        });
    }

    fn count(&self, count: impl Fn(&AtomicUsize)) {
        for ask in &self.asks {
            let Ask::Block(block) = ask else { continue };
            count(&self.world.aloft[*block as usize]);
        }
    }
}

impl Drop for Aloft {
    fn drop(&mut self) {
        // Before it leaves the table: from then on another one may begin.
        self.count(|counter| {
            counter.fetch_sub(1, Ordering::SeqCst);
        });
        self.world.flights.over(self.serial);
    }
}

type Act = fn(&Arc<World>);

/// Plays the acts, each in a thread, in many orders.
fn explore(acts: &'static [Act]) {
    let play = move || {
        let world = Arc::new(World::default());
        let threads: Vec<_> = acts
            .iter()
            .map(|act| {
                let world = Arc::clone(&world);
                thread::spawn(move || act(&world))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        world.is_at_rest();
    };
    let config = || {
        let mut config = Config::new();
        config.stack_size = 1 << 18;
        config
    };
    Runner::new(RandomScheduler::new_from_seed(1, 800), config()).run(play);
    Runner::new(PctScheduler::new_from_seed(2, 4, 800), config()).run(play);
}

#[test]
fn one_flight_a_block_at_a_time_and_nobody_waits_in_vain() {
    explore(&[
        |world| world.read_blocks(&[0, 1], false),
        |world| world.read_blocks(&[1, 2], false),
        |world| world.read_blocks(&[1], false),
    ]);
}

#[test]
fn who_gives_up_disturbs_nobody() {
    explore(&[
        |world| world.read_blocks(&[0, 1], true),
        |world| world.read_blocks(&[0, 1], false),
        |world| world.read_blocks(&[1, 2], true),
        |world| world.read_blocks(&[2], false),
    ]);
}

#[test]
fn no_read_goes_back_and_nothing_doomed_lands() {
    explore(&[
        |world| world.read(Ask::Whole),
        |world| world.set(),
        |world| {
            world.read(Ask::Head);
            world.read(Ask::Whole);
        },
        |world| world.set(),
    ]);
}

#[test]
fn sets_and_deletions_below_a_prefix_that_overlap_leave_nothing_old() {
    explore(&[
        |world| world.set(),
        |world| world.delete_prefix(),
        |world| world.read(Ask::Whole),
        |world| {
            world.delete_prefix();
            world.read(Ask::Block(0));
        },
    ]);
}
