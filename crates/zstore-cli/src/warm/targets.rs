//! Which values are to be warmed: what a source lists, or what zarrs makes of arrays and regions.

use std::sync::Arc;

use zarrs::{
    array::{Array, ArrayMetadata, ArraySubset},
    storage::AsyncReadableStorageTraits,
};
use zstore_core::{Key, Prefix, ReadStore};
use zstore_zarrs::{ZarrsStore, store_error};

use crate::{
    args::WarmOptions,
    cached::Cache,
    discover, fault,
    problem::{self, Problem},
    region::Region,
};

/// A gigabyte of keys, about: more is no warm-up but a copy.
const KEYS_MAX: u64 = 10_000_000;

/// What is to be warmed.
#[derive(Debug)]
pub(super) enum Targets {
    /// All that the source lists below this.
    Below(Prefix),
    /// These, some of which may not be there.
    Keys(Vec<Key>),
}

impl Targets {
    /// Finds out what is meant.
    ///
    /// # Errors
    /// If there is no such array or region, or the source does not tell.
    pub(super) async fn find(cache: &Cache, label: &str, options: &WarmOptions) -> Result<Self, Problem> {
        if let Some(array) = &options.array {
            return Ok(Self::Keys(array_keys(cache, array, options.region.as_ref()).await?));
        }
        let prefix = options.prefix.clone().unwrap_or_default();
        if cache.source().capabilities().listing {
            return Ok(Self::Below(prefix));
        }
        // Whoever cannot list has metadata that tell which arrays there are.
        let found = discover::arrays(&**cache.source(), label).await?;
        let mut keys = Vec::new();
        for found in found.iter().filter(|found| found.is_whole()) {
            let array = Prefix::new(found.path.trim_start_matches('/')).map_err(|error| refuse(error.to_string()))?;
            let is_meant = prefix.is_root() || array == prefix || prefix.strip(array.as_str()).is_some();
            if is_meant {
                keys.extend(array_keys(cache, &array, None).await?);
            }
        }
        Ok(Self::Keys(keys))
    }
}

/// The keys of an array's chunks, or shards, that a region touches, and of its metadata.
async fn array_keys(cache: &Cache, path: &Prefix, region: Option<&Region>) -> Result<Vec<Key>, Problem> {
    // From the source itself, so that the report tells of these metadata as of all else.
    let storage: Storage = Arc::new(ZarrsStore::new(Arc::clone(cache.source())));
    let node = format!("/{path}");
    // In a task of its own: metadata from anywhere may be such that zarrs panics at them.
    let opening = tokio::spawn(fault::expected(async move { Array::async_open(storage, &node).await }));
    let array = opening.await.map_err(|error| refuse(format!("/{path} cannot be opened: {}", fault::reason(error))))?;
    let array = array.map_err(|error| match store_error(&error) {
        Some(ours) => Problem::from(ours.clone()),
        None => refuse(format!("/{path} is no array that can be read: {}", problem::chain(&error))),
    })?;
    let subset = match region {
        None => array.subset_all(),
        Some(region) => {
            let ranges = region.resolve(array.shape()).map_err(|reason| {
                Problem::of_usage(format!("{reason}: /{path} has the shape {:?}", array.shape()), "name another region")
            })?;
            ArraySubset::new_with_ranges(&ranges)
        }
    };
    let chunks = array.chunks_in_array_subset(&subset).map_err(|error| refuse(error.to_string()))?;
    let chunks = chunks.ok_or_else(|| refuse(format!("the chunks of /{path} cannot be told")))?;
    let count = chunks.shape().iter().try_fold(1u64, |count, length| count.checked_mul(*length));
    if count.is_none_or(|count| count > KEYS_MAX) {
        return Err(Problem::new(
            format!("that is more than {KEYS_MAX} chunks of /{path}"),
            "name a smaller --region, or several one after the other",
        ));
    }
    let mut keys = metadata_keys(path, matches!(array.metadata(), ArrayMetadata::V2(_)))?;
    for indices in &chunks.indices() {
        keys.push(Key::new(array.chunk_key(&indices).as_str()).map_err(|error| refuse(error.to_string()))?);
    }
    Ok(keys)
}

type Storage = Arc<dyn AsyncReadableStorageTraits>;

fn refuse(message: String) -> Problem {
    Problem::new(message, "`zstore info` tells what there is; see that --array names an array")
}

/// What whoever opens an array asks for, of it and of the groups above it.
fn metadata_keys(path: &Prefix, is_v2: bool) -> Result<Vec<Key>, Problem> {
    let (of_array, of_group) = if is_v2 {
        (&[".zarray", ".zattrs"][..], &[".zgroup", ".zattrs", ".zmetadata"][..])
    } else {
        (&["zarr.json"][..], &["zarr.json"][..])
    };
    let mut keys = Vec::new();
    let mut here = Some(path.clone());
    let mut names = of_array;
    while let Some(node) = here {
        for name in names {
            keys.push(node.key(name).map_err(|error| refuse(error.to_string()))?);
        }
        names = of_group;
        let above = (!node.is_root()).then(|| node.as_str().rsplit_once('/').map_or("", |(above, _)| above));
        here = above.map(Prefix::new).transpose().map_err(|error| refuse(error.to_string()))?;
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_those_of_the_array_and_of_all_groups_above() {
        let keys = |path: &str, is_v2| -> Vec<String> {
            let keys = metadata_keys(&Prefix::new(path).unwrap(), is_v2).unwrap();
            keys.iter().map(ToString::to_string).collect()
        };
        assert_eq!(keys("a/b", false), ["a/b/zarr.json", "a/zarr.json", "zarr.json"]);
        assert_eq!(keys("", false), ["zarr.json"]);
        assert_eq!(keys("a", true), ["a/.zarray", "a/.zattrs", ".zgroup", ".zattrs", ".zmetadata"]);
        assert_eq!(keys("", true), [".zarray", ".zattrs"]);
    }
}
