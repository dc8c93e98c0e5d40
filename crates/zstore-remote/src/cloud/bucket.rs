//! What all three clouds share.

use std::sync::Arc;

use object_store::{ClientOptions, ObjectStore};
use url::Url;
use zstore_core::{Prefix, Result};

use crate::{
    builder::RemoteBuilder,
    client::{Bucket, Connector},
    place::{cloud_capabilities, host_of, refuse},
    remote::Remote,
};

/// A bucket's address: the URL of the cloud's own place for it, and what is not in the URL but tells the data apart.
pub(super) struct Address {
    scheme: &'static str,
    bucket: String,
    prefix: Prefix,
    /// An endpoint other than the cloud's own, or an account.
    at: Option<String>,
}

impl Address {
    /// The address of `bucket`, with the prefix that the path of the URL names.
    pub(super) fn new(scheme: &'static str, url: &Url, bucket: &str, at: Option<String>) -> Result<Self> {
        if url.query().is_some() {
            return Err(refuse("the URL of a bucket has no query; give what it says as options"));
        }
        if url.port().is_some() || url.password().is_some() || !["", bucket].contains(&url.username()) {
            return Err(refuse(format!(
                "the URL of a bucket has no port, name or password; write {scheme}://BUCKET/PREFIX, and give servers \
                 and keys as options"
            )));
        }
        let path = object_store::path::Path::from_url_path(url.path().trim_matches('/'))
            .map_err(|error| refuse(format!("the path of the URL cannot be a prefix: {error}")))?;
        Ok(Self { scheme, bucket: bucket.to_owned(), prefix: Prefix::new(path.as_ref())?, at })
    }

    /// One name, however the path was spelt in the URL.
    pub(super) fn name(&self) -> String {
        let Self { prefix, at, .. } = self;
        let slash = if prefix.is_root() { "" } else { "/" };
        let at = at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        format!("{}{slash}{prefix}{at}", self.whole())
    }

    /// The bucket without the prefix.
    fn whole(&self) -> String {
        format!("{}://{}", self.scheme, self.bucket)
    }

    /// Makes clients that know whose values they ask for.
    pub(super) fn connector(&self, settings: &RemoteBuilder, advice: &'static str, asks_twice: bool) -> Connector {
        settings.connector(Some(Bucket { name: self.whole(), advice, asks_twice }))
    }

    pub(super) fn remote(self, objects: Arc<dyn ObjectStore>) -> Remote {
        let name = self.name();
        let host = self.at.clone().unwrap_or_else(|| self.whole());
        Remote::new(objects, self.prefix, &name, host, cloud_capabilities())
    }
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
