//! What the processes that share one cache directory settle among themselves.
//!
//! A cache directory is used by many programs at once: workers of one computation, notebooks, a shell. Each keeps
//! books of its own, and none may wait for another to hit. Three things must be settled between them all the same,
//! and each has a file:
//!
//! - [`Shares`]: *who may hold how much.* The bound on the directory is dealt out in shares, and each member keeps what
//!   it wrote within its own. So the bound holds over all of them at every instant, and no fill asks anybody as long as
//!   its share lasts.
//! - [`Fence`]: *who writes.* What was fetched before a value was written by another member never lands after it.
//! - [`Member`]: *who lives.* A lock that the kernel releases with the process tells the living from the dead, whose
//!   share is taken over by whoever comes next.
//!
//! A mark, made by [`disturb`], says that what is there has to be counted.
//!
//! What goes wrong between two system calls is the same as if the process had been killed there: every step leaves
//! the directory such that the bound holds.
//!
//! # Limits
//! Locks are those of open file descriptions, which Linux has on every local file system. A directory on a network
//! file system is for the caller to refuse: there, locks of one machine may mean nothing on another.
#![forbid(unsafe_code)]

mod access;
mod boot;
mod disturbance;
mod fence;
mod files;
mod locks;
mod member;
mod shares;
mod space;
mod whole;

pub use boot::Boot;
pub use disturbance::disturb;
pub use fence::{Fence, Landing, Lead, Pass, Write, WriteBelow};
pub use files::{COUNTED, DISTURBED, FENCE, MEMBERS, SHARES};
pub use member::{Member, MemberId, Orphan, OthersJournal};
pub use shares::{Remove, Shares};
pub use space::free_space;
