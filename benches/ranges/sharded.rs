//! A sharded array, and the ways it is read.
//!
//! Only the order and size of reads matters here, so nothing is decoded: a shard is inner chunks in a row and an
//! index at the end, and to read is to ask for the bytes. As `zarrs` 0.23 does it: whoever opens a shard reads its
//! index, then all inner chunks that are needed of it at once, by one `get` of a range each; of several shards, four
//! at once.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, future::join_all, stream};
use zstore_core::{ByteRange, InvalidKey, Key, ReadStore, ReadStoreExt, Result, StoreExt};
use zstore_memory::MemoryStore;

/// Shards, or single inner chunks, that are read at once.
const AT_ONCE: usize = 4;
/// In the index: offset and length of each inner chunk.
const ENTRY_BYTES: u64 = 16;

/// An array of 2 by 2 shards, each a grid of inner chunks in C order.
#[derive(Clone, Debug)]
pub(crate) struct Sharded {
    keys: Vec<Key>,
    /// Planes, rows and columns of inner chunks in a shard.
    grid: [usize; 3],
    /// Where the inner chunks of a shard lie.
    extents: Vec<Range<u64>>,
}

/// How the bytes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// As ranges.
    Exactly,
    /// As whole shards, of which a part is used.
    Whole,
}

/// What is read of the array.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// One inner chunk in the middle of a shard.
    One,
    /// A plane of inner chunks that lie in a row in their shards.
    PlaneInRow,
    /// A plane across the shards: a column of each row.
    PlaneAcross,
    /// Every inner chunk by itself, its shard opened for it.
    All,
    /// A plane across, all inner chunks of a shard by one `get_ranges`.
    AcrossByRanges,
}

impl Sharded {
    /// Inner chunks are from half to one and a half times as long as said, as compressed ones are.
    pub(crate) fn new(grid: [usize; 3], inner_bytes: u64) -> std::result::Result<Self, InvalidKey> {
        let keys: std::result::Result<_, _> = (0..4).map(|at| Key::new(format!("c/0/{}/{}", at / 2, at % 2))).collect();
        let mut end = 0;
        let extents = (0..grid.iter().product::<usize>() as u64).map(|index| {
            let start = end;
            end += inner_bytes / 2 + index.wrapping_mul(0x9e37_79b9_7f4a_7c15) % inner_bytes;
            start..end
        });
        Ok(Self { keys: keys?, grid, extents: extents.collect() })
    }

    pub(crate) fn shard_bytes(&self) -> u64 {
        self.extents.last().map_or(0, |last| last.end) + self.index_bytes()
    }

    const fn index_bytes(&self) -> u64 {
        self.extents.len() as u64 * ENTRY_BYTES
    }

    pub(crate) async fn store(&self) -> Result<MemoryStore> {
        let store = MemoryStore::new();
        for key in &self.keys {
            store.put(key, Bytes::from(vec![0; usize::try_from(self.shard_bytes()).unwrap_or(0)])).await?;
        }
        Ok(store)
    }

    pub(crate) async fn read<S: ReadStore>(&self, store: &S, reading: Reading, asking: Asking) -> Result<()> {
        let [planes, rows, columns] = self.grid;
        let middle = (planes / 2 * rows + rows / 2) * columns + columns / 2;
        let in_row: Vec<usize> = (planes / 2 * rows * columns..(planes / 2 + 1) * rows * columns).collect();
        let across: Vec<usize> = (0..planes * rows).map(|row| row * columns + columns / 2).collect();
        let parts: Vec<(&Key, Vec<usize>)> = match reading {
            Reading::One => vec![(&self.keys[0], vec![middle])],
            Reading::PlaneInRow => self.keys.iter().map(|key| (key, in_row.clone())).collect(),
            Reading::PlaneAcross | Reading::AcrossByRanges => {
                self.keys.iter().step_by(2).map(|key| (key, across.clone())).collect()
            }
            Reading::All => {
                let all = self.keys.iter().flat_map(|key| (0..self.extents.len()).map(move |inner| (key, vec![inner])));
                all.collect()
            }
        };
        let opened: Vec<_> = parts.iter().map(|(key, inner)| self.open(store, key, inner, reading, asking)).collect();
        let mut opened = stream::iter(opened).buffered(AT_ONCE);
        while let Some(read) = opened.next().await {
            read?;
        }
        Ok(())
    }

    /// Reads some inner chunks of one shard.
    async fn open<S: ReadStore>(
        &self,
        store: &S,
        key: &Key,
        inner: &[usize],
        reading: Reading,
        asking: Asking,
    ) -> Result<()> {
        get(store, key, ByteRange::Suffix(self.index_bytes()), asking).await?;
        let ranges = inner.iter().map(|inner| ByteRange::Bounded(self.extents[*inner].clone()));
        if matches!(reading, Reading::AcrossByRanges) {
            store.get_ranges(key, &ranges.collect::<Vec<_>>()).await?;
            return Ok(());
        }
        let gets: Vec<_> = ranges.map(|range| get(store, key, range, asking)).collect();
        join_all(gets).await.into_iter().collect()
    }
}

async fn get<S: ReadStore>(store: &S, key: &Key, range: ByteRange, asking: Asking) -> Result<()> {
    let bytes = match asking {
        Asking::Exactly => store.get_range(key, range).await?,
        Asking::Whole => store.get_bytes(key).await?,
    };
    assert!(bytes.is_some_and(|bytes| !bytes.is_empty()), "the array has no such shard");
    Ok(())
}
