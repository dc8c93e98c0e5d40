//! Flights: fetches from the source that others may join, and the writes that make them stale.
//!
//! A flight fetches one or more pieces of one value with one request. It is driven by whoever waits for it, without a
//! task of its own: a waiter that is dropped disturbs no other, and when the last one is gone the fetch is dropped
//! too. A flight stays in the table until what it fetched has landed in the tier, so that there is no moment at which
//! a second fetch could begin.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture, future::Shared};
use tokio::sync::SetOnce;
use zstore_core::{ByteRange, Error, ErrorKind, Key, Operation, Prefix, Result, Version};
use zstore_directory::Pass;

use crate::{
    fetched::Fetched,
    landing::Landed,
    sync::{AtomicBool, Mutex, Ordering},
    warm::Sparing,
    watch::Moment,
};

/// What a flight may be joined for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// The whole value.
    Whole,
    /// What is known of the value.
    Head,
    /// Whether the value still has this version, and the whole of it if not.
    Renewal(Version),
    /// A block of the value.
    Block(u64),
    /// Ranges of a value whose size is not known.
    Ranges(Vec<ByteRange>),
}

/// In which state of a value a fetch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The tier is not shared.
    Alone,
    /// In this one.
    Open(Pass),
    /// The value is being written by somebody, or nobody can tell.
    Closed,
}

/// When something is asked, and what flight may answer it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    pub(crate) now: Moment,
    /// No older one.
    pub(crate) age_max: Option<Duration>,
    /// Only one that began in this state of the value.
    pub(crate) passage: Passage,
}

/// Which keys a write is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One value.
    Key(Key),
    /// All values below a prefix.
    Below(Prefix),
}

impl Scope {
    pub(crate) fn holds(&self, key: &Key) -> bool {
        match self {
            Self::Key(own) => own == key,
            Self::Below(prefix) => prefix.holds(key),
        }
    }

    /// Whether it holds all that the other one does.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(prefix), Self::Below(other)) => {
                prefix == other || !other.is_root() && prefix.strip(other.as_str()).is_some()
            }
            (Self::Key(_), Self::Below(_)) => false,
            (_, Self::Key(key)) => self.holds(key),
        }
    }
}

/// Whether what was fetched or written under it may still become resident.
#[derive(Debug, Default)]
pub(crate) struct Token {
    doomed: AtomicBool,
    landed: SetOnce<Landed>,
}

impl Token {
    /// A write to the same key has begun since: what is held under this token may be older than the source.
    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Acquire)
    }

    fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    /// What was fetched under it has landed, or never will. The first word counts.
    pub(crate) fn landed(&self, landed: Landed) {
        let _ = self.landed.set(landed);
    }
}

pub(crate) type Answer = Result<Arc<Fetched>>;
type Fetching = Shared<BoxFuture<'static, Answer>>;

/// The flights under way and the writes under way.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    serial: u64,
    asks: HashMap<(Key, Ask), u64>,
    flights: HashMap<u64, Flight>,
    writes: HashMap<u64, Write>,
}

struct Flight {
    key: Key,
    asks: Vec<Ask>,
    started: Moment,
    passage: Passage,
    token: Arc<Token>,
    fetching: Fetching,
    waiters: usize,
    answered: bool,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("key", &self.key)
            .field("asks", &self.asks)
            .field("waiters", &self.waiters)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Write {
    scope: Scope,
    token: Arc<Token>,
    /// The source has the value, and the tier is about to have it.
    landing: bool,
}

/// What a flight is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) serial: u64,
    pub(crate) started: Moment,
    pub(crate) passage: Passage,
    pub(crate) token: Arc<Token>,
    /// What others may join it for.
    asks: Arc<[Ask]>,
    /// Who is not to leave for what it brings; whom the policy chooses leaves if none.
    pub(crate) sparing: Option<Arc<Sparing>>,
}

impl Departure {
    /// The blocks that it went for, if it went for blocks.
    pub(crate) fn blocks(&self) -> BTreeSet<u64> {
        self.asks.iter().filter_map(|ask| if let Ask::Block(index) = ask { Some(*index) } else { None }).collect()
    }

    /// Whether a block is what it went for. Blocks that are fetched because they lie between others are not, unless
    /// nobody had them.
    pub(crate) fn is_for_block(&self, index: u64) -> bool {
        let mut blocks = self.asks.iter().filter(|ask| matches!(ask, Ask::Block(_))).peekable();
        blocks.peek().is_none() || blocks.any(|ask| *ask == Ask::Block(index))
    }
}

/// How an ask came to its flight.
#[derive(Debug)]
pub(crate) enum Boarding<X> {
    /// It was answered meanwhile.
    Landed(X),
    /// It waits for these flights: those started for it, and those of others.
    Waits { own: Vec<Ticket>, joined: Vec<Ticket> },
}

