//! Buckets of Google Cloud Storage.

use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use url::Url;
use zstore_core::Result;

use super::{
    bucket::{Address, client_options, shown_endpoint},
    told::Told,
};
use crate::{builder::RemoteBuilder, place::cannot_open, remote::Remote};

/// How to give credentials, or do without.
const ADVICE: &str =
    "set GOOGLE_APPLICATION_CREDENTIALS to a key file, or GOOGLE_SKIP_SIGNATURE=true for a public bucket";

/// Who is asked unless somebody says otherwise.
const OWN_PLACE: &str = "https://storage.googleapis.com";

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Remote> {
    let told = Told::of(settings, "gs", "GOOGLE_", |key| key.parse().ok())?;
    // Without it a key file could say who is asked, and the name would not tell.
    let endpoint = told.get(&GoogleConfigKey::BaseUrl).map(str::to_owned);
    let base_url = endpoint.clone().unwrap_or_else(|| OWN_PLACE.to_owned());
    let bucket = url.host_str().unwrap_or_default();
    let at = endpoint.as_deref().map(shown_endpoint);
    let address = Address::new("gs", url, bucket, at)?;
    let builder = GoogleCloudStorageBuilder::new()
        .with_url(url.as_str())
        .with_retry(settings.retry())
        .with_client_options(client_options(settings, endpoint.as_deref()))
        .with_http_connector(address.connector(settings, ADVICE, false));
    let builder = told.into_all().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let builder = builder.with_base_url(&base_url);
    let store = builder.build().map_err(|error| cannot_open(&address.name(), error))?;
    Ok(Remote { updates_by_id: true, ..address.remote(Arc::new(store)) })
}
