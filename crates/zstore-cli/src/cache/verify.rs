//! `zstore cache verify`: whether every byte of a cache directory is what was written.

use std::{fmt::Write as _, time::Instant};

use serde::Serialize;
use zstore_format::BlobName;

use crate::{
    args::VerifyOptions,
    directory::{Holdings, Look, Removal, Root, Seen, on_workers, verify},
    output,
    problem::Problem,
    progress::Progress,
    size::{counted, show},
};

#[derive(Debug, Serialize)]
struct Report {
    /// Blobs that were there to be checked.
    checked: u64,
    checked_bytes: u64,
    seconds: f64,
    damaged: Vec<Damaged>,
    removed_blobs: u64,
    removed_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Damaged {
    /// Its file, below the directory.
    file: String,
    #[serde(skip)]
    name: BlobName,
    /// Of which value it says to be, if it says anything.
    key: Option<String>,
    bytes: u64,
    flaw: String,
    removed: bool,
}

pub(super) fn run(options: &VerifyOptions) -> Result<(), Problem> {
    let root = Root::open(&options.directory)?;
    let mut report = check(&root)?;
    let mut removal = Removal::default();
    if options.repair {
        for damaged in &mut report.damaged {
            damaged.removed = removal.blob(&root, &damaged.name);
        }
        removal.finish(&root);
        report.removed_blobs = removal.removed_blobs;
        report.removed_bytes = removal.removed_bytes;
    }
    output::print(&if options.json { output::json(&report)? } else { report.text() })?;
    removal.refuse_failures()?;
    report.refuse_damage(options.repair)
}

fn check(root: &Root) -> Result<Report, Problem> {
    let names = Holdings::find(root)?.blobs;
    let progress = Progress::of_blobs("verifying", names.len() as u64);
    let start = Instant::now();
    let checked = on_workers(&names, |name| {
        let checked = Damaged::find(root, name);
        progress.advance(1);
        checked
    });
    let seconds = start.elapsed().as_secs_f64();
    let mut report =
        Report { checked: 0, checked_bytes: 0, seconds, damaged: Vec::new(), removed_blobs: 0, removed_bytes: 0 };
    for (bytes, damaged) in checked.into_iter().flatten() {
        report.checked += 1;
        report.checked_bytes += bytes;
        report.damaged.extend(damaged);
    }
    report.damaged.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(report)
}

impl Damaged {
    /// Checks a blob: its size, and what is wrong if anything is. None if it is not there any more.
    fn find(root: &Root, name: &BlobName) -> Option<(u64, Option<Self>)> {
        let Look::Seen(seen) = verify(root, name) else { return None };
        let Seen { bytes, header, flaw } = *seen;
        let damaged = flaw.map(|flaw| Self {
            file: name.to_string(),
            name: *name,
            key: header.map(|header| header.content.key().to_string()),
            bytes,
            flaw: flaw.to_string(),
            removed: false,
        });
        Some((bytes, damaged))
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = String::new();
        for damaged in &self.damaged {
            let key = damaged.key.as_deref().unwrap_or("a value that is not known");
            // Writing to a string never fails.
            let _ = writeln!(text, "damaged: {key}: {} ({})", damaged.flaw, damaged.file);
        }
        let rate = show((self.checked_bytes as f64 / self.seconds.max(1e-9)) as u64);
        let (blobs, bytes) = (counted(self.checked, "blob"), show(self.checked_bytes));
        let _ = writeln!(text, "{blobs}, {bytes}, checked in {:.2} s ({rate}/s)", self.seconds);
        if self.removed_blobs > 0 {
            let _ = writeln!(text, "removed {}, {}", counted(self.removed_blobs, "blob"), show(self.removed_bytes));
        }
        text
    }

    fn refuse_damage(&self, is_repaired: bool) -> Result<(), Problem> {
        if self.damaged.is_empty() {
            return Ok(());
        }
        let hint = if is_repaired {
            "what was damaged is removed, and fetched again when it is asked for; look after the disk"
        } else {
            "`zstore cache verify --repair` removes what is damaged; it is fetched again when it is asked for"
        };
        let bad = self.damaged.len() as u64;
        Err(Problem::new(format!("{bad} of {} damaged", counted(self.checked, "blob")), hint))
    }
}
