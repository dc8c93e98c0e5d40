//! A census: all that a cache directory holds, with every blob's header read.

use zstore_core::{Key, Timestamp};
use zstore_format::{BlobName, Content, Header};

use super::{Holdings, Look, Namespaces, Root, Seen, look, on_workers};
use crate::{problem::Problem, progress::Progress};

/// A cache directory at about one moment.
#[derive(Debug)]
pub(crate) struct Census {
    /// Blobs whose headers are sound.
    pub(crate) residents: Vec<Resident>,
    /// Those whose are not.
    pub(crate) flawed: Vec<Flawed>,
    pub(crate) namespaces: Namespaces,
    /// What else there is.
    pub(crate) holdings: Holdings,
}

/// A blob that can be used, as far as its header tells.
#[derive(Clone, Debug)]
pub(crate) struct Resident {
    pub(crate) name: BlobName,
    pub(crate) key: Key,
    pub(crate) part: ResidentPart,
    /// The size of its file.
    pub(crate) bytes: u64,
    pub(crate) header_bytes: u64,
    pub(crate) fetched: Timestamp,
}

/// What a blob holds of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResidentPart {
    Value,
    Absence,
    /// A block, by its bytes and index.
    Block {
        bytes: u64,
        index: u64,
    },
}

/// A blob that cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct Flawed {
    pub(crate) name: BlobName,
    pub(crate) bytes: u64,
}

impl Census {
    /// Walks through the directory and reads the header of every blob.
    ///
    /// # Errors
    /// If a directory of ours cannot be read.
    pub(crate) fn take(root: &Root) -> Result<Self, Problem> {
        let holdings = Holdings::find(root)?;
        let progress = Progress::of_blobs("reading headers", holdings.blobs.len() as u64);
        let looks = on_workers(&holdings.blobs, |name| {
            let judged = Judged::of(*name, look(root, name));
            progress.advance(1);
            judged
        });
        let (mut residents, mut flawed, mut namespaces) = (Vec::new(), Vec::new(), Namespaces::default());
        for judged in looks {
            match judged {
                Judged::Gone => {}
                Judged::Resident(resident, namespace) => {
                    namespaces.note(resident.name.namespace(), Some(&namespace));
                    residents.push(*resident);
                }
                Judged::Flawed(blob) => {
                    namespaces.note(blob.name.namespace(), None);
                    flawed.push(blob);
                }
            }
        }
        Ok(Self { residents, flawed, namespaces, holdings })
    }

    /// Keeps what is of a namespace that a person names so; all if none is named.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(crate) fn of_namespace(mut self, name: Option<&str>) -> Result<Self, Problem> {
        if let Some(name) = name {
            let meant = self.namespaces.meant_by(name)?;
            self.residents.retain(|resident| meant.contains(&resident.name.namespace()));
            self.flawed.retain(|flawed| meant.contains(&flawed.name.namespace()));
        }
        Ok(self)
    }

    /// Bytes of blobs, temporaries and markers: what a cache counts that is given a size.
    pub(crate) fn held_bytes(&self) -> u64 {
        let blobs = self.residents.iter().map(|resident| resident.bytes);
        let flawed = self.flawed.iter().map(|flawed| flawed.bytes);
        let holdings = &self.holdings;
        blobs.chain(flawed).sum::<u64>() + holdings.temporary_bytes + holdings.markers.bytes
    }
}

/// A blob that was looked at, without what is of no use any more.
enum Judged {
    Gone,
    /// With the name of its namespace.
    Resident(Box<Resident>, String),
    Flawed(Flawed),
}

impl Judged {
    fn of(name: BlobName, look: Look) -> Self {
        let Look::Seen(seen) = look else { return Self::Gone };
        match *seen {
            Seen { bytes, header: Some(header), flaw: None } => {
                let namespace = header.namespace.clone();
                Self::Resident(Box::new(Resident::new(name, bytes, &header)), namespace)
            }
            Seen { bytes, .. } => Self::Flawed(Flawed { name, bytes }),
        }
    }
}

impl Resident {
    fn new(name: BlobName, bytes: u64, header: &Header) -> Self {
        let part = match (&header.content, name.block()) {
            (Content::Absent(_), _) => ResidentPart::Absence,
            (_, Some((bytes, index))) => ResidentPart::Block { bytes, index },
            (_, None) => ResidentPart::Value,
        };
        Self {
            name,
            key: header.content.key().clone(),
            part,
            bytes,
            header_bytes: header.len as u64,
            fetched: header.fetched,
        }
    }
}
