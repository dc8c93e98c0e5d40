//! Containers of Azure Blob Storage.

use std::sync::Arc;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use url::Url;
use zstore_core::Result;

use super::bucket::{Address, client_options, shown_endpoint};
use crate::{
    builder::RemoteBuilder,
    environment::Environment,
    place::{Place, cannot_open, refuse},
};

/// How to give credentials, or do without.
const ADVICE: &str = "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true for a public container";

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Place> {
    let mut options = of_variables(&settings.environment)?;
    options.extend(settings.known_options("az", |key| key.parse::<AzureConfigKey>().ok())?);
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
    Ok(Place { lists_bare_tags: true, ..address.place(Arc::new(store), false)? })
}

/// What variables say that are not named like options: those of Azure's own command line.
fn of_variables(environment: &Environment) -> Result<Vec<(AzureConfigKey, String)>> {
    let names =
        [("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName), ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey)];
    let mut options = match environment.get("AZURE_STORAGE_CONNECTION_STRING") {
        Some(text) => of_connection_string(text)?,
        None => Vec::new(),
    };
    options.extend(names.into_iter().filter_map(|(name, key)| Some((key, environment.get(name)?.to_owned()))));
    Ok(options)
}

/// The settings in a connection string, such as `AccountName=me;AccountKey=...;EndpointSuffix=core.windows.net`.
fn of_connection_string(text: &str) -> Result<Vec<(AzureConfigKey, String)>> {
    let mut options = Vec::new();
    for setting in text.split(';').map(str::trim).filter(|setting| !setting.is_empty()) {
        let Some((name, value)) = setting.split_once('=') else {
            return Err(refuse("AZURE_STORAGE_CONNECTION_STRING is not made of NAME=VALUE; copy it whole"));
        };
        let key = match name.to_ascii_lowercase().as_str() {
            "accountname" => AzureConfigKey::AccountName,
            "accountkey" => AzureConfigKey::AccessKey,
            "sharedaccesssignature" => AzureConfigKey::SasKey,
            "blobendpoint" => AzureConfigKey::Endpoint,
            _ => continue,
        };
        options.push((key, value.to_owned()));
    }
    Ok(options)
}
