//! How a read came by its answer, for counters and traces.

use tracing::Span;
use zstore_core::Key;

/// Spans are ours if they bear this target.
const TARGET: &str = "zstore_cache";

/// How a read came by its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With what was resident.
    Hit,
    /// With what was resident, after the source said that it still has it.
    Revalidated,
    /// With what was resident and past its age.
    Stale,
    /// By asking the source.
    Miss,
    /// By what others were asking the source.
    Coalesced,
    /// By asking the source, because the tier is left alone.
    Bypass,
}

impl Outcome {
    /// The outcome of a read that has this one, of all that was resident, and perhaps another, of what was fetched
    /// besides.
    pub(crate) fn unless(self, fetched: Self) -> Self {
        if fetched == Self::Hit { self } else { fetched }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Revalidated => "revalidated",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Bypass => "bypass",
        }
    }

    /// Notes this in the span of the read, if it has one.
    pub(crate) fn trace(self) {
        let span = Span::current();
        // If ours is not enabled, the current one is a stranger's, who may have an outcome too.
        if span.metadata().is_some_and(|metadata| metadata.target() == TARGET) {
            span.record("outcome", self.as_str());
        }
    }
}

/// The span of one read.
pub(crate) fn read_span(operation: &'static str, key: &Key) -> Span {
    tracing::debug_span!(target: TARGET, "read", operation, %key, outcome = tracing::field::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_besides_tells_more_than_what_was_resident_unless_it_was_a_hit() {
        for (resident, fetched, both) in [
            (Outcome::Stale, Outcome::Hit, Outcome::Stale),
            (Outcome::Stale, Outcome::Miss, Outcome::Miss),
            (Outcome::Hit, Outcome::Coalesced, Outcome::Coalesced),
        ] {
            assert_eq!(resident.unless(fetched), both);
        }
    }
}
