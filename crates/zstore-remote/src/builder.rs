//! Timeouts, retries, certificates and a scheme's own options.

use std::{fmt, sync::Arc, time::Duration};

use object_store::{Certificate, ClientOptions, RetryConfig};
use zstore_core::{ErrorKind, Operation, Result};

use crate::{
    client::{Bucket, Connector, Patience},
    environment::Environment,
    place::{self, refuse},
    reader::RemoteReader,
    store::RemoteStore,
};

/// Twice what fills a line of 1 Gbit/s with chunks of 64 KiB at a round trip of 30 ms (60), and an eighth of the file
/// descriptors that a process usually has.
const REQUESTS_MAX: usize = 128;

/// How to open a URL.
///
/// | URL | what | options |
/// |---|---|---|
/// | `http://host/path`, `https://...` | values of a web server, below a path | `proxy_url`, `user_agent`, ... |
/// | `file:///path` | a folder that exists | none |
/// | `s3://bucket/prefix` | a bucket, with feature `aws` | `region`, `endpoint`, `access_key_id`, `secret_access_key`, `skip_signature`, ... |
/// | `gs://bucket/prefix` | a bucket, with feature `gcp` | `service_account`, ... |
/// | `az://container/prefix` | a container, with feature `azure` | `account_name`, `account_key`, ... |
///
/// The options are those of `object_store`. The environment is not read; a program that wants it to be hands it on by
/// [`environment`](Self::environment). A name and password in a URL are sent as basic authorization. A
/// query is sent with every request.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// use zstore_remote::RemoteBuilder;
///
/// let reader = RemoteBuilder::new("http://user:secret@example.org/data/").max_retries(1).open_reader()?;
/// assert_eq!(reader.to_string(), "Remote(http://example.org/data)");
/// # Ok::<(), zstore_core::Error>(())
/// ```
#[derive(Clone)]
pub struct RemoteBuilder {
    pub(crate) url: String,
    options: Vec<(String, String)>,
    pub(crate) environment: Environment,
    max_retries: usize,
    retry_timeout: Duration,
    max_requests: usize,
    connect_timeout: Duration,
    read_timeout: Duration,
    certificates: Vec<Certificate>,
    forbidden_is_missing: bool,
}

