//! What is read: a directory, made to look far away, or a URL.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use zstore_core::ReadStore;
use zstore_local::LocalStore;
use zstore_origin::Origin;
use zstore_remote::RemoteReader;

use crate::{
    args::RemoteOptions,
    problem::{Problem, place},
    source,
};

/// The round trip to a server on the same continent.
const LATENCY_DEFAULT: Duration = Duration::from_millis(30);

/// The data to read, two ways: as it is, and as something worth a cache.
#[derive(Debug)]
pub(super) struct Source {
    /// What people call it.
    label: String,
    /// By which name a cache on disk remembers it, if not by the URL it is read from.
    namespace: Option<String>,
    /// What the truth is read from.
    pub(super) direct: Arc<dyn ReadStore>,
    /// What the cache reads from.
    pub(super) remote: Arc<RemoteReader>,
    /// The server in this process, if the source is a directory.
    origin: Option<Origin>,
}

/// What a source was asked until now, as it counts itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

impl Source {
    /// Opens what the user named.
    ///
    /// # Errors
    /// If there is nothing of that name, or it can be nothing to read.
    pub(super) async fn open(name: &str, latency: Option<Duration>, options: &RemoteOptions) -> Result<Self, Problem> {
        if !name.contains("://") {
            source::refuse_options_of_a_directory(options)?;
            let path = source::existing_directory(Path::new(name))?;
            return Self::of_directory(&path, path.display().to_string(), latency).await;
        }
        if latency.is_some() {
            return Err(Problem::of_usage(
                "--latency-ms is for directories: a URL is as slow as it is",
                "leave --latency-ms out",
            ));
        }
        let remote = source::open_remote(name, options)?;
        let direct = Arc::clone(&remote) as Arc<dyn ReadStore>;
        // Not the name as it was given: it may hold a password.
        Ok(Self { label: place(&remote.to_string()).to_owned(), namespace: None, direct, remote, origin: None })
    }

    /// Serves a directory by HTTP in this process, each request delayed.
    ///
    /// # Errors
    /// If the directory cannot be opened, or there is no port to serve it on.
    pub(super) async fn of_directory(path: &Path, label: String, latency: Option<Duration>) -> Result<Self, Problem> {
        let direct: Arc<dyn ReadStore> = Arc::new(LocalStore::open(path)?);
        let latency = latency.unwrap_or(LATENCY_DEFAULT);
        let origin = Origin::builder(Arc::clone(&direct)).latency(latency).bind().await?;
        let remote = Arc::new(RemoteReader::from_url(&origin.url())?);
        // The port is another one each time: the directory is what the cache must know the data by.
        let namespace = Some(direct.to_string());
        Ok(Self { label, namespace, direct, remote, origin: Some(origin) })
    }

    /// The source, by a name under which caches on disk know the same data wherever it lies.
    pub(super) fn known_as(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// What the source counted, if it is one that counts.
    pub(super) fn sent(&self) -> Option<Sent> {
        let counts = self.origin.as_ref()?.counts();
        Some(Sent { requests: counts.requests, bytes: counts.body_bytes })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}
