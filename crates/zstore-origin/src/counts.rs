//! What an origin was asked and what it sent.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What an origin was asked and what it sent, since it was bound or its counts were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests of any method.
    pub requests: u64,
    /// HEAD requests.
    pub heads: u64,
    /// GET requests, those with a range among them.
    pub gets: u64,
    /// GET requests with a `Range` header, whether it was understood or not.
    pub range_gets: u64,
    /// Answers that said the client's copy is still good (304).
    pub not_modified: u64,
    /// Bytes of bodies handed to the network, headers not counted.
    pub body_bytes: u64,
    /// The most requests that were being answered at once, from the arrival of their headers to the last byte of
    /// their answers.
    pub in_flight_max: u64,
}

/// The counters behind [`Counts`]. Each is exact; read together while requests run, they may be of slightly different
/// instants.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) heads: AtomicU64,
    pub(crate) gets: AtomicU64,
    pub(crate) range_gets: AtomicU64,
    pub(crate) not_modified: AtomicU64,
    pub(crate) body_bytes: AtomicU64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            heads: self.heads.load(Relaxed),
            gets: self.gets.load(Relaxed),
            range_gets: self.range_gets.load(Relaxed),
            not_modified: self.not_modified.load(Relaxed),
            body_bytes: self.body_bytes.load(Relaxed),
            in_flight_max: self.in_flight_max.load(Relaxed),
        }
    }

    pub(crate) fn reset(&self) {
        for counter in [&self.requests, &self.heads, &self.gets, &self.range_gets, &self.not_modified, &self.body_bytes]
        {
            counter.store(0, Relaxed);
        }
        self.in_flight_max.store(self.in_flight.load(Relaxed), Relaxed);
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.in_flight_max.fetch_max(now, Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Counters>);

impl InFlight {
    pub(crate) fn count_sent(&self, bytes: usize) {
        self.0.body_bytes.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
