//! What the demonstration showed: a table for people, an object for programs.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use super::verdict::{ArrayVerdict, Status};
use crate::{
    size,
    table::{Side, Table},
};

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) passes: [Pass; 3],
    pub(super) arrays: Vec<ArrayVerdict>,
    /// None where there was nothing to read faster.
    pub(super) speedup: Option<Speedup>,
}

/// One reading of all arrays through the cache.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pass {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    /// Requests that the source was asked.
    pub(super) source_requests: u64,
    /// Bytes of values that came from the source.
    pub(super) source_bytes: u64,
    /// Bytes of values that came from the cache directory.
    pub(super) tier_bytes: u64,
    /// The part of the reads that the cache answered by itself, from 0 to 1.
    pub(super) hit_ratio: f64,
}

/// How many times faster than the cold pass.
#[derive(Debug, Serialize)]
pub(super) struct Speedup {
    pub(super) warm: f64,
    pub(super) restart: f64,
}

impl Report {
    /// The report of three passes that read `chunks` chunks each.
    pub(super) fn new(passes: [Pass; 3], arrays: Vec<ArrayVerdict>, chunks: u64) -> Self {
        let [cold, warm, restart] = &passes;
        let speedup = Speedup { warm: cold.speedup_of(warm), restart: cold.speedup_of(restart) };
        let speedup = (chunks > 0).then_some(speedup);
        Self { passes, arrays, speedup }
    }

    /// A table and what is to be said of the arrays.
    pub(super) fn table(&self) -> String {
        let columns = ["", "time", "requests", "from source", "from cache", "hit ratio", "speedup"];
        let mut table = Table::new(columns.map(|name| (name, if name.is_empty() { Side::Left } else { Side::Right })));
        for pass in &self.passes {
            table.add([
                pass.name.to_owned(),
                show_time(pass.seconds),
                pass.source_requests.to_string(),
                size::show(pass.source_bytes),
                size::show(pass.tier_bytes),
                format!("{:.1} %", pass.hit_ratio * 100.0),
                match self.speedup {
                    Some(_) => format!("{:.1}x", self.passes[0].speedup_of(pass)),
                    None => "-".to_owned(),
                },
            ]);
        }
        format!("{table}\n{}", self.of_arrays())
    }

    /// What is to be said of the arrays, a line each.
    pub(super) fn of_arrays(&self) -> String {
        let mut text = String::new();
        let same = self.count(Status::Same);
        if same > 0 {
            let arrays = if same == 1 { "the array".to_owned() } else { format!("{same} arrays") };
            let _ = writeln!(text, "Every byte of {arrays} read through the cache is the source's.");
        }
        for (status, says) in [(Status::Unsupported, "cannot be read"), (Status::Different, "DIFFERENT")] {
            for array in self.arrays.iter().filter(|array| array.status == status) {
                let reason = array.reason.as_deref().unwrap_or("for no known reason");
                let _ = writeln!(text, "{says}: {}: {reason}", array.path);
            }
        }
        text
    }

    pub(super) fn count(&self, status: Status) -> usize {
        self.arrays.iter().filter(|array| array.status == status).count()
    }
}

impl Pass {
    fn speedup_of(&self, later: &Self) -> f64 {
        // A clock too coarse to see a pass must not make a division by zero of it.
        self.seconds.max(f64::MIN_POSITIVE) / later.seconds.max(1e-9)
    }
}

fn show_time(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time < Duration::from_secs(1) => format!("{:.0} ms", seconds * 1e3),
        Ok(time) if time < Duration::from_secs(120) => format!("{seconds:.2} s"),
        _ => format!("{:.1} min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output;

    fn report() -> Report {
        let pass = |name, seconds, source_requests, hit_ratio| Pass {
            name,
            seconds,
            source_requests,
            source_bytes: source_requests * 1024,
            tier_bytes: 2048,
            hit_ratio,
        };
        let array = |path: &str, status, reason: Option<&str>| ArrayVerdict {
            path: path.into(),
            status,
            reason: reason.map(Into::into),
            hint: None,
        };
        Report::new(
            [pass("cold", 2.0, 10, 0.0), pass("warm", 0.25, 0, 1.0), pass("restart", 0.5, 0, 0.955)],
            vec![array("/a", Status::Same, None), array("/b", Status::Unsupported, Some("no codec"))],
            3,
        )
    }

    #[test]
    fn the_object_is_as_promised() {
        let json: serde_json::Value = serde_json::from_str(&output::json(&report()).unwrap()).unwrap();
        assert_eq!(
            json["passes"][0],
            serde_json::json!({"name": "cold", "seconds": 2.0, "source_requests": 10, "source_bytes": 10240, "tier_bytes": 2048, "hit_ratio": 0.0})
        );
        assert_eq!(
            json["arrays"],
            serde_json::json!([
                {"path": "/a", "status": "same", "reason": null},
                {"path": "/b", "status": "unsupported", "reason": "no codec"},
            ])
        );
        assert_eq!(json["speedup"], serde_json::json!({"warm": 8.0, "restart": 4.0}));
        assert_eq!(json.as_object().unwrap().len(), 3);
    }

    #[test]
    fn nothing_is_not_read_faster() {
        let Report { passes, arrays, .. } = report();
        let report = Report::new(passes, arrays, 0);
        let json: serde_json::Value = serde_json::from_str(&output::json(&report).unwrap()).unwrap();
        assert_eq!(json["speedup"], serde_json::Value::Null);
        assert!(!report.table().contains('x'), "{}", report.table());
    }

    #[test]
    fn the_table_is_aligned_and_names_what_cannot_be_read() {
        let table = report().table();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "           time  requests  from source  from cache  hit ratio  speedup",
                "cold     2.00 s        10     10.0 KiB     2.0 KiB      0.0 %     1.0x",
                "warm     250 ms         0          0 B     2.0 KiB    100.0 %     8.0x",
                "restart  500 ms         0          0 B     2.0 KiB     95.5 %     4.0x",
            ]
        );
        assert!(table.contains("cannot be read: /b: no codec\n"), "{table}");
        assert!(!table.contains("DIFFERENT"), "{table}");
    }

    #[test]
    fn times_are_shown_in_the_unit_that_fits() {
        assert_eq!([0.0004, 0.9, 3.0, 600.0].map(show_time), ["0 ms", "900 ms", "3.00 s", "10.0 min"]);
    }
}
