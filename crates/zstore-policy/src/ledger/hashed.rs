//! Keys with their hashes, so that a key may be hashed where the ledger is not.

use std::hash::{BuildHasher, Hash};

use hashbrown::DefaultHashBuilder;

/// Hashes keys as one ledger does: see [`Ledger::hasher`](super::Ledger::hasher).
///
/// It is seeded at random in each process, so that nobody can craft keys that collide.
#[derive(Clone, Debug, Default)]
pub struct KeyHasher(DefaultHashBuilder);

/// A key with its hash.
#[derive(Clone, Debug)]
pub struct Hashed<K> {
    pub(super) key: K,
    pub(super) hash: u64,
}

impl<K> Hashed<K> {
    /// The key.
    pub const fn key(&self) -> &K {
        &self.key
    }

    /// The key alone.
    pub fn into_key(self) -> K {
        self.key
    }
}

impl KeyHasher {
    /// A key with its hash.
    pub fn hash<K: Hash>(&self, key: K) -> Hashed<K> {
        let hash = self.hash_of(&key);
        Hashed { key, hash }
    }

    pub(super) fn hash_of<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.0.hash_one(key)
    }
}
