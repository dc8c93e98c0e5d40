//! Which arrays a hierarchy has.

use serde_json::Value;
use zstore_core::{Error, Prefix, ReadStore, ReadStoreExt};

use crate::problem::Problem;

/// Children of a directory looked at for a hint: enough for a directory of data sets, nothing against a request each.
const CHILDREN_LOOKED_AT_MAX: usize = 32;

/// An array, or what says it is one.
#[derive(Debug)]
pub(crate) struct Found {
    /// The path as Zarr writes it: `/` for an array that is the whole hierarchy.
    pub(crate) path: String,
    /// Why it cannot be read after all.
    pub(crate) broken: Option<Broken>,
}

/// Why what may be an array cannot be read.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Its metadata make no sense, for this reason.
    Metadata(String),
    /// The store failed.
    Store(Error),
}

impl Found {
    /// Whether its metadata can be read.
    pub(crate) const fn is_whole(&self) -> bool {
        self.broken.is_none()
    }
}

/// The nodes of a hierarchy, as its consolidated metadata name them.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) arrays: Vec<Found>,
    /// The paths of groups, that of the root left out.
    pub(crate) groups: Vec<String>,
    /// Whether these are of Zarr v2.
    pub(crate) is_v2: bool,
}

/// What the metadata at a prefix make of it.
enum Node {
    Array,
    /// A group, with what is below it where it tells that.
    Group(Option<Members>),
    /// Metadata that nobody can read.
    Broken(String),
    /// There are none.
    Unknown,
}

/// The arrays of a hierarchy, in the order of their paths.
///
/// Where the store can list, the hierarchy is walked, and every directory in it that is no array is looked into.
/// Where it cannot, as most web servers cannot, the consolidated metadata at the root have the say.
///
/// # Errors
/// If there is no hierarchy, no way to know what is in it, or nothing.
pub(crate) async fn arrays(store: &dyn ReadStore, label: &str) -> Result<Vec<Found>, Problem> {
    let mut found = match (root(store, label).await?, store.capabilities().listing) {
        (None, _) => vec![whole(&Prefix::root())],
        (Some(_), true) => walk(store).await?,
        (Some(members), false) => members.ok_or_else(|| untold(label))?.arrays,
    };
    if found.is_empty() {
        return Err(Problem::new(format!("there is no array in {label}"), "name a hierarchy with data in it"));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The arrays and groups of a hierarchy in a store that cannot list, of which there may be none.
///
/// # Errors
/// If there is no hierarchy, or no way to know what is in it.
pub(crate) async fn members(store: &dyn ReadStore, label: &str) -> Result<Members, Problem> {
    match root(store, label).await? {
        None => Ok(Members { arrays: vec![whole(&Prefix::root())], ..Members::default() }),
        Some(members) => members.ok_or_else(|| untold(label)),
    }
}

/// What is below the group at the root, where it tells that; none if the root is an array.
async fn root(store: &dyn ReadStore, label: &str) -> Result<Option<Option<Members>>, Problem> {
    match node(store, &Prefix::root()).await? {
        Node::Array => Ok(None),
        Node::Group(members) => Ok(Some(members)),
        Node::Unknown => Err(no_hierarchy(store, label).await),
        Node::Broken(reason) => Err(Problem::new(
            format!("the metadata of {label} cannot be read: {reason}"),
            "restore zarr.json from a backup, or write the hierarchy again",
        )),
    }
}

fn untold(label: &str) -> Problem {
    Problem::new(
        format!(
            "what arrays are in {label} cannot be known: it can neither be listed nor has it consolidated metadata"
        ),
        "add the path of one array to the URL, or consolidate the metadata (zarr.consolidate_metadata in Python)",
    )
}

fn path(prefix: &Prefix) -> String {
    format!("/{prefix}")
}

fn whole(prefix: &Prefix) -> Found {
    Found { path: path(prefix), broken: None }
}

/// Looks into every group, and into every directory without metadata, from the root down.
async fn walk(store: &dyn ReadStore) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let mut to_look_into = vec![Prefix::root()];
    while let Some(group) = to_look_into.pop() {
        let children = match store.list_dir(&group).await {
            Ok(children) => children.prefixes,
            Err(error) if group.as_str().is_empty() || error.is_retryable() => return Err(error),
            Err(error) => {
                found.push(Found { path: path(&group), broken: Some(Broken::Store(error)) });
                continue;
            }
        };
        for child in children {
            // Zarr reserves such names for what is no node.
            if group.strip(child.as_str()).is_some_and(|name| name.starts_with("__")) {
                continue;
            }
            let broken = match node(store, &child).await {
                Ok(Node::Array) => None,
                Ok(Node::Broken(reason)) => Some(Broken::Metadata(reason)),
                Ok(Node::Group(_) | Node::Unknown) => {
                    to_look_into.push(child);
                    continue;
                }
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => Some(Broken::Store(error)),
            };
            found.push(Found { path: path(&child), broken });
        }
    }
    Ok(found)
}

async fn read(store: &dyn ReadStore, prefix: &Prefix, name: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(store.get_bytes(&prefix.key(name)?).await?.map(Into::into))
}

/// Asks for metadata in the order that zarrs does: v3 first.
async fn node(store: &dyn ReadStore, prefix: &Prefix) -> Result<Node, Error> {
    if let Some(json) = read(store, prefix, "zarr.json").await? {
        return Ok(node_v3(prefix, &json));
    }
    if read(store, prefix, ".zarray").await?.is_some() {
        return Ok(Node::Array);
    }
    if !store.capabilities().listing
        && let Some(json) = read(store, prefix, ".zmetadata").await?
    {
        return Ok(match serde_json::from_slice::<Value>(&json) {
            Ok(json) => Node::Group(Some(consolidated_v2(&json))),
            Err(error) => Node::Broken(format!(".zmetadata is not JSON: {error}")),
        });
    }
    if read(store, prefix, ".zgroup").await?.is_some() {
        return Ok(Node::Group(None));
    }
    Ok(Node::Unknown)
}

fn node_v3(prefix: &Prefix, json: &[u8]) -> Node {
    let json = match serde_json::from_slice::<Value>(json) {
        Ok(json) => json,
        Err(error) => {
            return Node::Broken(format!(
                "{} is not JSON: {error}",
                path(prefix).trim_end_matches('/').to_owned() + "/zarr.json"
            ));
        }
    };
    match json["node_type"].as_str() {
        Some("array") => Node::Array,
        Some("group") => Node::Group(json["consolidated_metadata"]["metadata"].as_object().map(|nodes| {
            let of_type = |wanted: &'static str| {
                let nodes = nodes.iter().filter(move |(_, node)| node["node_type"] == wanted);
                nodes.map(|(name, _)| format!("/{name}"))
            };
            Members {
                arrays: of_type("array").map(|path| Found { path, broken: None }).collect(),
                groups: of_type("group").collect(),
                is_v2: false,
            }
        })),
        _ => Node::Broken("zarr.json says neither array nor group".to_owned()),
    }
}

