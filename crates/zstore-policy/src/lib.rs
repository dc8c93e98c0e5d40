//! Replacement policies and cache accounting, pure: no clock, no IO, no async.
//!
//! A bounded cache has three questions to answer: *what do I hold, what may I still take, who leaves?* This crate
//! answers them without touching a byte of what is cached. Time comes in as a [`Tick`]; work to be done comes out as
//! values ([`Grant`], [`Leaving`]) that the caller carries out after it let go of its lock. The same code therefore
//! runs in a live cache, in a simulator and under a property test.
//!
//! In reading order:
//!
//! 1. [`Policy`] orders opaque [`Slot`]s and says who leaves. It sees weights, costs and hashed identities
//!    ([`Candidate`]), never keys, bytes or time.
//! 2. [`Lru`] is the policy to read first: the least recent leaves.
//! 3. The others, each with its paper and what to know before choosing it: [`Fifo`], [`Sieve`] and [`S3Fifo`] are
//!    queues; [`WTinyLfu`] asks who is asked for more often; [`Gdsf`] asks who saves most for its bytes.
//! 4. [`Ledger`] keeps residency, weight and staleness within a bound, and asks its policy for victims. Its page has
//!    the laws, numbered, and the life of an entry.
//! 5. [`Reservation`], [`Grant`], [`Leaving`]: the claims a ledger hands out and takes back.
//! 6. [`Tally`] counts what left, by [`Reason`].
//!
//! # Absences
//!
//! No clock, no IO, no async, no lock, no randomness that changes an answer, no unsafe code. `clippy.toml` beside this
//! crate bans the clocks; the only dependencies are `hashbrown` and `hashlink`.
//!
//! # Examples
//!
//! ```
//! use zstore_policy::{Ledger, Lookup, Lru, Terms};
//!
//! let mut ledger: Ledger<&str, u32> = Ledger::new(Some(10), Box::new(Lru::new()));
//! let now = 1_000;
//!
//! // Budget before bytes: reserve, then write, then commit.
//! let grant = ledger.reserve("a", 6, Terms::default(), now).unwrap();
//! assert!(grant.leaving.is_empty());
//! ledger.commit(grant.reservation, 1).unwrap();
//!
//! // "b" does not fit beside "a", so "a" must leave first.
//! let grant = ledger.reserve("b", 6, Terms::default(), now).unwrap();
//! for leaving in grant.leaving {
//!     assert_eq!(leaving.key, "a");
//!     // ... delete its bytes from the tier, then say so:
//!     ledger.left(leaving);
//! }
//! assert!(ledger.is_paid(&grant.reservation));
//! // ... write the bytes of "b" ...
//! ledger.commit(grant.reservation, 2).unwrap();
//!
//! assert_eq!(ledger.probe("a", now), Lookup::Absent);
//! assert_eq!(ledger.probe("b", now), Lookup::Fresh(&2));
//! assert_eq!(ledger.charged(), 6);
//! ```

#![forbid(unsafe_code)]

mod climber;
mod fifo;
mod gdsf;
mod ledger;
mod lru;
mod policy;
mod queues;
mod s3_fifo;
mod sieve;
mod sketch;
mod w_tiny_lfu;

pub use fifo::Fifo;
pub use gdsf::Gdsf;
pub use ledger::{
    Grant, Hashed, KeyHasher, Leaving, Ledger, Lookup, Reason, Refused, Reservation, Resident, Tally, Terms, Tick,
};
pub use lru::Lru;
pub use policy::{Candidate, Policy, Slot};
pub use s3_fifo::S3Fifo;
pub use sieve::Sieve;
pub use w_tiny_lfu::WTinyLfu;
