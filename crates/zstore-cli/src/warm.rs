//! `zstore warm`: what will be read is fetched into a cache directory ahead of use.
//!
//! - this file: the order of events, and what is told of them;
//! - `targets`: which values are meant;
//! - `layout`: where the chunks of an array are.

mod layout;
mod targets;

use std::{path::Path, sync::Arc};

use serde::Serialize;
use zstore_cache::{WarmGroup, Warmed};
use zstore_core::Error;

use self::targets::{LeftOut, Targets};
use crate::{
    args::WarmOptions,
    cached, output,
    problem::{self, Problem, place},
    progress::Progress,
    size::{counted, show},
    source,
    table::{Side, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    source: String,
    /// Whether all that there is can now be read without the source.
    complete: bool,
    fetched: Group,
    resident: Group,
    renewed: Group,
    missing: Group,
    unfit: Group,
    refused: Group,
    unkept: Group,
    failed: Group,
    /// Why the first of those that failed did.
    errors: Vec<String>,
    /// Arrays of which nothing was warmed, as it is not known where their chunks are.
    left_out: Vec<LeftOut>,
    /// What one can do about the errors.
    #[serde(skip)]
    hint: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Group {
    values: u64,
    bytes: u64,
    /// The first of their keys.
    keys: Vec<String>,
}

/// Warms a cache.
///
/// # Errors
/// If the source or the cache cannot be used, or not all that was asked for is in the cache now.
pub(crate) async fn run(options: WarmOptions) -> Result<(), Problem> {
    source::refuse_overlap(&options.source, &options.cache)?;
    let source = source::open(&options.source, &options.remote)?;
    let label = place(&source.to_string()).to_owned();
    let cache = cached::over(Arc::clone(&source), &options.cache, &options.bounds).await?;
    let targets = Targets::find(&cache, &label, &options).await?;
    let (warm, progress, left_out) = match targets {
        Targets::Below(prefix) => (cache.warm_prefix(&prefix), Progress::of_bytes("warming", 0), Vec::new()),
        Targets::Keys(keys, left_out) => {
            let progress = Progress::of_values("warming", keys.len() as u64);
            (cache.warm_keys(keys), progress, left_out)
        }
    };
    let warm = warm.on_progress(|done| match done.bytes_total {
        Some(total) => progress.reach(done.bytes_done, total),
        None => progress.reach(done.values_done, done.values_total),
    });
    let warmed = warm.run().await?;
    drop(progress);
    let report = Report::new(label, &warmed, left_out);
    output::print(&if options.json { output::json(&report)? } else { report.table() })?;
    report.refuse_gaps(&options.cache)?;
    if report.there() > 0 {
        Ok(())
    } else {
        Err(targets::nothing(&cache, &report.source, options.prefix.as_ref()).await)
    }
}

impl Report {
    fn new(source: String, warmed: &Warmed, left_out: Vec<LeftOut>) -> Self {
        Self {
            source,
            complete: warmed.is_complete() && left_out.is_empty(),
            fetched: Group::new(&warmed.fetched),
            resident: Group::new(&warmed.resident),
            renewed: Group::new(&warmed.renewed),
            missing: Group::new(&warmed.missing),
            unfit: Group::new(&warmed.unfit),
            refused: Group::new(&warmed.refused),
            unkept: Group::new(&warmed.unkept),
            failed: Group::new(&warmed.failed),
            errors: warmed.errors.iter().map(|error| problem::chain(error)).collect(),
            left_out,
            hint: warmed.errors.first().map(Error::kind).map(problem::hint),
        }
    }

    fn groups(&self) -> [(&Group, &'static str); 8] {
        [
            (&self.fetched, "fetched"),
            (&self.resident, "there already"),
            (&self.renewed, "there already, and still right"),
            (&self.missing, "not at the source: never written, or optional"),
            (&self.unfit, "NOT KEPT: no room beside the rest"),
            (&self.refused, "NOT KEPT: the policy keeps others"),
            (&self.unkept, "NOT KEPT: the cache directory failed, or they changed meanwhile"),
            (&self.failed, "FAILED at the source"),
        ]
    }

    fn table(&self) -> String {
        let mut table = Table::new([("values", Side::Right), ("bytes", Side::Right), ("", Side::Left)]);
        for (group, what) in self.groups().into_iter().filter(|(group, _)| group.values > 0) {
            table.add([group.values.to_string(), show(group.bytes), what.to_owned()]);
        }
        let left_out = self.left_out.iter().map(|array| format!("LEFT OUT: {}: {}\n", array.path, array.reason));
        table.to_string() + &left_out.collect::<String>()
    }

    fn refuse_gaps(&self, directory: &Path) -> Result<(), Problem> {
        if let (Some(reason), Some(hint)) = (self.errors.first(), self.hint) {
            return Err(Problem::new(format!("{} failed: {reason}", counted(self.failed.values, "value")), hint));
        }
        if self.unfit.values > 0 {
            let left = counted(self.unfit.values, "value");
            return Err(Problem::new(format!("{left} did not fit beside the rest"), "raise --max-size, or warm less"));
        }
        let lost = self.unkept.values + self.refused.values;
        if lost > 0 {
            let left = counted(lost, "value");
            let hint = "see that the cache directory may be written and its disk has room, and warm again";
            let reason = cached::unwritable(directory).map(|reason| format!(": {reason}")).unwrap_or_default();
            return Err(Problem::new(format!("{left} could not be kept{reason}"), hint));
        }
        if let Some(first) = self.left_out.first() {
            let arrays = counted(self.left_out.len() as u64, "array");
            return Err(Problem::new(
                format!("{arrays} left out: {}: {}", first.path, first.reason),
                "all else was warmed; `zstore info` tells of what was left out, as far as its metadata go",
            ));
        }
        Ok(())
    }

    /// How many values are in the cache now.
    const fn there(&self) -> u64 {
        self.fetched.values + self.resident.values + self.renewed.values
    }
}

impl Group {
    fn new(group: &WarmGroup) -> Self {
        let keys = group.keys.iter().map(ToString::to_string).collect();
        Self { values: group.values, bytes: group.bytes, keys }
    }
}
