//! Listing.

use futures::{StreamExt, stream};
use object_store::{ListResult, ObjectMeta, Result, path::Path};
use zstore_core::{BoxStream, Meta};

use crate::{Objects, failure::failed, meta::object_meta, names};

impl Objects {
    pub(crate) fn list_below(&self, path: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = match names::prefix(path) {
            Ok(prefix) => prefix,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let path = path.cloned().unwrap_or_default();
        let found = self.reads().list(&prefix);
        found.map(move |meta| listed(&meta.map_err(|error| failed(&path, error))?)).boxed()
    }

    pub(crate) async fn list_children(&self, path: Option<&Path>) -> Result<ListResult> {
        let prefix = names::prefix(path)?;
        let found = self.reads().list_dir(&prefix).await;
        let found = found.map_err(|error| failed(path.unwrap_or(&Path::ROOT), error))?;
        Ok(ListResult {
            common_prefixes: found.prefixes.iter().map(names::path_of_prefix).collect::<Result<_>>()?,
            objects: found.values.iter().map(listed).collect::<Result<_>>()?,
            extensions: Default::default(),
        })
    }
}

fn listed(meta: &Meta) -> Result<ObjectMeta> {
    Ok(object_meta(names::path(&meta.key)?, meta))
}