fn consolidated_v2(json: &Value) -> Members {
    let names = || json["metadata"].as_object().into_iter().flat_map(|nodes| nodes.keys());
    let arrays = names().filter_map(|name| if name == ".zarray" { Some("") } else { name.strip_suffix("/.zarray") });
    let groups = names().filter_map(|name| name.strip_suffix("/.zgroup"));
    Members {
        arrays: arrays.map(|name| Found { path: format!("/{name}"), broken: None }).collect(),
        groups: groups.map(|name| format!("/{name}")).collect(),
        is_v2: true,
    }
}

/// The problem of a root without metadata, with the hint that helps best.
async fn no_hierarchy(store: &dyn ReadStore, label: &str) -> Problem {
    let message = format!("{label} is not a Zarr hierarchy: it has no zarr.json, .zarray or .zgroup");
    let mut hint = "name the directory or URL that holds zarr.json, .zarray or .zgroup".to_owned();
    // The hint may fail to be found; the problem stays.
    if store.capabilities().listing
        && let Ok(children) = store.list_dir(&Prefix::root()).await
    {
        for child in children.prefixes.into_iter().take(CHILDREN_LOOKED_AT_MAX) {
            if let Ok(Node::Array | Node::Group(_)) = node(store, &child).await {
                hint = format!("{child:?} in it is one: name that");
                break;
            }
        }
    }
    Problem::new(message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(members: &Members) -> Vec<&str> {
        members.arrays.iter().map(|found| found.path.as_str()).collect()
    }

    #[test]
    fn consolidated_metadata_of_v2_name_arrays() {
        let json = serde_json::json!({"metadata": {
            ".zgroup": {}, "a/.zarray": {}, "a/.zattrs": {}, "b/.zgroup": {}, "b/c d/.zarray": {}}});
        let members = consolidated_v2(&json);
        assert_eq!((paths(&members), &members.groups[..]), (vec!["/a", "/b/c d"], &["/b".to_owned()][..]));
        assert_eq!(paths(&consolidated_v2(&serde_json::json!({"metadata": {".zarray": {}}}))), ["/"]);
        assert!(consolidated_v2(&serde_json::json!([])).arrays.is_empty());
    }

    #[test]
    fn metadata_of_v3_tell_arrays_and_groups() {
        let of = |json: &str| node_v3(&Prefix::root(), json.as_bytes());
        assert!(matches!(of(r#"{"node_type": "array"}"#), Node::Array));
        assert!(matches!(of(r#"{"node_type": "group"}"#), Node::Group(None)));
        assert!(matches!(of(r#"{"node_type": 3}"#), Node::Broken(_)));
        assert!(matches!(of("{"), Node::Broken(_)));
        let consolidated = of(r#"{"node_type": "group", "consolidated_metadata": {"metadata": {
                "a": {"node_type": "array"}, "g": {"node_type": "group"}, "g/b": {"node_type": "array"}}}}"#);
        let Node::Group(Some(found)) = consolidated else { panic!("not found") };
        assert_eq!((paths(&found), &found.groups[..]), (vec!["/a", "/g/b"], &["/g".to_owned()][..]));
    }
}
