//! What a cache promises, by number.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod absence; // cached absence
mod account; // C5, against a model
mod age; // max_age, on a manual clock
mod aged_blocks; // wholes of blocks past their age
mod arguments; // bad settings are refused when the cache is built
mod attacks; // what was found by attacking it
mod budget; // C2
mod cancellation; // every future, dropped after each of its polls
mod coalescing; // which requests the missing bytes become
mod compose; // a cache over a cache
mod defects; // the eighteen of zarr-python's cache store
mod fail_open; // C3
mod flights; // C4
mod freshness; // C9
mod inspection; // stats, spans, metrics, explanations
mod integrity; // C8
mod isolation; // C10
mod model; // any operations in any order, over a tier that fails
mod namespaces; // C7
mod odd; // stores and policies that are like others but in one thing
mod parts; // ranges
mod policies; // every policy, and one of a user's own
mod restart; // what a new cache finds in an old tier
mod schedules; // C1, in orders that seeds decide
mod second_attack; // what was found by attacking what is newer
mod setup; // sources, tiers, caches
mod sharing; // C1, C2, C6: a directory that several caches use at once
mod threads; // C1, from many threads
mod truth; // C1
mod warm; // fetching ahead of use
mod weak; // versions that cannot be asked about
mod whole_only; // sources that send no parts, and of which nobody knew
