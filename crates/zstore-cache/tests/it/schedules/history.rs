//! The history: what the source held and when, and whether an answer is among what it held.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use zstore_cache::Freshness;
use zstore_core::{ByteRange, Key, Meta, Part, Prefix, Version};

/// A value, told apart from all others by every eight bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Value(u64);

const MARK: u64 = 0x5a53_0000_0000_0000;
/// One of eight bytes, one of a block, two that end within a block.
const SIZES: [u64; 4] = [8, 4096, 8200, 12_000];

impl Value {
    pub(crate) const fn size(self) -> u64 {
        SIZES[(self.0 % 4) as usize]
    }

    pub(crate) fn bytes(self) -> Bytes {
        (MARK | self.0).to_le_bytes().repeat(self.size() as usize / 8).into()
    }

    /// The value these bytes are the last eight of.
    pub(crate) fn of(last: &[u8]) -> Option<Self> {
        let word = u64::from_le_bytes(last.last_chunk().copied()?);
        (word & MARK == MARK && word >> 48 == MARK >> 48).then_some(Self(word ^ MARK))
    }
}

/// A moment: how many things had happened.
pub(crate) type Stamp = u64;

#[derive(Debug, Default)]
struct Book {
    now: Stamp,
    /// What each key held from when on; what was there at first is of stamp 0.
    truth: BTreeMap<Key, Vec<(Stamp, Option<Value>)>>,
    versions: HashMap<Version, Value>,
    owners: HashMap<Value, Key>,
    values: u64,
    /// What the tier holds, by the names it has there.
    copies: BTreeMap<Key, Value>,
    /// What the clock showed from when on.
    clock: Vec<(Stamp, u64)>,
    /// Since when nothing older may be read: the last write or invalidation that has returned.
    barriers: BTreeMap<Key, Stamp>,
    violations: Vec<String>,
}

/// What happened, in the order in which it did.
#[derive(Debug)]
pub(crate) struct History {
    book: Mutex<Book>,
    /// How old an answer may be.
    freshness: Freshness,
    /// Whether the tier never holds what the source does not, so that a crash at any moment leaves no old copy.
    copies_true: bool,
}

/// When an operation began, and the earliest moment of which its answer may tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    pub(crate) stamp: Stamp,
    oldest: Stamp,
}

impl Book {
    fn stamp(&mut self) -> Stamp {
        self.now += 1;
        self.now
    }

    fn present(&self, key: &Key) -> Option<Value> {
        self.truth.get(key)?.last()?.1
    }

    /// What a key held from `since` until now.
    fn held(&self, key: &Key, since: Stamp) -> Vec<Option<Value>> {
        let states = self.truth.get(key).map_or(&[][..], Vec::as_slice);
        let first = states.partition_point(|(from, _)| *from <= since);
        let before = first.checked_sub(1).and_then(|at| states[at].1);
        std::iter::once(before).chain(states[first..].iter().map(|(_, value)| *value)).collect()
    }

    fn blame(&mut self, what: String) {
        self.violations.push(what);
    }
}

impl History {
    pub(crate) fn new(freshness: Freshness, copies_true: bool) -> Arc<Self> {
        Arc::new(Self { book: Mutex::default(), freshness, copies_true })
    }

    /// How old an answer about this key may be.
    fn age_max(&self, key: &Key) -> Option<Duration> {
        let Freshness { max_age, metadata_max_age, stale_while_revalidate, stale_if_error, .. } = self.freshness;
        let metadata = metadata_max_age.filter(|_| key.as_str().ends_with("/.zarray"));
        Some(metadata.or(max_age)? + stale_while_revalidate.max(stale_if_error))
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.book.lock().violations.clone()
    }

    pub(crate) fn blame(&self, what: impl Into<String>) {
        self.book.lock().blame(what.into());
    }

    /// A value nobody has written yet.
    pub(crate) fn mint(&self, key: &Key) -> Value {
        let mut book = self.book.lock();
        book.values += 1;
        let value = Value(book.values);
        book.owners.insert(value, key.clone());
        value
    }

    /// The clock shows so many milliseconds from now on.
    pub(crate) fn clock(&self, millis: u64) {
        let mut book = self.book.lock();
        let stamp = book.stamp();
        book.clock.push((stamp, millis));
    }

    /// The source holds this from now on.
    pub(crate) fn changed(&self, key: &Key, value: Option<(Value, Version)>) {
        let mut book = self.book.lock();
        let stamp = book.stamp();
        let held = value.as_ref().map(|(value, _)| *value);
        book.versions.extend(value.map(|(value, version)| (version, value)));
        book.truth.entry(key.clone()).or_default().push((stamp, held));
        let stale = book.copies.values().find(|copy| book.owners.get(copy) == Some(key) && Some(**copy) != held);
        if let Some(stale) = stale.copied().filter(|_| self.copies_true) {
            book.blame(format!("{key} became {held:?} while the tier held {stale:?}: a crash would leave it"));
        }
    }

    /// Every key below `prefix` is gone from the source.
    pub(crate) fn gone_below(&self, prefix: &Prefix) {
        let keys: Vec<Key> = {
            let book = self.book.lock();
            book.truth.keys().filter(|key| prefix.holds(key) && book.present(key).is_some()).cloned().collect()
        };
        for key in keys {
            self.changed(&key, None);
        }
    }

