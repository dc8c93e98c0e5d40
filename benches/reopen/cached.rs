//! Our cache in a directory: filled, opened again, and killed.

use std::{
    error::Error,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use tokio::{sync::watch, task::JoinHandle};
use zstore_cache::CacheStore;
use zstore_core::{Key, Prefix, ReadStoreExt};
use zstore_local::LocalStore;

use crate::{
    computed::{Computed, value},
    figures::Figures,
};

/// More than is ever filled in: nobody leaves, so that all can be looked for.
const ROOM_BYTES: u64 = 16 << 30;
/// So many read at once.
const READERS: usize = 32;
/// So many values wait to be written, or fewer: each has locks, and a lock takes longer the more there are.
const LANDINGS_MAX: usize = 512;
/// What is filled in until the process is killed.
const UNTIL_KILLED: &str = "killed";
/// So many values have landed before it is.
const LANDED_BEFORE_KILL: usize = 2_000;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;
type Cache = CacheStore<Computed, LocalStore>;

async fn open(directory: &Path) -> Outcome<Cache> {
    let tier = Arc::new(LocalStore::create_cache(directory)?);
    Ok(CacheStore::builder(Arc::new(Computed::default()), tier).max_size(ROOM_BYTES).build().await?)
}

async fn get(cache: &Cache, key: &Key) -> Outcome {
    match cache.get_bytes(key).await? {
        Some(bytes) if bytes == value(key.as_str()) => Ok(()),
        answer => Err(format!("{key} was answered wrongly: {answer:?}").into()),
    }
}

/// Reads all the keys through the cache, many at once.
async fn read_all(cache: &Cache, keys: &[Key]) -> Outcome {
    for keys in keys.chunks(LANDINGS_MAX) {
        let readers = keys.chunks(keys.len().div_ceil(READERS)).map(|keys| {
            let (cache, keys) = (cache.clone(), keys.to_vec());
            let reader: JoinHandle<Outcome> = tokio::spawn(async move {
                for key in &keys {
                    get(&cache, key).await?;
                }
                Ok(())
            });
            async move { reader.await? }
        });
        try_join_all(readers).await?;
        cache.flush().await;
    }
    Ok(())
}

/// Fills a new cache.
pub(crate) async fn fill(directory: &Path, keys: &[Key]) -> Outcome<Figures> {
    let cache = open(directory).await?;
    read_all(&cache, keys).await?;
    Ok(Figures { kept: kept(&cache), ..Figures::default() })
}

fn kept(cache: &Cache) -> u64 {
    cache.info().resident_blobs
}

/// How long a directory takes to be read, and the size of every file in it to be asked for.
pub(crate) fn walk(directory: &Path) -> Outcome<Figures> {
    let begun = Instant::now();
    let (mut files, mut bytes, mut due) = (0, 0, vec![directory.to_owned()]);
    while let Some(directory) = due.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                due.push(entry.path());
            } else {
                files += 1;
                bytes += entry.metadata()?.len();
            }
        }
    }
    std::hint::black_box(bytes);
    Ok(Figures { took: begun.elapsed(), kept: files, ..Figures::default() })
}

/// How long it takes until the first hit is answered.
pub(crate) async fn first_hit(directory: &Path, key: &Key) -> Outcome<Figures> {
    let begun = Instant::now();
    let cache = open(directory).await?;
    get(&cache, key).await?;
    let took = begun.elapsed();
    let fetched = cache.source().gets();
    cache.flush().await;
    Ok(Figures { took, kept: kept(&cache), fetched, ..Figures::default() })
}

/// How long it takes until all is known that an earlier process left.
pub(crate) async fn index_back(directory: &Path) -> Outcome<Figures> {
    let begun = Instant::now();
    let cache = open(directory).await?;
    cache.flush().await;
    let took = begun.elapsed();
    Ok(Figures { took, kept: kept(&cache), ..Figures::default() })
}

/// The same of a process that was killed, while somebody reads without a pause. What it was filling in when it was
/// killed leaves again.
pub(crate) async fn index_back_after_kill(directory: &Path, asked: Vec<Key>) -> Outcome<Figures> {
    let begun = Instant::now();
    let cache = open(directory).await?;
    let (done, is_done) = watch::channel(false);
    let reader: JoinHandle<Outcome<u64>> = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let mut served = 0;
            for key in asked.iter().cycle() {
                if *is_done.borrow() {
                    break;
                }
                get(&cache, key).await?;
                served += 1;
            }
            Ok(served)
        })
    };
    cache.flush().await;
    let took = begun.elapsed();
    done.send(true)?;
    let served = reader.await??;
    let fetched = cache.source().gets();
    cache.invalidate_prefix(&Prefix::new(UNTIL_KILLED)?).await?;
    cache.flush().await;
    Ok(Figures { took, kept: kept(&cache), served, fetched })
}

/// Reads every value.
pub(crate) async fn read_back(directory: &Path, keys: &[Key]) -> Outcome<Figures> {
    let cache = open(directory).await?;
    read_all(&cache, keys).await?;
    Ok(Figures { kept: kept(&cache), served: cache.stats().hits, fetched: cache.source().gets(), ..Figures::default() })
}

/// Fills in more and more, until somebody kills the process. `tell` is called when it is time to.
pub(crate) async fn fill_until_killed(directory: &Path, tell: impl FnOnce()) -> Outcome {
    let cache = open(directory).await?;
    let keys = |from: usize, to| -> Outcome<Vec<Key>> {
        Ok((from..to).map(|index| Key::new(format!("{UNTIL_KILLED}/{index}"))).collect::<Result<_, _>>()?)
    };
    read_all(&cache, &keys(0, LANDED_BEFORE_KILL)?).await?;
    tell();
    read_all(&cache, &keys(LANDED_BEFORE_KILL, 100 * LANDED_BEFORE_KILL)?).await?;
    // Not reached: whoever was told has killed this process long before.
    tokio::time::sleep(Duration::from_secs(600)).await;
    Ok(())
}
