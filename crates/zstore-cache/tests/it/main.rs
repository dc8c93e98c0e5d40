//! What a cache promises, by number.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod absence; // cached absence
mod account; // C5, against a model
mod age; // max_age, on a manual clock
mod arguments; // bad settings are refused when the cache is built
mod attacks; // what was found by attacking it
mod budget; // C2
mod coalescing; // which requests the missing bytes become
mod fail_open; // C3
mod flights; // C4
mod integrity; // C8
mod isolation; // C10
mod model; // any operations in any order, over a tier that fails
mod namespaces; // C7
mod parts; // ranges
mod restart; // what a new cache finds in an old tier
mod setup; // sources, tiers, caches
mod truth; // C1
