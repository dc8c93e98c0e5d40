//! What criterion measured, as ratios of ours to each peer's.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path, time::SystemTime};

use serde_json::Value;

use crate::process::Outcome;

/// What is ours bears this in its name; what does not is a peer.
const OURS: &str = "zstore";

/// The median time of one way of doing one piece of work.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// The name of the criterion group.
    work: String,
    /// The name of the function in it.
    way: String,
    median_ns: f64,
}

/// Reads what was measured since `start` below the folder criterion writes to.
pub(super) fn read(folder: &Path, start: SystemTime) -> Outcome<Vec<Measured>> {
    let mut all = Vec::new();
    collect(folder, start, &mut all)?;
    if all.is_empty() {
        return Err(format!("no bench of this run left its figures in {}", folder.display()));
    }
    Ok(all)
}

fn collect(folder: &Path, start: SystemTime, all: &mut Vec<Measured>) -> Outcome {
    let unreadable = |error: io::Error| format!("{}: {error}", folder.display());
    let estimates = folder.join("estimates.json");
    // The folder `base` beside it is a copy, or of an earlier run.
    if folder.file_name().is_some_and(|name| name == "new") && estimates.is_file() {
        let written = fs::metadata(&estimates).and_then(|data| data.modified()).map_err(unreadable)?;
        // An earlier run's figures are of other code: they are no part of a ratio.
        if written >= start {
            all.push(measured(&json(&folder.join("benchmark.json"))?, &json(&estimates)?)?);
        }
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_dir() {
            collect(&entry.path(), start, all)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Outcome<Value> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn measured(benchmark: &Value, estimates: &Value) -> Outcome<Measured> {
    let text = |field: &str| benchmark[field].as_str().map(str::to_owned);
    let (work, way) = (text("group_id"), text("function_id"));
    let median_ns = estimates["median"]["point_estimate"].as_f64();
    match (work, way, median_ns) {
        (Some(work), Some(way), Some(median_ns)) if median_ns > 0.0 => Ok(Measured { work, way, median_ns }),
        _ => Err(format!("criterion wrote figures of another shape than expected: {benchmark}")),
    }
}

/// A row for each of our ways and each peer's way of one piece of work. Work that has no peer, or is not ours,
/// compares nothing and is an error.
pub(super) fn table(all: &[Measured]) -> Outcome<String> {
    let mut works: BTreeMap<&str, (Vec<&Measured>, Vec<&Measured>)> = BTreeMap::new();
    for measured in all {
        let (ours, peers) = works.entry(&measured.work).or_default();
        if measured.way.contains(OURS) { ours.push(measured) } else { peers.push(measured) }
    }
    let mut works: Vec<_> = works.into_iter().collect();
    // The lightest work first, so that sizes come in their order.
    let lightest_ns = |ways: &[&Measured]| ways.iter().map(|way| way.median_ns).fold(f64::INFINITY, f64::min);
    works.sort_by(|(_, (_, a)), (_, (_, b))| lightest_ns(a).total_cmp(&lightest_ns(b)));
    let mut table = String::from("| work | ours | peer | ours ns | peer ns | ratio |\n|---|---|---|---|---|---|\n");
    for (work, (mut ours, mut peers)) in works {
        if ours.is_empty() || peers.is_empty() {
            return Err(format!("{work:?} was measured without a peer or without ours: there is nothing to compare"));
        }
        ours.sort_by(|a, b| a.way.cmp(&b.way));
        peers.sort_by(|a, b| a.way.cmp(&b.way));
        for (ours, peer) in ours.iter().flat_map(|ours| peers.iter().map(move |peer| (ours, peer))) {
            let (ours_ns, peer_ns) = (ours.median_ns, peer.median_ns);
            let (own, other, ratio) = (&ours.way, &peer.way, ours_ns / peer_ns);
            let _ = writeln!(table, "| {work} | {own} | {other} | {ours_ns:.0} | {peer_ns:.0} | {ratio:.2} |");
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::*;

    fn measured(work: &str, way: &str, median_ns: f64) -> Measured {
        Measured { work: work.into(), way: way.into(), median_ns }
    }

    #[test]
    fn each_of_ours_stands_beside_each_peer_of_the_same_work() {
        let all = [measured("hit", "moka", 400.0), measured("hit", "zstore", 100.0), measured("hit", "apart", 50.0)];
        let table = table(&all).unwrap();
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(rows, ["| hit | zstore | apart | 100 | 50 | 2.00 |", "| hit | zstore | moka | 100 | 400 | 0.25 |"]);
    }

    #[test]
    fn the_lightest_work_comes_first() {
        let all = [("1 MiB", 9.0), ("4 KiB", 1.0), ("64 KiB", 3.0)]
            .map(|(work, peer_ns)| [measured(work, "zstore", 5.0), measured(work, "peer", peer_ns)])
            .concat();
        let table = table(&all).unwrap();
        let works: Vec<_> = table.lines().skip(2).filter_map(|row| row.split(" | ").next()).collect();
        assert_eq!(works, ["| 4 KiB", "| 64 KiB", "| 1 MiB"]);
    }

    #[test]
    fn work_without_a_peer_is_an_error() {
        assert!(table(&[measured("hit", "zstore", 1.0)]).is_err());
        assert!(table(&[measured("hit", "moka", 1.0)]).is_err());
        assert!(table(&[measured("a", "zstore", 1.0), measured("b", "moka", 1.0)]).is_err());
    }

    /// Writes figures as criterion does.
    fn write(folder: &Path, group: &str, function: &str, figures: &str) {
        let new = folder.join(group).join(function).join("new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("estimates.json"), figures).unwrap();
        let benchmark = format!(r#"{{"group_id":"{group}","function_id":"{function}","value_str":null}}"#);
        fs::write(new.join("benchmark.json"), benchmark).unwrap();
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("zstore-xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn medians_of_this_run_are_read_and_those_of_earlier_ones_are_not() {
        let scratch = Scratch::new("medians");
        let start = SystemTime::now() - Duration::from_secs(60);
        write(&scratch.0, "hit", "zstore", r#"{"mean":{"point_estimate":9.0},"median":{"point_estimate":2.5}}"#);
        assert_eq!(read(&scratch.0, start), Ok(vec![measured("hit", "zstore", 2.5)]));
        assert!(read(&scratch.0, SystemTime::now() + Duration::from_secs(60)).is_err());
    }

    #[test]
    fn figures_of_another_shape_are_an_error() {
        let scratch = Scratch::new("shape");
        write(&scratch.0, "hit", "zstore", r#"{"mean":{"point_estimate":9.0}}"#);
        assert!(read(&scratch.0, SystemTime::UNIX_EPOCH).is_err());
        assert!(read(&scratch.0.join("none"), SystemTime::UNIX_EPOCH).is_err());
    }
}
