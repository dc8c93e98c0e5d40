//! The conductor: decides by seed who of those that wait goes on next.
//!
//! Every call to a store and every step of an actor waits at a point. The runtime has one thread and lets the conductor
//! have a word after each poll of a task (`event_interval(1)`), so which point is let go, and between which polls, is
//! decided here and nowhere else: the same seed makes the same schedule.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use zstore_testkit::Seed;

/// How the next of those that wait is chosen.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// Any of them.
    Even,
    /// The one of the highest rank, drawn when it came: what drew a low one is held up for as long as anything else can
    /// go on.
    Ranked,
}

#[derive(Debug)]
struct Waiting {
    serial: u64,
    rank: u64,
    label: u64,
    waker: Waker,
}

#[derive(Debug)]
struct State {
    chance: Seed,
    style: Style,
    /// How often, in percent, somebody is let go between two polls.
    haste: u64,
    hurried: bool,
    waiting: VecDeque<Waiting>,
    serial: u64,
    /// Nobody waits any more.
    over: bool,
    trace: DefaultHasher,
}

/// Decides who goes on.
#[derive(Debug)]
pub(crate) struct Conductor(Mutex<State>);

/// With nobody waiting and so many polls of the runtime in a row, no task can go on but by time.
const IDLE_MAX: usize = 40;
/// Time is moved so often before it is said that somebody is stuck.
const STALLS_MAX: usize = 60;
/// After so many in a row with nobody at a point, all is over.
const SETTLED_STALLS: usize = 6;
/// Longer than the time-out of a tier, so that a call that hangs is given up.
const STALL: Duration = Duration::from_secs(6);

impl Conductor {
    /// `hurried`: time passes now and then while calls wait, so that they are given up.
    pub(crate) fn new(seed: u64, hurried: bool) -> Arc<Self> {
        let mut chance = Seed::new(seed);
        let style = if chance.percent(40) { Style::Ranked } else { Style::Even };
        let haste = chance.pick(&[10, 30, 60, 100]);
        let state = State {
            chance,
            style,
            haste,
            hurried,
            waiting: VecDeque::new(),
            serial: 0,
            over: true,
            trace: DefaultHasher::new(),
        };
        Arc::new(Self(Mutex::new(state)))
    }

    /// From now on points hold whoever comes.
    pub(crate) fn begin(&self) {
        self.0.lock().over = false;
    }

    /// Points hold nobody any more.
    pub(crate) fn end(&self) {
        let mut state = self.0.lock();
        state.over = true;
        state.waiting.drain(..).for_each(|waiting| waiting.waker.wake());
    }

    /// True in so many of a hundred cases, while points hold.
    pub(crate) fn percent(&self, share: u64) -> bool {
        let mut state = self.0.lock();
        !state.over && state.chance.percent(share)
    }

    /// Waits until the conductor lets it go on.
    pub(crate) fn point(&self, label: impl Hash) -> Point<'_> {
        let mut hasher = DefaultHasher::new();
        label.hash(&mut hasher);
        Point { conductor: self, label: hasher.finish(), serial: None, passed: false }
    }

    /// Carries `task` out, with a point before some of its polls.
    pub(crate) async fn swayed<V>(&self, task: impl Future<Output = V>) -> V {
        let mut task = pin!(task);
        let mut point = None;
        std::future::poll_fn(move |context| {
            if point.is_none() && self.percent(50) {
                point = Some(self.point("poll"));
            }
            if let Some(held) = &mut point {
                std::task::ready!(Pin::new(held).poll(context));
                point = None;
            }
            task.as_mut().poll(context)
        })
        .await
    }

    /// What the order of everything so far comes to, in a number.
    pub(crate) fn trace(&self) -> u64 {
        self.0.lock().trace.finish()
    }

    /// Lets go who waits, one by one, until `done`. False if nobody waits, nothing goes on and time does not help.
    pub(crate) async fn conduct(&self, done: impl Fn() -> bool) -> bool {
        let (mut idle, mut stalls) = (0, 0);
        while !done() {
            if self.waits() {
                idle = 0;
                self.let_go();
            } else {
                idle += 1;
            }
            if idle > IDLE_MAX {
                idle = 0;
                stalls += 1;
                if stalls > STALLS_MAX {
                    return false;
                }
                tokio::time::advance(STALL).await;
            }
            if self.hurries() {
                tokio::time::advance(STALL / 3).await;
            }
            tokio::task::yield_now().await;
        }
        true
    }

    /// Lets everything go on until nobody waits, nothing moves, and time does not help either.
    pub(crate) async fn settle(&self) {
        let (mut idle, mut stalls) = (0, 0);
        while stalls < SETTLED_STALLS {
            if self.waits() {
                (idle, stalls) = (0, 0);
                self.let_go();
            } else if idle < IDLE_MAX {
                idle += 1;
            } else {
                (idle, stalls) = (0, stalls + 1);
                tokio::time::advance(STALL).await;
            }
            tokio::task::yield_now().await;
        }
    }

    fn hurries(&self) -> bool {
        let mut state = self.0.lock();
        state.hurried && state.chance.percent(2)
    }

    fn waits(&self) -> bool {
        !self.0.lock().waiting.is_empty()
    }

    fn let_go(&self) {
        let mut state = self.0.lock();
        let (haste, style) = (state.haste, state.style);
        if state.waiting.is_empty() || !state.chance.percent(haste) {
            return;
        }
        let many = state.waiting.len() as u64;
        let at = match style {
            Style::Even => state.chance.below(many) as usize,
            Style::Ranked => (0..state.waiting.len()).max_by_key(|at| state.waiting[*at].rank).unwrap_or(0),
        };
        if let Some(waiting) = state.waiting.remove(at) {
            waiting.label.hash(&mut state.trace);
            drop(state);
            waiting.waker.wake();
        }
    }
}

/// A place to wait at.
#[derive(Debug)]
pub(crate) struct Point<'a> {
    conductor: &'a Conductor,
    label: u64,
    serial: Option<u64>,
    passed: bool,
}

impl Future for Point<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.conductor.0.lock();
        if state.over || self.passed {
            drop(state);
            self.passed = true;
            return Poll::Ready(());
        }
        let Some(serial) = self.serial else {
            state.serial += 1;
            let (serial, rank) = (state.serial, state.chance.draw());
            let waiting = Waiting { serial, rank, label: self.label, waker: context.waker().clone() };
            state.waiting.push_back(waiting);
            drop(state);
            self.serial = Some(serial);
            return Poll::Pending;
        };
        if let Some(waiting) = state.waiting.iter_mut().find(|waiting| waiting.serial == serial) {
            waiting.waker.clone_from(context.waker());
            return Poll::Pending;
        }
        drop(state);
        self.passed = true;
        Poll::Ready(())
    }
}

impl Drop for Point<'_> {
    fn drop(&mut self) {
        if let Some(serial) = self.serial {
            self.conductor.0.lock().waiting.retain(|waiting| waiting.serial != serial);
        }
    }
}
