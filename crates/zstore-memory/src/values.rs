//! The values by name, and the lock over them.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, VecDeque},
    mem,
    ops::Bound,
};

use bytes::Bytes;
use parking_lot::RwLock;
use zstore_core::{DirListing, InvalidKey, Key, Meta, Prefix, Timestamp, Version};

/// How many entries are visited under one hold of the lock. An entry costs some 100 ns (a step in the map, two
/// reference counts, the text of a version), so a page holds writers up for some 25 µs.
const PAGE_ENTRIES: usize = 256;

/// One value and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) meta: Meta,
    pub(crate) bytes: Bytes,
}

/// All values of a store.
#[derive(Debug, Default)]
pub(crate) struct Values(RwLock<Map>);

/// What the lock guards: the entries, and the sum and counter that must agree with them at every instant.
#[derive(Debug, Default)]
struct Map {
    entries: BTreeMap<Name, Entry>,
    held_bytes: u64,
    /// How many values were ever written. It numbers the versions and never goes back, so that a value deleted and
    /// written again has another version.
    written: u64,
}

/// A key that can be looked up, and ranged over, by text that is no key, such as `a/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(Key);

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl Map {
    /// Takes an entry out; the caller drops it after unlocking, because freeing a large value takes its time.
    fn remove(&mut self, name: &str) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        self.held_bytes -= entry.meta.size;
        Some(entry)
    }

    /// The entries of a span, in order.
    fn within<'a>(&'a self, span: &Span) -> impl Iterator<Item = &'a Entry> {
        let bounds = (span.start.as_ref().map(String::as_str), span.end.as_ref().map(String::as_str));
        self.entries.range::<str, _>(bounds).map(|(_, entry)| entry)
    }
}

/// What is still to be visited of the keys strictly below a prefix. In the order of all keys they lie between
/// `prefix/` and `prefix0`, because `0` follows `/`.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    start: Bound<String>,
    end: Bound<String>,
}

impl Span {
    /// All keys strictly below `prefix`.
    pub(crate) fn below(prefix: &Prefix) -> Self {
        if prefix.is_root() {
            return Self { start: Bound::Unbounded, end: Bound::Unbounded };
        }
        Self { start: Bound::Excluded(format!("{prefix}/")), end: Bound::Excluded(format!("{prefix}0")) }
    }

    /// Goes on after `key`.
    fn skip(&mut self, key: &Key) {
        self.start = Bound::Excluded(key.as_str().to_owned());
    }

    /// Goes on after every key strictly below `prefix`.
    fn skip_below(&mut self, prefix: &str) {
        self.start = Bound::Included(format!("{prefix}0"));
    }
}

impl Values {
    /// The entry of a key.
    pub(crate) fn get(&self, key: &Key) -> Option<Entry> {
        self.0.read().entries.get(key.as_str()).cloned()
    }

    /// What is known of a key's value.
    pub(crate) fn meta(&self, key: &Key) -> Option<Meta> {
        self.0.read().entries.get(key.as_str()).map(|entry| entry.meta.clone())
    }

    /// Writes a value if `allow` agrees to what is there, and answers its version; `None` if it does not agree.
    ///
    /// `version` is given a number that no other write has.
    pub(crate) fn set(
        &self,
        key: &Key,
        bytes: Bytes,
        modified: Timestamp,
        version: impl FnOnce(u64) -> Version,
        allow: impl FnOnce(Option<&Meta>) -> bool,
    ) -> Option<Version> {
        let size = bytes.len() as u64;
        let mut map = self.0.write();
        if !allow(map.entries.get(key.as_str()).map(|entry| &entry.meta)) {
            return None;
        }
        map.written += 1;
        let version = version(map.written);
        let meta = Meta { key: key.clone(), size, modified: Some(modified), version: version.clone() };
        let old = map.entries.insert(Name(key.clone()), Entry { meta, bytes });
        map.held_bytes = map.held_bytes - old.as_ref().map_or(0, |old| old.meta.size) + size;
        drop(map);
        drop(old); // freed outside the lock
        Some(version)
    }

    /// Deletes a value if it is there.
    pub(crate) fn delete(&self, key: &Key) {
        let old = self.0.write().remove(key.as_str());
        drop(old); // freed outside the lock
    }

    /// Deletes every value strictly below a prefix.
    pub(crate) fn delete_below(&self, prefix: &Prefix) {
        if prefix.is_root() {
            let mut map = self.0.write();
            map.held_bytes = 0;
            let old = mem::take(&mut map.entries);
            drop(map);
            drop(old); // freed outside the lock
            return;
        }
        let mut span = Span::below(prefix);
        loop {
            let mut map = self.0.write();
            let names: Vec<Key> = map.within(&span).take(PAGE_ENTRIES).map(|entry| entry.meta.key.clone()).collect();
            let old: Vec<Entry> = names.iter().filter_map(|name| map.remove(name.as_str())).collect();
            drop(map);
            drop(old); // freed outside the lock
            // On from the last name, not from the start: values written meanwhile may remain, and the loop ends.
            match names.last() {
                Some(last) => span.skip(last),
                None => return,
            }
        }
    }

    /// The next page of what is known of the values of `span`, in order; an empty page is the end.
    pub(crate) fn page(&self, span: &mut Span) -> VecDeque<Meta> {
        let page: VecDeque<Meta> =
            self.0.read().within(span).take(PAGE_ENTRIES).map(|entry| entry.meta.clone()).collect();
        if let Some(last) = page.back() {
            span.skip(&last.key);
        }
        page
    }

    /// The children of a prefix.
    ///
    /// # Cost
    /// A look into the map for each child, however much lies below it.
    pub(crate) fn children(&self, prefix: &Prefix) -> Result<DirListing, InvalidKey> {
        let mut span = Span::below(prefix);
        let mut found = DirListing::default();
        loop {
            let map = self.0.read();
            for _ in 0..PAGE_ENTRIES {
                let Some(entry) = map.within(&span).next() else {
                    // Values come in the order of their keys. Prefixes do not: `a-b/x` comes before `a/x`.
                    found.prefixes.sort_unstable();
                    return Ok(found);
                };
                let name = entry.meta.key.as_str();
                let below_at = if prefix.is_root() { 0 } else { prefix.as_str().len() + 1 };
                match name[below_at..].find('/') {
                    None => {
                        span.skip(&entry.meta.key);
                        found.values.push(entry.meta.clone());
                    }
                    Some(slash) => {
                        let child = &name[..below_at + slash];
                        span.skip_below(child);
                        found.prefixes.push(Prefix::new(child)?);
                    }
                }
            }
        }
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        self.0.read().entries.len()
    }

    /// The size of all values in bytes.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.0.read().held_bytes
    }
}

#[cfg(test)]
impl Values {
    /// Recounts what is kept beside the entries.
    pub(crate) fn check(&self) {
        let map = self.0.read();
        assert_eq!(map.held_bytes, map.entries.values().map(|entry| entry.bytes.len() as u64).sum::<u64>());
        for (name, entry) in &map.entries {
            assert_eq!((&name.0, entry.bytes.len() as u64), (&entry.meta.key, entry.meta.size));
        }
    }
}
