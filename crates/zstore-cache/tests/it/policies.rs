//! Every policy that can be chosen, in a cache; and the example of one's own.

use std::{sync::Arc, time::Duration};

use zstore_cache::{
    Builder,
    policy::{Fifo, Gdsf, Lru, Policy, S3Fifo, Sieve, WTinyLfu},
};
use zstore_core::{ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;

use crate::setup::{built, key};

#[path = "../../examples/own_policy.rs"]
mod own_policy;

#[test]
fn the_example_of_an_own_policy_does_what_it_says() {
    own_policy::main().unwrap();
}

type Built = Builder<MemoryStore, MemoryStore>;

/// A name, and what gives a cache that policy.
type Choice = (&'static str, fn(Built) -> Built);

fn with<P: Policy + 'static>(builder: Built, policy: fn() -> P) -> Built {
    builder.policy(policy)
}

#[tokio::test]
async fn every_policy_serves_the_truth_within_the_budget() {
    let choices: [Choice; 6] = [
        ("lru", |builder| with(builder, Lru::new)),
        ("fifo", |builder| with(builder, Fifo::new)),
        ("sieve", |builder| with(builder, Sieve::new)),
        ("s3-fifo", |builder| with(builder, S3Fifo::new)),
        ("w-tiny-lfu", |builder| with(builder, WTinyLfu::new)),
        ("gdsf", |builder| with(builder, || Gdsf::for_latency(Duration::from_millis(30), 100_000_000))),
    ];
    for (name, choose) in choices {
        let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        for at in 0..40_u8 {
            source.put(&key(&format!("c/{at}")), vec![at; 50 + usize::from(at) * 20]).await.unwrap();
        }
        let cache = built(choose(zstore_cache::CacheStore::builder(source, tier).max_size(4_000))).await;
        for turn in 0..400_u64 {
            let at = u8::try_from(turn * turn % 41 % 40).unwrap();
            let bytes = cache.get_bytes(&key(&format!("c/{at}"))).await.unwrap();
            assert!(bytes.is_some_and(|bytes| bytes == vec![at; 50 + usize::from(at) * 20]), "{name}: c/{at}");
            cache.flush().await;
            assert!(cache.info().current_size <= 4_000, "{name}");
        }
        cache.check().unwrap();
        let stats = cache.stats();
        assert!(stats.hits > 40 && stats.evictions > 0, "{name}: {stats:?}");
    }
}
