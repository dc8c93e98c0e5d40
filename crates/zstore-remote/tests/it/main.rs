//! Remotes, and servers that are not what they should be.
//!
//! - `server`: a server that answers what a test tells it to, byte for byte;
//! - `script`: a server that keeps to HTTP but for what a script says;
//! - `matrix`: any faults in any order, for every way to read, through a cache and without;
//! - `requests`: how many requests each question costs;
//! - `hostile`: servers that ignore, cut short, lie and fail;
//! - `changing`: values that change while they are read;
//! - `redirects`: values that moved, and what follows them;
//! - `refusals`: statuses, and what a caller is told;
//! - `opening`: URLs, options and names;
//! - `environment`: options, variables and profiles;
//! - `handed_in`: objects that a program opened itself;
//! - `secrets`: what must not be seen;
//! - `real`: real servers, where they run;
//! - `tls`: whom to trust;
//! - `writing`: what is peculiar to writes;
//! - `folder`: what is peculiar to `file://`;
//! - `buckets`: what is peculiar to the clouds;
//! - `examples`: the examples, run;
//! - `manual`: what the page on remotes must tell of.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(feature = "aws")]
mod buckets;
mod changing;
#[cfg(feature = "aws")]
mod environment;
#[cfg(feature = "aws")]
mod examples;
mod folder;
mod handed_in;
mod hostile;
mod manual;
mod matrix;
mod opening;
mod real;
mod redirects;
mod refusals;
mod requests;
mod script;
mod secrets;
mod server;
mod tls;
mod writing;
