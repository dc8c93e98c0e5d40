//! What this crate promises, tested from outside. In reading order.
//!
//! The property tests run 256 cases each; `PROPTEST_CASES` asks for more.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in what tests call as well")]

/// The moves of a ledger's caller and of a policy's: one enum each, for every kind of test.
mod op;

/// Small ledgers to tell a law by.
mod scene;

/// The laws L1 to L8 and L10 of `Ledger`, one by one.
mod ledger_laws;

/// Law L9: what a ledger's policy hears, and what a lawless one can do.
mod ledger_policy;

/// A ledger so naive that it can be believed: lists, scanned.
mod model;

/// A caller that obeys, a simulated tier, and the naive ledger beside the real one.
mod world;

/// Any sequence of moves, against the model and the tier.
mod ledger_property;

/// Every policy of this crate.
mod policies;

/// A policy without a ledger, and the set of those it should hold.
mod bare;

/// LRU, FIFO, SIEVE and GDSF as lists that are scanned.
mod naive;

/// The laws P1 to P8 of `Policy`, for every policy in this crate, and the simple ones against naive lists.
mod policy_laws;

/// A cache of keys over a ledger, for traces.
mod cache;

/// What S3-FIFO does that a simpler queue does not.
mod s3_fifo;

/// What W-TinyLFU does that LRU does not.
mod w_tiny_lfu;

/// What GDSF weighs up.
mod gdsf;

/// Hit ratios on small synthetic traces, beside those of LRU.
mod traces;
