//! Buckets of S3, and of what speaks its protocol.

use std::sync::Arc;

use object_store::aws::{
    AmazonS3Builder,
    AmazonS3ConfigKey::{
        self, AccessKeyId, ContainerAuthorizationTokenFile, ContainerCredentialsRelativeUri, DefaultRegion, Endpoint,
        ImdsV1Fallback, Region, S3Endpoint, SecretAccessKey, SkipSignature, Token, WebIdentityTokenFile,
    },
};
use url::Url;
use zstore_core::Result;

use super::{
    bucket::{Address, client_options, shown_endpoint},
    profile::Profile,
    told::{Told, is_on, last},
};
use crate::{
    builder::RemoteBuilder,
    place::{cannot_open, refuse},
    remote::Remote,
};

/// How to give credentials, or do without.
const ADVICE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket";

/// What is settled here, for `object_store` would take parts of it from several places.
const SETTLED: [AmazonS3ConfigKey; 5] = [Endpoint, S3Endpoint, AccessKeyId, SecretAccessKey, Token];

/// Keys, and the token that is good with them alone.
const KEYS: [AmazonS3ConfigKey; 3] = [AccessKeyId, SecretAccessKey, Token];

/// What says that credentials are those of a role, which is asked for.
const ROLES: [AmazonS3ConfigKey; 3] =
    [WebIdentityTokenFile, ContainerCredentialsRelativeUri, ContainerAuthorizationTokenFile];

type Setting = (AmazonS3ConfigKey, String);

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Remote> {
    let mut told = Told::of(settings, "s3", "AWS_", |key| key.parse().ok())?;
    if told.options.iter().any(|(key, _)| KEYS.contains(key) || ROLES.contains(key)) {
        // It was for a public bucket, and would send the credentials that are given here to nobody.
        told.variables.retain(|(key, _)| *key != SkipSignature);
    }
    let profile = Profile::read(&settings.environment)?;
    let (keys, endpoint) = (keys(&told, &profile)?, endpoint(&told, &profile));
    let bucket = url.host_str().unwrap_or_default();
    let at = endpoint.as_deref().map(shown_endpoint);
    let address = Address::new("s3", url, bucket, at)?;
    let asks_twice = is_on(told.get(&ImdsV1Fallback));
    let mut builder = AmazonS3Builder::new()
        .with_url(url.as_str())
        .with_retry(settings.retry())
        .with_client_options(client_options(settings, endpoint.as_deref()))
        .with_http_connector(address.connector(settings, ADVICE, asks_twice));
    if let Some(region) = profile.region().filter(|_| told.get(&Region).or(told.get(&DefaultRegion)).is_none()) {
        builder = builder.with_region(region);
    }
    let unsettled = told.into_all().filter(|(key, _)| !SETTLED.contains(key));
    let settled = keys.into_iter().chain(endpoint.map(|endpoint| (Endpoint, endpoint)));
    let builder = unsettled.chain(settled).fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let store = builder.build().map_err(|error| cannot_open(&address.name(), error))?;
    Ok(address.remote(Arc::new(store)))
}

/// Who is asked, as said in the nearest place: it is in the name too, by which a cache remembers whose bytes it holds.
fn endpoint(told: &Told<AmazonS3ConfigKey>, profile: &Profile) -> Option<String> {
    let said = |place: &[Setting]| last(place, &S3Endpoint).or(last(place, &Endpoint)).map(str::to_owned);
    said(&told.options).or_else(|| said(&told.variables)).or_else(|| profile.endpoint().map(str::to_owned))
}

/// The keys of the nearest place that gives credentials, none if those are of another kind: keys and a token of two
/// places would not fit.
fn keys(told: &Told<AmazonS3ConfigKey>, profile: &Profile) -> Result<Vec<Setting>> {
    let has = |place: &[Setting], any: &[AmazonS3ConfigKey]| place.iter().any(|(key, _)| any.contains(key));
    let keys_of = |place: &[Setting]| place.iter().filter(|(key, _)| KEYS.contains(key)).cloned().collect();
    if has(&told.options, &KEYS) {
        if [AccessKeyId, SecretAccessKey].iter().all(|key| last(&told.options, key).is_some()) {
            return Ok(keys_of(&told.options));
        }
        return Err(refuse(
            "credentials come all from one place: give access_key_id and secret_access_key both, and session_token \
             only with them",
        ));
    }
    if is_on(told.get(&SkipSignature)) || has(&told.options, &ROLES) {
        return Ok(Vec::new());
    }
    // A token alone was left over from keys that are gone.
    if has(&told.variables, &[AccessKeyId, SecretAccessKey]) {
        return Ok(keys_of(&told.variables));
    }
    if has(&told.variables, &ROLES) { Ok(Vec::new()) } else { profile.credentials() }
}
