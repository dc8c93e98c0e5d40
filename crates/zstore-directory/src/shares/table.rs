//! The records of the file of shares: which member may hold how many bytes.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    os::unix::fs::FileExt,
};

const RECORD_BYTES: usize = 32;
/// Where the checksum of a record lies, over all before it.
const CHECKED_BYTES: usize = 16;
/// The first record says that the others are worth reading, and in which boot of the machine they were written.
const MARK_ID: u64 = u64::from_le_bytes(*b"zstores\x01");

/// The records as they are, by place.
#[derive(Debug)]
pub(super) struct Table(Vec<Option<Record>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    id: u64,
    granted: u64,
    kind: Kind,
}

/// What a record says of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The member may hold them.
    Share,
    /// Another one is about to take them from the member, who may not use them any more. Told by a checksum of which
    /// every bit is inverted.
    Recall,
}

impl Table {
    /// # Errors
    /// What the system refuses; `InvalidData` if the file is damaged.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let bytes = read_all(file)?;
        let records = bytes.chunks(RECORD_BYTES).map(Record::decode);
        let table = Self(records.collect::<io::Result<_>>()?);
        if table.boot().is_some() { Ok(table) } else { Err(damaged()) }
    }

    /// Makes the file as if nobody had been there before: with one record, or none.
    pub(super) fn begin(file: &File, boot: u64, record: Option<Record>) -> io::Result<()> {
        file.set_len(0)?;
        let mut table = Self(vec![None]);
        table.write(file, 1, record)?;
        // Last: without it all the rest means nothing.
        table.write(file, 0, Some(Record::share(MARK_ID, boot)))
    }

    /// Writes one record, here and there.
    pub(super) fn write(&mut self, file: &File, at: usize, record: Option<Record>) -> io::Result<()> {
        debug_assert!(at > 0 || record.is_none_or(|record| record.id == MARK_ID), "the first record is the mark");
        file.write_all_at(&Record::encode(record), (at * RECORD_BYTES) as u64)?;
        if at == self.0.len() {
            self.0.push(record);
        } else {
            self.0[at] = record;
        }
        Ok(())
    }

    /// Puts another name on all records of some.
    pub(super) fn rename(&mut self, file: &File, from: &HashSet<u64>, id: u64) -> io::Result<()> {
        for at in 1..self.0.len() {
            if let Some(record) = self.0[at].filter(|record| record.kind == Kind::Share && from.contains(&record.id)) {
                self.write(file, at, Some(Record { id, ..record }))?;
            }
        }
        Ok(())
    }

    /// In which boot the file was begun; none if it tells nothing.
    pub(super) fn boot(&self) -> Option<u64> {
        self.0.first().copied().flatten().filter(|mark| mark.id == MARK_ID).map(|mark| mark.granted)
    }

    fn shares(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().skip(1).flatten().filter(|record| record.kind == Kind::Share)
    }

    /// How much is about to be taken from a member.
    pub(super) fn recalled_from(&self, id: u64) -> u64 {
        let recalls = self.0.iter().flatten().filter(|record| record.kind == Kind::Recall && record.id == id);
        recalls.fold(0, |sum, record| sum.saturating_add(record.granted))
    }

    /// Where the record is of the recall under way: there is one at a time, of whoever holds the lock.
    pub(super) fn recall_place(&self) -> Option<usize> {
        self.0.iter().position(|record| record.is_some_and(|record| record.kind == Kind::Recall))
    }

    /// Strikes out what somebody was about to take and did not, because he was killed. The caller holds the lock.
    pub(super) fn end_recalls(&mut self, file: &File) -> io::Result<()> {
        while let Some(at) = self.recall_place() {
            self.write(file, at, None)?;
        }
        Ok(())
    }

    /// What all members may hold.
    pub(super) fn sum(&self) -> u64 {
        self.shares().fold(0, |sum, record| sum.saturating_add(record.granted))
    }

    /// What all of these may hold.
    pub(super) fn sum_of(&self, ids: &HashSet<u64>) -> u64 {
        self.shares().filter(|record| ids.contains(&record.id)).map(|record| record.granted).sum()
    }

    /// What each member may hold.
    pub(super) fn holders(&self) -> HashMap<u64, u64> {
        let mut holders = HashMap::new();
        for record in self.shares() {
            let granted: &mut u64 = holders.entry(record.id).or_default();
            *granted = granted.saturating_add(record.granted);
        }
        holders
    }

    /// Where the records are of what a member may hold.
    pub(super) fn places_of(&self, id: u64) -> impl Iterator<Item = usize> {
        let is_it = move |record: &Record| record.id == id && record.kind == Kind::Share;
        (0..self.0.len()).filter(move |at| self.0[*at].as_ref().is_some_and(is_it))
    }

    /// What the record at a place says.
    pub(super) fn granted_at(&self, at: usize) -> u64 {
        self.0.get(at).copied().flatten().map_or(0, |record| record.granted)
    }

    /// The first place of nobody, or the one behind all.
    pub(super) fn free_place(&self) -> usize {
        self.0.iter().position(Option::is_none).unwrap_or(self.0.len())
    }
}

impl Record {
    pub(super) const fn share(id: u64, granted: u64) -> Self {
        Self { id, granted, kind: Kind::Share }
    }

    pub(super) const fn recall(id: u64, granted: u64) -> Self {
        Self { id, granted, kind: Kind::Recall }
    }

    /// A record of nobody is all zeros.
    fn encode(record: Option<Self>) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        if let Some(Self { id, granted, kind }) = record {
            bytes[..8].copy_from_slice(&id.to_le_bytes());
            bytes[8..CHECKED_BYTES].copy_from_slice(&granted.to_le_bytes());
            let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
            let checksum = if kind == Kind::Recall { !checksum } else { checksum };
            bytes[CHECKED_BYTES..CHECKED_BYTES + 4].copy_from_slice(&checksum.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> io::Result<Option<Self>> {
        let number = |at: usize| bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let (Some(id), Some(granted)) = (number(0), number(8)) else { return Err(damaged()) };
        let kinds = [Self::share(id, granted), Self::recall(id, granted)];
        let mut records = kinds.into_iter().map(|record| (id != 0).then_some(record));
        records.find(|record| Self::encode(*record) == bytes).ok_or_else(damaged)
    }
}

/// Whether any record of a file bears this name, be it sound or not.
pub(super) fn bears(file: &File, id: u64) -> io::Result<bool> {
    Ok(read_all(file)?.chunks(RECORD_BYTES).any(|record| record.starts_with(&id.to_le_bytes())))
}

fn read_all(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of the cache's shares is damaged")
}
