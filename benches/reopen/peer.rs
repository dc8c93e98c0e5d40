//! foyer's hybrid cache with a disk, filled with the same values and opened again.
//!
//! It is given room for twice as much, and values are written when they come. Whether it keeps them depends on how fast
//! they come: what finds its queues full is dropped.

use std::{path::Path, time::Instant};

use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, HybridCachePolicy, RecoverMode,
};
use zstore_core::Key;

use crate::{cached::Outcome, computed::value, figures::Figures};

/// It puts every value on pages of its own.
const PAGE_BYTES: usize = 4096;
const ROOM_BYTES_MIN: usize = 256 << 20;
/// So many pages are a mebibyte.
const PAUSE_AFTER: usize = 256;
/// Little beside what is on the disk, so that keys are looked for there.
const MEMORY_BYTES: usize = 1 << 20;

type Cache = HybridCache<String, Vec<u8>>;

async fn open(directory: &Path, residents: usize) -> Outcome<Cache> {
    let room_bytes = (2 * residents * PAGE_BYTES).max(ROOM_BYTES_MIN);
    let device = FsDeviceBuilder::new(directory).with_capacity(room_bytes).build()?;
    let builder = HybridCacheBuilder::new().with_policy(HybridCachePolicy::WriteOnInsertion).memory(MEMORY_BYTES);
    let builder = builder.with_weighter(|key: &String, value: &Vec<u8>| key.len() + value.len()).storage();
    let builder = builder.with_engine_config(BlockEngineConfig::new(device)).with_recover_mode(RecoverMode::Quiet);
    Ok(builder.build().await?)
}

/// How fast values come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// After every mebibyte there is a pause until all is written.
    WithPauses,
    /// As fast as they are taken.
    AsFastAsItTakes,
}

/// Fills a new cache, and closes it as it wants to be closed.
pub(crate) async fn fill(directory: &Path, keys: &[Key], pace: Pace) -> Outcome<Figures> {
    let cache = open(directory, keys.len()).await?;
    for keys in keys.chunks(PAUSE_AFTER) {
        for key in keys {
            cache.insert(key.as_str().to_owned(), value(key.as_str()).to_vec());
        }
        if pace == Pace::WithPauses {
            cache.storage().wait().await;
        }
    }
    cache.close().await?;
    Ok(Figures::default())
}

/// How long it takes until it serves, which it does once its index is back; and how many keys it still has.
pub(crate) async fn reopen(directory: &Path, keys: &[Key]) -> Outcome<Figures> {
    let begun = Instant::now();
    let cache = open(directory, keys.len()).await?;
    let took = begun.elapsed();
    let kept = kept(&cache, keys);
    cache.close().await?;
    Ok(Figures { took, kept, ..Figures::default() })
}

/// Keys whose hash is in its index: that many or fewer can be read.
fn kept(cache: &Cache, keys: &[Key]) -> u64 {
    keys.iter().filter(|key| cache.storage().may_contains(key.as_str())).count() as u64
}
