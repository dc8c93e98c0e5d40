//! `zstore ls`: what is directly below a path.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use zstore_core::{DirListing, Prefix, ReadStoreExt, Timestamp};

use super::View;
use crate::{
    age,
    args::PathOptions,
    output,
    problem::Problem,
    size::show,
    table::{Side, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    source: String,
    path: String,
    /// Paths below which there are values.
    prefixes: Vec<String>,
    values: Vec<Child>,
}

#[derive(Debug, Serialize)]
struct Child {
    key: String,
    bytes: u64,
    modified_ms: Option<u64>,
}

pub(super) async fn run(view: &View, options: &PathOptions) -> Result<(), Problem> {
    let path = options.path.clone().unwrap_or_default();
    let listing = if view.store.capabilities().listing {
        view.store.list_dir(&path).await?
    } else {
        DirListing { values: Vec::new(), prefixes: consolidated(view, &path).await? }
    };
    if listing.values.is_empty() && listing.prefixes.is_empty() {
        return Err(Problem::new(
            format!("there is nothing below {}", view.name(&path)),
            "name a directory or a path that holds something",
        ));
    }
    let text = if options.json { output::json(&Report::new(view, &path, &listing))? } else { table(&path, &listing) };
    output::print(&text)
}

impl Report {
    fn new(view: &View, path: &Prefix, listing: &DirListing) -> Self {
        let values = listing.values.iter().map(|meta| Child {
            key: meta.key.to_string(),
            bytes: meta.size,
            modified_ms: meta.modified.map(Timestamp::as_millis),
        });
        Self {
            source: view.label.clone(),
            path: path.to_string(),
            prefixes: listing.prefixes.iter().map(ToString::to_string).collect(),
            values: values.collect(),
        }
    }
}

fn table(path: &Prefix, listing: &DirListing) -> String {
    let below = |name: &str| path.strip(name).unwrap_or(name).to_owned();
    let mut table = Table::new([("size", Side::Right), ("modified", Side::Right), ("name", Side::Left)]);
    for prefix in &listing.prefixes {
        table.add(["-".to_owned(), "-".to_owned(), format!("{}/", below(prefix.as_str()))]);
    }
    let now = age::now();
    for meta in &listing.values {
        let since = |modified| format!("{} ago", age::show(age::of(modified, now)));
        let modified = meta.modified.map_or_else(|| "-".to_owned(), since);
        table.add([show(meta.size), modified, below(meta.key.as_str())]);
    }
    table.to_string()
}

/// The nodes below a group, from metadata that were written for those who cannot list.
async fn consolidated(view: &View, path: &Prefix) -> Result<Vec<Prefix>, Problem> {
    for (name, inside) in [("zarr.json", &["consolidated_metadata", "metadata"][..]), (".zmetadata", &["metadata"])] {
        let Some(json) = view.store.get_bytes(&path.join(&key(name)?)).await? else { continue };
        let json: Value = serde_json::from_slice(&json).unwrap_or_default();
        let nodes = inside.iter().fold(&json, |json, name| &json[name]);
        if let Some(nodes) = nodes.as_object() {
            let children = children(nodes.keys().map(String::as_str), name == ".zmetadata");
            let children = children.iter().map(|name| Ok(path.join_prefix(&Prefix::new(name)?)));
            return children.collect::<Result<_, zstore_core::InvalidKey>>().map_err(|error| unreadable(&error));
        }
    }
    Err(Problem::new(
        format!(
            "what is below {} cannot be known: it can neither be listed nor has it consolidated metadata",
            view.name(path)
        ),
        "name a value in it, or consolidate the metadata (zarr.consolidate_metadata in Python)",
    ))
}

fn key(name: &str) -> Result<zstore_core::Key, Problem> {
    zstore_core::Key::new(name).map_err(|error| unreadable(&error))
}

fn unreadable(error: &zstore_core::InvalidKey) -> Problem {
    Problem::new(format!("the consolidated metadata make no sense: {error}"), "write them again")
}

/// The first segments of paths of nodes, or of their metadata.
fn children<'a>(names: impl Iterator<Item = &'a str>, are_keys: bool) -> BTreeSet<&'a str> {
    let nodes =
        names.filter_map(|name| if are_keys { name.rsplit_once('/').map(|(node, _)| node) } else { Some(name) });
    nodes.filter_map(|node| node.split('/').next()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_the_first_segments_of_what_lies_below() {
        let of = |names: &[&'static str], are_keys| Vec::from_iter(children(names.iter().copied(), are_keys));
        assert_eq!(of(&["a", "g", "g/b", "g/c/d"], false), ["a", "g"]);
        assert_eq!(of(&[".zgroup", ".zattrs", "a/.zarray", "g/b/.zarray"], true), ["a", "g"]);
    }
}
