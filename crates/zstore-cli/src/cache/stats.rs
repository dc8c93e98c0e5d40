//! `zstore cache stats`: what a cache directory holds.

use std::collections::BTreeMap;

use serde::Serialize;
use zstore_core::Timestamp;

use crate::{
    age,
    args::StatsOptions,
    directory::{Census, Pile, ResidentPart, Root},
    output,
    problem::Problem,
    size::{counted, counted_as, show},
    table::{Side, Table},
};

#[derive(Debug, Serialize)]
struct Report {
    directory: String,
    namespaces: Vec<Share>,
    /// All of the namespaces together.
    blobs: Share,
    temporary_files: u64,
    temporary_bytes: u64,
    index_bytes: u64,
    marker_bytes: u64,
    directories: u64,
    directory_bytes: u64,
    foreign_files: u64,
    foreign_bytes: u64,
    /// As `du -b` adds it up.
    total_bytes: u64,
}

/// What there is of a namespace.
#[derive(Debug, Default, Serialize)]
struct Share {
    /// As `shown`; none if no sound blob tells, and for the sum of all.
    namespace: Option<String>,
    #[serde(skip)]
    shown: String,
    values: u64,
    blocks: u64,
    absences: u64,
    damaged: u64,
    /// Bytes of values and of blocks of them.
    value_bytes: u64,
    header_bytes: u64,
    /// Bytes of damaged blobs.
    damaged_bytes: u64,
    /// When the oldest of it was fetched, in milliseconds since the Unix epoch.
    oldest_ms: Option<u64>,
    newest_ms: Option<u64>,
}

pub(super) fn run(options: &StatsOptions) -> Result<(), Problem> {
    let root = Root::open(&options.directory)?;
    let report = Report::new(&root, &Census::take(&root)?);
    let text = if options.json { output::json(&report)? } else { report.table() };
    output::print(&text)
}

impl Report {
    fn new(root: &Root, census: &Census) -> Self {
        let mut shares = BTreeMap::new();
        for digest in census.namespaces.digests() {
            let shown = census.namespaces.shown(digest);
            let namespace = census.namespaces.is_known(digest).then(|| shown.clone());
            shares.insert(digest, Share { namespace, shown, ..Share::default() });
        }
        let mut blobs = Share { shown: "all".to_owned(), ..Share::default() };
        for resident in &census.residents {
            for share in shares.get_mut(&resident.name.namespace()).into_iter().chain([&mut blobs]) {
                share.add(resident.part, resident.bytes, resident.header_bytes, resident.fetched);
            }
        }
        for flawed in &census.flawed {
            for share in shares.get_mut(&flawed.name.namespace()).into_iter().chain([&mut blobs]) {
                share.damaged += 1;
                share.damaged_bytes += flawed.bytes;
            }
        }
        let holdings = &census.holdings;
        let Pile { files: foreign_files, bytes: foreign_bytes } = holdings.foreign;
        Self {
            directory: root.path().display().to_string(),
            namespaces: shares.into_values().collect(),
            blobs,
            temporary_files: holdings.temporaries.len() as u64,
            temporary_bytes: holdings.temporary_bytes,
            index_bytes: holdings.index.bytes,
            marker_bytes: holdings.markers.bytes,
            directories: holdings.directories.files,
            directory_bytes: holdings.directories.bytes,
            foreign_files,
            foreign_bytes,
            total_bytes: census.held_bytes() + holdings.index.bytes + holdings.directories.bytes + foreign_bytes,
        }
    }

    fn table(&self) -> String {
        let (left, right) = (Side::Left, Side::Right);
        let mut table = Table::new([
            ("", left),
            ("values", right),
            ("blocks", right),
            ("absences", right),
            ("damaged", right),
            ("bytes", right),
            ("headers", right),
            ("oldest", right),
            ("newest", right),
        ]);
        let now = age::now();
        let all = (self.namespaces.len() != 1).then_some(&self.blobs);
        for share in self.namespaces.iter().chain(all) {
            table.add(share.row(now));
        }
        let others = [
            (counted(self.temporary_files, "temporary file"), self.temporary_bytes),
            ("index".to_owned(), self.index_bytes),
            ("markers".to_owned(), self.marker_bytes),
            (counted_as(self.directories, "directory", "directories"), self.directory_bytes),
            (format!("{} of others", counted(self.foreign_files, "file")), self.foreign_bytes),
            ("total".to_owned(), self.total_bytes),
        ];
        let mut sums = Table::new([("", left), ("", right)]);
        for (what, bytes) in others {
            sums.add([what, show(bytes)]);
        }
        format!("{table}{sums}")
    }
}

impl Share {
    fn add(&mut self, part: ResidentPart, bytes: u64, header_bytes: u64, fetched: Timestamp) {
        match part {
            ResidentPart::Value => self.values += 1,
            ResidentPart::Block { .. } => self.blocks += 1,
            ResidentPart::Absence => self.absences += 1,
        }
        self.header_bytes += header_bytes;
        self.value_bytes += bytes - header_bytes;
        let fetched_ms = fetched.as_millis();
        self.oldest_ms = Some(self.oldest_ms.map_or(fetched_ms, |oldest| oldest.min(fetched_ms)));
        self.newest_ms = Some(self.newest_ms.map_or(fetched_ms, |newest| newest.max(fetched_ms)));
    }

    fn row(&self, now: Timestamp) -> [String; 9] {
        let age = |ms: Option<u64>| {
            ms.map_or_else(|| "-".to_owned(), |ms| age::show(age::of(Timestamp::from_millis(ms), now)))
        };
        let counts = [self.values, self.blocks, self.absences, self.damaged].map(|count| count.to_string());
        let [values, blocks, absences, damaged] = counts;
        let (bytes, headers) = (show(self.value_bytes), show(self.header_bytes));
        let (oldest, newest) = (age(self.oldest_ms), age(self.newest_ms));
        [self.shown.clone(), values, blocks, absences, damaged, bytes, headers, oldest, newest]
    }
}
