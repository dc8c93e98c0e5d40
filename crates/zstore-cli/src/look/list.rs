//! `zstore ls`: what is directly below a path.

use serde::Serialize;
use zstore_core::{DirListing, Prefix, Timestamp};

use super::{View, members};
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
    if !view.store.capabilities().listing {
        let prefixes = members::find(view, &path).await?.ok_or_else(|| nothing(view, &path))?;
        if prefixes.is_empty() && !options.json {
            eprintln!("note: {} is a group without members", view.name(&path));
        }
        let listing = DirListing { values: Vec::new(), prefixes };
        return tell(view, &path, &listing, options.json);
    }
    let listing = view.store.list_dir(&path).await?;
    if listing.values.is_empty() && listing.prefixes.is_empty() {
        return Err(nothing(view, &path));
    }
    tell(view, &path, &listing, options.json)
}

fn nothing(view: &View, path: &Prefix) -> Problem {
    Problem::new(
        format!("there is nothing below {}", view.name(path)),
        "name a directory or a path that holds something",
    )
}

fn tell(view: &View, path: &Prefix, listing: &DirListing, as_json: bool) -> Result<(), Problem> {
    output::print(&if as_json { output::json(&Report::new(view, path, listing))? } else { table(path, listing) })
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
