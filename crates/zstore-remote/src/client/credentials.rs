//! Credentials of the machine, and what is said where there are none.

use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use reqwest::StatusCode;

use super::Bucket;
use crate::fault::Refusal;

/// Whether a request is one for the credentials of the machine. Without any given, `object_store` asks the service
/// that machines of a cloud have for it, on whatever machine it runs. Wherever that service is, each cloud has a
/// header that only it understands.
pub(super) fn asks_for_credentials(request: &HttpRequest) -> bool {
    const HEADERS: [&str; 4] =
        ["x-aws-ec2-metadata-token-ttl-seconds", "x-aws-ec2-metadata-token", "metadata-flavor", "metadata"];
    HEADERS.iter().any(|header| request.headers().contains_key(*header))
}

/// Hands credentials on. If there are none to be had, neither the service nor its answer is what a caller can do
/// anything about.
pub(super) fn find_credentials(
    bucket: &Bucket,
    answer: Result<HttpResponse, HttpError>,
) -> Result<HttpResponse, HttpError> {
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
