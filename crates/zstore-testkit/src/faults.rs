//! Which fault strikes which call: by rule, and by seed.

use std::time::Duration;

use zstore_core::{ErrorKind, Operation};

use crate::{damage::Damage, seed::Seed};

/// Calls that a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Every call.
    All,
    /// Calls that read: get, get_ranges, head and the listings.
    Reads,
    /// Calls that write: set, delete and delete_prefix.
    Writes,
    /// Calls of one operation.
    Of(Operation),
}

impl From<Operation> for Calls {
    fn from(operation: Operation) -> Self {
        Self::Of(operation)
    }
}

impl Calls {
    fn include(self, operation: Operation) -> bool {
        let writes = matches!(operation, Operation::Set | Operation::Delete | Operation::DeletePrefix);
        match self {
            Self::All => true,
            Self::Reads => !writes,
            Self::Writes => writes,
            Self::Of(only) => only == operation,
        }
    }
}

/// How often chance strikes, each as a share of the calls it can strike, from 0.0 (never, the default) to 1.0 (always).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Calls that fail, with one of the kinds a medium fails with, before the wrapped store is asked.
    pub error: f64,
    /// Writes that are done and fail all the same: their answer was lost.
    pub lost_answer: f64,
    /// Sets that store damaged bytes and claim success.
    pub torn_write: f64,
    /// Sets that store damaged bytes and fail.
    pub torn_failed_write: f64,
    /// Reads that answer fewer bytes than they say.
    pub truncated_read: f64,
    /// Reads with one bit the other way.
    pub flipped_read: f64,
}

/// What to do to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Fail before the store is asked.
    Fail(ErrorKind),
    /// Fail after the store has done it.
    FailAfter(ErrorKind),
    /// Never answer.
    Hang,
    /// Store damaged bytes, and then fail if there is an error.
    Tear(Damage, Option<ErrorKind>),
    /// Answer damaged bytes.
    Misread(Misread),
}

/// How an answer is damaged; each holds a random number that says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    Truncate(u64),
    Flip(u64),
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    calls: Calls,
    /// How many matching calls are let pass first.
    skip: usize,
    /// How many are struck then; none means all.
    strikes_left: Option<usize>,
    fault: Fault,
}

/// The rules and the seed of one store.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    delays: Vec<(Calls, Duration)>,
    chance: Option<(Seed, Rates)>,
    injected_count: usize,
}

impl Faults {
    pub(crate) fn by_seed(seed: u64, rates: Rates) -> Self {
        Self { chance: Some((Seed::new(seed), rates)), ..Self::default() }
    }

    pub(crate) fn always(&mut self, calls: Calls, fault: Fault) {
        self.rules.push(Rule { calls, skip: 0, strikes_left: None, fault });
    }

    pub(crate) fn nth(&mut self, calls: Calls, nth: usize, fault: Fault) {
        self.rules.push(Rule { calls, skip: nth.saturating_sub(1), strikes_left: Some(1), fault });
    }

    pub(crate) fn delay(&mut self, calls: Calls, duration: Duration) {
        self.delays.push((calls, duration));
    }

    pub(crate) const fn injected_count(&self) -> usize {
        self.injected_count
    }

    /// How long a call is delayed.
    pub(crate) fn delay_of(&self, operation: Operation) -> Option<Duration> {
        self.delays
            .iter()
            .filter(|(calls, _)| calls.include(operation))
            .map(|(_, duration)| *duration)
            .reduce(|a, b| a + b)
    }

    /// The fault that strikes this call. Every matching rule counts the call; the first that strikes decides.
    pub(crate) fn strike(&mut self, operation: Operation) -> Option<Fault> {
        let mut struck = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.calls.include(operation) && rule.strikes_left != Some(0)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if struck.is_none() {
                struck = Some(rule.fault);
                rule.strikes_left = rule.strikes_left.map(|left| left - 1);
            }
        }
        let fault = struck.or_else(|| self.by_chance(operation))?;
        self.injected_count += 1;
        Some(fault)
    }

    fn by_chance(&mut self, operation: Operation) -> Option<Fault> {
        let (seed, rates) = self.chance.as_mut()?;
        if seed.chance(rates.error) {
            return Some(Fault::Fail(any_kind(seed)));
        }
        if Calls::Writes.include(operation) && seed.chance(rates.lost_answer) {
            return Some(Fault::FailAfter(ErrorKind::TimedOut));
        }
        match operation {
            Operation::Set if seed.chance(rates.torn_write) => Some(Fault::Tear(Damage::any(seed), None)),
            Operation::Set if seed.chance(rates.torn_failed_write) => {
                Some(Fault::Tear(Damage::any(seed), Some(any_kind(seed))))
            }
            Operation::Get | Operation::GetRanges if seed.chance(rates.truncated_read) => {
                Some(Fault::Misread(Misread::Truncate(seed.draw())))
            }
            Operation::Get | Operation::GetRanges if seed.chance(rates.flipped_read) => {
                Some(Fault::Misread(Misread::Flip(seed.draw())))
            }
            _ => None,
        }
    }
}

/// One of the kinds a medium fails with; the others are a caller's fault.
const fn any_kind(seed: &mut Seed) -> ErrorKind {
    const KINDS: [ErrorKind; 5] =
        [ErrorKind::Io, ErrorKind::Full, ErrorKind::Unavailable, ErrorKind::TimedOut, ErrorKind::PermissionDenied];
    KINDS[seed.below(KINDS.len() as u64) as usize]
}

/// What an injected error says, in the words of the system it stands for.
pub(crate) const fn detail(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidKey => "injected: file name too long",
        ErrorKind::InvalidRange => "injected: range not satisfiable",
        ErrorKind::InvalidArgument => "injected: invalid argument",
        ErrorKind::Unsupported => "injected: operation not supported",
        ErrorKind::PermissionDenied => "injected: permission denied",
        ErrorKind::PreconditionFailed => "injected: precondition failed",
        ErrorKind::Conflict => "injected: is a directory",
        ErrorKind::Unavailable => "injected: connection refused",
        ErrorKind::TimedOut => "injected: no answer in time",
        ErrorKind::Corrupt => "injected: checksum mismatch",
        ErrorKind::Full => "injected: no space left on device",
        ErrorKind::Io => "injected: input/output error",
        _ => "injected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_call_alone_is_struck() {
        let mut faults = Faults::default();
        faults.nth(Operation::Get.into(), 2, Fault::Hang);
        let struck: Vec<_> = (0..4).map(|_| faults.strike(Operation::Get).is_some()).collect();
        assert_eq!(struck, [false, true, false, false]);
        assert_eq!(faults.strike(Operation::Set), None);
        assert_eq!(faults.injected_count(), 1);
    }

    #[test]
    fn one_seed_strikes_the_same_calls_again() {
        let rates = Rates { error: 0.2, torn_write: 0.2, lost_answer: 0.1, ..Rates::default() };
        let run = |seed| {
            let mut faults = Faults::by_seed(seed, rates);
            (0..200).map(|_| faults.strike(Operation::Set)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn calls_are_told_apart_by_what_they_do() {
        for (operation, writes) in [(Operation::Get, false), (Operation::List, false), (Operation::DeletePrefix, true)]
        {
            assert_eq!(Calls::Writes.include(operation), writes, "{operation}");
            assert_eq!(Calls::Reads.include(operation), !writes, "{operation}");
            assert!(Calls::All.include(operation) && Calls::from(operation).include(operation));
        }
    }
}
