//! Versions that are weak: what is of them cannot be renewed, and is of no use past its bounds.

use std::sync::Arc;

use zstore_cache::{CacheStore, Expiry, Freshness};
use zstore_core::{
    ByteRange, Capabilities, Clock, ErrorKind, Key, Prefix, ReadStore, ReadStoreExt, StoreExt, Timestamp,
};
use zstore_testkit::{Faulty, ManualClock, MapStore, Recorder};

use crate::{
    freshness::{AGE, KIB, World, over, world},
    setup::{built, key, read},
};

/// A source whose versions are weak: two values under one of them need not be the same bytes.
#[derive(Debug)]
struct Weak(MapStore);

impl std::fmt::Display for Weak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weak({})", self.0)
    }
}

impl Weak {
    fn weakened(mut meta: zstore_core::Meta) -> zstore_core::Meta {
        meta.version = zstore_core::Version::from_e_tag("W/\"same\"");
        meta
    }
}

#[async_trait::async_trait]
impl ReadStore for Weak {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, key: &Key, options: &zstore_core::GetOptions) -> zstore_core::Result<zstore_core::Fetch> {
        let fetch =
            self.0.get(key, &zstore_core::GetOptions { range: options.range.clone(), ..Default::default() }).await?;
        Ok(match fetch {
            zstore_core::Fetch::Object(object) => {
                zstore_core::Fetch::Object(zstore_core::Object { meta: Self::weakened(object.meta), ..object })
            }
            other => other,
        })
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> zstore_core::Result<Option<zstore_core::Ranges>> {
        let ranges = self.0.get_ranges(key, ranges).await?;
        Ok(ranges.map(|ranges| zstore_core::Ranges { meta: Self::weakened(ranges.meta), ..ranges }))
    }

    async fn head(&self, key: &Key) -> zstore_core::Result<Option<zstore_core::Meta>> {
        Ok(self.0.head(key).await?.map(Self::weakened))
    }

    fn list(&self, prefix: &Prefix) -> zstore_core::BoxStream<'static, zstore_core::Result<zstore_core::Meta>> {
        self.0.list(prefix)
    }

    async fn list_dir(&self, prefix: &Prefix) -> zstore_core::Result<zstore_core::DirListing> {
        self.0.list_dir(prefix).await
    }
}

#[tokio::test]
async fn a_weak_version_renews_nothing_but_may_be_served_in_need() {
    let source = Recorder::new(Faulty::new(Weak(MapStore::new())));
    let world = over(source, Freshness::aged(AGE).stale_if_error(AGE)).await;
    let map = &world.source.inner().inner().0;
    for name in ["whole", "parts"] {
        map.put(&key(name), vec![1; 40 * KIB]).await.unwrap();
    }
    read(&world.cache, "whole").await;
    world.cache.get_range(&key("parts"), ByteRange::Bounded(0..10)).await.unwrap();
    world.cache.flush().await;
    world.clock.advance(AGE);
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::TimedOut);
    assert_eq!(read(&world.cache, "whole").await.unwrap()[..3], [1; 3]);
    let part = ByteRange::Bounded(0..3);
    assert_eq!(world.cache.get_range(&key("parts"), part.clone()).await.unwrap().unwrap(), vec![1; 3]);
    world.source.inner().heal();
    for name in ["whole", "parts"] {
        map.put(&key(name), vec![2; 40 * KIB]).await.unwrap();
    }
    assert_eq!(read(&world.cache, "whole").await.unwrap()[..3], [2; 3]);
    assert_eq!(world.cache.get_range(&key("parts"), part).await.unwrap().unwrap(), vec![2; 3]);
    world.cache.flush().await;
    world.cache.check().unwrap();
}

#[tokio::test]
async fn parts_of_a_weak_version_past_their_age_are_not_mixed_with_new_ones() {
    let world = over(Weak(MapStore::new()), Freshness::aged(AGE).stale_if_error(AGE)).await;
    let k = key("k");
    world.source.0.put(&k, vec![1; 40 * KIB]).await.unwrap();
    let part = |length: u64| world.cache.get_range(&k, ByteRange::Bounded(0..length));
    part(4096).await.unwrap();
    world.cache.flush().await;
    world.clock.advance(AGE);
    // Of the same size, under the same tag.
    world.source.0.put(&k, vec![2; 40 * KIB]).await.unwrap();
    assert_eq!(part(8192).await.unwrap().unwrap(), vec![2; 8192]);
    world.cache.flush().await;
    assert_eq!(part(8192).await.unwrap().unwrap(), vec![2; 8192]);
    world.cache.check().unwrap();
}

