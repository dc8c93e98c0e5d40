//! `zstore demo`: what a cache saves, shown on data.
//!
//! In reading order:
//!
//! - this file: the order of events;
//! - `hierarchy`: the sample, for who names no data;
//! - `source`: the data, as it is and as something worth a cache;
//! - `discover`: which arrays it has;
//! - `reading` and `digest`: reading arrays of any size in little memory;
//! - `passes`: the cache, and the three readings through it;
//! - `verdict`: whether every byte was right;
//! - `report`: what is printed.

mod digest;
mod discover;
mod hierarchy;
mod passes;
mod reading;
mod report;
mod source;
mod verdict;

use std::{path::Path, sync::Arc, time::Duration};

use zstore_zarrs::ZarrsStore;

use self::{
    passes::{Passes, Setup},
    reading::{Outcome, Storage},
    report::Report,
    source::Source,
    verdict::{Status, Truth},
};
use crate::{args::DemoOptions, output, problem::Problem, progress::Progress};

/// Shows what a cache saves, and checks that it is truthful. What it needs for the while it keeps in the directory `scratch`.
///
/// # Errors
/// If the data or the cache directory cannot be used, or if anything read through the cache is not what the source holds.
pub(crate) async fn run(options: DemoOptions, scratch: &Path) -> Result<(), Problem> {
    let latency = options.latency_ms.map(|ms| Duration::from_millis(ms.into()));
    let source = match &options.source {
        Some(name) => {
            if let Some(cache) = &options.cache {
                source::refuse_overlap(name, cache)?;
            }
            Source::open(name, latency).await?
        }
        None => {
            let sample = scratch.join("sample.zarr");
            hierarchy::write(&sample, &Progress::open_ended("writing the sample")).await?;
            Source::of_directory(&sample, "a sample".to_owned(), latency).await?
        }
    };
    let found = discover::arrays(&*source.direct, &source.to_string()).await?;
    let setup = Setup {
        directory: options.cache.clone().unwrap_or_else(|| scratch.join("cache")),
        directory_is_temporary: options.cache.is_none(),
        size_max: options.max_size,
    };
    let mut passes = Passes::new(&setup, &source).await?;

    let truths = read_truth(&source, found).await?;
    let reading = passes.run(&truths).await?;
    let verdicts = verdict::judge(&truths, &reading.outcomes);
    let report = Report::new(reading.passes, verdicts);

    let text = if options.json { report.json()? } else { introduce(&source, &truths) + &report.table() };
    output::print(&text)?;
    for note in &reading.notes {
        eprintln!("note: {note}");
    }
    refuse_difference(&report, &setup)
}

/// Reads every array without the cache.
async fn read_truth(source: &Source, found: Vec<discover::Found>) -> Result<Vec<Truth>, Problem> {
    let progress = Progress::open_ended("reading without the cache");
    let storage: Storage = Arc::new(ZarrsStore::new(Arc::clone(&source.direct)));
    let whole = found.iter().filter(|found| found.broken.is_none()).map(|found| found.path.as_str());
    let outcomes = reading::read_all(&storage, whole, &progress).await?;
    Ok(Truth::gather(found, outcomes))
}

/// What was read, in a line.
fn introduce(source: &Source, truths: &[Truth]) -> String {
    let (mut arrays, mut chunks, mut absent, mut bytes) = (0, 0, 0, 0);
    for truth in truths {
        if let Outcome::Read(reading) = &truth.outcome {
            arrays += 1;
            chunks += reading.chunks;
            absent += reading.chunks_absent;
            bytes += reading.decoded_bytes;
        }
    }
    let size = crate::size::show(bytes);
    format!("{source}: {arrays} arrays, {chunks} chunks ({absent} of them absent), {size} decoded\n\n")
}

/// A demonstration that shows wrong bytes has failed, whatever it saved.
fn refuse_difference(report: &Report, setup: &Setup) -> Result<(), Problem> {
    let differing: Vec<_> = report.arrays.iter().filter(|array| array.status == Status::Different).collect();
    let [first, others @ ..] = &differing[..] else { return Ok(()) };
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    let hint = if setup.directory_is_temporary {
        "if nothing wrote to the source meanwhile, this is a fault of zstore: report it".to_owned()
    } else {
        format!(
            "the cache in {} may be older than the source's last change: delete it, or name another directory",
            setup.directory.display()
        )
    };
    Err(Problem::new(
        format!("what was read through the cache is not what the source holds: {}{more}", first.path),
        hint,
    ))
}
