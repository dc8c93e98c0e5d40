//! Every policy of this crate: one that is added here is bound by every law.

use std::time::Duration;

use zstore_policy::{Fifo, Gdsf, Lru, Policy, S3Fifo, Sieve, WTinyLfu};

/// What makes a policy.
pub(crate) type Make = fn() -> Box<dyn Policy>;

pub(crate) const EVERY: [(&str, Make); 9] = [
    ("lru", || Box::new(Lru::new())),
    ("fifo", || Box::new(Fifo::new())),
    ("sieve", || Box::new(Sieve::new())),
    ("s3-fifo", || Box::new(S3Fifo::new())),
    ("w-tiny-lfu", || Box::new(WTinyLfu::new())),
    ("gdsf", || Box::new(Gdsf::new())),
    ("gdsf for object hits", || Box::new(Gdsf::for_object_hits())),
    ("gdsf for byte hits", || Box::new(Gdsf::for_byte_hits())),
    ("gdsf for latency", || Box::new(Gdsf::for_latency(Duration::from_millis(30), 100_000_000))),
];
