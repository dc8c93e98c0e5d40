//! Caches in directories, opened to be read through.

use std::{io, path::Path, sync::Arc};

use rustix::fs::{Access, access};
use zstore_cache::{Builder, CacheStore};
use zstore_core::{Error, ErrorKind, ReadStore};
use zstore_local::LocalStore;

use crate::{
    args::CacheBounds,
    problem::{Problem, chain},
};

/// A cache in a directory, over whatever source.
pub(crate) type Cache = CacheStore<dyn ReadStore, LocalStore>;

/// Opens a cache over a source, with the bounds that a person chose.
///
/// # Errors
/// As of [`open`].
pub(crate) async fn over(source: Arc<dyn ReadStore>, directory: &Path, bounds: &CacheBounds) -> Result<Cache, Problem> {
    let settle = |tier| CacheStore::builder(source, tier).max_size(bounds.max_size).max_age(bounds.max_age);
    open(directory, settle).await
}

/// Opens a cache in a directory, which is made if there is none.
///
/// # Errors
/// If the directory cannot be used, or is not the cache's to use.
pub(crate) async fn open<S: ReadStore + ?Sized + 'static>(
    directory: &Path,
    settle: impl FnOnce(Arc<LocalStore>) -> Builder<S, LocalStore>,
) -> Result<CacheStore<S, LocalStore>, Problem> {
    let tier = LocalStore::create_cache(directory).map_err(|error| unusable(directory, &error))?;
    let cache = settle(Arc::new(tier)).build().await.map_err(|error| unusable(directory, &error))?;
    if cache.stats().tier_faults > 0 {
        let reason = unwritable(directory).unwrap_or_else(|| "it can be opened and not used".to_owned());
        return Err(Problem::new(
            format!("{} cannot be the cache directory: {reason}", directory.display()),
            "see that it may be read and written and that its disk has room, or name another one",
        ));
    }
    Ok(cache)
}

/// Why nothing can be kept in a directory; none if that is not for want of leave to write there.
pub(crate) fn unwritable(directory: &Path) -> Option<String> {
    let leave = Access::WRITE_OK | Access::EXEC_OK;
    let errno = access(directory, leave).err()?;
    Some(format!("cannot write {}: {}", directory.display(), io::Error::from(errno)))
}

fn unusable(directory: &Path, error: &Error) -> Problem {
    let hint = match error.kind() {
        ErrorKind::Conflict => "name an empty or a new directory, or one that zstore made",
        _ => "name a directory that may be made and written",
    };
    Problem::new(format!("{} cannot be the cache directory: {}", directory.display(), chain(error)), hint)
}
