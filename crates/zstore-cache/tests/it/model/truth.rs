//! What the source held and when: what a cache may answer.

use std::collections::BTreeMap;

/// A value, if there was one, and since when.
type Held = (u64, Option<Vec<u8>>);

/// The values of a key and since when the source held each, in milliseconds that really ran; the last is what it holds.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) now_ms: u64,
    histories: BTreeMap<&'static str, Vec<Held>>,
}

impl Truth {
    pub(crate) fn current(&self, name: &str) -> Option<&[u8]> {
        self.histories.get(name)?.last()?.1.as_deref()
    }

    /// Written through the cache: nothing older may be answered any more.
    pub(crate) fn write(&mut self, name: &'static str, value: Option<Vec<u8>>) {
        self.histories.insert(name, vec![(self.now_ms, value)]);
    }

    /// Written behind the cache's back.
    pub(crate) fn plant(&mut self, name: &'static str, value: Option<Vec<u8>>) {
        let history = self.histories.entry(name).or_insert_with(|| vec![(0, None)]);
        history.push((self.now_ms, value));
    }

    /// What the cache held was dropped.
    pub(crate) fn forget(&mut self, names: impl Fn(&str) -> bool) {
        for (_, history) in self.histories.iter_mut().filter(|(name, _)| names(name)) {
            let kept = history.pop();
            history.clear();
            history.extend(kept);
        }
    }

    /// What the source held at some time no longer ago than `age_ms`.
    pub(crate) fn legal(&self, name: &str, age_ms: u64) -> Vec<Option<&[u8]>> {
        let Some(history) = self.histories.get(name) else { return vec![None] };
        let oldest = self.now_ms.saturating_sub(age_ms);
        let until = history.iter().skip(1).map(|(since, _)| *since).chain([u64::MAX]);
        let legal = history.iter().zip(until).filter(|(_, until)| *until >= oldest);
        legal.map(|((_, value), _)| value.as_deref()).collect()
    }
}
