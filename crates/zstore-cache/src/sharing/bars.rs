//! Bars: what is found of values of which something could not be removed when they were written is not believed.

use parking_lot::Mutex;
use zstore_core::{Key, Prefix};

use crate::flights::Scope;

/// After so many, nothing that is found is believed.
const BARS_MAX: usize = 1024;

/// What was written and could not be removed.
#[derive(Debug, Default)]
pub(crate) struct Bars(Mutex<Vec<Scope>>);

impl Bars {
    pub(crate) fn set(&self, written: Scope) {
        let mut bars = self.0.lock();
        if bars.contains(&written) {
            return;
        }
        if bars.len() < BARS_MAX {
            bars.push(written);
        } else {
            *bars = vec![Scope::Below(Prefix::root())];
        }
    }

    /// All that there was of it is gone.
    pub(crate) fn lift(&self, written: &Scope) {
        self.0.lock().retain(|bar| !written.covers(bar));
    }

    pub(crate) fn hold(&self, key: &Key) -> bool {
        self.0.lock().iter().any(|bar| bar.holds(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new(name).unwrap()
    }

    fn below(name: &str) -> Scope {
        Scope::Below(Prefix::new(name).unwrap())
    }

    #[test]
    fn a_bar_is_lifted_by_what_covers_it_and_by_nothing_less() {
        let bars = Bars::default();
        bars.set(Scope::Key(key("a/b")));
        bars.set(below("a/c"));
        for less in [Scope::Key(key("a/c/d")), below("a/b"), below("a/c/d"), below("a/bc"), Scope::Key(key("a"))] {
            bars.lift(&less);
        }
        assert_eq!(["a/b", "a/c/d", "a/e"].map(|name| bars.hold(&key(name))), [true, true, false]);
        bars.lift(&Scope::Key(key("a/b")));
        assert!(!bars.hold(&key("a/b")));
        bars.lift(&below("a"));
        assert!(!bars.hold(&key("a/c/d")));
    }

    #[test]
    fn after_too_many_nothing_is_believed_until_all_is_gone() {
        let bars = Bars::default();
        for at in 0..=BARS_MAX {
            bars.set(Scope::Key(key(&format!("{at}"))));
        }
        assert!(bars.hold(&key("other")));
        bars.lift(&below("a"));
        assert!(bars.hold(&key("other")));
        bars.lift(&Scope::Below(Prefix::root()));
        assert!(!bars.hold(&key("other")));
    }
}
