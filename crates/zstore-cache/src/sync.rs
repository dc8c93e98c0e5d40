//! What the table of flights is guarded with, named in one place: a test puts others here that try every order of
//! threads.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use parking_lot::Mutex;
