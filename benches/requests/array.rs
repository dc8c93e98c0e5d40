//! A sharded array, and parts of it that people ask for.

use std::{fmt, sync::Arc};

use zarrs::array::{Array, ArrayBuilder, ArraySubset, data_type};
use zarrs_storage::AsyncReadableStorageTraits;
use zstore_memory::MemoryStore;
use zstore_zarrs::ZarrsStore;

use crate::Outcome;

const VALUE_BYTES: u64 = 2;

/// A square array of 2 by 2 square shards, each of 8 by 8 inner chunks that are not compressed.
#[derive(Clone, Copy)]
pub(crate) struct Sharded {
    /// Rows, and columns, of an inner chunk.
    inner: u64,
}

impl Sharded {
    /// Shards that a cache keeps in blocks.
    pub(crate) const LARGE: Self = Self { inner: 128 };
    /// Shards that a cache takes whole when a second part of them is wanted.
    pub(crate) const SMALL: Self = Self { inner: 64 };

    const fn shard(self) -> u64 {
        8 * self.inner
    }

    const fn side(self) -> u64 {
        2 * self.shard()
    }

    /// A store that holds the array.
    pub(crate) async fn written(self) -> Outcome<Arc<MemoryStore>> {
        let store = Arc::new(MemoryStore::new());
        let mut builder = ArrayBuilder::new(vec![self.side(); 2], vec![self.shard(); 2], data_type::uint16(), 0u16);
        builder.subchunk_shape(Some(vec![self.inner; 2]));
        let array = builder.build(Arc::new(ZarrsStore::new(Arc::clone(&store))), "/array")?;
        array.async_store_metadata().await?;
        let all = array.subset_all();
        array.async_store_array_subset(&all, numbers(&all)).await?;
        Ok(store)
    }
}

impl fmt::Display for Sharded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |side: u64| side * side * VALUE_BYTES / 1024;
        write!(f, "4 shards of {} KiB, inner chunks of {} KiB", kib(self.shard()), kib(self.inner))
    }
}

/// No number is the fill value, so that no inner chunk is left out; and most differ from their neighbours.
fn numbers(subset: &ArraySubset) -> Vec<u16> {
    subset.indices().into_iter().map(|at| (at[0] * 251 + at[1] * 7) as u16 | 1).collect()
}

/// A part of the array.
#[derive(Clone)]
pub(crate) struct Reading(ArraySubset);

impl Reading {
    /// Inner chunks from those to before these, in rows and in columns.
    fn of(sharded: &Sharded, chunks: [std::ops::Range<u64>; 2]) -> Self {
        Self(ArraySubset::new_with_ranges(&chunks.map(|at| at.start * sharded.inner..at.end * sharded.inner)))
    }

    /// Reads it, and makes sure that it is what was written.
    pub(crate) async fn read<S: AsyncReadableStorageTraits + ?Sized + 'static>(&self, array: &Array<S>) -> Outcome<()> {
        let found: Vec<u16> = array.async_retrieve_array_subset(&self.0).await?;
        if found == numbers(&self.0) { Ok(()) } else { Err("other numbers were read than were written".into()) }
    }
}

/// A name, and what gives the part of an array.
type Named = (&'static str, fn(&Sharded) -> Reading);

/// What is read.
pub(crate) const READINGS: [Named; 3] = [
    ("one inner chunk", |sharded| Reading::of(sharded, [3..4, 2..3])),
    ("four inner chunks in one shard", |sharded| Reading::of(sharded, [2..4, 2..4])),
    ("one inner chunk in each of four shards", |sharded| Reading::of(sharded, [7..9, 7..9])),
];
