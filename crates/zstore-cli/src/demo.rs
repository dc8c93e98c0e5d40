//! `zstore demo`: what a cache saves, shown on data.
//!
//! In reading order:
//!
//! - this file: the order of events;
//! - `hierarchy`: the sample, for who names no data;
//! - `source`: the data, as it is and as something worth a cache;
//! - `reading` and `digest`: reading arrays of any size in little memory;
//! - `passes`: the cache, and the three readings through it;
//! - `verdict`: whether every byte was right;
//! - `report`: what is printed.

mod digest;
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
use crate::{
    args::DemoOptions,
    discover::{self, Found},
    output,
    problem::Problem,
    progress::Progress,
    size::{counted, show},
};

/// Shows what a cache saves, and checks that it is truthful. What it needs for the while it keeps in the directory
/// `scratch`.
///
/// # Errors
/// If the data or the cache directory cannot be used, or if anything read through the cache is not what the source
/// holds.
pub(crate) async fn run(options: DemoOptions, scratch: &Path) -> Result<(), Problem> {
    let latency = options.latency_ms.map(|ms| Duration::from_millis(ms.into()));
    let source = match &options.source {
        Some(name) => {
            if let Some(cache) = &options.cache {
                crate::source::refuse_overlap(name, cache)?;
            }
            Source::open(name, latency, &options.remote).await?
        }
        None => {
            crate::source::refuse_options_of_a_directory(&options.remote)?;
            let sample = scratch.join("sample.zarr");
            hierarchy::write(&sample, &Progress::open_ended("writing the sample")).await?;
            Source::of_directory(&sample, "a sample".to_owned(), latency).await?.known_as(hierarchy::NAMESPACE)
        }
    };
    let found = discover::arrays(&*source.direct, &source.to_string()).await?;
    let setup = Setup {
        directory: options.cache.clone().unwrap_or_else(|| scratch.join("cache")),
        directory_is_temporary: options.cache.is_none(),
        size_max: options.max_size,
    };
    let mut passes = Passes::new(&setup, &source).await?;

    let truths = read_truth(&source, found).await;
    let reading = passes.run(&truths).await?;
    let verdicts = verdict::judge(&truths, &reading.outcomes);
    let read = Read::of(&truths);
    let report = Report::new(reading.passes, verdicts, read.chunks);

    let text = match (options.json, read.arrays) {
        (true, _) => output::json(&report)?,
        // The problem at the end tells the reason of one.
        (false, 0) if truths.len() == 1 => String::new(),
        (false, 0) => report.of_arrays(),
        (false, _) => format!("{source}: {}\n\n{}", read.line(truths.len()), report.table()),
    };
    output::print(&text)?;
    for note in &reading.notes {
        eprintln!("note: {note}");
    }
    refuse_difference(&report, &setup)?;
    refuse_unread(&report, &read)
}

/// Reads every array without the cache.
async fn read_truth(source: &Source, found: Vec<Found>) -> Vec<Truth> {
    let progress = Progress::open_ended("reading without the cache");
    let storage: Storage = Arc::new(ZarrsStore::new(Arc::clone(&source.direct)));
    let whole = found.iter().filter(|found| found.is_whole()).map(|found| found.path.as_str());
    let outcomes = reading::read_all(&storage, whole, &progress).await;
    Truth::gather(found, outcomes)
}

/// What was read without the cache, counted.
#[derive(Default)]
struct Read {
    arrays: usize,
    chunks: u64,
    absent: u64,
    decoded_bytes: u64,
}

impl Read {
    fn of(truths: &[Truth]) -> Self {
        let mut read = Self::default();
        for truth in truths {
            if let Outcome::Read(reading) = &truth.outcome {
                read.arrays += 1;
                read.chunks += reading.chunks;
                read.absent += reading.chunks_absent;
                read.decoded_bytes += reading.decoded_bytes;
            }
        }
        read
    }

    /// The counts in a line, of so many arrays that were found.
    fn line(&self, found: usize) -> String {
        let of_all = if self.arrays < found { format!("{} of ", self.arrays) } else { String::new() };
        let (arrays, chunks) = (counted(found as u64, "array"), counted(self.chunks, "chunk"));
        let size = show(self.decoded_bytes);
        format!("{of_all}{arrays}, {chunks} ({} of them absent), {size} decoded", self.absent)
    }
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

/// A demonstration that shows nothing has failed, and so has one whose source did.
fn refuse_unread(report: &Report, read: &Read) -> Result<(), Problem> {
    const DEFAULT_HINT: &str = "name data in a format and with codecs that zarrs can decode";
    let failed: Vec<_> = report.arrays.iter().filter(|array| array.hint.is_some()).collect();
    let first = if read.arrays == 0 { report.arrays.first() } else { None };
    let Some(first) = failed.first().copied().or(first) else { return Ok(()) };
    let all = report.arrays.len();
    let which = match (read.arrays, all) {
        (0, 1) => "the array cannot be read".to_owned(),
        (0, _) => format!("none of the {all} arrays can be read"),
        (_, 1) => "the array cannot be read whole".to_owned(),
        _ => format!("the source failed, {} of {all} arrays cannot be read", failed.len()),
    };
    let reason = first.reason.as_deref().unwrap_or("for no known reason");
    Err(Problem::new(format!("{which}: {}: {reason}", first.path), first.hint.unwrap_or(DEFAULT_HINT)))
}
