//! A replacement policy of one's own: `cargo run -p zstore-cache --example own_policy`.
//!
//! Training reads the same data set from end to end, epoch after epoch. If it is a little larger than the cache, the
//! least recent chunk is always the one that is needed next, and LRU never hits. Here the *most* recent leaves, so that
//! most of the data set simply stays.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::sync::Arc;

use zstore_cache::CacheStore;
use zstore_cache::policy::{Candidate, Lru, Policy, Slot};
use zstore_core::{Key, ReadStoreExt, Result, StoreExt};
use zstore_memory::MemoryStore;

/// Evicts whoever was used last.
#[derive(Debug, Default)]
struct Mru {
    /// By the number of their last use.
    order: BTreeMap<u64, Slot>,
    /// The other way around, by slot: slots are small numbers.
    used: Vec<Option<u64>>,
    uses: u64,
}

impl Policy for Mru {
    fn insert(&mut self, candidate: Candidate) {
        let at = candidate.slot.index();
        if self.used.len() <= at {
            self.used.resize(at + 1, None);
        }
        self.remove(candidate.slot);
        self.uses += 1;
        self.used[at] = Some(self.uses);
        self.order.insert(self.uses, candidate.slot);
    }

    fn hit(&mut self, slot: Slot) {
        // A slot that is not held must change nothing.
        if let Some(Some(used)) = self.used.get_mut(slot.index()) {
            self.order.remove(used);
            self.uses += 1;
            *used = self.uses;
            self.order.insert(self.uses, slot);
        }
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(used) = self.used.get_mut(slot.index()).and_then(Option::take) {
            self.order.remove(&used);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        let (_, slot) = self.order.pop_last()?;
        self.used[slot.index()] = None;
        Some(slot)
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        self.order.values().rev().for_each(|slot| visit(*slot));
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn check(&self) -> std::result::Result<(), String> {
        let found = |(used, slot): (&u64, &Slot)| self.used.get(slot.index()) == Some(&Some(*used));
        let sound = self.order.iter().all(found) && self.used.iter().flatten().count() == self.order.len();
        if sound { Ok(()) } else { Err(format!("{self:?}")) }
    }
}

/// Hits of three epochs over ten chunks, in a cache with room for eight.
async fn epochs<P: Policy + 'static>(policy: impl Fn() -> P + Send + 'static) -> Result<u64> {
    let source = Arc::new(MemoryStore::new());
    let chunks = (0..10).map(|at| Ok(Key::new(format!("images/c/{at}"))?)).collect::<Result<Vec<Key>>>()?;
    for chunk in &chunks {
        source.put(chunk, vec![0; 1_000]).await?;
    }
    let tier = Arc::new(MemoryStore::new());
    let cache = CacheStore::builder(source, tier).max_size(8_000).policy(policy).build().await?;
    for _ in 0..3 {
        for chunk in &chunks {
            cache.get_bytes(chunk).await?;
            // Fills land behind a reader's back: a count that is to be the same every time waits for them.
            cache.flush().await;
        }
    }
    Ok(cache.stats().hits)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<()> {
    let (lru, mru) = (epochs(Lru::new).await?, epochs(Mru::default).await?);
    println!("of 30 reads {lru} were hits when the least recent left, and {mru} when the most recent did");
    assert!(lru == 0 && mru > 10, "{lru} and {mru}");
    Ok(())
}
