//! Stores that are right but for one planted fault, and the case that convicts each.

mod ground;
mod listing;
mod names;
mod racing;
mod ranges;
mod reading;
mod store;
mod writing;

pub(crate) use store::Wrong;
use store::{HONEST, Hooks};

/// A planted fault, and what its case sees of it.
#[derive(Debug)]
pub(crate) struct Conviction {
    /// The case that convicts.
    pub(crate) case: &'static str,
    /// What is wrong with the store.
    pub(crate) fault: &'static str,
    /// What the message of the case holds, so that it convicts for the right reason.
    pub(crate) saw: &'static str,
    pub(crate) hooks: Hooks,
}

/// Every fault.
pub(crate) fn convictions() -> impl Iterator<Item = &'static Conviction> {
    [reading::TABLE, ranges::TABLE, listing::TABLE, names::TABLE, writing::TABLE, racing::TABLE].into_iter().flatten()
}

/// One line of a table: case, fault, what is seen, and the hooks that differ from an honest store's.
macro_rules! convicts {
    ($case:ident, $fault:literal, $saw:literal, $($hook:ident: $wrong:expr),+ $(,)?) => {
        crate::wrong::Conviction {
            case: stringify!($case),
            fault: $fault,
            saw: $saw,
            hooks: crate::wrong::Hooks { $($hook: $wrong),+, ..crate::wrong::HONEST },
        }
    };
}
use convicts;
