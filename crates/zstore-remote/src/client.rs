//! The HTTP client below: TLS, time-outs, and refusals that keep their status.

use async_trait::async_trait;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};
use reqwest::{Method, StatusCode};
use tokio::runtime::Handle;

use crate::fault::Refusal;

/// Makes clients that keep the status of a refusal as a [`Refusal`] in the chain of the error. `object_store` keeps most of them as
/// text only, and one must not have to read prose to tell an unsatisfiable range from a server on fire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connector {
    /// Whether values live in buckets, so that a 404 may speak of the bucket.
    pub(crate) has_buckets: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        install_tls();
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Frank { client, has_buckets: self.has_buckets }))
    }
}

/// Chooses the TLS implementation of the process, unless the program has chosen one itself.
fn install_tls() {
    // An error means that there is one already, which is as good.
    _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that is frank about refusals.
#[derive(Debug)]
struct Frank {
    client: HttpClient,
    has_buckets: bool,
}

#[async_trait]
impl HttpService for Frank {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Without a runtime the client below would panic.
        if Handle::try_current().is_err() {
            return Err(HttpError::new(HttpErrorKind::Unknown, Refusal::NoRuntime));
        }
        let is_head = request.method() == Method::HEAD;
        let mut response = self.client.execute(request).await?;
        let status = response.status();
        match status {
            // `Decode` is the kind that is not tried again, `Request` the one that is.
            StatusCode::RANGE_NOT_SATISFIABLE => Err(HttpError::new(HttpErrorKind::Decode, Refusal::Range)),
            StatusCode::METHOD_NOT_ALLOWED if is_head => Err(HttpError::new(HttpErrorKind::Decode, Refusal::Method)),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Err(HttpError::new(HttpErrorKind::Request, Refusal::Status(status)))
            }
            _ if status.is_server_error() => Err(HttpError::new(HttpErrorKind::Request, Refusal::Status(status))),
            // What was there and is gone for good is missing like any other.
            StatusCode::GONE => {
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok(response)
            }
            StatusCode::NOT_FOUND if self.has_buckets && !is_head => tell_bucket_from_value(response).await,
            _ => Ok(response),
        }
    }
}

/// Hands a 404 on, unless it speaks of the bucket rather than of a value: with a misspelt bucket every value would seem to be missing.
async fn tell_bucket_from_value(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = body.bytes().await?;
    let says = |code: &str| body.windows(code.len()).any(|window| window == code.as_bytes());
    if says("NoSuchBucket") || says("ContainerNotFound") || says("The specified bucket does not exist") {
        return Err(HttpError::new(HttpErrorKind::Decode, Refusal::NoBucket));
    }
    Ok(HttpResponse::from_parts(parts, body.into()))
}
