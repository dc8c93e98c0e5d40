//! Sources: what people name, opened to be read.

use std::{
    io::ErrorKind as IoErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use percent_encoding::percent_decode_str;
use zstore_core::{Key, ReadStore};
use zstore_local::LocalStore;
use zstore_remote::{RemoteBuilder, RemoteReader};

use crate::{args::RemoteOptions, problem::Problem};

/// Opens a directory or a URL.
///
/// # Errors
/// If there is nothing of that name, or it can be nothing to read.
pub(crate) fn open(name: &str, options: &RemoteOptions) -> Result<Arc<dyn ReadStore>, Problem> {
    if name.contains("://") {
        return Ok(open_remote(name, options)?);
    }
    refuse_options_of_a_directory(options)?;
    let path = existing_directory(Path::new(name))?;
    Ok(Arc::new(LocalStore::open(&path)?))
}

/// Opens a URL, with credentials and regions from the environment.
///
/// # Errors
/// If it is none that can be read.
pub(crate) fn open_remote(url: &str, options: &RemoteOptions) -> Result<Arc<RemoteReader>, Problem> {
    let environment =
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    let mut builder = RemoteBuilder::new(url).environment(environment);
    for (key, value) in &options.options {
        builder = builder.option(key, value);
    }
    if let Some(retries) = options.retries {
        builder = builder.max_retries(retries);
    }
    if let Some(timeout) = options.timeout {
        builder = builder.read_timeout(timeout);
    }
    if let Some(requests) = options.requests {
        builder = builder.max_requests(requests as usize);
    }
    Ok(Arc::new(builder.forbidden_is_missing(options.forbidden_is_missing).open_reader()?))
}

/// Refuses settings of a source on the network for one that is none.
///
/// # Errors
/// If there are some.
pub(crate) fn refuse_options_of_a_directory(options: &RemoteOptions) -> Result<(), Problem> {
    options.first_given().map_or(Ok(()), |option| {
        Err(Problem::of_usage(
            format!("{option} is for sources on the network, and this one is a directory"),
            format!("leave {option} out, or name a URL"),
        ))
    })
}

/// Whether it is the path of a file of this machine, or the URL of one.
pub(crate) fn is_file(name: &str) -> bool {
    match name.split_once("://") {
        None => Path::new(name).is_file(),
        Some(("file", path)) => percent_decode_str(path).decode_utf8().is_ok_and(|path| Path::new(&*path).is_file()),
        Some(_) => false,
    }
}

/// The path or URL of a value, as that of what holds it and the value's key in there.
///
/// # Errors
/// If it is not one.
pub(crate) fn split(name: &str) -> Result<(String, Key), Problem> {
    let refuse = || Problem::new(format!("{name} does not name a value"), "name a source, and a key in it");
    let (parent, last) = match name.split_once("://") {
        None => match name.rsplit_once('/') {
            None => (".".to_owned(), name.to_owned()),
            Some(("", last)) => ("/".to_owned(), last.to_owned()),
            Some((parent, last)) => (parent.to_owned(), last.to_owned()),
        },
        Some((scheme, rest)) => {
            // What follows the path goes with every request.
            let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
            let (parent, last) = path.rsplit_once('/').ok_or_else(refuse)?;
            let last = percent_decode_str(last).decode_utf8().map_err(|_| refuse())?;
            (format!("{scheme}://{parent}/{query}"), last.into_owned())
        }
    };
    Ok((parent, Key::new(last).map_err(|_| refuse())?))
}

/// The directory's one true path.
///
/// # Errors
/// If it is none, or may not be read.
pub(crate) fn existing_directory(path: &Path) -> Result<PathBuf, Problem> {
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
pub(crate) fn refuse_overlap(source: &str, cache: &Path) -> Result<(), Problem> {
    if source.contains("://") {
        return Ok(());
    }
    let (source, cache) = (real_path(Path::new(source)), real_path(cache));
    if source.starts_with(&cache) || cache.starts_with(&source) {
        return Err(Problem::new(
            format!("the cache directory {} overlaps the source {}", cache.display(), source.display()),
            "name a cache directory outside the source",
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
    fn a_value_is_split_from_what_holds_it() {
        for (name, parent, key) in [
            ("zarr.json", ".", "zarr.json"),
            ("/zarr.json", "/", "zarr.json"),
            ("data/t/zarr.json", "data/t", "zarr.json"),
            ("https://example.org/a%20b/c%20d", "https://example.org/a%20b/", "c d"),
            ("https://example.org/a?token=x/y", "https://example.org/?token=x/y", "a"),
            ("s3://bucket/a/b", "s3://bucket/a/", "b"),
        ] {
            let split = split(name).unwrap();
            assert_eq!((split.0.as_str(), split.1.as_str()), (parent, key), "{name}");
        }
        for name in ["data/", "https://example.org", "https://example.org/", ".."] {
            assert!(split(name).is_err(), "{name}");
        }
    }

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
