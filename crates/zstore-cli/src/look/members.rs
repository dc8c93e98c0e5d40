//! What is below a group of a server that cannot list, as consolidated metadata tell it: its own, or those of a group
//! above it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use zstore_core::{InvalidKey, Prefix, ReadStoreExt};

use super::View;
use crate::problem::Problem;

/// Nodes below a group by their paths in it, and whether they are arrays.
type Nodes = BTreeMap<String, bool>;

/// The members of a group; none if there is nothing of that name.
///
/// # Errors
/// If the store fails, it is an array, or no metadata tell.
pub(super) async fn find(view: &View, path: &Prefix) -> Result<Option<Vec<Prefix>>, Problem> {
    let own = json(view, path, "zarr.json").await?;
    let mut next = Some(path.clone());
    while let Some(group) = next {
        let below = if group.is_root() { Some(path.as_str()) } else { group.strip(path.as_str()) }.unwrap_or_default();
        let json = if group == *path { own.clone() } else { json(view, &group, "zarr.json").await? };
        if let Some(nodes) = nodes(view, &group, json).await? {
            match nodes.get(below) {
                Some(true) => return Err(is_array(view, path)),
                named => {
                    let members = members(&nodes, below);
                    if below.is_empty() || named.is_some() || !members.is_empty() {
                        let members = members.into_iter().map(|name| Ok(path.join_prefix(&Prefix::new(name)?)));
                        return members.collect::<Result<_, InvalidKey>>().map(Some).map_err(|error| senseless(&error));
                    }
                    // It may have been made since they were written.
                    if own.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
        let above = group.as_str().rsplit_once('/').map_or("", |(above, _)| above);
        next = if group.is_root() { None } else { Prefix::new(above).ok() };
    }
    if own.is_some_and(|json| json["node_type"] == "array") || json(view, path, ".zarray").await?.is_some() {
        return Err(is_array(view, path));
    }
    Err(Problem::new(
        format!(
            "what is below {} cannot be known: it can neither be listed nor has it consolidated metadata",
            view.name(path)
        ),
        "name a value in it, or consolidate the metadata (zarr.consolidate_metadata in Python)",
    ))
}

async fn json(view: &View, path: &Prefix, name: &str) -> Result<Option<Value>, Problem> {
    let key = path.key(name).map_err(|error| senseless(&error))?;
    Ok(view.store.get_bytes(&key).await?.map(|json| serde_json::from_slice(&json).unwrap_or_default()))
}

fn is_array(view: &View, path: &Prefix) -> Problem {
    Problem::new(
        format!("{} is an array, and its server cannot list the chunks", view.name(path)),
        "`zstore info` tells its shape and how many chunks there are",
    )
}

fn senseless(error: &InvalidKey) -> Problem {
    Problem::new(format!("the consolidated metadata make no sense: {error}"), "write them again")
}

/// The nodes that a group has the metadata of.
async fn nodes(view: &View, group: &Prefix, new: Option<Value>) -> Result<Option<Nodes>, Problem> {
    if let Some(nodes) = new.as_ref().and_then(|json| json["consolidated_metadata"]["metadata"].as_object()) {
        return Ok(Some(nodes.iter().map(|(path, node)| (path.clone(), node["node_type"] == "array")).collect()));
    }
    let old = json(view, group, ".zmetadata").await?;
    let metadata = old.as_ref().and_then(|json| json["metadata"].as_object());
    Ok(metadata.map(|metadata| nodes_of_v2(metadata.keys().map(String::as_str))))
}

/// The nodes whose metadata have these keys.
fn nodes_of_v2<'a>(keys: impl Iterator<Item = &'a str>) -> Nodes {
    let mut nodes = Nodes::new();
    for (path, name) in keys.filter_map(|key| key.rsplit_once('/')) {
        *nodes.entry(path.to_owned()).or_default() |= name == ".zarray";
    }
    nodes
}

/// The first segments of what lies below a path.
fn members<'a>(nodes: &'a Nodes, below: &str) -> BTreeSet<&'a str> {
    let inside =
        |path: &'a str| if below.is_empty() { Some(path) } else { path.strip_prefix(below)?.strip_prefix('/') };
    let first = |path: &'a str| inside(path)?.split('/').next();
    nodes.keys().filter_map(|path| first(path)).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_the_first_segments_of_what_lies_below() {
        let nodes: Nodes = ["a", "g", "g/b", "g/c/d", "go/e"].map(|path| (path.to_owned(), false)).into();
        assert_eq!(Vec::from_iter(members(&nodes, "")), ["a", "g", "go"]);
        assert_eq!(Vec::from_iter(members(&nodes, "g")), ["b", "c"]);
        assert!(members(&nodes, "a").is_empty());
    }

    #[test]
    fn keys_of_metadata_tell_nodes_and_which_of_them_are_arrays() {
        let nodes = nodes_of_v2([".zgroup", ".zattrs", "a/.zarray", "a/.zattrs", "g/b/.zgroup"].into_iter());
        assert_eq!(nodes, [("a".to_owned(), true), ("g/b".to_owned(), false)].into());
    }
}