#[tokio::test]
async fn what_cannot_be_renewed_and_is_dated_ahead_is_not_found_again() {
    let world = over(Weak(MapStore::new()), Freshness::aged(AGE)).await;
    world.source.0.put(&key("k"), "old").await.unwrap();
    read(&world.cache, "k").await;
    world.cache.flush().await;
    let fetched = world.clock.now();
    drop(world.cache);
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(fetched.as_millis() - 3_600_000)));
    let builder = CacheStore::builder(Arc::clone(&world.source), Arc::clone(&world.tier));
    let cache = built(builder.freshness(Freshness::aged(AGE)).clock(clock)).await;
    // It would never be served, and take room for an hour.
    assert_eq!(cache.info().resident_blobs, 0);
}

#[tokio::test]
async fn of_a_weak_version_a_head_leaves_what_is_kept_for_when_the_source_fails() {
    let world = over(Recorder::new(Faulty::new(Weak(MapStore::new()))), Freshness::aged(AGE).stale_if_error(AGE)).await;
    outlasts_a_head(&world, &world.source.inner().inner().0).await;
}

#[tokio::test]
async fn of_what_is_never_renewed_a_head_leaves_what_is_kept_for_when_the_source_fails() {
    let world = world(Freshness::aged(AGE).expiry(Expiry::Refetch).stale_if_error(AGE)).await;
    outlasts_a_head(&world, world.source.inner().inner()).await;
}

async fn outlasts_a_head<S: ReadStore + 'static>(world: &World<Recorder<Faulty<S>>>, map: &MapStore) {
    let (whole, parts, part) = (key("whole"), key("parts"), ByteRange::Bounded(0..3));
    let part = async || world.cache.get_range(&parts, part.clone()).await.unwrap().unwrap();
    for key in [&whole, &parts] {
        map.put(key, vec![1; 40 * KIB]).await.unwrap();
    }
    read(&world.cache, "whole").await;
    part().await;
    world.cache.flush().await;
    world.clock.advance(AGE);
    for key in [&whole, &parts] {
        assert!(world.cache.head(key).await.unwrap().is_some());
    }
    world.cache.flush().await;
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::Unavailable);
    assert_eq!(read(&world.cache, "whole").await.unwrap()[..3], [1; 3]);
    assert_eq!(part().await, vec![1; 3]);
    world.source.inner().heal();
    map.put(&parts, vec![2; 40 * KIB]).await.unwrap();
    assert_eq!(part().await, vec![2; 3], "it is not served while the source can be reached");
    world.cache.flush().await;
    world.source.clear();
    assert_eq!(part().await, vec![2; 3]);
    assert_eq!(world.source.count(), 0, "what came in its place is fresh");
    world.cache.check().unwrap();
}

#[tokio::test]
async fn a_stale_whole_that_is_kept_for_need_bars_no_fresh_part() {
    let world = over(Recorder::new(Weak(MapStore::new())), Freshness::aged(AGE).stale_if_error(AGE)).await;
    bars_no_part(&world, &world.source.inner().0).await;
    let freshness = Freshness::aged(AGE).expiry(Expiry::Refetch).stale_if_error(AGE);
    let world = over(Recorder::new(MapStore::new()), freshness).await;
    bars_no_part(&world, world.source.inner()).await;
}

async fn bars_no_part<S: ReadStore + 'static>(world: &World<Recorder<S>>, map: &MapStore) {
    let part = async || world.cache.get_range(&key("k"), ByteRange::Bounded(0..3)).await.unwrap().unwrap();
    map.put(&key("k"), vec![1; 40 * KIB]).await.unwrap();
    read(&world.cache, "k").await;
    world.cache.flush().await;
    world.clock.advance(AGE);
    assert_eq!(part().await, vec![1; 3]);
    world.cache.flush().await;
    world.source.clear();
    assert_eq!(part().await, vec![1; 3]);
    assert_eq!(world.source.count(), 0);
    world.cache.check().unwrap();
}

#[tokio::test]
async fn in_need_no_part_past_its_age_is_served_beside_a_newer_one() {
    let world = over(Recorder::new(Faulty::new(Weak(MapStore::new()))), Freshness::aged(AGE).stale_if_error(AGE)).await;
    let map = &world.source.inner().inner().0;
    let k = key("k");
    let part = |range| world.cache.get_range(&k, ByteRange::Bounded(range));
    map.put(&key("k"), vec![1; 40 * KIB]).await.unwrap();
    part(0..10).await.unwrap();
    world.cache.flush().await;
    world.clock.advance(AGE);
    // Of the same size, under the same tag.
    map.put(&key("k"), vec![2; 40 * KIB]).await.unwrap();
    part(4096..4106).await.unwrap();
    world.cache.flush().await;
    world.source.inner().fail_always(zstore_testkit::Calls::All, ErrorKind::Unavailable);
    assert_eq!(part(4096..4106).await.unwrap().unwrap(), vec![2; 10]);
    assert_eq!(part(0..8192).await.unwrap_err().kind(), ErrorKind::Unavailable);
}
