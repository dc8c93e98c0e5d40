//! Bytes on their way out, counted and paced.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::counts::InFlight;

/// A paced body leaves in pieces of 1/20 s: often enough to look like a steady flow, seldom enough for the timer.
const PIECES_PER_S: u64 = 20;

/// The body of an answer. It counts bytes as they are handed over and ends its request with the last of them, before
/// the client can see it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    request: Option<InFlight>,
    pace: Option<Pace>,
}

#[derive(Debug)]
struct Pace {
    piece_bytes: usize,
    wait: Duration,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Outgoing {
    /// `bytes`, at `bytes_per_s` if there is a limit.
    pub(crate) fn new(bytes: Bytes, request: InFlight, bytes_per_s: Option<u64>) -> Self {
        let pace = bytes_per_s.map(|bytes_per_s| {
            let piece_bytes = (bytes_per_s / PIECES_PER_S).max(1);
            // A limit too low to be cut in so many pieces a second sends single bytes at longer intervals.
            let wait = Duration::from_secs(1).mul_f64(piece_bytes as f64 / bytes_per_s.max(1) as f64);
            Pace { piece_bytes: usize::try_from(piece_bytes).unwrap_or(usize::MAX), wait, pause: None }
        });
        let request = if bytes.is_empty() { None } else { Some(request) };
        Self { rest: bytes, request, pace }
    }
}

impl Pace {
    /// Waits for the turn of the next piece, and answers how long it may be.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(self.wait)));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        Poll::Ready(self.piece_bytes)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece_bytes = match &mut self.pace {
            Some(pace) => ready!(pace.poll_piece(cx)),
            None => usize::MAX,
        };
        let length = piece_bytes.min(self.rest.len());
        let piece = self.rest.split_to(length);
        if let Some(request) = &self.request {
            request.count_sent(piece.len());
        }
        if self.rest.is_empty() {
            self.request = None;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Waker};

    use super::*;
    use crate::counts::Counters;

    #[test]
    fn a_request_is_over_before_the_client_can_see_its_last_byte() {
        let counters = Arc::new(Counters::default());
        let mut body = Outgoing::new(Bytes::from_static(b"value"), counters.enter(), None);
        let frame = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(frame, Poll::Ready(Some(Ok(_)))));
        counters.reset();
        assert_eq!(counters.read().in_flight_max, 0);
        assert!(body.is_end_stream());
    }
}
