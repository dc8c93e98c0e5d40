//! How many requests are under way at once.

use std::sync::Arc;

use http_body_util::BodyExt;
use object_store::client::{HttpResponse, HttpResponseBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many requests be under way, each until the last byte of its answer was read. The others wait their turn.
///
/// It counts requests and not questions: a question that makes several, or a list that is read as somebody goes along,
/// holds nothing between them, so that no two can wait for each other.
#[derive(Clone, Debug)]
pub(super) struct Limit(Arc<Semaphore>);

impl Limit {
    pub(super) fn new(max_requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(max_requests.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits for a place. There is none to be had only if the limit was taken away, which nobody does.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

/// The answer, which keeps its place until it was read or given up.
pub(super) fn held(response: HttpResponse, place: Option<OwnedSemaphorePermit>) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let body = body.map_frame(move |frame| {
        let _held = &place;
        frame
    });
    HttpResponse::from_parts(parts, HttpResponseBody::new(body))
}
