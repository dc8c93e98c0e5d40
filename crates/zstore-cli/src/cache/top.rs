//! `zstore cache top`: which arrays, or values, take the most room.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{array::Nodes, hidden};
use crate::{
    args::{Measure, TopOptions},
    directory::{Census, Root},
    output,
    problem::Problem,
    size::{counted, show},
    table::{Side, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    /// The heaviest first.
    top: Vec<Heap>,
    /// How many there are, shown or not.
    found: u64,
}

/// An array or a value, and what is held of it.
#[derive(Debug, Serialize)]
struct Heap {
    namespace: String,
    /// The path of the array, empty at the root, or the key of the value.
    name: String,
    blobs: u64,
    bytes: u64,
}

pub(super) fn run(options: &TopOptions) -> Result<(), Problem> {
    let census = Census::take(&Root::open(&options.directory)?)?.of_namespace(options.namespace.as_deref())?;
    let mut top = heaps(&census, options.keys);
    top.sort_by(|a, b| {
        let (more, same) = match options.by {
            Measure::Size => (b.bytes.cmp(&a.bytes), b.blobs.cmp(&a.blobs)),
            Measure::Count => (b.blobs.cmp(&a.blobs), b.bytes.cmp(&a.bytes)),
        };
        more.then(same).then_with(|| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)))
    });
    let found = top.len() as u64;
    top.truncate(options.limit);
    if options.json {
        return output::print(&output::json(&Report { top, found })?);
    }
    let noun = if options.keys { "key" } else { "array" };
    let mut table = Table::new([("size", Side::Right), ("blobs", Side::Right), (noun, Side::Left), ("of", Side::Left)]);
    for heap in &top {
        let name = if options.keys { heap.name.clone() } else { format!("/{}", heap.name) };
        table.add([show(heap.bytes), heap.blobs.to_string(), name, heap.namespace.clone()]);
    }
    let hidden = hidden(found, top.len());
    output::print(&format!("{table}{}{hidden}\n", counted(found, noun)))
}

fn heaps(census: &Census, by_key: bool) -> Vec<Heap> {
    let mut nodes = BTreeMap::new();
    if !by_key {
        for digest in census.namespaces.digests() {
            let own = census.residents.iter().filter(|resident| resident.name.namespace() == digest);
            nodes.insert(digest, Nodes::among(own.map(|resident| &resident.key)));
        }
    }
    let mut heaps: BTreeMap<_, Heap> = BTreeMap::new();
    for resident in &census.residents {
        let digest = resident.name.namespace();
        let name = nodes.get(&digest).map_or(resident.key.as_str(), |nodes| nodes.array_of(&resident.key));
        let heap = heaps.entry((digest, name)).or_insert_with(|| Heap {
            namespace: census.namespaces.shown(digest),
            name: name.to_owned(),
            blobs: 0,
            bytes: 0,
        });
        heap.blobs += 1;
        heap.bytes += resident.bytes;
    }
    heaps.into_values().collect()
}
