//! A case of the suite: one way to see one law broken.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use zstore_core::{Capabilities, ReadStore, Store};

use super::failure::Outcome;

/// Values that a store holds before a case begins.
pub(super) type Values = Vec<(String, Bytes)>;

/// One case: a name that is a sentence, the law it is about, and what it needs of a store.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is true of a store that passes.
    pub name: &'static str,
    /// The law, its number first.
    pub law: &'static str,
    /// Whether the case says anything about a store of which this is known. If not it must not be run.
    pub needs: fn(&Facts) -> bool,
    pub(super) body: Body,
}

/// What the suite knows of a store before it runs a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// What the store says it can do.
    pub capabilities: Capabilities,
    /// Whether it tells versions at all.
    pub versions_known: bool,
    /// Whether it tells versions that match themselves, and conditions can be asked under.
    pub versions_strong: bool,
}

/// What a case does.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// Reads a store that holds the values.
    Read { values: fn() -> Values, run: fn(Arc<dyn ReadStore>) -> BoxFuture<'static, Outcome> },
    /// Reads two stores, each made for itself, that both hold the values but for a difference.
    ReadTwo { values: fn() -> [Values; 2], run: fn([Arc<dyn ReadStore>; 2]) -> BoxFuture<'static, Outcome> },
    /// Writes to a store that is empty.
    Write { run: fn(Arc<dyn Store>) -> BoxFuture<'static, Outcome> },
}

impl Case {
    /// The law's number: `R1` to `R12`, `W1` to `W7`, `Capabilities` or `Errors`.
    #[must_use]
    pub fn law_number(&self) -> &'static str {
        self.law.split([' ', ':']).next().unwrap_or(self.law)
    }

    /// Whether the case writes, and so says nothing about a store that can only be read.
    #[must_use]
    pub const fn writes(&self) -> bool {
        matches!(self.body, Body::Write { .. })
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("law", &self.law).finish_non_exhaustive()
    }
}

/// Needs nothing.
pub(super) fn always(_: &Facts) -> bool {
    true
}

/// Needs a store that lists.
pub(super) fn listing(facts: &Facts) -> bool {
    facts.capabilities.listing
}

/// Needs versions that conditions can be asked under.
pub(super) fn strong_versions(facts: &Facts) -> bool {
    facts.versions_strong
}

/// Needs versions.
pub(super) fn known_versions(facts: &Facts) -> bool {
    facts.versions_known
}

/// A case that reads: law, name of the function, what it needs, the values it finds.
macro_rules! read_case {
    ($law:ident, $name:ident, $needs:expr, $values:expr) => {
        $crate::conformance::case::Case {
            name: stringify!($name),
            law: $crate::conformance::laws::$law,
            needs: $needs,
            body: $crate::conformance::case::Body::Read { values: $values, run: |store| Box::pin($name(store)) },
        }
    };
}

/// A case that reads two stores: law, name of the function, what it needs, the values each holds.
macro_rules! read_two_case {
    ($law:ident, $name:ident, $needs:expr, $values:expr) => {
        $crate::conformance::case::Case {
            name: stringify!($name),
            law: $crate::conformance::laws::$law,
            needs: $needs,
            body: $crate::conformance::case::Body::ReadTwo { values: $values, run: |stores| Box::pin($name(stores)) },
        }
    };
}

/// A case that writes: law, name of the function, what it needs.
macro_rules! write_case {
    ($law:ident, $name:ident, $needs:expr) => {
        $crate::conformance::case::Case {
            name: stringify!($name),
            law: $crate::conformance::laws::$law,
            needs: $needs,
            body: $crate::conformance::case::Body::Write { run: |store| Box::pin($name(store)) },
        }
    };
}
pub(super) use {read_case, read_two_case, write_case};
