//! The HTTP client below: TLS, redirects, patience, and refusals that keep their status.

mod answer;
mod credentials;
mod limit;
mod patience;
mod redirects;

pub(crate) use answer::WeakTag;
pub(crate) use patience::{Patience, Tries};

use std::sync::Arc;

use async_trait::async_trait;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};
use reqwest::StatusCode;
use tokio::runtime::Handle;

use crate::fault::Refusal;
use answer::{Asked, cut_short, for_good, set_weak_tag_aside};
use credentials::{asks_for_credentials, find_credentials};
use limit::{Limit, held};
use redirects::Redirects;

/// Makes clients that keep the status of a refusal as a [`Refusal`] in the chain of the error. `object_store` keeps
/// most of them as text only, and one must not have to read prose to tell an unsatisfiable range from a server on
/// fire.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) patience: Patience,
    /// How many requests may be under way at once.
    pub(crate) max_requests: usize,
    /// Whether a value that may not be read is one that is not there.
    pub(crate) forbidden_is_missing: bool,
    /// What values live in, if it is a bucket: then a 404 may speak of it, and credentials may be asked for.
    pub(crate) bucket: Option<Arc<Bucket>>,
}

/// What errors say of a bucket or container.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Its URL without the path.
    pub(crate) name: String,
    /// How to give credentials for it, or do without.
    pub(crate) advice: &'static str,
    /// Whether, where the machine's credentials are forbidden, they are asked for in another way.
    pub(crate) asks_twice: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        install_tls();
        let client = ReqwestConnector::default().connect(options)?;
        let redirects = Redirects::new(client.clone(), options);
        let limit = Limit::new(self.max_requests);
        Ok(HttpClient::new(CheckingClient { client, redirects, limit, settings: self.clone() }))
    }
}

/// Chooses the TLS implementation of the process, unless the program has chosen one itself.
fn install_tls() {
    // An error means that there is one already, which is as good.
    _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that holds answers against questions, and is frank about refusals.
#[derive(Debug)]
struct CheckingClient {
    client: HttpClient,
    redirects: Redirects,
    limit: Limit,
    settings: Connector,
}

#[async_trait]
impl HttpService for CheckingClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Without a runtime the client below would panic.
        if Handle::try_current().is_err() {
            return Err(HttpError::new(HttpErrorKind::Unknown, Refusal::NoRuntime));
        }
        if let Some(bucket) = self.settings.bucket.as_ref().filter(|_| asks_for_credentials(&request)) {
            return find_credentials(bucket, self.client.execute(request).await);
        }
        let asked = Asked::of(&request);
        let tries = request.extensions().get::<Tries>().cloned().unwrap_or_default();
        tries.begin();
        let place = self.limit.enter().await;
        let response = self.redirects.follow(request).await?;
        let status = response.status();
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            // Whoever waits to try again keeps nobody from trying.
            drop(place);
            return Err(self.settings.patience.heed(status, response.headers(), &tries).await);
        }
        let response = held(response, place);
        if status.is_client_error() { self.refused(response, &asked).await } else { self.answered(response, &asked) }
    }
}

impl CheckingClient {
    /// An answer that is none of a refusal.
    fn answered(&self, mut response: HttpResponse, asked: &Asked) -> Result<HttpResponse, HttpError> {
        let is_bucket = self.settings.bucket.is_some();
        if asked.is_read {
            asked.check(&response, is_bucket).map_err(for_good)?;
        }
        // Clouds have no weak tags, and some of their clients insist on a tag.
        if !is_bucket {
            set_weak_tag_aside(&mut response);
        }
        Ok(response)
    }

    /// A refusal of this one request: an error, or a response that `object_store` understands.
    async fn refused(&self, response: HttpResponse, asked: &Asked) -> Result<HttpResponse, HttpError> {
        let is_bucket = self.settings.bucket.is_some();
        match response.status() {
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(for_good(Refusal::Range)),
            StatusCode::METHOD_NOT_ALLOWED if asked.is_head => return Err(for_good(Refusal::Method)),
            _ if asked.is_read => asked.check(&response, is_bucket).map_err(for_good)?,
            _ => {}
        }
        let (mut response, text) = cut_short(response).await;
        let is_missing = match response.status() {
            // With a misspelt bucket every value would seem to be missing.
            StatusCode::NOT_FOUND if is_bucket && !asked.is_head && speaks_of_bucket(&text) => {
                return Err(for_good(Refusal::NoBucket));
            }
            // What was there and is gone for good is missing like any other.
            StatusCode::GONE => true,
            StatusCode::FORBIDDEN => self.settings.forbidden_is_missing && asked.is_read && speaks_of_value(&text),
            _ => false,
        };
        match response.status() {
            _ if is_missing => *response.status_mut() = StatusCode::NOT_FOUND,
            // Of a list `object_store` would say that it failed, and not why.
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(for_good(Refusal::Denied { status, text }));
            }
            status @ StatusCode::BAD_REQUEST if is_bucket && speaks_of_credentials(&text) => {
                return Err(for_good(Refusal::Denied { status, text }));
            }
            _ => {}
        }
        Ok(response)
    }
}

/// Whether a 404 is of the bucket rather than of a value.
fn speaks_of_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"].iter().any(|code| text.contains(code))
}

/// Whether a 400 is of credentials that are no good any more, rather than of the question.
fn speaks_of_credentials(text: &str) -> bool {
    ["ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed"]
        .iter()
        .any(|code| text.contains(&format!("<Code>{code}</Code>")))
}

/// Whether a 403 may be of a value rather than of credentials that are wrong: those would make every value missing. An
/// answer to a HEAD has no text.
fn speaks_of_value(text: &str) -> bool {
    !text.contains("<Code>") || text.contains("<Code>AccessDenied</Code>")
}