impl RemoteBuilder {
    /// To open `url`, with settings made for a person who waits: three retries within 15 s, 5 s to connect, 30 s of
    /// silence, and 128 requests at once.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            options: Vec::new(),
            environment: Environment::default(),
            max_retries: 3,
            retry_timeout: Duration::from_secs(15),
            max_requests: REQUESTS_MAX,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            certificates: Vec::new(),
            forbidden_is_missing: false,
        }
    }

    /// Sets an option of the URL's scheme; one that the scheme does not know is an error when the URL is opened.
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((key.into(), value.into()));
        self
    }

    /// Takes what the cloud of the URL knows of these variables, such as those of the process, and leaves the others;
    /// without a cloud it takes none. What [`option`](Self::option) sets wins.
    ///
    /// | scheme | variables |
    /// |---|---|
    /// | `s3://` | `AWS_...` and an option's name; `AWS_PROFILE`, `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`: region, endpoint and keys of a profile are read from these files, or from those in `~/.aws`, for what no variable says |
    /// | `gs://` | `GOOGLE_...` and an option's name; `GOOGLE_APPLICATION_CREDENTIALS` |
    /// | `az://` | `AZURE_...` and an option's name; `AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_ACCOUNT`, `AZURE_STORAGE_KEY`; `IDENTITY_ENDPOINT` |
    ///
    /// # Examples
    /// ```
    /// # use zstore_remote::RemoteBuilder;
    /// let builder = RemoteBuilder::new("s3://bucket/data.zarr").environment(std::env::vars());
    /// # drop(builder);
    /// ```
    #[must_use]
    pub fn environment<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.environment.extend(variables);
        self
    }

    /// How often a request that failed for a reason that may pass is made again; zero for never.
    #[must_use]
    pub const fn max_retries(mut self, max_retries: usize) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// How long after the first attempt another may still be begun.
    #[must_use]
    pub const fn retry_timeout(mut self, retry_timeout: Duration) -> Self {
        self.retry_timeout = retry_timeout;
        self
    }

    /// How many requests may be under way at once, at least one; the others wait their turn. Each takes a connection,
    /// and so a file descriptor, where the server does not speak HTTP/2.
    #[must_use]
    pub const fn max_requests(mut self, max_requests: usize) -> Self {
        self.max_requests = max_requests;
        self
    }

    /// How long making a connection may take.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a server may be silent, before it answers and within an answer. There is no limit on a whole answer,
    /// which would cut long ones short on slow lines; option `timeout` sets one.
    #[must_use]
    pub const fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Takes a value that may not be read for one that is not there. A bucket that may be read and not listed answers
    /// so for what it does not have: to a reader of Zarr, every chunk that was never written.
    ///
    /// Off unless asked for, as with it a permission taken away looks like missing data, which Zarr readers fill in.
    /// A refusal that names another reason than denied access, such as a key that is unknown, stays an error where
    /// the answer has a text; one to a HEAD has none.
    #[must_use]
    pub const fn forbidden_is_missing(mut self, is_missing: bool) -> Self {
        self.forbidden_is_missing = is_missing;
        self
    }

    /// Trusts the authorities of these certificates (PEM, one or several) besides those that the machine trusts.
    ///
    /// # Errors
    /// `InvalidArgument` if it is not PEM.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self> {
        let certificates = Certificate::from_pem_bundle(pem)
            .map_err(|error| refuse("the certificates are not PEM").with_source(error))?;
        if certificates.is_empty() {
            return Err(refuse("there is no certificate in what should be PEM"));
        }
        self.certificates.extend(certificates);
        Ok(self)
    }

    /// Opens the URL for reading. No request is made: a server that is not there is found at the first question.
    ///
    /// # Errors
    /// `InvalidArgument` for a URL or an option that makes no sense and a folder that is not there, `Unsupported` for
    /// a cloud that is not built in.
    pub fn open_reader(&self) -> Result<RemoteReader> {
        Ok(RemoteReader(Arc::new(place::open(self)?)))
    }

    /// Opens the URL for reading and writing. No request is made.
    ///
    /// # Errors
    /// As [`open_reader`](Self::open_reader), and `Unsupported` for `http://` and `https://`, for a web server is not
    /// written to.
    pub fn open_store(&self) -> Result<RemoteStore> {
        let remote = place::open(self)?;
        if !remote.capabilities.create {
            return Err(zstore_core::Error::new(ErrorKind::Unsupported, Operation::Open)
                .with_store(&remote)
                .with_detail("a web server can only be read; open it as a RemoteReader"));
        }
        Ok(RemoteStore::of(remote))
    }

    /// The options with their keys parsed by `parse`; those that win come last.
    pub(crate) fn known_options<K>(&self, scheme: &str, parse: impl Fn(&str) -> Option<K>) -> Result<Vec<(K, String)>> {
        let known = |(key, value): &(String, String)| match parse(&key.to_ascii_lowercase()) {
            Some(known) => Ok((known, value.clone())),
            None => Err(refuse(format!("{scheme}:// has no option {key:?}"))),
        };
        self.options.iter().map(known).collect()
    }

    pub(crate) fn retry(&self) -> RetryConfig {
        RetryConfig { max_retries: self.max_retries, retry_timeout: self.retry_timeout, ..RetryConfig::default() }
    }

    pub(crate) fn client_options(&self) -> ClientOptions {
        let options = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(self.connect_timeout)
            .with_read_timeout(self.read_timeout);
        self.certificates.iter().cloned().fold(options, ClientOptions::with_root_certificate)
    }

    /// Makes the clients of what is opened.
    pub(crate) fn connector(&self, bucket: Option<Bucket>) -> Connector {
        let Self { max_retries, retry_timeout, max_requests, forbidden_is_missing, .. } = *self;
        let patience = Patience { max_retries, retry_timeout };
        Connector { patience, max_requests, forbidden_is_missing, bucket: bucket.map(Arc::new) }
    }
}

/// Shows neither the URL nor the values of options, where secrets are.
impl fmt::Debug for RemoteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<&str> = self.options.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("RemoteBuilder")
            .field("options", &options)
            .field("variables", &self.environment.iter().count())
            .field("max_retries", &self.max_retries)
            .field("retry_timeout", &self.retry_timeout)
            .field("max_requests", &self.max_requests)
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("certificates", &self.certificates.len())
            .field("forbidden_is_missing", &self.forbidden_is_missing)
            .finish_non_exhaustive()
    }
}
