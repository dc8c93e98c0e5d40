//! A whole value of which only blocks are resident, all of them past their age.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use zstore_cache::{CacheStore, Expiry, Freshness, RangeStrategy};
use zstore_core::{ByteRange, ErrorKind, ReadStoreExt, StoreExt};
use zstore_testkit::{Calls, Faulty, ManualClock, MapStore, Recorder};

use crate::setup::{Tier, built, key, pattern, read, tier};

const AGE: Duration = Duration::from_secs(10);
const BLOCK: u64 = 4096;
const SIZE: usize = 4 * BLOCK as usize;

type Source = Recorder<Faulty<MapStore>>;

struct World {
    source: Arc<Source>,
    cache: CacheStore<Source, Tier>,
}

/// A value of which every block is resident, and past its age.
async fn aged_blocks(freshness: Freshness) -> World {
    let source = Arc::new(Recorder::new(Faulty::new(MapStore::new())));
    let clock = Arc::new(ManualClock::default());
    let builder = CacheStore::builder(Arc::clone(&source), tier()).freshness(freshness).clock(Arc::clone(&clock) as _);
    let cache = built(builder.range_strategy(RangeStrategy::Blocks { block_size: BLOCK })).await;
    source.put(&key("k"), pattern(SIZE)).await.unwrap();
    for at in 0..4 {
        cache.get_range(&key("k"), ByteRange::Bounded(at * BLOCK..at * BLOCK + 1)).await.unwrap();
        cache.flush().await;
    }
    source.clear();
    clock.advance(AGE);
    World { source, cache }
}

#[tokio::test]
async fn a_whole_of_blocks_past_their_age_costs_one_question_or_one_transfer() {
    let refetched = Freshness::aged(AGE).expiry(Expiry::Refetch);
    for (freshness, changes, cost) in [
        (Freshness::aged(AGE), false, (1, 0)),
        (Freshness::aged(AGE), true, (2, SIZE as u64)),
        (refetched.clone(), false, (1, SIZE as u64)),
        (refetched, true, (1, SIZE as u64)),
    ] {
        let world = aged_blocks(freshness.clone()).await;
        let value = if changes { Bytes::from(vec![9; SIZE]) } else { pattern(SIZE) };
        if changes {
            world.source.inner().put(&key("k"), value.clone()).await.unwrap();
        }
        assert_eq!(read(&world.cache, "k").await.unwrap(), value);
        assert_eq!((world.source.count(), world.source.bytes_read()), cost, "{freshness:?}, changes: {changes}");
    }
}

#[tokio::test]
async fn a_whole_of_blocks_past_their_age_is_served_while_the_source_cannot_be_reached() {
    for expiry in [Expiry::Revalidate, Expiry::Refetch] {
        let world = aged_blocks(Freshness::aged(AGE).expiry(expiry).stale_if_error(AGE)).await;
        world.source.inner().fail_always(Calls::All, ErrorKind::Unavailable);
        assert_eq!(read(&world.cache, "k").await.unwrap(), pattern(SIZE));
        assert_eq!(world.cache.stats().stale, 1, "{expiry:?}");
    }
}
