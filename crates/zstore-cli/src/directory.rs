//! A cache directory, looked at from outside, while any number of processes may be using it.
//!
//! Files may appear and vanish at any moment, and that is never an error. What is not ours is counted and never
//! touched, and no link is followed. In reading order:
//!
//! - `root`: the directory itself, and what is done to names in it;
//! - `walk`: what lies in it, told by its names alone;
//! - `blob`: what one blob says of itself, and whether that is true;
//! - `census`: all of it, with every blob's header read;
//! - `namespaces`: whose blobs there are, and how people name them;
//! - `removal`: taking blobs out, and counting what that set free;
//! - `workers`: the same work on many blobs, on two threads.

mod blob;
mod census;
mod namespaces;
mod removal;
mod root;
mod walk;
mod workers;

pub(crate) use blob::{Flaw, Look, Seen, look, verify};
pub(crate) use census::{Census, Resident, ResidentPart};
pub(crate) use namespaces::{Namespaces, is_meant};
pub(crate) use removal::Removal;
pub(crate) use root::Root;
pub(crate) use walk::{Holdings, Pile};
pub(crate) use workers::on_workers;
