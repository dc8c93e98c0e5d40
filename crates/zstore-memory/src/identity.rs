//! The name that tells one instance from every other, in this process or another.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

/// 64 bits that no other instance has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity(u64);

impl Identity {
    /// A name not given before.
    ///
    /// The hash is keyed with the system's randomness. The process, a counter and the time are hashed too, because a
    /// forked process inherits the keys of its parent.
    pub(crate) fn fresh() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        Self(RandomState::new().hash_one((process::id(), COUNTER.fetch_add(1, Ordering::Relaxed), SystemTime::now())))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_identities_are_the_same() {
        let names: HashSet<String> = (0..10_000).map(|_| Identity::fresh().to_string()).collect();
        assert_eq!(names.len(), 10_000);
        assert!(names.iter().all(|name| name.len() == 16));
    }
}
