//! The contract of zstore as a conformance suite that anyone can run on their store, and the instruments to test with.
//!
//! In reading order:
//!
//! - [`conformance`]: the laws of [`ReadStore`](zstore_core::ReadStore) and [`Store`](zstore_core::Store) as named
//!   cases, each a test of its own;
//! - [`MapStore`]: the reference store, the contract in the fewest lines;
//! - [`ManualClock`]: time that stands still until moved;
//! - [`Recorder`]: what a store was asked, and how much of it at once;
//! - [`Gated`] and [`Held`]: calls held half way, so that a race is a script;
//! - [`Metered`]: how many bytes a store may hold, at every instant;
//! - [`Faulty`], [`Calls`], [`Rates`] and [`Damage`]: failures, delays, hangs and torn writes, by rule and by seed;
//! - [`Restricted`]: a store of which less is expected;
//! - [`Seed`]: chance that can be had again.
//!
//! The instruments are wrappers: each is a store around a store, shows as `Recorder(MapStore(..))`, and passes the
//! suite when its inner store does. To look at them while something else owns them, share them by `Arc`.
//!
//! This crate is for tests. Nothing that ships depends on it.
//!
//! # Examples
//! A race, scripted: a reader asks while a writer is between the decision to write and the write.
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use std::sync::Arc;
//! use zstore_core::{Key, Operation, ReadStoreExt, StoreExt};
//! use zstore_testkit::{Gated, MapStore, Recorder};
//!
//! let store = Arc::new(Recorder::new(Gated::new(MapStore::new())));
//! let key = Key::new("temperature/c/0/1")?;
//! store.put(&key, "old").await?;
//!
//! let held = store.inner().hold(Operation::Set);
//! let (writer, written) = (Arc::clone(&store), key.clone());
//! let set = tokio::spawn(async move { writer.put(&written, "new").await });
//! held.arrived(1).await;
//! assert_eq!(store.get_bytes(&key).await?.unwrap(), "old");
//! held.release();
//! set.await.unwrap()?;
//! assert_eq!(store.get_bytes(&key).await?.unwrap(), "new");
//! assert_eq!((store.count_of(Operation::Set), store.count_of(Operation::Get)), (2, 2));
//! # Ok::<(), zstore_core::Error>(())
//! # }).unwrap();
//! ```
#![forbid(unsafe_code)]

pub mod conformance;

mod damage;
mod faults;
mod faulty;
mod gated;
mod manual_clock;
mod map_store;
mod metered;
mod recorder;
mod restricted;
mod seed;

pub use damage::Damage;
pub use faults::{Calls, Rates};
pub use faulty::Faulty;
pub use gated::{Gated, Held};
pub use manual_clock::ManualClock;
pub use map_store::MapStore;
pub use metered::Metered;
pub use recorder::{Recorder, Request};
pub use restricted::Restricted;
pub use seed::Seed;
