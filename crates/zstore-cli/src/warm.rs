//! `zstore warm`: what will be read is fetched into a cache directory ahead of use.
//!
//! - this file: the order of events, and what is told of them;
//! - `targets`: which values are meant.

mod targets;

use std::sync::Arc;

use serde::Serialize;
use zstore_cache::{WarmGroup, Warmed};
use zstore_core::Error;

use self::targets::Targets;
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
    /// What one can do about them.
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
    let source = source::open(&options.source)?;
    let label = place(&source.to_string()).to_owned();
    let cache = cached::over(Arc::clone(&source), &options.cache, &options.bounds).await?;
    let targets = Targets::find(&cache, &label, &options).await?;
    let (warm, progress) = match targets {
        Targets::Below(prefix) => (cache.warm_prefix(&prefix), Progress::of_bytes("warming", 0)),
        Targets::Keys(keys) => {
            let progress = Progress::of_values("warming", keys.len() as u64);
            (cache.warm_keys(keys), progress)
        }
    };
    let warm = warm.on_progress(|done| match done.bytes_total {
        Some(total) => progress.reach(done.bytes_done, total),
        None => progress.reach(done.values_done, done.values_total),
    });
    let warmed = warm.run().await?;
    drop(progress);
    let report = Report::new(label, &warmed);
    output::print(&if options.json { output::json(&report)? } else { report.table() })?;
    report.refuse_gaps()
}

impl Report {
    fn new(source: String, warmed: &Warmed) -> Self {
        Self {
            source,
            complete: warmed.is_complete(),
            fetched: Group::new(&warmed.fetched),
            resident: Group::new(&warmed.resident),
            renewed: Group::new(&warmed.renewed),
            missing: Group::new(&warmed.missing),
            unfit: Group::new(&warmed.unfit),
            refused: Group::new(&warmed.refused),
            unkept: Group::new(&warmed.unkept),
            failed: Group::new(&warmed.failed),
            errors: warmed.errors.iter().map(|error| problem::chain(error)).collect(),
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
        table.to_string()
    }

    fn refuse_gaps(&self) -> Result<(), Problem> {
        if let (Some(reason), Some(hint)) = (self.errors.first(), self.hint) {
            return Err(Problem::new(format!("{} failed: {reason}", counted(self.failed.values, "value")), hint));
        }
        if self.unfit.values > 0 {
            let left = counted(self.unfit.values, "value");
            return Err(Problem::new(format!("{left} did not fit beside the rest"), "raise --max-size, or warm less"));
        }
        if !self.complete {
            let left = counted(self.unkept.values + self.refused.values, "value");
            let hint = "see that the cache directory may be written and its disk has room, and warm again";
            return Err(Problem::new(format!("{left} could not be kept"), hint));
        }
        let there = self.fetched.values + self.resident.values + self.renewed.values;
        if there == 0 {
            return Err(Problem::new(
                format!("there is nothing of that in {}", self.source),
                "`zstore ls` shows what there is",
            ));
        }
        Ok(())
    }
}

impl Group {
    fn new(group: &WarmGroup) -> Self {
        let keys = group.keys.iter().map(ToString::to_string).collect();
        Self { values: group.values, bytes: group.bytes, keys }
    }
}
