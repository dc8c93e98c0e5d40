//! The cache, and the three readings through it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use zstore_cache::{CacheStore, Stats};
use zstore_local::LocalStore;
use zstore_remote::RemoteReader;
use zstore_zarrs::ZarrsStore;

use super::{
    reading::{self, Outcome, Storage},
    report::Pass,
    source::Source,
    verdict::Truth,
};
use crate::{
    cached,
    problem::Problem,
    progress::Progress,
    size::{self, counted},
};

/// Longer than any demonstration. Absent chunks and the metadata that other versions of Zarr would have are asked for
/// at every reading.
const ABSENT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

type Cache = CacheStore<RemoteReader, LocalStore>;

/// The user's choices for the cache.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) directory: PathBuf,
    pub(super) directory_is_temporary: bool,
    pub(super) size_max: u64,
}

/// What the three readings showed.
#[derive(Debug)]
pub(super) struct Readings {
    pub(super) passes: [Pass; 3],
    /// What was read in each, by its name.
    pub(super) outcomes: [(&'static str, Vec<Outcome>); 3],
    /// What the user should know besides.
    pub(super) notes: Vec<String>,
}

/// The cache over a source, ready to be read through.
#[derive(Debug)]
pub(super) struct Passes<'a> {
    setup: &'a Setup,
    source: &'a Source,
    cache: Cache,
}

impl<'a> Passes<'a> {
    /// Opens the cache in its directory.
    ///
    /// # Errors
    /// If the directory cannot be used, or is not the cache's to use.
    pub(super) async fn new(setup: &'a Setup, source: &'a Source) -> Result<Self, Problem> {
        let cache = open(setup, source).await?;
        Ok(Self { setup, source, cache })
    }

    /// Reads the arrays cold, warm, and warm again from a cache opened anew.
    ///
    /// # Errors
    /// If the cache directory cannot be opened any more.
    pub(super) async fn run(&mut self, truths: &[Truth]) -> Result<Readings, Problem> {
        let (cold, cold_outcomes) = self.read("cold", truths).await;
        let (warm, warm_outcomes) = self.read("warm", truths).await;
        let first = self.cache.stats();
        // Nothing of the first cache is left but its directory.
        self.cache = open(self.setup, self.source).await?;
        let (restart, restart_outcomes) = self.read("restart", truths).await;
        let passes = [cold, warm, restart];
        let notes = self.notes(&passes, [first, self.cache.stats()]);
        let outcomes = [("cold", cold_outcomes), ("warm", warm_outcomes), ("restart", restart_outcomes)];
        Ok(Readings { passes, outcomes, notes })
    }

    /// Reads all arrays once. The time ends with the last byte read; what the cache still writes after that is waited
    /// for, not counted.
    async fn read(&self, name: &'static str, truths: &[Truth]) -> (Pass, Vec<Outcome>) {
        let readable: Vec<_> = truths.iter().filter(|truth| truth.is_readable()).collect();
        let chunks =
            readable.iter().map(|truth| if let Outcome::Read(read) = &truth.outcome { read.chunks } else { 0 }).sum();
        let progress = Progress::of_chunks(name, chunks);
        let storage: Storage = Arc::new(ZarrsStore::new(Arc::new(self.cache.clone())));
        let (stats, sent) = (self.cache.stats(), self.source.sent());

        let start = Instant::now();
        let outcomes = reading::read_all(&storage, readable.iter().map(|truth| truth.path.as_str()), &progress).await;
        let seconds = start.elapsed().as_secs_f64();
        self.cache.flush().await;

        let stats = self.cache.stats().since(&stats);
        let (source_requests, source_bytes) = match (sent, self.source.sent()) {
            (Some(before), Some(after)) => (after.requests - before.requests, after.bytes - before.bytes),
            _ => (stats.source_requests, stats.source_bytes),
        };
        let hit_ratio = stats.hit_ratio();
        let pass = Pass { name, seconds, source_requests, source_bytes, tier_bytes: stats.tier_bytes, hit_ratio };
        (pass, outcomes)
    }

    /// What keeps the figures from being what one would hope for.
    fn notes(&self, [cold, warm, restart]: &[Pass; 3], caches: [Stats; 2]) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.setup.directory_is_temporary && cold.hit_ratio > 0.5 {
            notes.push("the cache directory held this data before, so the cold pass was not cold".to_owned());
        }
        if caches.iter().any(|stats| stats.evictions + stats.refused > 0) {
            let size_max = size::show(self.setup.size_max);
            notes.push(format!("the data does not fit into the {size_max} that the cache may hold; see --max-size"));
        }
        for pass in [warm, restart] {
            if pass.source_requests > 0 {
                notes.push(format!(
                    "the {} pass still asked the source {}",
                    pass.name,
                    counted(pass.source_requests, "time")
                ));
            }
        }
        let (faults, corrupt): (u64, u64) =
            caches.iter().fold((0, 0), |sum, stats| (sum.0 + stats.tier_faults, sum.1 + stats.corrupt));
        if faults > 0 {
            notes.push(format!("the cache directory failed {}; the source answered instead", counted(faults, "time")));
        }
        if corrupt > 0 {
            let files = counted(corrupt, "damaged file");
            notes.push(format!("the cache directory held {files}; what was in them was fetched anew"));
        }
        notes
    }
}

async fn open(setup: &Setup, source: &Source) -> Result<Cache, Problem> {
    cached::open(&setup.directory, |tier| {
        let builder =
            CacheStore::builder(Arc::clone(&source.remote), tier).max_size(setup.size_max).cache_absent(ABSENT_AGE_MAX);
        match source.namespace() {
            Some(namespace) => builder.namespace(namespace),
            None => builder,
        }
    })
    .await
}
