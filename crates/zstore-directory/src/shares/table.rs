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
    pub(super) id: u64,
    pub(super) granted: u64,
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
        table.write(file, 0, Some(Record { id: MARK_ID, granted: boot }))
    }

    /// Writes one record, here and there.
    pub(super) fn write(&mut self, file: &File, at: usize, record: Option<Record>) -> io::Result<()> {
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
            if let Some(record) = self.0[at].filter(|record| from.contains(&record.id)) {
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
        self.0.iter().skip(1).flatten()
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

    /// Where the records of a member are.
    pub(super) fn places_of(&self, id: u64) -> impl Iterator<Item = usize> {
        (0..self.0.len()).filter(move |at| self.0[*at].is_some_and(|record| record.id == id))
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
    /// A record of nobody is all zeros.
    fn encode(record: Option<Self>) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        if let Some(Self { id, granted }) = record {
            bytes[..8].copy_from_slice(&id.to_le_bytes());
            bytes[8..CHECKED_BYTES].copy_from_slice(&granted.to_le_bytes());
            let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
            bytes[CHECKED_BYTES..CHECKED_BYTES + 4].copy_from_slice(&checksum.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> io::Result<Option<Self>> {
        let number = |at: usize| bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let (Some(id), Some(granted)) = (number(0), number(8)) else { return Err(damaged()) };
        let record = (id != 0).then_some(Self { id, granted });
        if Self::encode(record) == bytes { Ok(record) } else { Err(damaged()) }
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
