//! Buckets and containers. Each cloud is behind a feature of its own; without it, its URLs are refused with the
//! feature's name.

#[cfg(feature = "azure")]
mod az;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod bucket;
#[cfg(feature = "gcp")]
mod gs;
#[cfg(feature = "aws")]
mod profile;
#[cfg(feature = "aws")]
mod s3;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod told;

use url::Url;
use zstore_core::{Error, ErrorKind, Operation, Result};

use crate::{builder::RemoteBuilder, place::refuse, remote::Remote};

/// Opens the URL of a bucket or container.
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "gcp")),
    expect(unused_variables, reason = "without a cloud there is nothing to set")
)]
pub(crate) fn open(settings: &RemoteBuilder, url: &Url) -> Result<Remote> {
    if url.host_str().unwrap_or_default().is_empty() {
        let scheme = url.scheme();
        return Err(refuse(format!("{scheme}:// names no bucket; write {scheme}://BUCKET/PREFIX")));
    }
    match url.scheme() {
        #[cfg(feature = "aws")]
        "s3" | "s3a" => s3::open(settings, url),
        #[cfg(feature = "gcp")]
        "gs" => gs::open(settings, url),
        #[cfg(feature = "azure")]
        "az" | "abfs" | "abfss" => az::open(settings, url),
        scheme => {
            let feature = match scheme {
                "s3" | "s3a" => "aws",
                "gs" => "gcp",
                _ => "azure",
            };
            let detail = format!("{scheme}:// is not built in; rebuild with feature \"{feature}\"");
            Err(Error::new(ErrorKind::Unsupported, Operation::Open).with_detail(detail))
        }
    }
}
