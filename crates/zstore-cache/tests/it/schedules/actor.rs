//! The actors: what they do is drawn from the seed, and every answer they get is held against history.

use std::{pin::pin, sync::Arc, time::Duration};

use zstore_cache::CacheStore;
use zstore_core::{
    ByteRange, Clock, Error, ErrorKind, Fetch, GetOptions, Key, Object, Part, Prefix, ReadStore, Result, SetMode,
    Store, Version,
};
use zstore_memory::MemoryStore;
use zstore_testkit::{ManualClock, Metered, Seed};

use super::{
    conductor::Conductor,
    history::{Began, History},
    stage::Stage,
};
use crate::setup::key;

pub(crate) type Source = Stage<MemoryStore>;
pub(crate) type Tier = Stage<Metered<MemoryStore>>;

/// Two are below a prefix, and one of those describes an array.
pub(crate) const KEYS: [&str; 4] = ["a/1", "a/.zarray", "b", "a"];

/// One thing to do.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Set(&'static str),
    Create(&'static str),
    /// Writes if the value is still what this actor saw last.
    Update(&'static str),
    Delete(&'static str),
    DeletePrefix(Prefix),
    Clear,
    Invalidate(&'static str),
    InvalidatePrefix(Prefix),
    Get(&'static str),
    /// Asks for the value unless it is what this actor saw last.
    GetUnlessSeen(&'static str),
    /// Asks for the value if it is what this actor saw last.
    GetIfSeen(&'static str),
    GetNow(&'static str),
    Part(&'static str, ByteRange),
    Parts(&'static str, Vec<ByteRange>),
    Head(&'static str),
    Flush,
    /// Writes to the source behind the cache's back.
    Behind(&'static str),
    Advance(u64),
    /// The tier that failed from the beginning works again, and is tried again.
    Heal,
}

/// What actors may do besides reading and writing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Licence {
    pub(crate) keys: usize,
    /// Time may pass.
    pub(crate) time: bool,
    /// Somebody else may write to the source.
    pub(crate) behind: bool,
    /// Callers may be dropped.
    pub(crate) drops: bool,
}

impl Op {
    pub(crate) fn draw(chance: &mut Seed, licence: Licence) -> Self {
        let key = chance.pick(&KEYS[..licence.keys]);
        let prefix = if chance.percent(70) { Prefix::new("a").unwrap() } else { Prefix::root() };
        // Where others write too, little of what goes wrong shows before time has passed.
        if licence.behind && chance.percent(35) {
            return if chance.percent(50) { Self::Behind(key) } else { Self::Advance(chance.pick(&[1, 5, 10, 15])) };
        }
        match chance.below(100) {
            0..22 => Self::Set(key),
            22..25 => Self::Create(key),
            25..29 => Self::Update(key),
            29..35 => Self::Delete(key),
            35..39 => Self::DeletePrefix(prefix),
            39..41 => Self::Clear,
            41..44 => Self::Invalidate(key),
            44..46 => Self::InvalidatePrefix(prefix),
            46..63 => Self::Get(key),
            63..66 => Self::GetUnlessSeen(key),
            66..68 => Self::GetIfSeen(key),
            68..71 => Self::GetNow(key),
            71..83 => Self::Part(key, range(chance)),
            83..90 => Self::Parts(key, (0..chance.below(3)).map(|_| range(chance)).collect()),
            90..94 => Self::Head(key),
            94..96 if licence.time => Self::Advance(chance.below(20)),
            _ => Self::Get(key),
        }
    }
}

fn range(chance: &mut Seed) -> ByteRange {
    let at = chance.pick(&[0, 8, 4000, 4096, 8192, 9000]);
    let length = chance.pick(&[1, 8, 200, 4096, 9000]);
    match chance.below(5) {
        0..3 => ByteRange::Bounded(at..at + length),
        3 => ByteRange::From(at),
        _ => ByteRange::Suffix(length),
    }
}

/// Who does things.
pub(crate) struct Actor<S> {
    pub(crate) cache: CacheStore<S, Tier>,
    pub(crate) source: Arc<Source>,
    pub(crate) tier: Arc<Tier>,
    pub(crate) conductor: Arc<Conductor>,
    pub(crate) history: Arc<History>,
    pub(crate) clock: Arc<ManualClock>,
    /// What was seen last, of any key.
    pub(crate) seen: Option<Version>,
    /// Whether an error of the source may come back.
    pub(crate) source_fails: bool,
}

impl<S: Store + 'static> Actor<S> {
    /// Does all of this, each to the end or until it has been polled so often.
    pub(crate) async fn play(mut self, ops: Vec<(Op, Option<usize>)>) {
        let conductor = Arc::clone(&self.conductor);
        for (op, polls_max) in ops {
            conductor.point("op").await;
            let act = pin!(self.act(op));
            match polls_max {
                None => conductor.swayed(act).await,
                Some(polls_max) => {
                    // Dropped when its polls are used up, wherever it is then.
                    let mut polls = 0;
                    let given_up = std::future::poll_fn(|context| {
                        polls += 1;
                        if polls > polls_max { std::task::Poll::Ready(()) } else { pause(context) }
                    });
                    futures::future::select(act, given_up).await;
                }
            }
        }
    }

    async fn act(&mut self, op: Op) {
        match op {
            Op::Set(name) => self.set(&key(name), SetMode::Overwrite).await,
            Op::Create(name) => self.set(&key(name), SetMode::Create).await,
            Op::Update(name) => {
                let seen = self.seen.clone().unwrap_or_default();
                self.set(&key(name), SetMode::Update(seen)).await;
            }
            Op::Delete(name) => {
                let (key, began) = self.begin(name);
                match self.cache.delete(&key).await {
                    Ok(()) => self.history.wrote(&key, began, None),
                    Err(error) => self.failed(&error),
                }
            }
            Op::DeletePrefix(prefix) => self.delete_prefix(&prefix).await,
            Op::Clear => self.invalidate(&Prefix::root(), self.cache.clear_cache()).await,
            Op::InvalidatePrefix(prefix) => self.invalidate(&prefix, self.cache.invalidate_prefix(&prefix)).await,
            Op::Invalidate(name) => {
                let (key, began) = self.begin(name);
                self.cache.invalidate(&key).await.unwrap_or_else(|error| self.failed(&error));
                // What was there when it began may be read, and nothing older.
                self.history.invalidated(&key, began);
            }
            Op::Get(name) => self.get(name, GetOptions::default()).await,
            Op::GetUnlessSeen(name) => {
                self.get(name, GetOptions { if_none_match: self.seen.clone(), ..GetOptions::default() }).await;
            }
            Op::GetIfSeen(name) => {
                self.get(name, GetOptions { if_match: self.seen.clone(), ..GetOptions::default() }).await;
            }
            Op::GetNow(name) => {
                let (key, began) = self.begin(name);
                let options = GetOptions::default();
                if let Some(found) = self.cache.get_now(&key, &options) {
                    self.found(&key, began, &options, Ok(found));
                }
            }
            Op::Part(name, range) => self.get(name, GetOptions::range(range)).await,
            Op::Parts(name, ranges) => self.parts(name, &ranges).await,
            Op::Head(name) => {
                let (key, began) = self.begin(name);
                match self.cache.head(&key).await {
                    Ok(None) => self.history.missing(&key, began),
                    Ok(Some(meta)) => self.seen = self.history.is(&key, began, &meta).map(|_| meta.version),
                    Err(error) => self.failed(&error),
                }
            }
            Op::Flush => self.cache.flush().await,
            Op::Behind(name) => {
                let key = key(name);
                let value = self.history.mint(&key);
                self.source.change(&key, value).await;
            }
            Op::Advance(seconds) => {
                self.clock.advance(Duration::from_secs(seconds));
                self.history.clock(self.clock.now().as_millis());
            }
            Op::Heal => {
                self.tier.heal();
                // Past the pause after which it is opened, or past the rest after it gave no answer.
                self.clock.advance(Duration::from_secs(31));
                self.history.clock(self.clock.now().as_millis());
            }
        }
    }

    fn begin(&self, name: &str) -> (Key, Began) {
        let key = key(name);
        let began = self.history.begin(&key, self.clock.now().as_millis());
        (key, began)
    }

    fn failed(&self, error: &Error) {
        if !self.source_fails {
            self.history.blame(format!("the source was sound: {error}"));
        }
    }

    async fn set(&mut self, key: &Key, mode: SetMode) {
        let began = self.history.begin(key, self.clock.now().as_millis());
        let value = self.history.mint(key);
        let conditional = mode != SetMode::Overwrite;
        match self.cache.set(key, value.bytes().into(), mode).await {
            Ok(version) => {
                self.history.wrote(key, began, Some(value));
                self.seen = Some(version);
            }
            Err(error) if conditional && error.kind() == ErrorKind::PreconditionFailed => {}
            Err(error) => self.failed(&error),
        }
    }

    async fn delete_prefix(&self, prefix: &Prefix) {
        let began = self.history.keys_below(prefix).into_iter().map(|key| (key.clone(), self.begin(key.as_str()).1));
        let began: Vec<_> = began.collect();
        match self.cache.delete_prefix(prefix).await {
            Ok(()) => began.iter().for_each(|(key, began)| self.history.wrote(key, *began, None)),
            Err(error) => self.failed(&error),
        }
    }

    async fn invalidate(&self, prefix: &Prefix, invalidating: impl Future<Output = Result<()>>) {
        let began = self.history.keys_below(prefix).into_iter().map(|key| (key.clone(), self.begin(key.as_str()).1));
        let began: Vec<_> = began.collect();
        invalidating.await.unwrap_or_else(|error| self.failed(&error));
        began.iter().for_each(|(key, began)| self.history.invalidated(key, *began));
    }

    async fn get(&mut self, name: &str, options: GetOptions) {
        let (key, began) = self.begin(name);
        let found = self.cache.get(&key, &options).await;
        self.found(&key, began, &options, found);
    }

    fn found(&mut self, key: &Key, began: Began, options: &GetOptions, found: Result<Fetch>) {
        match found {
            Ok(Fetch::Missing) => self.history.missing(key, began),
            Ok(Fetch::NotModified(version)) => self.history.is_still(key, began, &version),
            Ok(Fetch::Object(Object { meta, range, bytes })) => {
                let Some(value) = self.history.is(key, began, &meta) else { return };
                let asked = options.range.clone().unwrap_or(ByteRange::From(0));
                self.history.parts(key, value, &[asked], &[Part { range, bytes }]);
                self.seen = Some(meta.version);
            }
            Err(error) => match (error.kind(), &options.if_match, &options.range) {
                (ErrorKind::PreconditionFailed, Some(seen), _) => self.history.is_not(key, began, seen),
                (ErrorKind::InvalidRange, _, Some(range)) => {
                    self.history.ends_before(key, began, std::slice::from_ref(range));
                }
                _ => self.failed(&error),
            },
        }
    }

    async fn parts(&mut self, name: &str, ranges: &[ByteRange]) {
        let (key, began) = self.begin(name);
        match self.cache.get_ranges(&key, ranges).await {
            Ok(None) => self.history.missing(&key, began),
            Ok(Some(found)) => {
                let Some(value) = self.history.is(&key, began, &found.meta) else { return };
                self.history.parts(&key, value, ranges, &found.parts);
                self.seen = Some(found.meta.version);
            }
            Err(error) if error.kind() == ErrorKind::InvalidRange => self.history.ends_before(&key, began, ranges),
            Err(error) => self.failed(&error),
        }
    }
}

/// Waits for another poll.
fn pause(context: &std::task::Context<'_>) -> std::task::Poll<()> {
    context.waker().wake_by_ref();
    std::task::Poll::Pending
}
