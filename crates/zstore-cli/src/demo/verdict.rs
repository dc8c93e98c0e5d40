//! Whether what was read through the cache is what the source holds.

use serde::Serialize;

use super::reading::{Failed, Outcome, Reading};
use crate::{
    discover::{Broken, Found},
    size::counted,
};

/// What can be said of one array.
#[derive(Debug, Serialize)]
pub(super) struct ArrayVerdict {
    pub(super) path: String,
    pub(super) status: Status,
    /// Why it is not the same.
    pub(super) reason: Option<String>,
    /// What can be done about a source that failed while this was read, if it did.
    #[serde(skip)]
    pub(super) hint: Option<&'static str>,
}

/// How what came through the cache compares to what came without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Every element was the same in every pass.
    Same,
    /// Something was not.
    Different,
    /// It cannot be read without the cache either, at least not all of it; what can be was the same.
    Unsupported,
}

/// An array and what came of reading it without the cache.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) path: String,
    pub(super) outcome: Outcome,
}

impl Truth {
    /// What was found, and what came of reading those of it that say they can be; `outcomes` has one for each that is
    /// not broken.
    pub(super) fn gather(found: Vec<Found>, outcomes: Vec<Outcome>) -> Vec<Self> {
        let mut outcomes = outcomes.into_iter();
        let truth = |Found { path, broken }| {
            let outcome = match broken {
                Some(Broken::Metadata(reason)) => Outcome::Unsupported(reason),
                Some(Broken::Store(error)) => Outcome::Failed(Failed::new(&error)),
                None => outcomes.next().unwrap_or_else(|| Outcome::Unsupported("it was not read".to_owned())),
            };
            Self { path, outcome }
        };
        found.into_iter().map(truth).collect()
    }

    /// Whether a pass through the cache reads it.
    pub(super) const fn is_readable(&self) -> bool {
        matches!(self.outcome, Outcome::Read(_))
    }
}

/// Compares each array with what every pass read of it; a pass has an outcome for each that is readable, in the same
/// order.
pub(super) fn judge(truths: &[Truth], passes: &[(&'static str, Vec<Outcome>)]) -> Vec<ArrayVerdict> {
    let mut readable = 0;
    let verdict = |truth: &Truth| {
        let mut hint = None;
        let (status, reason) = match &truth.outcome {
            Outcome::Unsupported(reason) => (Status::Unsupported, Some(reason.clone())),
            Outcome::Failed(failed) => {
                hint = Some(failed.hint);
                (Status::Unsupported, Some(failed.reason.clone()))
            }
            Outcome::Read(expected) => {
                let place = readable;
                readable += 1;
                let mut compared = passes.iter().map(|(pass, outcomes)| compare(expected, pass, outcomes.get(place)));
                match compared.find(|(status, ..)| *status != Status::Same) {
                    Some((status, reason, of_failure)) => {
                        hint = of_failure;
                        (status, Some(reason))
                    }
                    None => match &expected.undecodable {
                        Some(reason) => {
                            let (bad, all) = (expected.chunks_undecodable, counted(expected.chunks, "chunk"));
                            (Status::Unsupported, Some(format!("{bad} of {all} cannot be decoded: {reason}")))
                        }
                        None => (Status::Same, None),
                    },
                }
            }
        };
        ArrayVerdict { path: truth.path.clone(), status, reason, hint }
    };
    truths.iter().map(verdict).collect()
}

/// How one pass read one array, why that is not the same, and what can be done if the source failed.
fn compare(expected: &Reading, pass: &str, outcome: Option<&Outcome>) -> (Status, String, Option<&'static str>) {
    match outcome {
        Some(Outcome::Read(read)) if read.digest == expected.digest => (Status::Same, String::new(), None),
        Some(Outcome::Read(_)) => {
            (Status::Different, format!("the {pass} pass read other elements than the source holds"), None)
        }
        Some(Outcome::Unsupported(reason)) => {
            (Status::Different, format!("the {pass} pass could not read it: {reason}"), None)
        }
        // Nothing was read, so nothing wrong was.
        Some(Outcome::Failed(failed)) => {
            let reason = format!("the {pass} pass could not read it: {}", failed.reason);
            (Status::Unsupported, reason, Some(failed.hint))
        }
        None => (Status::Different, format!("the {pass} pass did not read it"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::digest::{Content, Digest},
        *,
    };

    fn read(index: u64) -> Outcome {
        let digest = Digest::of_chunk(&[index], &Content::Absent);
        Outcome::Read(Reading { digest, chunks: 1, ..Reading::default() })
    }

    fn judged(truth: Outcome, warm: Outcome) -> (Status, Option<String>) {
        let truths = [
            Truth { path: "/broken".into(), outcome: Outcome::Unsupported("no codec".into()) },
            Truth { path: "/first".into(), outcome: read(7) },
            Truth { path: "/array".into(), outcome: truth },
        ];
        let mut verdicts = judge(&truths, &[("cold", vec![read(7), read(0)]), ("warm", vec![read(7), warm])]);
        assert_eq!(verdicts[0].status, Status::Unsupported);
        assert_eq!(verdicts[0].reason.as_deref(), Some("no codec"));
        assert_eq!(verdicts[1].status, Status::Same);
        let verdict = verdicts.remove(2);
        (verdict.status, verdict.reason)
    }

    #[test]
    fn only_equal_readings_are_the_same() {
        assert_eq!(judged(read(0), read(0)), (Status::Same, None));
        let (status, reason) = judged(read(0), read(1));
        assert_eq!(status, Status::Different);
        assert!(reason.unwrap().contains("warm"));
        let (status, reason) = judged(read(1), read(1));
        assert_eq!(status, Status::Different);
        assert!(reason.unwrap().contains("cold"));
    }

    #[test]
    fn what_only_the_cache_makes_undecodable_is_a_difference() {
        let (status, reason) = judged(read(0), Outcome::Unsupported("cable".into()));
        assert_eq!(status, Status::Different);
        assert!(reason.unwrap().contains("cable"));
    }

    #[test]
    fn a_source_that_fails_is_no_difference_and_has_a_hint() {
        let failed = || {
            let error = zstore_core::Error::new(zstore_core::ErrorKind::PermissionDenied, zstore_core::Operation::Get);
            Outcome::Failed(Failed::new(&error))
        };
        let truths = [
            Truth { path: "/a".into(), outcome: failed() },
            Truth { path: "/b".into(), outcome: read(1) },
            Truth { path: "/c".into(), outcome: Outcome::Unsupported("no codec".into()) },
        ];
        let verdicts = judge(&truths, &[("cold", vec![read(1)]), ("warm", vec![failed()])]);
        assert!(verdicts.iter().all(|verdict| verdict.status == Status::Unsupported), "{verdicts:?}");
        assert!(verdicts[0].hint.is_some() && verdicts[1].hint.is_some() && verdicts[2].hint.is_none());
        assert!(verdicts[1].reason.as_deref().unwrap().contains("warm pass could not read it: get: permission denied"));
    }

    #[test]
    fn what_cannot_be_decoded_on_either_side_is_unsupported() {
        let Outcome::Read(reading) = read(0) else { panic!("not read") };
        let truth = Reading { chunks_undecodable: 1, undecodable: Some("bad zstd".into()), ..reading };
        let (status, reason) = judged(Outcome::Read(truth), read(0));
        assert_eq!(status, Status::Unsupported);
        assert_eq!(reason.unwrap(), "1 of 1 chunk cannot be decoded: bad zstd");
    }
}