    /// The tier holds this under that name from now on.
    pub(crate) fn copied(&self, name: &Key, copy: Option<Value>) {
        let mut book = self.book.lock();
        let _ = book.stamp();
        book.copies.remove(name);
        let Some(copy) = copy else { return };
        book.copies.insert(name.clone(), copy);
        let Some(key) = book.owners.get(&copy).cloned() else { return };
        let held = book.present(&key);
        if self.copies_true && held != Some(copy) {
            book.blame(format!("the tier was given {copy:?} of {key} while the source held {held:?}"));
        }
    }

    /// An operation begins at `now` milliseconds.
    pub(crate) fn begin(&self, key: &Key, now: u64) -> Began {
        let mut book = self.book.lock();
        let stamp = book.stamp();
        let Some(age) = self.age_max(key) else { return Began { stamp, oldest: stamp } };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let young = book.clock.iter().find(|(_, millis)| millis.saturating_add(age) >= now);
        let barrier = book.barriers.get(key).copied().unwrap_or(0);
        let oldest = young.map_or(stamp, |(from, _)| *from).min(stamp).max(barrier);
        Began { stamp, oldest }
    }

    /// A write of `value` that began then has returned: no later read may tell of earlier times than when it was done.
    pub(crate) fn wrote(&self, key: &Key, began: Began, value: Option<Value>) {
        let mut book = self.book.lock();
        let states = book.truth.get(key).map_or(&[][..], Vec::as_slice);
        let done = states.iter().find(|(from, held)| *from > began.stamp && *held == value);
        let done = done.map_or(began.stamp, |(from, _)| *from);
        let barrier = book.barriers.entry(key.clone()).or_default();
        *barrier = done.max(*barrier);
    }

    /// What was dropped then is not read any more.
    pub(crate) fn invalidated(&self, key: &Key, began: Began) {
        let mut book = self.book.lock();
        let barrier = book.barriers.entry(key.clone()).or_default();
        *barrier = began.stamp.max(*barrier);
    }

    /// The keys there ever were below `prefix`.
    pub(crate) fn keys_below(&self, prefix: &Prefix) -> Vec<Key> {
        self.book.lock().truth.keys().filter(|key| prefix.holds(key)).cloned().collect()
    }

    /// The answer tells that the value is missing.
    pub(crate) fn missing(&self, key: &Key, began: Began) {
        self.judge(key, began, "is missing", |state| state.is_none());
    }

    /// The answer tells of this state of the value. Whether it is of that version that bytes are, is for `parts`.
    pub(crate) fn is(&self, key: &Key, began: Began, meta: &Meta) -> Option<Value> {
        let value = self.version(&meta.version);
        self.judge(key, began, &format!("is {value:?}"), |state| state.is_some() && *state == value);
        let value = value?;
        if meta.size != value.size() || meta.key != *key {
            self.blame(format!("{key}: {meta:?} is said of {value:?} of {} bytes", value.size()));
        }
        Some(value)
    }

    /// The answer tells that it is still this version.
    pub(crate) fn is_still(&self, key: &Key, began: Began, version: &Version) {
        let value = self.version(version);
        self.judge(key, began, &format!("is still {value:?}"), |state| state.is_some() && *state == value);
    }

    /// The answer tells that it is no longer this version.
    pub(crate) fn is_not(&self, key: &Key, began: Began, version: &Version) {
        let value = self.version(version);
        self.judge(key, began, &format!("is not {value:?}"), |state| *state != value);
    }

    /// The answer tells that one of the ranges begins past the end.
    pub(crate) fn ends_before(&self, key: &Key, began: Began, ranges: &[ByteRange]) {
        let past = |value: &Value| ranges.iter().any(|range| range.resolve(value.size()).is_err());
        self.judge(key, began, "ends before a range", |state| state.as_ref().is_some_and(past));
    }

    /// The answer holds these parts of a value.
    pub(crate) fn parts(&self, key: &Key, value: Value, asked: &[ByteRange], parts: &[Part]) {
        let bytes = value.bytes();
        let right = asked.len() == parts.len()
            && asked.iter().zip(parts).all(|(range, part)| {
                let range = range.resolve(value.size());
                range.is_ok_and(|range| {
                    part.range == range && part.bytes == bytes[range.start as usize..range.end as usize]
                })
            });
        if !right {
            let found: Vec<_> = parts.iter().map(|part| (&part.range, Value::of(&part.bytes))).collect();
            self.blame(format!("{key}: asked for {asked:?} of {value:?}, found {found:?}"));
        }
    }

    fn version(&self, version: &Version) -> Option<Value> {
        self.book.lock().versions.get(version).copied()
    }

    fn judge(&self, key: &Key, began: Began, what: &str, legal: impl Fn(&Option<Value>) -> bool) {
        let mut book = self.book.lock();
        let held = book.held(key, began.oldest);
        if !held.iter().any(legal) {
            let until = book.now;
            book.blame(format!("{key} {what}, by a read from {} to {until}; it was {held:?}", began.stamp));
        }
    }
}
