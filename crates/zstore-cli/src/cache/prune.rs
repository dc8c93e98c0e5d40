//! `zstore cache prune`: what is old leaves, or as much of the oldest as is too much.

use std::time::Duration;

use serde::Serialize;
use zstore_core::Timestamp;
use zstore_format::BlobName;

use crate::{
    age,
    args::PruneOptions,
    directory::{Census, Removal, Root},
    output,
    problem::Problem,
    progress::Progress,
    size::show,
};

#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    removal: Removal,
    /// Bytes of blobs, temporaries and markers that are there afterwards.
    held_bytes: u64,
    dry_run: bool,
}

/// A blob that may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    name: BlobName,
    bytes: u64,
    /// None for a damaged one: it is of no use to anybody, and leaves before the oldest.
    fetched: Option<Timestamp>,
}

/// Until when blobs leave.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    age_max: Option<Duration>,
    bytes_max: Option<u64>,
}

pub(super) fn run(options: &PruneOptions) -> Result<(), Problem> {
    if options.older_than.is_none() && options.max_size.is_none() {
        return Err(Problem::of_usage(
            "nothing says what is to leave: name --older-than AGE, --max-size SIZE or both",
            "such as --older-than 30d or --max-size 10GB; `zstore cache clear` removes all",
        ));
    }
    let root = Root::open(&options.directory)?;
    let census = Census::take(&root)?;
    let mut removal = Removal::default();
    if options.dry_run {
        removal.count_leftovers(&root, &census.holdings.temporaries);
    } else {
        removal.leftovers(&root, &census.holdings.temporaries);
    }
    let held_bytes = census.held_bytes().saturating_sub(removal.leftover_bytes);
    let bounds = Bounds { age_max: options.older_than, bytes_max: options.max_size };
    let leaving = plan(candidates(&census), held_bytes, age::now(), bounds);
    if options.dry_run {
        removal.removed_blobs = leaving.len() as u64;
        removal.removed_bytes = leaving.iter().map(|leaving| leaving.bytes).sum();
    } else {
        let progress = Progress::of_blobs("removing", leaving.len() as u64);
        for candidate in &leaving {
            removal.blob(&root, &candidate.name);
            progress.advance(1);
        }
        removal.finish(&root);
    }
    let held_bytes = held_bytes.saturating_sub(removal.removed_bytes);
    let report = Report { removal, held_bytes, dry_run: options.dry_run };
    let text = if options.json {
        output::json(&report)?
    } else {
        let verb = if options.dry_run { "would remove" } else { "removed" };
        format!("{}{} stay\n", report.removal.line(verb), show(held_bytes))
    };
    output::print(&text)?;
    if let Some(max) = options.max_size.filter(|max| held_bytes > *max) {
        eprintln!("note: more than {} stay: markers, and what is being written or cannot be removed", show(max));
    }
    report.removal.refuse_failures()
}

fn candidates(census: &Census) -> Vec<Candidate> {
    let residents = census.residents.iter().map(|resident| Candidate {
        name: resident.name,
        bytes: resident.bytes,
        fetched: Some(resident.fetched),
    });
    let flawed = census.flawed.iter();
    residents.chain(flawed.map(|flawed| Candidate { name: flawed.name, bytes: flawed.bytes, fetched: None })).collect()
}

/// Who leaves, in this order: damaged ones, then the oldest fetch first, as far as the bounds ask. Those of one moment
/// leave in the order of their names.
fn plan(mut candidates: Vec<Candidate>, held_bytes: u64, now: Timestamp, bounds: Bounds) -> Vec<Candidate> {
    candidates.sort_by_key(|candidate| (candidate.fetched, candidate.name));
    let mut held_bytes = held_bytes;
    candidates.retain(|candidate| {
        let age = candidate.fetched.map(|fetched| age::of(fetched, now));
        // The age of a damaged one is not known.
        let is_old = bounds.age_max.is_some_and(|max| age.is_some_and(|age| age > max));
        let leaves = is_old || bounds.bytes_max.is_some_and(|max| held_bytes > max);
        held_bytes -= if leaves { candidate.bytes.min(held_bytes) } else { 0 };
        leaves
    });
    candidates
}

#[cfg(test)]
mod tests {
    use zstore_core::Key;
    use zstore_format::{Namespace, Part};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(100_000);

    fn candidate(key: &str, bytes: u64, age_s: Option<u64>) -> Candidate {
        let space = Namespace::new("n", 4096).unwrap().space();
        let name = space.blob_key(&Key::new(key).unwrap(), Part::Whole).unwrap();
        let fetched = age_s.map(|age| Timestamp::from_millis(NOW.as_millis() - age * 1000));
        Candidate { name: BlobName::parse(name.as_str()).unwrap(), bytes, fetched }
    }

    /// The ages of who leaves; none for damaged ones.
    fn leaving(held_bytes: u64, age_max_s: Option<u64>, bytes_max: Option<u64>) -> Vec<Option<u64>> {
        let candidates = [("a", Some(10)), ("b", Some(50)), ("c", None), ("d", Some(30)), ("e", Some(20))];
        let candidates = candidates.map(|(key, age)| candidate(key, 100, age)).to_vec();
        let bounds = Bounds { age_max: age_max_s.map(Duration::from_secs), bytes_max };
        let leaving = plan(candidates, held_bytes, NOW, bounds);
        leaving.iter().map(|one| one.fetched.map(|fetched| age::of(fetched, NOW).as_secs())).collect()
    }

    #[test]
    fn the_old_leave() {
        assert_eq!(leaving(500, Some(20), None), [Some(50), Some(30)]);
        assert_eq!(leaving(500, Some(60), None), []);
    }

    #[test]
    fn the_damaged_and_then_the_oldest_leave_until_the_rest_fits_and_no_longer() {
        assert_eq!(leaving(500, None, Some(500)), []);
        assert_eq!(leaving(500, None, Some(499)), [None]);
        assert_eq!(leaving(500, None, Some(300)), [None, Some(50)]);
        assert_eq!(leaving(500, None, Some(299)), [None, Some(50), Some(30)]);
        // What is no blob cannot leave.
        assert_eq!(leaving(700, None, Some(0)).len(), 5);
    }

    #[test]
    fn both_bounds_hold() {
        assert_eq!(leaving(500, Some(20), Some(100)), [None, Some(50), Some(30), Some(20)]);
        assert_eq!(leaving(500, Some(20), Some(450)), [None, Some(50), Some(30)]);
    }
}
