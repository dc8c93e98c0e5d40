//! What is read: a directory, made to look far away, or a URL.

use std::{
    fmt,
    io::ErrorKind as IoErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use zstore_core::ReadStore;
use zstore_local::LocalStore;
use zstore_origin::Origin;
use zstore_remote::{RemoteBuilder, RemoteReader};

use crate::problem::{Problem, place};

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
    pub(super) async fn open(name: &str, latency: Option<Duration>) -> Result<Self, Problem> {
        if !name.contains("://") {
            let path = existing_directory(Path::new(name))?;
            return Self::of_directory(&path, path.display().to_string(), latency).await;
        }
        if latency.is_some() {
            return Err(Problem::of_usage(
                "--latency-ms is for directories: a URL is as slow as it is",
                "leave --latency-ms out",
            ));
        }
        let environment =
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let remote = Arc::new(RemoteBuilder::new(name).options_if_known(environment).open_reader()?);
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

/// The directory's one true path.
fn existing_directory(path: &Path) -> Result<PathBuf, Problem> {
    const HINT: &str =
        "name the directory that holds zarr.json, .zarray or .zgroup, or a URL such as https://example.org/data.zarr";
    let shown = path.display();
    let real = std::fs::canonicalize(path).map_err(|error| match error.kind() {
        IoErrorKind::NotFound | IoErrorKind::NotADirectory => Problem::new(format!("no such path: {shown}"), HINT),
        IoErrorKind::PermissionDenied => Problem::new(
            format!("{shown} may not be read: permission denied"),
            "change the permissions of the path and of the directories above it, or run as another user",
        ),
        _ => Problem::new(format!("cannot read {shown}: {error}"), HINT),
    })?;
    if real.is_dir() {
        return Ok(real);
    }
    let hint = if real.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        "unpack the ZIP file and name the directory"
    } else {
        HINT
    };
    Err(Problem::new(format!("{shown} is a file, and a Zarr hierarchy is a directory"), hint))
}

/// Refuses a cache directory inside a source directory or around it: the cache would be read as data, or the data
/// kept as cache.
///
/// # Errors
/// If one holds the other.
pub(super) fn refuse_overlap(source: &str, cache: &Path) -> Result<(), Problem> {
    if source.contains("://") {
        return Ok(());
    }
    let (source, cache) = (real_path(Path::new(source)), real_path(cache));
    if source.starts_with(&cache) || cache.starts_with(&source) {
        return Err(Problem::new(
            format!("the cache directory {} overlaps the source {}", cache.display(), source.display()),
            "name a cache directory outside the source, or leave --cache out",
        ));
    }
    Ok(())
}

/// The true path of what may not exist yet: as much of it as exists is resolved.
fn real_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for existing in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (std::fs::canonicalize(existing), path.strip_prefix(existing)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_inside_or_around_its_source_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let source = scratch.path().join("data");
        std::fs::create_dir(&source).unwrap();
        let name = source.to_str().unwrap();
        for overlapping in [source.clone(), source.join("not/yet"), scratch.path().to_owned(), source.join("../data/x")]
        {
            assert!(refuse_overlap(name, &overlapping).is_err(), "{}", overlapping.display());
        }
        for apart in [scratch.path().join("data-cache"), scratch.path().join("other")] {
            assert!(refuse_overlap(name, &apart).is_ok(), "{}", apart.display());
        }
        assert!(refuse_overlap("https://example.org/", Path::new("/")).is_ok());
    }
}
