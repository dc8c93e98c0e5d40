//! The cache store: any source, any tier, bounded in size and age, with a policy of your choice.
//!
//! A [`CacheStore`] is a store made of two: a *source*, which holds the truth, and a *tier*, which holds copies. It
//! knows what is resident, how much it weighs and when it goes stale, and a *policy* decides who leaves.
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use zstore_cache::CacheStore;
//! use zstore_core::{Key, ReadStoreExt, StoreExt};
//! use zstore_memory::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> zstore_core::Result<()> {
//! let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
//! let key = Key::new("temperature/c/0/0")?;
//! source.put(&key, "a chunk").await?;
//!
//! let cache = CacheStore::builder(source, tier).max_size(256 << 20).build().await?;
//! cache.get_bytes(&key).await?; // from the source
//! cache.get_bytes(&key).await?; // from the tier
//! assert_eq!(cache.stats().hits, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Promises
//! - **C1 Truth.** A read returns bytes the source held no earlier than the read's start less the allowed age. After a
//!   write through the cache has returned, no later read through it returns older bytes; a fetch in flight when its key
//!   is written never stays.
//! - **C2 Budget.** What the tier holds for the cache never exceeds `max_size`, at any instant. A tier found fuller
//!   than that is brought back when it is opened. In a directory that processes share, the bound is on all of them.
//! - **C3 Fail open.** A fault of the tier never fails a read or a write that the source can serve.
//! - **C4 One flight.** Concurrent misses of the same bytes make one request, unless they are being written. Dropping
//!   one waiter disturbs no other.
//! - **C5 Ranges.** A read inside bytes that are resident makes no request, however they came. One that misses some
//!   fetches what is missing, and no more beside it than [`RangeStrategy`] and [`Builder::range_gap`] say. What a read
//!   answers is of one version.
//! - **C6 Restart.** What a tier that outlives the process holds is found again, with its size and the time of its
//!   fetch, so that ages go on, after a kill too. A directory to share keeps the order of use as well, and answers its
//!   first hit before any index is read; of another tier, the oldest fetch leaves first when it is reopened.
//! - **C7 Namespaces.** Two sources over one tier never see each other's bytes, and nothing is deleted that the cache
//!   did not write.
//! - **C8 Integrity.** A damaged resident is detected before a byte of it is served.
//! - **C9 Freshness.** What is past its age is renewed, fetched anew, or served within the bounds that [`Freshness`]
//!   sets.
//! - **C10 Isolation.** What is returned cannot change what is kept; a slow tier never delays a hit on another key.
//!
//! # Looking inside
//! [`CacheStore::stats`] counts what was done, [`CacheStore::array_stats`] does so for each array, and
//! [`CacheStore::explain`] tells what is known of one key. Each read has a `tracing` span named `read`, of target
//! `zstore_cache` and level debug, with the fields `operation`, `key` and `outcome`. With the feature `metrics`, the
//! recorder that the program installed with the `metrics` crate before it built the cache is told of:
//!
//! | name | what |
//! |---|---|
//! | `zstore_reads_total` | reads, by `outcome`: `hit`, `miss`, `coalesced`, `revalidated`, `stale`, `bypass` |
//! | `zstore_absent_hits_total` | reads answered with a kept absence |
//! | `zstore_source_requests_total`, `zstore_source_bytes_total` | calls to the source to read, and bytes from it |
//! | `zstore_tier_bytes_total` | bytes from the tier |
//! | `zstore_evictions_total`, `zstore_expirations_total` | what left for space, and for age |
//! | `zstore_corrupt_total`, `zstore_refused_total`, `zstore_tier_faults_total` | damaged blobs, values without room, faults of the tier |
//! | `zstore_source_request_seconds`, `zstore_tier_read_seconds` | histograms of how long calls took |
//!
//! All of them bear the cache's namespace as the label `cache`.
//!
//! # Runtime
//! Hits in memory and sources that answer at once need none. Everything else needs tokio, with its timer enabled, as
//! `#[tokio::main]` has it: a tier that has to be waited for is given up by a timer.
//!
//! # Sharing
//! A directory opened by `LocalStore::create_cache` may be used by any number of caches at once, of any number of
//! processes of one machine. Each sees what the others filled; a write through one is not answered with older bytes by
//! another; several that miss the same bytes make one request; the bound is on all of them together, and a process that
//! dies leaves nothing behind that nobody counts. `docs/format.md` of the project says what of this holds at once.
//!
//! # Limits
//! - Of another tier, one cache at a time may use a namespace. A second one would not see what the first writes;
//!   nothing stops it.
//! - A cache that shares a directory has to be opened anew in a process that forks.
//! - What others removed is in [`CacheInfo::current_size`] until it is looked for. Caches whose bounds differ respect
//!   each its own: the one with the smaller bound gets no room beyond it.
//! - In a directory that is shared, a copy that could not be removed when its source was written, or that lands later
//!   than a writer had patience for (of a stopped process, on a disk that hangs), is believed by nobody; nor are others of its age that share its token, and after a delete below a prefix none of the namespace: they are
//!   fetched again. Where even the fence cannot be written, only the cache that wrote knows it.
//! - Values of keys longer than 65,535 bytes are not kept.
//! - A directory that was removed and made anew while a process used it is another one: what that process writes is not
//!   known there until it opens it anew.
//! - What was fetched lands in a task of the runtime it was read on, and a write of the same key waits for it: a
//!   runtime that is left standing still in the middle of that holds up writes of that key from other runtimes.
//! - A tier whose writes may land after their time-out (a server, not a directory) may keep an old copy that way. It is
//!   not served by the cache that wrote it; one that reopens the tier may find it.
//! - A tier whose deletions or writes land after their time-out holds for that while what nobody counts: the bound is
//!   on what it was told.
//! - A tier that cannot delete a copy when its source is written keeps it out of service for as long as the cache
//!   lives. If the tier is reopened before it heals, that copy is found again, and is as old as it is.
//!
//! # A tour
//! - **Asked.** `store` is the face, `builder` sets it up, and `inner` is what all copies of a cache share.
//! - **Reading.** `read` for whole values and `ranges` for parts, in `blocks` of `pieces`; `strategy` and `runs` say
//!   what is fetched together. `resident` reads what is here and checks it, and `flights` makes one request of many,
//!   whose answer is a `fetched`.
//! - **Keeping.** `landing` brings what came into the tier, in the room that `room` claims from the ledger in
//!   `catalog`; `landings` are those under way, and `gates` puts what happens to one key in order. `write` is for what
//!   changes the source.
//! - **Ageing.** `freshness` says how old what is kept may be, by the time that `watch` tells, and `renewal` what
//!   happens after that.
//! - **The tier.** The format is the crate `zstore-format`; `opening` finds again what an earlier process left, and
//!   `tier` stands between us and what goes wrong there.
//! - **Others.** `sharing` is what a cache settles with others that use the same directory.
//! - **More.** `inspection` for who looks on, `warm` for who fetches ahead of use, `below` for a cache over a cache.
#![forbid(unsafe_code)]

mod below;
mod builder;
mod catalog;
mod fetched;
mod flights;
mod freshness;
mod gates;
mod inner;
mod inspection;
mod landing;
mod landings;
mod name;
mod opening;
mod ranges;
mod read;
mod renewal;
mod resident;
mod room;
mod sharing;
mod store;
mod sync;
mod tier;
mod warm;
mod watch;
mod write;

/// Who leaves for space: the policies there are, and what one of your own implements.
pub mod policy {
    pub use zstore_policy::{Candidate, Fifo, Gdsf, Lru, Policy, S3Fifo, Sieve, Slot, WTinyLfu};
}

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

pub use builder::{Builder, WriteMode};
pub use freshness::{Expiry, Freshness};
pub use inspection::{ArrayStats, CacheInfo, Explanation, Histogram, MissReason, Outlook, Resident, Stats, array_of};
pub use ranges::RangeStrategy;
pub use store::CacheStore;
pub use warm::{Warm, WarmGroup, WarmProgress, Warmed};
