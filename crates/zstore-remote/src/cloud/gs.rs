//! Buckets of Google Cloud Storage.

use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use url::Url;
use zstore_core::Result;

use super::bucket::{Address, client_options, shown_endpoint};
use crate::{
    builder::RemoteBuilder,
    place::{Place, cannot_open},
};

/// How to give credentials, or do without.
const ADVICE: &str =
    "set GOOGLE_APPLICATION_CREDENTIALS to a key file, or GOOGLE_SKIP_SIGNATURE=true for a public bucket";

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Place> {
    let options = settings.known_options("gs", |key| key.parse::<GoogleConfigKey>().ok())?;
    let endpoint = options.iter().rev().find(|(key, _)| *key == GoogleConfigKey::BaseUrl);
    let endpoint = endpoint.map(|(_, value)| value.clone());
    let bucket = url.host_str().unwrap_or_default().to_owned();
    let at = endpoint.as_deref().map(shown_endpoint);
    let address = Address { url, scheme: "gs", bucket, at };
    let builder = GoogleCloudStorageBuilder::new()
        .with_url(url.as_str())
        .with_retry(settings.retry())
        .with_client_options(client_options(settings, endpoint.as_deref()))
        .with_http_connector(address.connector(settings, ADVICE, false));
    let builder = options.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let store = builder.build().map_err(|error| cannot_open(&address.name(), error))?;
    Ok(Place { updates_by_id: true, ..address.place(Arc::new(store), true)? })
}
