//! Which values are to be warmed: what a source lists, or what its metadata make of arrays and regions.

use serde::Serialize;
use zstore_core::{Key, Prefix, ReadStore};

use super::layout::{Chunks, Unknown, Version};
use crate::{
    args::WarmOptions,
    cached::Cache,
    discover::{self, Members},
    problem::{Problem, one_line},
    region::Region,
};

/// What is to be warmed.
#[derive(Debug)]
pub(super) enum Targets {
    /// All that the source lists below this.
    Below(Prefix),
    /// These, some of which may not be there; and arrays of which nobody knows where their chunks are.
    Keys(Vec<Key>, Vec<LeftOut>),
}

/// An array of which nothing is warmed.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) path: String,
    pub(super) reason: String,
}

impl Targets {
    /// Finds out what is meant.
    ///
    /// # Errors
    /// If there is no such array or region, or the source does not tell.
    pub(super) async fn find(cache: &Cache, label: &str, options: &WarmOptions) -> Result<Self, Problem> {
        if let Some(array) = &options.array {
            let keys = array_keys(cache, array, options.region.as_ref()).await?;
            return Ok(Self::Keys(keys, Vec::new()));
        }
        let prefix = options.prefix.clone().unwrap_or_default();
        if cache.source().capabilities().listing {
            return Ok(Self::Below(prefix));
        }
        // Whoever cannot list has metadata that tell which arrays there are.
        Self::told(cache, discover::members(&**cache.source(), label).await?, &prefix).await
    }

    /// What is meant by a prefix of a source that only tells its nodes.
    async fn told(cache: &Cache, members: Members, prefix: &Prefix) -> Result<Self, Problem> {
        let version = if members.is_v2 { Version::V2 } else { Version::V3 };
        let (mut keys, mut left_out) = (Vec::new(), Vec::new());
        // The root is a group too, unless it is an array.
        let is_array = members.arrays.iter().any(|array| array.path == "/");
        for group in members.groups.iter().map(String::as_str).chain((!is_array).then_some("/")) {
            let group = node(group)?;
            if is_at_or_below(prefix, &group) {
                keys.extend(group_metadata(&group, version));
            }
        }
        for found in members.arrays {
            let array = node(&found.path)?;
            let is_meant = is_at_or_below(prefix, &array);
            if !is_meant && !is_at_or_below(&array, prefix) {
                continue;
            }
            match array_keys(cache, &array, None).await {
                Ok(of_array) => keys.extend(of_array.into_iter().filter(|key| is_meant || prefix.holds(key))),
                // The others would wait as long for the same answer.
                Err(Unknown::Store(error)) if error.is_retryable() => return Err(error.into()),
                Err(unknown) => {
                    let reason = one_line(Problem::from(unknown).message());
                    left_out.push(LeftOut { path: found.path, reason });
                }
            }
        }
        Ok(Self::Keys(keys, left_out))
    }
}

/// The problem that there is nothing to warm, with the hint that helps best.
pub(super) async fn nothing(cache: &Cache, label: &str, prefix: Option<&Prefix>) -> Problem {
    let place = prefix.map_or_else(|| label.to_owned(), |prefix| format!("below {prefix} in {label}"));
    let likely = match prefix {
        Some(prefix) => likely(&**cache.source(), label, prefix).await,
        None => None,
    };
    let hint = likely.map(|name| format!("a prefix is made of whole names; did you mean {name}?"));
    Problem::new(
        format!("there is nothing {}{place}", if prefix.is_some() { "" } else { "in " }),
        hint.unwrap_or_else(|| "`zstore ls` shows what there is".to_owned()),
    )
}

/// The first path that begins with the letters of a prefix. It may fail to be found; the problem stays.
async fn likely(source: &dyn ReadStore, label: &str, prefix: &Prefix) -> Option<String> {
    let paths: Vec<String> = if source.capabilities().listing {
        let children = source.list_dir(&above(prefix)?).await.ok()?.prefixes;
        children.iter().map(ToString::to_string).collect()
    } else {
        let members = discover::members(source, label).await.ok()?;
        let paths = members.arrays.into_iter().map(|array| array.path).chain(members.groups);
        paths.map(|path| path.trim_start_matches('/').to_owned()).collect()
    };
    paths.into_iter().filter(|path| path.starts_with(prefix.as_str())).min()
}

fn node(path: &str) -> Result<Prefix, Problem> {
    Prefix::new(path.trim_start_matches('/'))
        .map_err(|error| Problem::new(format!("the consolidated metadata make no sense: {error}"), "write them again"))
}

fn is_at_or_below(prefix: &Prefix, node: &Prefix) -> bool {
    prefix.is_root() || node == prefix || prefix.strip(node.as_str()).is_some()
}

/// The keys of an array's chunks, or shards, that a region touches, and of its metadata.
async fn array_keys(cache: &Cache, path: &Prefix, region: Option<&Region>) -> Result<Vec<Key>, Unknown> {
    // From the source itself, so that the report tells of these metadata as of all else.
    let chunks = Chunks::find(&**cache.source(), path, region).await?;
    let mut keys = array_metadata(path, chunks.version);
    keys.extend(chunks.keys);
    Ok(keys)
}

/// What whoever opens an array asks for, of it and of the groups above it.
fn array_metadata(path: &Prefix, version: Version) -> Vec<Key> {
    let names = match version {
        Version::V2 => &[".zarray", ".zattrs"][..],
        Version::V3 => &["zarr.json"],
    };
    let mut keys = at(path, names);
    keys.extend(above(path).into_iter().flat_map(|group| group_metadata(&group, version)));
    keys
}

/// The same of a group.
fn group_metadata(path: &Prefix, version: Version) -> Vec<Key> {
    let names = match version {
        Version::V2 => &[".zgroup", ".zattrs", ".zmetadata"][..],
        Version::V3 => &["zarr.json"],
    };
    let (mut keys, mut here) = (Vec::new(), Some(path.clone()));
    while let Some(group) = here {
        keys.extend(at(&group, names));
        here = above(&group);
    }
    keys
}

/// Values of these names in a node. Such names are keys.
fn at(path: &Prefix, names: &[&str]) -> Vec<Key> {
    names.iter().filter_map(|name| path.key(name).ok()).collect()
}

/// The group that a node is in; none for the root.
fn above(path: &Prefix) -> Option<Prefix> {
    let above = path.as_str().rsplit_once('/').map_or("", |(above, _)| above);
    // The beginning of a prefix, by whole segments, is one.
    if path.is_root() { None } else { Prefix::new(above).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_those_of_the_array_and_of_all_groups_above() {
        let keys = |path: &str, version| -> Vec<String> {
            array_metadata(&Prefix::new(path).unwrap(), version).iter().map(ToString::to_string).collect()
        };
        assert_eq!(keys("a/b", Version::V3), ["a/b/zarr.json", "a/zarr.json", "zarr.json"]);
        assert_eq!(keys("", Version::V3), ["zarr.json"]);
        assert_eq!(keys("a", Version::V2), ["a/.zarray", "a/.zattrs", ".zgroup", ".zattrs", ".zmetadata"]);
        assert_eq!(keys("", Version::V2), [".zarray", ".zattrs"]);
    }
}
