//! Waiting as long as an overloaded server asks to be left alone, and no longer than the caller would.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use object_store::{
    HeaderMap,
    client::{HttpError, HttpErrorKind},
};
use reqwest::{
    StatusCode,
    header::{DATE, HeaderName, RETRY_AFTER},
};
use tokio::time::sleep;

use crate::fault::Refusal;

/// How long, and how often, a caller is ready to be put off. `object_store` has the same numbers and keeps to them
/// too, but it does not hear what the server asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) max_retries: usize,
    /// How long after the first attempt another may be begun.
    pub(crate) retry_timeout: Duration,
}

/// The attempts at one question. It travels with the requests, each a copy of the one before, that the question makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tries(Arc<Mutex<Made>>);

#[derive(Debug, Default)]
struct Made {
    attempts: usize,
    /// How long the server was left alone in all.
    waited: Duration,
}

impl Tries {
    /// Counts an attempt.
    pub(super) fn begin(&self) {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.attempts = made.attempts.saturating_add(1);
    }

    /// Whether there may be another attempt after so long, which is counted then. How long the attempts themselves
    /// took is for `object_store` to see.
    fn allow(&self, wait: Duration, patience: Patience) -> bool {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = made.waited.saturating_add(wait);
        let is_allowed = made.attempts <= patience.max_retries && waited < patience.retry_timeout;
        if is_allowed {
            made.waited = waited;
        }
        is_allowed
    }
}

impl Patience {
    /// The error for a refusal that may pass, after the wait that the server asks for. If that is longer than the
    /// caller would wait there is no wait, and the error says when the server wants to be asked again.
    ///
    /// What has no tries with it (a listing, a write) may wait once before an error it would get anyway: `object_store`
    /// alone knows how many attempts are left to it.
    pub(super) async fn heed(self, status: StatusCode, headers: &HeaderMap, tries: &Tries) -> HttpError {
        let Some(wait) = wait_asked(headers) else {
            return HttpError::new(HttpErrorKind::Request, Refusal::Status(status));
        };
        let refusal = Refusal::Busy { status, wait };
        // `Decode` is the kind that is not tried again, `Request` the one that is.
        if !tries.allow(wait, self) {
            return HttpError::new(HttpErrorKind::Decode, refusal);
        }
        sleep(wait).await;
        HttpError::new(HttpErrorKind::Request, refusal)
    }
}