impl Flights {
    /// Joins the flights that fetch some of `asks`, and starts those that `plan` divides the others among.
    ///
    /// `landed` is asked while nobody can land or start: an answer from it is returned, and nothing is joined. `plan`
    /// says for each flight what may be asked of it, which may be more than is asked now, and what to start it
    /// with.
    pub(crate) fn board<X, R>(
        self: &Arc<Self>,
        key: &Key,
        asks: Vec<Ask>,
        asking: Asking,
        landed: impl FnOnce() -> Option<X>,
        plan: impl FnOnce(Vec<Ask>) -> Vec<(Vec<Ask>, R)>,
        start: impl Fn(R, Departure) -> BoxFuture<'static, Answer>,
    ) -> Boarding<X> {
        let mut table = self.0.lock();
        if let Some(landed) = landed() {
            return Boarding::Landed(landed);
        }
        let (mut others, mut joined) = (Vec::new(), Vec::<u64>::new());
        for ask in asks {
            // Who fetches the whole value fetches whatever else may be asked of it.
            match table.joinable(key, &ask, asking).or_else(|| table.joinable(key, &Ask::Whole, asking)) {
                Some(serial) if joined.contains(&serial) => {}
                Some(serial) => joined.push(serial),
                None => others.push(ask),
            }
        }
        let plans = if others.is_empty() { Vec::new() } else { plan(others) };
        let own = plans.into_iter().map(|(mut asks, request)| {
            // Whoever asks for what others are fetching already goes on joining those.
            asks.retain(|ask| table.joinable(key, ask, asking).is_none());
            table.start(self, key, asks, asking, |departure| start(request, departure))
        });
        let own = own.collect();
        let joined = joined.into_iter().filter_map(|serial| table.ticket(self, serial)).collect();
        Boarding::Waits { own, joined }
    }

    /// The same for one ask.
    pub(crate) fn board_one<X>(
        self: &Arc<Self>,
        key: &Key,
        ask: Ask,
        asking: Asking,
        landed: impl FnOnce() -> Option<X>,
        start: impl FnOnce(Departure) -> BoxFuture<'static, Answer>,
    ) -> BoardingOne<X> {
        let mut table = self.0.lock();
        if let Some(landed) = landed() {
            return BoardingOne::Landed(landed);
        }
        let serial = table.joinable(key, &ask, asking).or_else(|| table.joinable(key, &Ask::Whole, asking));
        match serial.and_then(|serial| table.ticket(self, serial)) {
            Some(ticket) => BoardingOne::Joined(ticket),
            None => BoardingOne::Own(table.start(self, key, vec![ask], asking, start)),
        }
    }

    /// Whether anybody is fetching this whom one may join.
    pub(crate) fn is_under_way(&self, key: &Key, ask: &Ask, asking: Asking) -> bool {
        self.0.lock().joinable(key, ask, asking).is_some()
    }

    /// The source has answered: from now on the flight goes on without its waiters.
    pub(crate) fn answered(&self, serial: u64) {
        if let Some(flight) = self.0.lock().flights.get_mut(&serial) {
            flight.answered = true;
        }
    }

    /// The flight is over: what it fetched is resident, or will never be.
    pub(crate) fn over(&self, serial: u64) {
        let flight = self.0.lock().remove(serial);
        // Dropped after unlocking: a fetch may hold anything.
        drop(flight);
    }

    /// How many flights and writes are under way.
    pub(crate) fn under_way(&self) -> usize {
        let table = self.0.lock();
        table.flights.len() + table.writes.len()
    }

    /// Whether who asks is sent to flights that exist and fetch what is asked.
    pub(crate) fn check(&self) -> Result<(), String> {
        let table = self.0.lock();
        let astray = table.asks.iter().find(|((key, ask), serial)| {
            !table.flights.get(serial).is_some_and(|flight| flight.key == *key && flight.asks.contains(ask))
        });
        astray
            .map_or(Ok(()), |(ask, serial)| Err(format!("{ask:?} is sent to flight {serial}, which does not fetch it")))
    }

    /// A write begins: nothing fetched before or until it ends may land any more or be joined.
    pub(crate) fn begin_write(self: &Arc<Self>, scope: Scope) -> Writing {
        let mut table = self.0.lock();
        table.doom(&scope);
        let token = Arc::new(Token::default());
        if table.writes.values().any(|write| !write.landing && write.overlaps(&scope)) {
            token.doom();
        }
        table.serial += 1;
        let serial = table.serial;
        table.writes.insert(serial, Write { scope, token: Arc::clone(&token), landing: false });
        Writing { flights: Arc::clone(self), serial, token }
    }
}

impl Write {
    fn overlaps(&self, scope: &Scope) -> bool {
        match (&self.scope, scope) {
            (own, Scope::Key(key)) => own.holds(key),
            (Scope::Key(key), other @ Scope::Below(_)) => other.holds(key),
            // Two writes below prefixes: neither lands anything.
            (Scope::Below(_), Scope::Below(_)) => false,
        }
    }
}

/// How a single ask came to its flight.
#[derive(Debug)]
pub(crate) enum BoardingOne<X> {
    /// It was answered meanwhile.
    Landed(X),
    /// It started one.
    Own(Ticket),
    /// It joined one.
    Joined(Ticket),
}

