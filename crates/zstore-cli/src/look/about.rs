//! `zstore info`: what a value, an array or a group is.

use serde::Serialize;
use zstore_core::{Key, Meta, Prefix, Timestamp};

use super::{
    View,
    node::{self, Node},
};
use crate::{
    age,
    args::{InfoOptions, PathOptions},
    output,
    problem::Problem,
    size::{counted, counted_as, show},
    source,
    table::{Side, Table},
};

/// What there is at a path.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Thing {
    Array(Box<node::Array>),
    Group(node::Group),
    Value(About),
    /// No node of Zarr, but something lies below it.
    Prefix {
        prefixes: u64,
        values: u64,
    },
}

/// What is known of a value.
#[derive(Debug, Serialize)]
struct About {
    bytes: u64,
    modified_ms: Option<u64>,
    e_tag: Option<String>,
    version_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    source: String,
    path: String,
    #[serde(flatten)]
    thing: Thing,
}

pub(super) async fn run(options: &InfoOptions) -> Result<(), Problem> {
    let PathOptions { path, look, json } = &options.at;
    let path = path.clone().unwrap_or_default();
    // A source that is a file, or a URL of one, is a value in what holds it.
    if !source::is_file(&options.source) {
        let view = View::open(&options.source, look).await?;
        let found = find(&view, &path).await;
        view.finish().await;
        if let Some(thing) = found? {
            return tell(&view, &path, thing, *json);
        }
        if !path.is_root() || !options.source.contains("://") {
            return Err(nothing(&view.name(&path)));
        }
    }
    let (parent, key) = source::split(&options.source).map_err(|_| nothing(&options.source))?;
    let view = View::open(&parent, look).await?;
    let found = value(&view, &key).await;
    view.finish().await;
    let thing = found?.ok_or_else(|| nothing(&options.source))?;
    tell(&view, &Prefix::from(&key), thing, *json)
}

fn nothing(name: &str) -> Problem {
    Problem::new(format!("there is nothing at {name}"), "`zstore ls` shows what there is")
}

async fn find(view: &View, path: &Prefix) -> Result<Option<Thing>, Problem> {
    match node::read(&*view.store, path).await? {
        Some(Node::Array(array)) => return Ok(Some(Thing::Array(array))),
        Some(Node::Group(group)) => return Ok(Some(Thing::Group(group))),
        None => {}
    }
    if let Ok(key) = Key::new(path.as_str())
        && let Some(thing) = value(view, &key).await?
    {
        return Ok(Some(thing));
    }
    if !view.store.capabilities().listing {
        return Ok(None);
    }
    let listing = view.store.list_dir(path).await?;
    let (prefixes, values) = (listing.prefixes.len() as u64, listing.values.len() as u64);
    Ok((prefixes + values > 0).then_some(Thing::Prefix { prefixes, values }))
}

async fn value(view: &View, key: &Key) -> Result<Option<Thing>, Problem> {
    let about = |Meta { size, modified, version, .. }: Meta| About {
        bytes: size,
        modified_ms: modified.map(Timestamp::as_millis),
        e_tag: version.e_tag.as_deref().map(str::to_owned),
        version_id: version.id.as_deref().map(str::to_owned),
    };
    Ok(view.store.head(key).await?.map(|meta| Thing::Value(about(meta))))
}

fn tell(view: &View, path: &Prefix, thing: Thing, as_json: bool) -> Result<(), Problem> {
    let report = Report { source: view.label.clone(), path: path.to_string(), thing };
    output::print(&if as_json { output::json(&report)? } else { report.text()? })
}

impl Report {
    fn text(&self) -> Result<String, Problem> {
        let mut table = Table::new([("source", Side::Left), (&self.source, Side::Left)]);
        let mut add = |name: &str, value: String| table.add([name.to_owned(), value]);
        add("path", format!("/{}", self.path));
        match &self.thing {
            Thing::Array(array) => {
                add("kind", format!("array, Zarr v{}", array.zarr_format));
                for (name, value) in array.lines() {
                    add(name, value);
                }
                add("attributes", in_a_line(&array.attributes)?);
            }
            Thing::Group(group) => {
                add("kind", format!("group, Zarr v{}", group.zarr_format));
                add("attributes", in_a_line(&group.attributes)?);
            }
            Thing::Value(about) => {
                let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_owned());
                let now = age::now();
                let since = |ms| format!("{} ago", age::show(age::of(Timestamp::from_millis(ms), now)));
                add("kind", "value".to_owned());
                add("size", format!("{} ({})", show(about.bytes), counted(about.bytes, "byte")));
                add("modified", about.modified_ms.map_or_else(|| "not told".to_owned(), since));
                add("entity tag", told(&about.e_tag));
                add("version id", told(&about.version_id));
            }
            Thing::Prefix { prefixes, values } => {
                add("kind", "no node of Zarr".to_owned());
                let (prefixes, values) = (counted_as(*prefixes, "prefix", "prefixes"), counted(*values, "value"));
                add("holds", format!("{prefixes} and {values}"));
            }
        }
        Ok(table.to_string())
    }
}

/// Attributes as JSON in a line.
fn in_a_line(attributes: &serde_json::Map<String, serde_json::Value>) -> Result<String, Problem> {
    if attributes.is_empty() {
        return Ok("none".to_owned());
    }
    Ok(output::json(attributes)?.trim_end().to_owned())
}
