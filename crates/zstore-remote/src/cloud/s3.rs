//! Buckets of S3, and of what speaks its protocol.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use url::Url;
use zstore_core::Result;

use super::{
    bucket::{Address, client_options, shown_endpoint},
    profile::Profile,
};
use crate::{
    builder::RemoteBuilder,
    place::{Place, cannot_open},
};

/// How to give credentials, or do without.
const ADVICE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket";

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Place> {
    let options = settings.known_options("s3", |key| key.parse::<AmazonS3ConfigKey>().ok())?;
    let options = with_profile(&Profile::read(&settings.environment)?, options)?;
    let is_endpoint =
        |key: &AmazonS3ConfigKey| matches!(key, AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint);
    let endpoint = options.iter().rev().find(|(key, _)| is_endpoint(key)).map(|(_, value)| value.clone());
    let bucket = url.host_str().unwrap_or_default().to_owned();
    let at = endpoint.as_deref().map(shown_endpoint);
    let address = Address { url, scheme: "s3", bucket, at };
    let asks_twice = options.iter().any(|(key, _)| *key == AmazonS3ConfigKey::ImdsV1Fallback);
    let builder = AmazonS3Builder::new()
        .with_url(url.as_str())
        .with_retry(settings.retry())
        .with_client_options(client_options(settings, endpoint.as_deref()))
        .with_http_connector(address.connector(settings, ADVICE, asks_twice));
    let builder = options.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let store = builder.build().map_err(|error| cannot_open(&address.name(), error))?;
    address.place(Arc::new(store), true)
}

/// The options, and before them what a profile says. Credentials come all from one place: keys of two would not fit.
fn with_profile(
    profile: &Profile,
    options: Vec<(AmazonS3ConfigKey, String)>,
) -> Result<Vec<(AmazonS3ConfigKey, String)>> {
    use AmazonS3ConfigKey::{AccessKeyId, SkipSignature};
    let has_own = options.iter().any(|(key, value)| match key {
        AccessKeyId => true,
        SkipSignature => value.eq_ignore_ascii_case("true") || value == "1",
        _ => false,
    });
    let credentials = if has_own { Vec::new() } else { profile.credentials()? };
    Ok(profile.places().chain(credentials).chain(options).collect())
}
