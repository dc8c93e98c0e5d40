//! Remotes, and servers that are not what they should be.
//!
//! - `server`: a server that answers what a test tells it to, byte for byte;
//! - `requests`: how many requests each question costs;
//! - `hostile`: servers that ignore, cut short, lie and fail;
//! - `changing`: values that change while they are read;
//! - `redirects`: values that moved, and what follows them;
//! - `refusals`: statuses, and what a caller is told;
//! - `opening`: URLs, options and names;
//! - `secrets`: what must not be seen;
//! - `real`: real servers, where they run;
//! - `tls`: whom to trust;
//! - `writing`: what is peculiar to writes;
//! - `folder`: what is peculiar to `file://`;
//! - `buckets`: what is peculiar to the clouds.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(feature = "aws")]
mod buckets;
mod changing;
mod folder;
mod hostile;
mod opening;
#[cfg(feature = "aws")]
mod real;
mod redirects;
mod refusals;
mod requests;
mod secrets;
mod server;
mod tls;
mod writing;
