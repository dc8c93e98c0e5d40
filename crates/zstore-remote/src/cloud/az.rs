//! Containers of Azure Blob Storage.

use std::sync::Arc;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use url::Url;
use zstore_core::Result;

use super::bucket::{Address, client_options, shown_endpoint};
use crate::{
    builder::RemoteBuilder,
    place::{Place, cannot_open, refuse},
};

/// How to give credentials, or do without.
const ADVICE: &str = "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true for a public container";

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Place> {
    let options = settings.known_options("az", |key| key.parse::<AzureConfigKey>().ok())?;
    let last =
        |wanted: AzureConfigKey| options.iter().rev().find(|(key, _)| *key == wanted).map(|(_, value)| value.clone());
    let (endpoint, account) = (last(AzureConfigKey::Endpoint), last(AzureConfigKey::AccountName));
    // `az://container/...` with the account as an option, or `abfss://container@account.dfs.core.windows.net/...`.
    let host = url.host_str().unwrap_or_default();
    let (bucket, account) = match url.username() {
        "" => (host.to_owned(), account),
        container => (container.to_owned(), Some(host.split('.').next().unwrap_or(host).to_owned())),
    };
    let Some(account) = account else {
        return Err(refuse(
            "which account? give option account_name, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/",
        ));
    };
    let at = match endpoint.as_deref() {
        Some(endpoint) => format!("{account} of {}", shown_endpoint(endpoint)),
        None => account,
    };
    let address = Address { url, scheme: "az", bucket, at: Some(at) };
    let builder = MicrosoftAzureBuilder::new()
        .with_url(url.as_str())
        .with_retry(settings.retry())
        .with_client_options(client_options(settings, endpoint.as_deref()))
        .with_http_connector(address.connector(settings, ADVICE, false));
    let builder = options.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let store = builder.build().map_err(|error| cannot_open(&address.name(), error))?;
    address.place(Arc::new(store), false)
}
