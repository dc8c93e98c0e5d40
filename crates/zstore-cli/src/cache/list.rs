//! `zstore cache list`: what a cache directory holds, blob by blob.

use serde::Serialize;
use zstore_core::{Key, Prefix, Timestamp};

use super::hidden;
use crate::{
    age,
    args::{ListOptions, Order},
    directory::{Census, Resident, ResidentPart, Root},
    output,
    problem::Problem,
    size::{counted, show},
    table::{Side, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    blobs: Vec<Line>,
    /// How many there are that were asked for, shown or not.
    found: u64,
    found_bytes: u64,
}

/// A blob as it is told of.
#[derive(Debug, Serialize)]
struct Line {
    namespace: String,
    key: String,
    part: &'static str,
    block_bytes: Option<u64>,
    block_index: Option<u64>,
    /// The size of its file.
    bytes: u64,
    header_bytes: u64,
    fetched_ms: u64,
}

pub(super) fn run(options: &ListOptions) -> Result<(), Problem> {
    let census = Census::take(&Root::open(&options.directory)?)?;
    let namespaces = census.namespaces.clone();
    let has_several = namespaces.len() > 1 && options.namespace.is_none();
    let Census { mut residents, flawed, .. } = census.of_namespace(options.namespace.as_deref())?;
    if !flawed.is_empty() {
        let damaged = counted(flawed.len() as u64, "damaged blob");
        eprintln!("note: {damaged} not listed; `zstore cache verify` tells more");
    }
    if let Some(prefix) = &options.prefix {
        let likely = likely(&residents, prefix);
        residents.retain(|resident| prefix.holds(&resident.key) || prefix.as_str() == resident.key.as_str());
        if let (true, Some(key)) = (residents.is_empty(), likely) {
            eprintln!("note: nothing is at or below {prefix}, which would be whole segments of a key; {key} begins so");
        }
    }
    sort(&mut residents, options.sort);
    let (found, found_bytes) = (residents.len() as u64, residents.iter().map(|resident| resident.bytes).sum());
    residents.truncate(options.limit.unwrap_or(usize::MAX));
    let shown = |resident: &Resident| namespaces.shown(resident.name.namespace());
    if options.json {
        let blobs = residents.iter().map(|resident| Line::new(resident, shown(resident))).collect();
        return output::print(&output::json(&Report { blobs, found, found_bytes })?);
    }
    let namespace = if has_several { "namespace" } else { "" };
    let right = Side::Right;
    let mut table = Table::new([
        ("size", right),
        ("age", right),
        ("part", Side::Left),
        ("key", Side::Left),
        (namespace, Side::Left),
    ]);
    let now = age::now();
    for resident in &residents {
        let namespace = if has_several { shown(resident) } else { String::new() };
        table.add([
            show(resident.bytes),
            age::show(age::of(resident.fetched, now)),
            part(resident.part),
            resident.key.to_string(),
            namespace,
        ]);
    }
    let hidden = hidden(found, residents.len());
    output::print(&format!("{table}{}, {}{hidden}\n", counted(found, "blob"), show(found_bytes)))
}

/// The first key that begins with the letters of a prefix.
fn likely(residents: &[Resident], prefix: &Prefix) -> Option<Key> {
    let keys = residents.iter().map(|resident| &resident.key);
    keys.filter(|key| key.as_str().starts_with(prefix.as_str())).min().cloned()
}

fn sort(residents: &mut [Resident], order: Order) {
    residents.sort_by(|a, b| {
        let by_name = || (&a.key, a.name.namespace(), a.part).cmp(&(&b.key, b.name.namespace(), b.part));
        match order {
            Order::Key => by_name(),
            Order::Size => b.bytes.cmp(&a.bytes).then_with(by_name),
            Order::Age => a.fetched.cmp(&b.fetched).then_with(by_name),
        }
    });
}

/// What a blob holds of its value, for people.
pub(super) fn part(part: ResidentPart) -> String {
    match part {
        ResidentPart::Value => "value".to_owned(),
        ResidentPart::Absence => "absence".to_owned(),
        ResidentPart::Block { bytes, index } => format!("block {index} of {}", show(bytes)),
    }
}

impl Line {
    fn new(resident: &Resident, namespace: String) -> Self {
        let (part, block) = match resident.part {
            ResidentPart::Value => ("value", None),
            ResidentPart::Absence => ("absence", None),
            ResidentPart::Block { bytes, index } => ("block", Some((bytes, index))),
        };
        Self {
            namespace,
            key: resident.key.to_string(),
            part,
            block_bytes: block.map(|(bytes, _)| bytes),
            block_index: block.map(|(_, index)| index),
            bytes: resident.bytes,
            header_bytes: resident.header_bytes,
            fetched_ms: Timestamp::as_millis(resident.fetched),
        }
    }
}
