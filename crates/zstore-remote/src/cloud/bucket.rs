//! What all three clouds share.

use std::sync::Arc;

use object_store::{ClientOptions, ObjectStore};
use url::Url;
use zstore_core::{Prefix, Result};

use crate::{
    builder::RemoteBuilder,
    client::{Bucket, Connector},
    place::{Place, cloud_capabilities, host_of, refuse},
};

/// A bucket's address: the URL of the cloud's own place for it, and what is not in the URL but tells the data apart.
pub(super) struct Address<'a> {
    pub(super) url: &'a Url,
    pub(super) scheme: &'static str,
    pub(super) bucket: String,
    /// An endpoint other than the cloud's own, or an account.
    pub(super) at: Option<String>,
}

impl Address<'_> {
    pub(super) fn name(&self) -> String {
        let path = self.url.path().trim_end_matches('/');
        match &self.at {
            Some(at) => format!("{}://{}{path} at {at}", self.scheme, self.bucket),
            None => format!("{}://{}{path}", self.scheme, self.bucket),
        }
    }

    /// Makes clients that know whose values they ask for.
    pub(super) fn connector(&self, settings: &RemoteBuilder, advice: &'static str, asks_twice: bool) -> Connector {
        let name = format!("{}://{}", self.scheme, self.bucket);
        settings.connector(Some(Bucket { name, advice, asks_twice }))
    }

    pub(super) fn place(&self, objects: Arc<dyn ObjectStore>, has_suffixes: bool) -> Result<Place> {
        if self.url.query().is_some() {
            return Err(refuse("the URL of a bucket has no query; give what it says as options"));
        }
        let host = self.at.clone().unwrap_or_else(|| format!("{}://{}", self.scheme, self.bucket));
        Ok(Place {
            objects,
            prefix: prefix_of(self.url)?,
            name: self.name(),
            host,
            secret: None,
            capabilities: cloud_capabilities(),
            has_suffixes,
            updates_by_id: false,
            lists_bare_tags: false,
        })
    }
}

/// The prefix that the path of a URL names.
fn prefix_of(url: &Url) -> Result<Prefix> {
    let path = url.path().trim_matches('/');
    let path = object_store::path::Path::from_url_path(path)
        .map_err(|error| refuse(format!("the path of the URL cannot be a prefix: {error}")))?;
    Ok(Prefix::new(path.as_ref())?)
}

/// The settings of the client; plain HTTP only if the endpoint itself says so.
pub(super) fn client_options(settings: &RemoteBuilder, endpoint: Option<&str>) -> ClientOptions {
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    settings.client_options().with_allow_http(is_plain)
}

/// An endpoint without anything secret: its scheme, host and port.
pub(super) fn shown_endpoint(endpoint: &str) -> String {
    Url::parse(endpoint).map_or_else(
        |_| "an endpoint that is not a URL".to_owned(),
        |url| {
            let path = url.path().trim_end_matches('/');
            format!("{}://{}{path}", url.scheme(), host_of(&url))
        },
    )
}
