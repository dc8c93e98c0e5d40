//! Names below a prefix.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, future, stream};
use object_store::{ObjectMeta, path::Path};
use zstore_core::{BoxStream, DirListing, Error, ErrorKind, Key, Meta, Operation, Prefix, Result, until_error};

use crate::{
    fault::{Failure, Fault},
    remote::{Remote, is_missing, meta},
};

impl Remote {
    pub(crate) fn list(self: &Arc<Self>, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        let this = Arc::clone(self);
        let prefix = prefix.clone();
        let objects = match self.listed_path(&prefix) {
            Ok(path) => self.objects.list(path.as_ref()),
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let listed = objects.filter_map(move |object| future::ready(this.listed(&prefix, object).transpose()));
        until_error(listed).boxed()
    }

    pub(crate) async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        let path = self.listed_path(prefix)?;
        let found = match self.objects.list_with_delimiter(path.as_ref()).await.map_err(Failure::from) {
            Ok(found) => found,
            Err(failure) if is_missing(&failure.fault) => return Ok(DirListing::default()),
            Err(failure) => return Err(self.error(Operation::List, prefix, failure)),
        };
        let values = found.objects.into_iter().filter_map(|object| self.listed(prefix, Ok(object)).transpose());
        let mut values = values.collect::<Result<Vec<Meta>>>()?;
        values.sort_by(|a, b| a.key.cmp(&b.key));
        values.dedup_by(|a, b| a.key == b.key);
        let prefixes = found.common_prefixes.iter().filter_map(|path| self.below(prefix, path).transpose());
        let mut prefixes = prefixes.map(|key| Ok(Prefix::from(&key?))).collect::<Result<Vec<Prefix>>>()?;
        prefixes.sort();
        prefixes.dedup();
        Ok(DirListing { values, prefixes })
    }

    /// The paths of all values strictly below `prefix`, or the first failure to find them.
    pub(crate) fn paths_below(&self, prefix: &Prefix) -> Result<BoxStream<'static, object_store::Result<Path>>> {
        let listed = self.listed_path(prefix)?;
        let whole = self.prefix.join_prefix(prefix);
        let paths = self.objects.list(listed.as_ref()).map_ok(|object| object.location);
        Ok(paths.try_filter(move |path| future::ready(whole.strip(path.as_ref()).is_some())).boxed())
    }

    /// Where to list, none for the root; an error where nothing can be listed.
    fn listed_path(&self, prefix: &Prefix) -> Result<Option<Path>> {
        if !self.capabilities.listing {
            return Err(Error::new(ErrorKind::Unsupported, Operation::List)
                .with_store(self)
                .with_key(prefix)
                .with_detail(
                    "a web server does not list its values; ask for them by name, or open the store behind it",
                ));
        }
        let whole = self.prefix.join_prefix(prefix);
        if whole.is_root() {
            return Ok(None);
        }
        let path = Path::parse(whole.as_str())
            .map_err(|error| self.error(Operation::List, prefix, Failure::from(object_store::Error::from(error))))?;
        Ok(Some(path))
    }

    /// The metadata of a listed object; none if it is not strictly below `prefix`, as the object named like it is not.
    fn listed(&self, prefix: &Prefix, object: object_store::Result<ObjectMeta>) -> Result<Option<Meta>> {
        let object = match object.map_err(Failure::from) {
            Ok(object) => object,
            Err(failure) if is_missing(&failure.fault) => return Ok(None),
            Err(failure) => return Err(self.error(Operation::List, prefix, failure)),
        };
        Ok(self.below(prefix, &object.location)?.map(|key| {
            let mut meta = meta(&key, &object);
            // Azure lists bare what it puts into quotes everywhere else.
            if let Some(bare) = meta.version.e_tag.as_deref().filter(|tag| self.lists_bare_tags && !tag.contains('"')) {
                meta.version.e_tag = Some(format!("\"{bare}\"").into());
            }
            meta
        }))
    }

    /// The key that `path` is to this store, if it is strictly below `prefix`.
    fn below(&self, prefix: &Prefix, path: &Path) -> Result<Option<Key>> {
        if self.prefix.join_prefix(prefix).strip(path.as_ref()).is_none() {
            return Ok(None);
        }
        let Some(name) = self.prefix.strip(path.as_ref()) else {
            return Ok(None);
        };
        let key = Key::new(name)
            .map_err(|error| self.error(Operation::List, &name, Fault::BadName { why: error.to_string() }.into()))?;
        Ok(Some(key))
    }
}