/// How long the server asks to be left alone. A date is held against the server's own, as clocks differ, and says
/// nothing without it.
fn wait_asked(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use async_trait::async_trait;
    use object_store::{
        BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
        client::{HttpClient, HttpConnector, HttpRequest, HttpResponse, HttpService},
        http::HttpBuilder,
    };
    use tokio::time::Instant;
    use zstore_core::{Error, ErrorKind, GetOptions, Key, Operation, Prefix};

    use super::*;
    use crate::{
        client::{CheckingClient, Connector, limit::Limit, redirects::Redirects},
        place::handed_in,
    };

    /// A status, and what its `Retry-After` says.
    type Refused = (u16, Option<&'static str>);

    /// Answers from a list, then with a value of five bytes.
    #[derive(Clone, Debug, Default)]
    struct Script {
        answers: Arc<Mutex<VecDeque<Refused>>>,
        asked: Arc<AtomicUsize>,
    }

    #[async_trait]
    impl HttpService for Script {
        async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            self.asked.fetch_add(1, SeqCst);
            let (status, retry_after) = self.answers.lock().unwrap().pop_front().unwrap_or((200, None));
            let body = if request.method() == reqwest::Method::HEAD { "" } else { "value" };
            let mut response = HttpResponse::new(body.to_owned().into());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response.headers_mut().insert("content-length", "5".parse().unwrap());
            response.headers_mut().insert(DATE, "Sun, 06 Nov 1994 12:00:00 GMT".parse().unwrap());
            if let Some(after) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, after.parse().unwrap());
            }
            Ok(response)
        }
    }

    /// Has a script for a server.
    #[derive(Debug)]
    struct Scripted(Script, Patience);

    impl HttpConnector for Scripted {
        fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
            let client = HttpClient::new(self.0.clone());
            let settings = Connector { patience: self.1, max_requests: 1, forbidden_is_missing: false, bucket: None };
            let (redirects, limit) = (Redirects::new(client.clone(), options), Limit::new(1));
            Ok(HttpClient::new(CheckingClient { redirects, client, limit, settings }))
        }
    }

    const PATIENCE: Patience = Patience { max_retries: 3, retry_timeout: Duration::from_secs(15) };

    /// What comes of a get of a value behind these answers, how many requests it makes and how many seconds it takes.
    async fn get(answers: &[Refused], patience: Patience) -> (Result<String, Error>, usize, u64) {
        let script = Script::default();
        script.answers.lock().unwrap().extend(answers);
        let Patience { max_retries, retry_timeout } = patience;
        let store: Arc<dyn ObjectStore> = Arc::new(
            HttpBuilder::new()
                .with_url("http://scripted/")
                .with_retry(RetryConfig { max_retries, retry_timeout, backoff: BackoffConfig::default() })
                .with_http_connector(Scripted(script.clone(), patience))
                .build()
                .unwrap(),
        );
        let (remote, key, begun) =
            (handed_in(store, Prefix::root(), "scripted").unwrap(), Key::new("k").unwrap(), Instant::now());
        let got = remote.get(&key, &GetOptions::default()).await;
        let got = got.map_err(|failure| remote.error(Operation::Get, &key, failure));
        let bytes = got.map(|fetch| String::from_utf8(fetch.into_object().unwrap().bytes.into()).unwrap());
        (bytes, script.asked.load(SeqCst), begun.elapsed().as_secs())
    }

    const BUSY: Refused = (503, Some("4"));

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_busy_is_asked_again_when_it_wants_to_be() {
        for (answers, seconds) in [
            (&[BUSY][..], 4),
            (&[(429, Some("4")), (503, None), (500, Some("Sun, 06 Nov 1994 12:00:05 GMT"))], 9),
            (&[(408, Some("0"))], 0),
            (&[(503, Some("soon"))], 0),
        ] {
            let (got, asked, took) = get(answers, PATIENCE).await;
            assert_eq!((got.unwrap().as_str(), asked), ("value", answers.len() + 1), "{answers:?}");
            // Each attempt waits a moment of its own besides, which grows from a tenth of a second.
            assert!((seconds..seconds + 2).contains(&took), "{took} for {answers:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stays_busy_is_asked_as_often_as_was_set_and_not_waited_for_in_vain() {
        for max_retries in 0..3 {
            let (got, asked, took) = get(&[BUSY; 9], Patience { max_retries, ..PATIENCE }).await;
            assert_eq!((got.unwrap_err().kind(), asked), (ErrorKind::Unavailable, max_retries + 1));
            let waits = 4 * max_retries as u64;
            assert!((waits..waits + 2).contains(&took), "{took} for {max_retries}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_the_time_for_retries_is_an_error_at_once_that_tells_it() {
        for (answers, asked, seconds, wait) in [
            (&[(429, Some("15"))][..], 1, 0, 15),
            (&[(503, Some("3600"))], 1, 0, 3600),
            (&[(503, Some("Sun, 06 Nov 1994 13:00:00 GMT"))], 1, 0, 3600),
            // The second would end later than the time allows.
            (&[(503, Some("9")), (503, Some("8"))], 2, 9, 8),
        ] {
            let (got, made, took) = get(answers, PATIENCE).await;
            let error = got.unwrap_err();
            assert_eq!((error.kind(), made, took), (ErrorKind::Unavailable, asked, seconds), "{error}");
            assert!(error.to_string().ends_with(&format!("asks to be left alone for {wait} s")), "{error}");
        }
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_by_a_date_on_the_servers_own_clock() {
        let wait = |after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            wait_asked(&headers).map(|wait| wait.as_secs())
        };
        let (noon, later) = ("Sun, 06 Nov 1994 12:00:00 GMT", "Sun, 06 Nov 1994 12:01:30 GMT");
        assert_eq!(wait("7", None), Some(7));
        assert_eq!(wait(later, Some(noon)), Some(90));
        assert_eq!(wait(noon, Some(later)), Some(0), "it is over");
        assert_eq!(wait(later, None), None, "by no clock of ours");
        assert_eq!((wait("soon", None), wait("-1", None), wait("", None)), (None, None, None));
        assert_eq!(wait_asked(&HeaderMap::new()), None);
    }
}
