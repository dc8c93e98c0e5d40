//! What a warm-up has done, and how far it is.

use zstore_core::{Error, Key};

/// So many keys of each group are named, and so many errors kept: enough to see what they have in common.
const NAMED_MAX: usize = 16;

/// Values that fared alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmGroup {
    /// How many.
    pub values: u64,
    /// Their size in bytes, as far as it is known.
    pub bytes: u64,
    /// The first 16 of their keys, in the order in which they were done with.
    pub keys: Vec<Key>,
}

impl WarmGroup {
    fn add(&mut self, key: &Key, bytes: u64) {
        self.values += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.keys.len() < NAMED_MAX {
            self.keys.push(key.clone());
        }
    }
}

/// What came of a warm-up. Each value is in one group.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Warmed {
    /// Transferred, and resident now.
    pub fetched: WarmGroup,
    /// Resident and fresh already, or landed on behalf of others. They cost no request.
    pub resident: WarmGroup,
    /// Resident and past their age, but the source still has this version. They cost a request and no transfer.
    pub renewed: WarmGroup,
    /// The source has no such values.
    pub missing: WarmGroup,
    /// There is no room beside what else was to be warmed. Those whose size was known were not transferred.
    pub unfit: WarmGroup,
    /// Transferred, but the policy would rather keep what is there. It is asked only about values that readers were
    /// fetching already.
    pub refused: WarmGroup,
    /// The tier failed or was left alone for its faults, the value was written meanwhile, or is too old as soon as it
    /// is there. While the tier is left alone, and once it has failed eight times in a row, nothing is transferred.
    pub unkept: WarmGroup,
    /// The source failed to give them.
    pub failed: WarmGroup,
    /// Why: the errors of the first 16. Each names its key.
    pub errors: Vec<Error>,
}

impl Warmed {
    /// Whether all values that there are can now be served without a transfer. Also true if there are none, as below
    /// a prefix that was mistyped: the groups tell how many there were.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.unfit.values + self.refused.values + self.unkept.values + self.failed.values == 0
    }

    pub(crate) fn add(&mut self, key: &Key, warmth: Warmth) {
        let (group, bytes) = match warmth {
            Warmth::Fetched(bytes) => (&mut self.fetched, bytes),
            Warmth::Resident(bytes) => (&mut self.resident, bytes),
            Warmth::Renewed(bytes) => (&mut self.renewed, bytes),
            Warmth::Missing => (&mut self.missing, 0),
            Warmth::Unfit(bytes) => (&mut self.unfit, bytes.unwrap_or(0)),
            Warmth::Refused(bytes) => (&mut self.refused, bytes),
            Warmth::Unkept(bytes) => (&mut self.unkept, bytes.unwrap_or(0)),
            Warmth::Failed(error, bytes) => {
                if self.errors.len() < NAMED_MAX {
                    self.errors.push(error);
                }
                (&mut self.failed, bytes.unwrap_or(0))
            }
        };
        group.add(key, bytes);
    }
}

/// How far a warm-up is: told when it is done with a value, whatever came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarmProgress<'a> {
    /// The value it is done with.
    pub key: &'a Key,
    /// How many values it is done with.
    pub values_done: u64,
    /// How many there are.
    pub values_total: u64,
    /// Bytes of the values it is done with, transferred or not, as far as their size is known.
    pub bytes_done: u64,
    /// Bytes of all of them; not known if they were named by key.
    pub bytes_total: Option<u64>,
}

/// What came of one value, with its size in bytes.
#[derive(Debug)]
pub(crate) enum Warmth {
    Fetched(u64),
    Resident(u64),
    Renewed(u64),
    Missing,
    Unfit(Option<u64>),
    Refused(u64),
    Unkept(Option<u64>),
    Failed(Error, Option<u64>),
}

impl Warmth {
    /// The size of the value, if it is known.
    pub(crate) const fn bytes(&self) -> Option<u64> {
        match self {
            Self::Fetched(bytes) | Self::Resident(bytes) | Self::Renewed(bytes) | Self::Refused(bytes) => Some(*bytes),
            Self::Missing => None,
            Self::Unfit(bytes) | Self::Unkept(bytes) | Self::Failed(_, bytes) => *bytes,
        }
    }
}
