//! The contract as cases that anyone can run on their store.
//!
//! Each [`Case`] is one async function in a file by subject, named by a sentence that is true of a right store and
//! numbered by the law it is about. [`main`](fn@main), [`main_read_only`] and [`Suite`] make a test binary of them, in which
//! every case is a test of its own; [`check`] runs one, wherever a runtime is.
//!
//! A case that needs what a store lacks must not be run, and shows as ignored. What a store lacks it must refuse, and
//! for that there are cases too. No case measures time, and none needs more of a store than the contract gives.

mod case;
mod check;
mod expect;
mod failure;
mod fixture;
mod harness;
mod laws;

// The cases, in the order of the laws.
mod cancel;
mod concurrency;
mod conditions;
mod delete;
mod delete_prefix;
mod errors;
mod get_now;
mod get_ranges;
mod head;
mod identity;
mod keys;
mod list;
mod list_dir;
mod modes;
mod overlap;
mod ranges;
mod read;
mod refusals;
mod versions;
mod write;

pub use case::{Case, Facts};
pub use check::{check, check_read_only, facts};
pub use fixture::{Fixture, ReadFixture};
pub use harness::{Suite, main, main_read_only};

/// The cases by subject; [`Case::writes`] tells those that need a store that can be written.
pub const SUBJECTS: &[(&str, &[Case])] = &[
    ("read", read::CASES),
    ("ranges", ranges::CASES),
    ("get_ranges", get_ranges::CASES),
    ("conditions", conditions::CASES),
    ("head", head::CASES),
    ("list", list::CASES),
    ("list_dir", list_dir::CASES),
    ("get_now", get_now::CASES),
    ("keys", keys::CASES),
    ("identity", identity::CASES),
    ("errors", errors::CASES),
    ("write", write::CASES),
    ("modes", modes::CASES),
    ("versions", versions::CASES),
    ("delete", delete::CASES),
    ("delete_prefix", delete_prefix::CASES),
    ("overlap", overlap::CASES),
    ("refusals", refusals::CASES),
    ("concurrency", concurrency::CASES),
    ("cancel", cancel::CASES),
];

/// Every case.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    SUBJECTS.iter().flat_map(|(_, cases)| *cases)
}
