//! Looking inside: what a cache did, in counters, histograms and spans, and what it knows of one key.

pub(crate) mod arrays;
pub(crate) mod counters;
pub(crate) mod explain;
mod exporter;
pub(crate) mod histogram;
mod info;
pub(crate) mod outcome;
mod stats;

pub use arrays::{ArrayStats, array_of};
pub use explain::{Explanation, MissReason, Outlook, Resident};
pub use histogram::Histogram;
pub use info::CacheInfo;
pub use stats::Stats;
