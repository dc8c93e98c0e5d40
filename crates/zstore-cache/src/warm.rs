//! Warming: values are fetched into the tier before they are asked for.

mod provision;
mod report;
mod sparing;

pub use report::{WarmGroup, WarmProgress, Warmed};
pub(crate) use sparing::Sparing;

use std::{collections::HashSet, fmt, sync::Arc};

use futures::{StreamExt, stream};
use zstore_core::{Error, ErrorKind, Key, Meta, Operation, Prefix, ReadStore, ReadStoreExt, Result, Store};

use crate::{
    CacheStore,
    inner::Inner,
    warm::provision::{Provision, Wanted},
};

/// Keeps a server busy without looking like an attack; a source that answers at once gains nothing by more.
const CONCURRENCY: usize = 8;
/// As much as may wait for a slow tier.
const IN_FLIGHT_BYTES_MAX: u64 = 256 << 20;

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> CacheStore<S, T> {
    /// Fetches every value strictly below a prefix that is not resident and fresh already, in the order of the keys.
    ///
    /// What is warmed never leaves for the rest of it: a value that does not fit beside the others is left out,
    /// without a transfer, and named in the report. What else is resident leaves for it, in the order in which the
    /// policy would let it go. Warming counts no reads; the requests and bytes it takes are counted.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use zstore_core::{Key, Prefix, ReadStoreExt, StoreExt};
    /// # use zstore_memory::MemoryStore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zstore_core::Result<()> {
    /// # let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    /// # let chunk = Key::new("temperature/c/0")?;
    /// # source.put(&chunk, "a chunk").await?;
    /// # let cache = zstore_cache::CacheStore::builder(source, tier).max_size(1 << 20).build().await?;
    /// let mut bytes = 0;
    /// let warmed = cache
    ///     .warm_prefix(&Prefix::new("temperature")?)
    ///     .concurrency(4)
    ///     .on_progress(|progress| bytes = progress.bytes_done)
    ///     .run()
    ///     .await?;
    /// assert_eq!((warmed.fetched.values, warmed.is_complete(), bytes), (1, true, 7));
    ///
    /// cache.get_bytes(&chunk).await?; // from the tier
    /// assert_eq!(cache.stats().hits, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn warm_prefix(&self, prefix: &Prefix) -> Warm<'static, S, T> {
        Warm::new(self, Targets::Below(prefix.clone()))
    }

    /// The same for values named by key, in that order. One that is named twice counts once.
    ///
    /// Nobody tells their size in advance, so a value may be transferred before it turns out not to fit. From then on
    /// the source is asked for the size first.
    pub fn warm_keys(&self, keys: impl IntoIterator<Item = Key>) -> Warm<'static, S, T> {
        Warm::new(self, Targets::Keys(keys.into_iter().collect()))
    }
}

type OnProgress<'p> = Box<dyn FnMut(&WarmProgress<'_>) + Send + 'p>;

enum Targets {
    Below(Prefix),
    Keys(Vec<Key>),
}

/// A warm-up to be. Made by [`CacheStore::warm_prefix`] and [`CacheStore::warm_keys`], begun by [`run`](Self::run).
#[must_use = "nothing is warmed until `run` is awaited"]
pub struct Warm<'p, S: ?Sized, T: ?Sized> {
    inner: Arc<Inner<S, T>>,
    targets: Targets,
    concurrency: usize,
    in_flight_bytes_max: u64,
    on_progress: Option<OnProgress<'p>>,
}

impl<'p, S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Warm<'p, S, T> {
    fn new(cache: &CacheStore<S, T>, targets: Targets) -> Self {
        Self {
            inner: Arc::clone(cache.inner()),
            targets,
            concurrency: CONCURRENCY,
            in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
            on_progress: None,
        }
    }

    /// Bounds how many values are under way at once, from the request until they are resident: 8 by default.
    pub fn concurrency(mut self, values: usize) -> Self {
        self.concurrency = values;
        self
    }

    /// Bounds the bytes of the values under way: 256 MiB by default. A larger value goes alone.
    ///
    /// A value whose size is not known counts as the largest that came so far, and as its share of the bound at least.
    pub fn in_flight_bytes(mut self, bytes: u64) -> Self {
        self.in_flight_bytes_max = bytes;
        self
    }

