//! The tests of the instruments, and of the suite by stores that break one law each.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in what tests share as well")]

mod convictions;
mod examples;
mod faulty;
mod gated;
mod honest;
mod manual_clock;
mod metered;
mod recorder;
mod wrong;
