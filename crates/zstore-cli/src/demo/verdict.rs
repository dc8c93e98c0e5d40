//! Whether what was read through the cache is what the source holds.

use serde::Serialize;

use super::{discover::Found, reading::Outcome};

/// What can be said of one array.
#[derive(Debug, Serialize)]
pub(super) struct ArrayVerdict {
    pub(super) path: String,
    pub(super) status: Status,
    /// Why it is not the same.
    pub(super) reason: Option<String>,
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
    /// What was found, and what came of reading those of it that say they can be; `outcomes` has one for each that is not broken.
    pub(super) fn gather(found: Vec<Found>, outcomes: Vec<Outcome>) -> Vec<Self> {
        let mut outcomes = outcomes.into_iter();
        let truth = |Found { path, broken }| {
            let outcome = match broken {
                Some(reason) => Outcome::Unreadable(reason),
                None => outcomes.next().unwrap_or_else(|| Outcome::Unreadable("it was not read".to_owned())),
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

/// Compares each array with what every pass read of it; a pass has an outcome for each that is readable, in the same order.
pub(super) fn judge(truths: &[Truth], passes: &[(&'static str, Vec<Outcome>)]) -> Vec<ArrayVerdict> {
    let mut readable = 0;
    let verdict = |truth: &Truth| {
        let (status, reason) = match &truth.outcome {
            Outcome::Unreadable(reason) => (Status::Unsupported, Some(reason.clone())),
            Outcome::Read(expected) => {
                let place = readable;
                readable += 1;
                let difference = passes.iter().find_map(|(pass, outcomes)| match outcomes.get(place) {
                    Some(Outcome::Read(read)) if read.digest == expected.digest => None,
                    Some(Outcome::Read(_)) => {
                        Some(format!("the {pass} pass read other elements than the source holds"))
                    }
                    Some(Outcome::Unreadable(reason)) => Some(format!("the {pass} pass could not read it: {reason}")),
                    None => Some(format!("the {pass} pass did not read it")),
                });
                match (difference, &expected.undecodable) {
                    (Some(reason), _) => (Status::Different, Some(reason)),
                    (None, Some(reason)) => {
                        let (bad, all) = (expected.chunks_undecodable, expected.chunks);
                        (Status::Unsupported, Some(format!("{bad} of {all} chunks cannot be decoded: {reason}")))
                    }
                    (None, None) => (Status::Same, None),
                }
            }
        };
        ArrayVerdict { path: truth.path.clone(), status, reason }
    };
    truths.iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            digest::{Content, Digest},
            reading::Reading,
        },
        *,
    };

    fn read(index: u64) -> Outcome {
        let digest = Digest::of_chunk(&[index], &Content::Absent);
        Outcome::Read(Reading { digest, chunks: 1, ..Reading::default() })
    }

    fn judged(truth: Outcome, warm: Outcome) -> (Status, Option<String>) {
        let truths = [
            Truth { path: "/broken".into(), outcome: Outcome::Unreadable("no codec".into()) },
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
    fn a_failure_through_the_cache_alone_is_a_difference() {
        let (status, reason) = judged(read(0), Outcome::Unreadable("cable".into()));
        assert_eq!(status, Status::Different);
        assert!(reason.unwrap().contains("cable"));
    }

    #[test]
    fn what_cannot_be_decoded_on_either_side_is_unsupported() {
        let Outcome::Read(reading) = read(0) else { panic!("not read") };
        let truth = Reading { chunks_undecodable: 1, undecodable: Some("bad zstd".into()), ..reading };
        let (status, reason) = judged(Outcome::Read(truth), read(0));
        assert_eq!(status, Status::Unsupported);
        assert_eq!(reason.unwrap(), "1 of 1 chunks cannot be decoded: bad zstd");
    }
}
