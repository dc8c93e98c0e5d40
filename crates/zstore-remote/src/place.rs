//! What a URL names, and how it is shown without its secrets.

use std::sync::Arc;

use object_store::{ClientOptions, HeaderMap, HeaderValue, ObjectStore, http::HttpBuilder, local::LocalFileSystem};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION};
use url::Url;
use zstore_core::{Capabilities, Error, ErrorKind, Operation, Prefix, Result};

use crate::{
    builder::RemoteBuilder,
    cloud,
    fault::{Failure, Fault},
    remote::Remote,
};

/// Opens what the URL names.
pub(crate) fn open(settings: &RemoteBuilder) -> Result<Remote> {
    let url = Url::parse(&settings.url).map_err(|error| {
        refuse(format!("{:?} is not a URL ({error}); one begins with https://, file:/// or the like", settings.url))
    })?;
    if url.fragment().is_some() {
        return Err(refuse("a URL with a fragment (#...) names no store; write %23 for a # in a name"));
    }
    match url.scheme() {
        "http" | "https" => open_http(settings, url),
        "file" => open_file(settings, &url),
        "s3" | "s3a" | "gs" | "az" | "abfs" | "abfss" => cloud::open(settings, &url),
        scheme => Err(refuse(format!("{scheme}:// is not known here; http, https, file, s3, gs and az are"))),
    }
}

/// A remote of objects that somebody else opened.
///
/// Names of two prefixes must differ as their data do; that the objects have one is for whoever hands them in to see.
pub(crate) fn handed_in(objects: Arc<dyn ObjectStore>, prefix: Prefix, name: &str) -> Result<Remote> {
    if name.is_empty() || name.contains(char::is_control) {
        return Err(refuse(format!(
            "{name:?} is no name for objects: give it one line of text that tells their data from any other's"
        ))
        .with_store("Remote"));
    }
    let shown = if prefix.is_root() { name.to_owned() } else { format!("{name}, {prefix}") };
    let remote = Remote::new(objects, prefix, &shown, name.to_owned(), cloud_capabilities());
    Ok(Remote { is_ours: false, ..remote })
}

/// What the clouds can do.
pub(crate) fn cloud_capabilities() -> Capabilities {
    let mut capabilities = Capabilities::default();
    capabilities.listing = true;
    capabilities.native_ranges = true;
    capabilities.conditional_get = true;
    capabilities.create = true;
    capabilities.update = true;
    capabilities.overlapping_keys = true;
    capabilities
}

/// A URL or a setting that cannot be opened.
pub(crate) fn refuse(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, Operation::Open).with_detail(detail)
}

/// The error of a store that `object_store` would not make.
pub(crate) fn cannot_open(name: &str, error: object_store::Error) -> Error {
    let Failure { fault, source } = error.into();
    let detail = match &fault {
        Fault::Unexplained { why } | Fault::Other { why } | Fault::NotSupported { why } => why.clone(),
        // Before anybody was met, only the list of authorities can be wanting.
        Fault::Untrusted { why } => {
            format!("cannot speak TLS: {why}; install the system's ca-certificates, or give certificates to trust")
        }
        other => other.detail(name).unwrap_or_default(),
    };
    // Nothing was asked of anybody yet: what is wrong is what was given.
    let error = refuse(detail).with_store(name);
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

fn open_http(settings: &RemoteBuilder, mut url: Url) -> Result<Remote> {
    let mut headers = HeaderMap::new();
    // Without it a server may choose any coding, and the bytes of a range would not be the value's.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(authorization) = basic_authorization(&url) {
        headers.insert(AUTHORIZATION, authorization);
    }
    // Neither fails for a URL with a host, and these schemes have no other.
    _ = url.set_username("");
    _ = url.set_password(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    let secret = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
    let name = shown_http(&url, secret.as_deref());

    let client = settings.client_options().with_default_headers(headers).with_allow_http(url.scheme() == "http");
    let build = |client: ClientOptions| {
        let builder = HttpBuilder::new()
            .with_url(url.as_str())
            .with_retry(settings.retry())
            .with_client_options(client)
            .with_http_connector(settings.connector(None));
        let known = settings.known_options("http", |key| key.parse().ok())?;
        let builder = known.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
        builder.build().map_err(|error| cannot_open(&name, error))
    };
    let store = match build(client.clone()) {
        // A machine without a list of authorities can still speak plain HTTP.
        Err(_) if url.scheme() == "http" => build(client.with_no_system_certificates(true))?,
        built => built?,
    };
    let mut capabilities = Capabilities::default();
    capabilities.native_ranges = true;
    capabilities.conditional_get = true;
    // Nobody writes here, so nobody is refused the second of both.
    capabilities.overlapping_keys = true;
    let remote = Remote::new(Arc::new(store), Prefix::root(), &name, host_of(&url), capabilities);
    Ok(Remote { secret, ..remote })
}

/// The name and password in a URL as a header, which is where the client below would not put them.
fn basic_authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", base64(&pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |group: &[u8]| {
        let bits = (0..3).fold(0usize, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        let digit = |at: usize| if at > group.len() { '=' } else { char::from(DIGITS[bits >> (18 - 6 * at) & 63]) };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(digits).collect()
}

/// A query may choose the data and may be a secret. So it is shown by its hash, which does the one and betrays
/// nothing of the other.
fn shown_http(url: &Url, query: Option<&str>) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    let shown = shown.as_str().trim_end_matches('/').to_owned();
    match query {
        None => shown,
        Some(query) => format!("{shown}?{}", &blake3::hash(query.as_bytes()).to_hex()[..16]),
    }
}

/// Whom errors blame: host and port.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// File systems take 255 bytes, and a value is first written under its name, a `#` and a number of up to ten digits.
const FILE_SEGMENT_BYTES_MAX: usize = 255 - 11;

fn open_file(settings: &RemoteBuilder, url: &Url) -> Result<Remote> {
    settings.known_options("file", |_| None::<()>)?;
    let path = url.to_file_path().map_err(|()| {
        refuse(format!("{url} names no folder of this machine; write file:///absolute/path with three slashes"))
    })?;
    let root = path
        .canonicalize()
        .map_err(|error| refuse(format!("cannot open the folder {}: {error}", path.display())).with_source(error))?;
    if !root.is_dir() {
        return Err(refuse(format!("{} is not a folder", root.display())));
    }
    let name = Url::from_file_path(&root).map_or_else(|()| root.display().to_string(), String::from);
    let store = LocalFileSystem::new_with_prefix(&root).map_err(|error| cannot_open(&name, error))?;
    let mut capabilities = cloud_capabilities();
    capabilities.update = false;
    capabilities.overlapping_keys = false;
    capabilities.segment_bytes_max = Some(FILE_SEGMENT_BYTES_MAX);
    // Without the clean-up, directories that became empty would be listed for ever.
    let store = Arc::new(store.with_automatic_cleanup(true));
    Ok(Remote::new(store, Prefix::root(), &name, root.display().to_string(), capabilities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_the_standard_has_it() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
