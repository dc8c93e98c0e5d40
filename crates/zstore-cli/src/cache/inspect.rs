//! `zstore cache inspect`: all that is known of the blobs of one value.

use std::path::Path;

use serde::Serialize;
use zstore_core::{Key, Timestamp};
use zstore_format::{BlobName, Content};

use crate::{
    age,
    args::InspectOptions,
    directory::{Flaw, Holdings, Look, Root, Seen, is_meant, verify},
    output,
    problem::{Problem, place},
    size::{counted, show},
    table::{Side, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    blobs: Vec<Blob>,
}

/// What a blob says of itself, and whether that is true.
#[derive(Debug, Serialize)]
struct Blob {
    #[serde(skip)]
    name: BlobName,
    /// Its file, below the directory.
    file: String,
    file_bytes: u64,
    /// Whether all of its bytes are those that were written.
    is_sound: bool,
    flaw: Option<String>,
    header: Option<Said>,
}

#[derive(Debug, Serialize)]
struct Said {
    /// The path or URL of the source where it has one, as the other commands spell it.
    namespace: String,
    #[serde(skip)]
    namespace_whole: String,
    key: String,
    holds: &'static str,
    /// Which bytes of the value it holds: the first, and the one after the last.
    extent: [u64; 2],
    /// The size of the whole value; none if there was no such value.
    value_bytes: Option<u64>,
    header_bytes: u64,
    fetched_ms: u64,
    /// When the value was last modified, if its source told.
    modified_ms: Option<u64>,
    e_tag: Option<String>,
    version_id: Option<String>,
    stamp: u64,
}

pub(super) fn run(options: &InspectOptions) -> Result<(), Problem> {
    let (directory, what) = options.words()?;
    let root = Root::open(directory)?;
    let names = match blob_named(&root, what) {
        Some(name) => vec![name],
        None => blobs_of(&root, what)?,
    };
    let mut blobs: Vec<Blob> = names.iter().filter_map(|name| Blob::of(name, verify(&root, name))).collect();
    let namespace = options.namespace.as_deref();
    if let Some(text) = namespace {
        blobs.retain(|blob| {
            let name = blob.header.as_ref().map(|said| said.namespace_whole.as_str());
            is_meant(blob.name.namespace(), name, text)
        });
    }
    if blobs.is_empty() {
        let of = namespace.map(|text| format!(" in the namespace {text:?}")).unwrap_or_default();
        return Err(Problem::new(
            format!("the cache in {} holds nothing of {what:?}{of}", directory.display()),
            "`zstore cache list` shows the keys of what it holds",
        ));
    }
    let bad = blobs.iter().filter(|blob| !blob.is_sound).count() as u64;
    let report = Report { blobs };
    output::print(&if options.json { output::json(&report)? } else { report.text() })?;
    if bad == 0 {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} of {} damaged", bad, counted(report.blobs.len() as u64, "blob")),
        "`zstore cache verify --repair` removes what is damaged; it is fetched again when it is asked for",
    ))
}

/// The blob whose file this is, by its path below the directory or any other.
fn blob_named(root: &Root, what: &str) -> Option<BlobName> {
    let inside = |path: &Path| Some(path.strip_prefix(root.path()).ok()?.to_str()?.to_owned());
    let absolute = || {
        let (file, root) = (std::path::absolute(what).ok()?, std::path::absolute(root.path()).ok()?);
        Some(file.strip_prefix(root).ok()?.to_str()?.to_owned())
    };
    BlobName::parse(what)
        .or_else(|| BlobName::parse(&inside(Path::new(what))?))
        .or_else(|| BlobName::parse(&absolute()?))
}

/// The blobs of a value, of whatever namespace, in the order of their names.
fn blobs_of(root: &Root, key: &str) -> Result<Vec<BlobName>, Problem> {
    let key = Key::new(key).map_err(|error| Problem::of_usage(error.to_string(), "name the key of a value"))?;
    let mut names = Holdings::find(root)?.blobs;
    names.retain(|name| name.is_of(&key));
    names.sort();
    Ok(names)
}

impl Blob {
    fn of(name: &BlobName, look: Look) -> Option<Self> {
        let Look::Seen(seen) = look else { return None };
        let Seen { bytes, header, flaw } = *seen;
        let said = header.map(|header| {
            let (extent, meta) = (header.content.extent(), header.content.meta());
            let version = meta.map(|meta| meta.version.clone()).unwrap_or_default();
            Said {
                key: header.content.key().to_string(),
                holds: match &header.content {
                    Content::Whole(_) => "value",
                    Content::Block(..) => "block",
                    Content::Absent(_) => "absence",
                },
                extent: [extent.start, extent.end],
                value_bytes: meta.map(|meta| meta.size),
                header_bytes: header.len as u64,
                fetched_ms: header.fetched.as_millis(),
                modified_ms: meta.and_then(|meta| meta.modified).map(Timestamp::as_millis),
                e_tag: version.e_tag.as_deref().map(str::to_owned),
                version_id: version.id.as_deref().map(str::to_owned),
                stamp: header.stamp,
                namespace: place(&header.namespace).to_owned(),
                namespace_whole: header.namespace,
            }
        });
        Some(Self {
            name: *name,
            file: name.to_string(),
            file_bytes: bytes,
            is_sound: flaw.is_none(),
            flaw: flaw.as_ref().map(Flaw::to_string),
            header: said,
        })
    }

    fn text(&self, now: Timestamp) -> String {
        let mut table = Table::new([("file", Side::Left), (&self.file, Side::Left)]);
        let mut add = |name: &str, value: String| table.add([name.to_owned(), value]);
        add("file size", show(self.file_bytes));
        let state = self.flaw.as_ref().map_or_else(|| "sound".to_owned(), |flaw| format!("DAMAGED: {flaw}"));
        add("state", state);
        if let Some(said) = &self.header {
            let since = |ms| format!("{} ago", age::show(age::of(Timestamp::from_millis(ms), now)));
            let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_owned());
            add("key", said.key.clone());
            add("namespace", said.namespace.clone());
            add("holds", said.line());
            add("header", show(said.header_bytes));
            add("fetched", since(said.fetched_ms));
            add("modified", said.modified_ms.map_or_else(|| "not told".to_owned(), since));
            add("entity tag", told(&said.e_tag));
            add("version id", told(&said.version_id));
            add("stamp", said.stamp.to_string());
        }
        table.to_string()
    }
}

impl Said {
    /// What it holds of its value.
    fn line(&self) -> String {
        let ([start, end], size) = (self.extent, self.value_bytes.map(show).unwrap_or_default());
        match self.holds {
            "value" => format!("the whole value, {size}"),
            "block" => format!("bytes {start}..{end} of {size}"),
            _ => "that there is no such value".to_owned(),
        }
    }
}

impl Report {
    fn text(&self) -> String {
        let now = age::now();
        self.blobs.iter().map(|blob| blob.text(now)).collect::<Vec<_>>().join("\n")
    }
}