    /// Is told of each value that is done with.
    pub fn on_progress<'q>(self, on_progress: impl FnMut(&WarmProgress<'_>) + Send + 'q) -> Warm<'q, S, T> {
        let Self { inner, targets, concurrency, in_flight_bytes_max, .. } = self;
        Warm { inner, targets, concurrency, in_flight_bytes_max, on_progress: Some(Box::new(on_progress)) }
    }

    /// Warms the cache and waits until all that was fetched is resident.
    ///
    /// A value that cannot be had is reported and does not stop the others: they may well be had, and who warms a
    /// cache wants what there is. A tier that fails or is left alone is no error either; the report says that nothing
    /// stays.
    ///
    /// # Errors
    /// `InvalidArgument` for a setting that makes no sense. Below a prefix: `Unsupported` if the source cannot list
    /// its values (name the keys instead), and whatever the listing fails with. Nothing was fetched then.
    ///
    /// # Cancel safety
    /// Dropping the future stops it. What is resident stays, what has been fetched still lands, and what is being
    /// fetched is given up unless readers wait for it. Nothing is lost but the report; warming again fetches the
    /// rest.
    ///
    /// # Cost
    /// A listing, and one request for each value that is not resident and fresh; no more than one each at the same
    /// time as readers ask for them. Holds the metadata of all values to be warmed.
    pub async fn run(self) -> Result<Warmed> {
        self.check()?;
        let Self { inner, targets, concurrency, in_flight_bytes_max, mut on_progress } = self;
        let (mut wanted, bytes_total) = wanted(&*inner.source, targets).await?;
        // A tier that could not be opened is tried once more; what it holds is known only then.
        inner.is_open().await;
        inner.is_ready().await;
        let spared: HashSet<Key> = wanted.iter().map(|wanted| wanted.key.clone()).collect();
        let provision = Provision::new(inner, Arc::new(spared), &mut wanted, concurrency, in_flight_bytes_max);
        let values_total = wanted.len() as u64;
        let (mut warmed, mut values_done, mut bytes_done) = (Warmed::default(), 0, 0);
        let mut under_way = stream::iter(wanted)
            .map(|wanted| async {
                let warmth = provision.provide(&wanted).await;
                (wanted, warmth)
            })
            .buffer_unordered(concurrency);
        while let Some((wanted, warmth)) = under_way.next().await {
            values_done += 1;
            // As it was listed, so that the parts make the whole.
            let bytes = wanted.meta.map(|meta| meta.size).or_else(|| warmth.bytes()).unwrap_or(0);
            bytes_done = u64::saturating_add(bytes_done, bytes);
            warmed.add(&wanted.key, warmth);
            if let Some(tell) = &mut on_progress {
                tell(&WarmProgress { key: &wanted.key, values_done, values_total, bytes_done, bytes_total });
            }
        }
        Ok(warmed)
    }

    fn check(&self) -> Result<()> {
        let refuse = |detail: &str| Err(Error::new(ErrorKind::InvalidArgument, Operation::Open).with_detail(detail));
        if self.concurrency == 0 {
            return refuse("concurrency is 0, which would fetch nothing; raise it");
        }
        if self.in_flight_bytes_max == 0 {
            return refuse("in_flight_bytes is 0, which would fetch nothing; raise it");
        }
        Ok(())
    }
}

/// The values to be warmed, each once, and their size in bytes if the source tells.
async fn wanted<S: ReadStore + ?Sized>(source: &S, targets: Targets) -> Result<(Vec<Wanted>, Option<u64>)> {
    match targets {
        Targets::Keys(keys) => {
            let mut named = HashSet::new();
            let wanted = keys.into_iter().filter(|key| named.insert(key.clone())).map(|key| Wanted::new(key, None));
            Ok((wanted.collect(), None))
        }
        Targets::Below(prefix) => {
            if !source.capabilities().listing {
                let error = Error::new(ErrorKind::Unsupported, Operation::List).with_store(source).with_key(&prefix);
                return Err(error.with_detail("it cannot list its values; name the keys to warm instead"));
            }
            let listed: Vec<Meta> = source.list_all(&prefix).await?;
            let bytes = listed.iter().fold(0, |sum: u64, meta| sum.saturating_add(meta.size));
            Ok((listed.into_iter().map(|meta| Wanted::new(meta.key.clone(), Some(meta))).collect(), Some(bytes)))
        }
    }
}

impl<S: fmt::Debug + ?Sized, T: fmt::Debug + ?Sized> fmt::Debug for Warm<'_, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warm").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}
