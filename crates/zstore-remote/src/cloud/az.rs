//! Containers of Azure Blob Storage.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use url::Url;
use zstore_core::Result;

use super::{
    bucket::{Address, client_options, shown_endpoint},
    told::{Told, is_on},
};
use crate::{
    builder::RemoteBuilder,
    environment::Environment,
    place::{cannot_open, refuse},
    remote::Remote,
};

/// How to give credentials, or do without.
const ADVICE: &str = "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true for a public container";

pub(super) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Remote> {
    let mut told = Told::of(settings, "az", "AZURE_", |key| key.parse().ok())?;
    told.variables.splice(0..0, of_variables(&settings.environment)?);
    if is_on(told.get(&AzureConfigKey::UseEmulator)) {
        return Err(refuse(
            "use_emulator does not say where the emulator is: give its `endpoint`, such as \
             http://127.0.0.1:10000/devstoreaccount1, with account_name and account_key",
        ));
    }
    let Container { bucket, account, endpoint } = container(&told, url)?;
    let at = match endpoint.as_deref() {
        Some(endpoint) => format!("{account} of {}", shown_endpoint(endpoint)),
        None => account,
    };
    let address = Address::new("az", url, &bucket, Some(at))?;
    let builder = MicrosoftAzureBuilder::new()
        .with_url(url.as_str())
        .with_retry(settings.retry())
        .with_client_options(client_options(settings, endpoint.as_deref()))
        .with_http_connector(address.connector(settings, ADVICE, false));
    let settled = endpoint.map(|endpoint| (AzureConfigKey::Endpoint, endpoint));
    let options = told.into_all().chain(settled);
    let builder = options.fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let store = builder.build().map_err(|error| cannot_open(&address.name(), error))?;
    let remote = address.remote(Arc::new(store));
    remote.learnt.no_suffixes.store(true, Relaxed);
    Ok(Remote { lists_bare_tags: true, ..remote })
}

/// A container, whose it is, and who is asked for it if that is not Azure's own place.
struct Container {
    bucket: String,
    account: String,
    endpoint: Option<String>,
}

/// Reads `az://container/...` with the account as an option, or `abfss://container@account.dfs.core.windows.net/...`.
fn container(told: &Told<AzureConfigKey>, url: &Url) -> Result<Container> {
    let host = url.host_str().unwrap_or_default();
    let endpoint = told.get(&AzureConfigKey::Endpoint).map(str::to_owned);
    let in_fabric = |account: &str| format!("https://{account}.blob.fabric.microsoft.com");
    if url.username().is_empty() {
        let Some(account) = told.get(&AzureConfigKey::AccountName).map(str::to_owned) else {
            return Err(refuse(
                "which account? give option account_name, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/",
            ));
        };
        let is_in_fabric = is_on(told.get(&AzureConfigKey::UseFabricEndpoint));
        let endpoint = endpoint.or_else(|| is_in_fabric.then(|| in_fabric(&account)));
        return Ok(Container { bucket: host.to_owned(), account, endpoint });
    }
    let (account, service) = host.split_once('.').unwrap_or((host, ""));
    let endpoint = match service {
        "dfs.fabric.microsoft.com" | "blob.fabric.microsoft.com" => endpoint.or_else(|| Some(in_fabric(account))),
        // A workspace behind a link of its own, which `object_store` asks whatever else is said.
        _ if service.ends_with("fabric.microsoft.com") => Some(format!("https://{host}")),
        _ => endpoint.or_else(|| is_on(told.get(&AzureConfigKey::UseFabricEndpoint)).then(|| in_fabric(account))),
    };
    Ok(Container { bucket: url.username().to_owned(), account: account.to_owned(), endpoint })
}

/// What variables say that are not named like options: those of Azure's own command line and machines.
fn of_variables(environment: &Environment) -> Result<Vec<(AzureConfigKey, String)>> {
    let names = [
        ("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName),
        ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey),
        ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
    ];
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
