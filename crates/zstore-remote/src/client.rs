//! The HTTP client below: TLS, time-outs, and refusals that keep their status.

use std::sync::Arc;

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

/// Makes clients that keep the status of a refusal as a [`Refusal`] in the chain of the error. `object_store` keeps
/// most of them as text only, and one must not have to read prose to tell an unsatisfiable range from a server on
/// fire.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
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
        Ok(HttpClient::new(Frank { client, bucket: self.bucket.clone() }))
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
    bucket: Option<Arc<Bucket>>,
}

#[async_trait]
impl HttpService for Frank {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Without a runtime the client below would panic.
        if Handle::try_current().is_err() {
            return Err(HttpError::new(HttpErrorKind::Unknown, Refusal::NoRuntime));
        }
        let is_head = request.method() == Method::HEAD;
        if let Some(bucket) = self.bucket.as_ref().filter(|_| asks_for_credentials(&request)) {
            return find_credentials(bucket, self.client.execute(request).await);
        }
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
            StatusCode::NOT_FOUND if self.bucket.is_some() && !is_head => tell_bucket_from_value(response).await,
            _ => Ok(response),
        }
    }
}

/// Whether a request is one for the credentials of the machine. Without any given, `object_store` asks the service
/// that machines of a cloud have for it, on whatever machine it runs. Wherever that service is, each cloud has a
/// header that only it understands.
fn asks_for_credentials(request: &HttpRequest) -> bool {
    const HEADERS: [&str; 4] =
        ["x-aws-ec2-metadata-token-ttl-seconds", "x-aws-ec2-metadata-token", "metadata-flavor", "metadata"];
    HEADERS.iter().any(|header| request.headers().contains_key(*header))
}

/// Hands credentials on. If there are none to be had, neither the service nor its answer is what a caller can do
/// anything about.
fn find_credentials(bucket: &Bucket, answer: Result<HttpResponse, HttpError>) -> Result<HttpResponse, HttpError> {
    let Bucket { name, advice, asks_twice } = bucket;
    let why = || format!("no credentials for {name}: {advice}");
    match answer {
        // Nobody is there, and will not be the next time.
        Err(source) => {
            Err(HttpError::new(HttpErrorKind::Decode, Refusal::NoCredentials { why: why(), source: Some(source) }))
        }
        Ok(response) => match response.status() {
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(HttpError::new(HttpErrorKind::Request, Refusal::NoCredentials { why: why(), source: None }))
            }
            StatusCode::FORBIDDEN if *asks_twice => Ok(response),
            status if status.is_client_error() => {
                Err(HttpError::new(HttpErrorKind::Decode, Refusal::NoCredentials { why: why(), source: None }))
            }
            _ => Ok(response),
        },
    }
}

/// Hands a 404 on, unless it speaks of the bucket rather than of a value: with a misspelt bucket every value would
/// seem to be missing.
async fn tell_bucket_from_value(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = body.bytes().await?;
    let says = |code: &str| body.windows(code.len()).any(|window| window == code.as_bytes());
    if says("NoSuchBucket") || says("ContainerNotFound") || says("The specified bucket does not exist") {
        return Err(HttpError::new(HttpErrorKind::Decode, Refusal::NoBucket));
    }
    Ok(HttpResponse::from_parts(parts, body.into()))
}