fn panicked() -> Error {
    let detail = "the fetch gave up with a panic, of the source or because its runtime was shut down; try again";
    Error::new(ErrorKind::Unavailable, Operation::Get).with_detail(detail)
}

impl Table {
    fn joinable(&self, key: &Key, ask: &Ask, asking: Asking) -> Option<u64> {
        let serial = *self.asks.get(&(key.clone(), ask.clone()))?;
        let flight = self.flights.get(&serial)?;
        let young = asking.age_max.is_none_or(|max| asking.now.since(flight.started).is_some_and(|age| age <= max));
        // Others may have written the value since.
        (young && flight.passage == asking.passage).then_some(serial)
    }

    fn start(
        &mut self,
        flights: &Arc<Flights>,
        key: &Key,
        asks: Vec<Ask>,
        asking: Asking,
        start: impl FnOnce(Departure) -> BoxFuture<'static, Answer>,
    ) -> Ticket {
        self.serial += 1;
        let serial = self.serial;
        let token = Arc::new(Token::default());
        let overtaken = asking.passage == Passage::Closed
            || self.writes.values().any(|write| !write.landing && write.scope.holds(key));
        let asked = asks.as_slice().into();
        let Asking { now: started, passage, .. } = asking;
        let departure = Departure { serial, started, passage, token: Arc::clone(&token), asks: asked, sparing: None };
        // A panic is an error to all who wait: it may be that of a runtime that was shut down under another one.
        let fetching = AssertUnwindSafe(start(departure)).catch_unwind();
        let fetching = fetching.map(|answered| answered.unwrap_or_else(|_| Err(panicked()))).boxed().shared();
        if overtaken {
            // The source may change at any moment until the write ends. Who asks later must not be told what was
            // there before, so nobody joins.
            token.doom();
        } else {
            self.asks.extend(asks.iter().map(|ask| ((key.clone(), ask.clone()), serial)));
        }
        let ticket =
            Ticket { flights: Arc::clone(flights), serial, token: Arc::clone(&token), fetching: fetching.clone() };
        let flight = Flight { key: key.clone(), asks, started, passage, token, fetching, waiters: 1, answered: false };
        self.flights.insert(serial, flight);
        ticket
    }

    fn ticket(&mut self, flights: &Arc<Flights>, serial: u64) -> Option<Ticket> {
        let flight = self.flights.get_mut(&serial)?;
        flight.waiters += 1;
        let (token, fetching) = (Arc::clone(&flight.token), flight.fetching.clone());
        Some(Ticket { flights: Arc::clone(flights), serial, token, fetching })
    }

    /// Takes a flight out of the table.
    fn remove(&mut self, serial: u64) -> Option<Flight> {
        let flight = self.flights.remove(&serial)?;
        self.close(&flight.key, &flight.asks, serial);
        Some(flight)
    }

    /// Lets nobody else join.
    fn close(&mut self, key: &Key, asks: &[Ask], serial: u64) {
        for ask in asks {
            let id = (key.clone(), ask.clone());
            if self.asks.get(&id) == Some(&serial) {
                self.asks.remove(&id);
            }
        }
    }

    fn doom(&mut self, scope: &Scope) {
        for write in self.writes.values().filter(|write| write.overlaps(scope)) {
            write.token.doom();
        }
        let doomed: Vec<_> =
            self.flights.iter().filter(|(_, flight)| scope.holds(&flight.key)).map(|(serial, _)| *serial).collect();
        for serial in doomed {
            let Some(flight) = self.flights.get(&serial) else { continue };
            flight.token.doom();
            let (key, asks) = (flight.key.clone(), flight.asks.clone());
            self.close(&key, &asks, serial);
        }
    }
}

/// A place on a flight; dropping it gives the place up.
pub(crate) struct Ticket {
    flights: Arc<Flights>,
    serial: u64,
    token: Arc<Token>,
    fetching: Fetching,
}

impl Ticket {
    /// Waits for the answer. Whoever waits drives the fetch.
    pub(crate) async fn answer(&self) -> Answer {
        self.fetching.clone().await
    }

    /// Waits for what was fetched to land. To be asked after the answer has come: waiting here drives nothing.
    pub(crate) async fn landed(&self) -> Landed {
        *self.token.landed.wait().await
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.flights.0.lock();
        let Some(flight) = table.flights.get_mut(&self.serial) else { return };
        flight.waiters -= 1;
        let abandoned = if flight.waiters == 0 && !flight.answered { table.remove(self.serial) } else { None };
        drop(table);
        drop(abandoned);
    }
}

/// A write under way; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Writing {
    flights: Arc<Flights>,
    serial: u64,
    token: Arc<Token>,
}

impl Writing {
    /// The source has the new value: it may land under the token answered here, unless another write of the key has
    /// begun. Flights that start from now on are like any others.
    pub(crate) fn written(&self) -> Arc<Token> {
        if let Some(write) = self.flights.0.lock().writes.get_mut(&self.serial) {
            write.landing = true;
        }
        Arc::clone(&self.token)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.flights.0.lock().writes.remove(&self.serial);
    }
}
