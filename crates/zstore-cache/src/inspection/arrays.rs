//! Arrays: which one a key belongs to, and counters for each.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::RwLock;
use zstore_core::Key;

use crate::{Stats, freshness::METADATA_NAMES, inspection::counters::Counters};

/// More arrays than this are counted as one, the one without a name: programs that open more of them at once want sums.
const ARRAYS_MAX: usize = 4096;

/// What a cache has done for one array or group, and holds of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArrayStats {
    /// The path of the array; empty for one at the root, and for all others once there are more than 4096. It is told
    /// by the shape of the keys: an array of version 2 whose chunks are directories of numbers and whose own name is
    /// a number counts for its group.
    pub array: String,
    /// Blobs that are resident.
    pub resident_blobs: u64,
    /// Bytes of them, their headers included.
    pub resident_bytes: u64,
    /// What was counted. Faults of the tier and latencies are counted for the whole cache only.
    pub stats: Stats,
}

/// Counters by array.
#[derive(Debug, Default)]
pub(crate) struct Arrays(RwLock<HashMap<String, Arc<Counters>>>);

impl Arrays {
    pub(crate) fn of(&self, key: &Key) -> Arc<Counters> {
        let array = array_of(key);
        let known = self.0.read().get(array).map(Arc::clone);
        known.unwrap_or_else(|| {
            let mut arrays = self.0.write();
            let name = if arrays.len() < ARRAYS_MAX { array } else { "" };
            Arc::clone(arrays.entry(name.to_owned()).or_default())
        })
    }

    /// The figures of each array, given the keys and weights of all residents.
    pub(crate) fn stats<'a>(&self, residents: impl Iterator<Item = (&'a Key, u64)>) -> Vec<ArrayStats> {
        let arrays = self.0.read();
        let mut all: BTreeMap<String, ArrayStats> = BTreeMap::new();
        let new = |array: &str| ArrayStats { array: array.to_owned(), ..ArrayStats::default() };
        for (array, counters) in arrays.iter() {
            all.entry(array.clone()).or_insert_with(|| new(array)).stats = counters.stats();
        }
        for (key, weight) in residents {
            let array = array_of(key);
            // What an earlier process left is of arrays that nobody has asked for yet.
            let array = if arrays.contains_key(array) || arrays.len() < ARRAYS_MAX { array } else { "" };
            let stats = all.entry(array.to_owned()).or_insert_with(|| new(array));
            stats.resident_blobs += 1;
            stats.resident_bytes += weight;
        }
        all.into_values().collect()
    }
}

/// The path of the array or group that a key belongs to, by the shape of the key: metadata lies right below it, and
/// so do chunks, but for their coordinates. It is empty for the root, and a part of the key.
///
/// An array of version 2 whose chunks are directories of numbers and whose own name is a number cannot be told from
/// its group: who knows where metadata lie knows better.
///
/// # Examples
/// ```
/// use zstore_core::Key;
///
/// let array_of = |key| zstore_cache::array_of(&Key::new(key).unwrap()).to_owned();
/// assert_eq!(array_of("climate/temperature/c/0/1"), "climate/temperature");
/// assert_eq!(array_of("climate/zarr.json"), "climate");
/// ```
#[must_use]
pub fn array_of(key: &Key) -> &str {
    let key = key.as_str();
    let (parent, name) = key.rsplit_once('/').unwrap_or(("", key));
    if METADATA_NAMES.contains(&name) {
        return parent;
    }
    // Chunks of version 3 are `c/0/1`, or `c` alone for a scalar; those of version 2 are `0.1` or `0/1`.
    let mut array = key;
    while let Some((above, last)) = split_last(array).filter(|(_, last)| is_coordinate(last)) {
        array = above;
        // Above `c` and above all coordinates in one segment there are none: a level of a pyramid may have a number
        // for a name.
        if last == "c" || last.contains('.') {
            break;
        }
    }
    // What has no coordinates is a value of its group.
    if array.len() == key.len() { parent } else { array }
}

fn split_last(path: &str) -> Option<(&str, &str)> {
    (!path.is_empty()).then(|| path.rsplit_once('/').unwrap_or(("", path)))
}

fn is_coordinate(segment: &str) -> bool {
    segment == "c" || segment.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_array() {
        let cases = [
            ("a/b/zarr.json", "a/b"),
            ("a/b/c/0/1", "a/b"),
            ("a/b/c", "a/b"),
            ("a/b/0.1", "a/b"),
            ("a/b/0/1", "a/b"),
            ("image/0/c/0/1", "image/0"),
            ("image/0/0.1", "image/0"),
            ("a/c/zarr.json", "a/c"),
            ("a/c/c/0", "a/c"),
            ("zarr.json", ""),
            ("c/0/0", ""),
            ("0.0", ""),
            ("0", ""),
            ("c", ""),
            ("image/0/1/2", "image"),
            ("a/.zattrs", "a"),
            ("notes/readme.txt", "notes"),
            ("readme.txt", ""),
        ];
        for (key, array) in cases {
            assert_eq!(array_of(&Key::new(key).unwrap()), array, "{key}");
        }
    }

    #[test]
    fn too_many_arrays_are_counted_as_one() {
        let arrays = Arrays::default();
        for at in 0..ARRAYS_MAX + 10 {
            arrays.of(&Key::new(format!("a{at}/zarr.json")).unwrap()).add(crate::inspection::counters::Count::Hits, 1);
        }
        let stats = arrays.stats(std::iter::empty());
        assert_eq!(stats.iter().map(|array| array.stats.hits).sum::<u64>(), ARRAYS_MAX as u64 + 10);
        assert!(stats.len() <= ARRAYS_MAX + 1);
    }

    #[test]
    fn residents_are_counted_with_their_array_as_long_as_there_are_not_too_many() {
        let keys =
            |array: &str, count: u64| (0..count).map(|at| Key::new(format!("{array}/c/{at}")).unwrap()).collect();
        let (known, unknown): (Vec<Key>, Vec<Key>) = (keys("known", 2), keys("unknown", 3));
        let counted = |arrays: &Arrays| -> Vec<(String, u64, u64)> {
            let all = arrays.stats(known.iter().map(|key| (key, 10)).chain(unknown.iter().map(|key| (key, 7))));
            let all = all.into_iter().filter(|array| array.resident_blobs > 0);
            all.map(|array| (array.array, array.resident_blobs, array.resident_bytes)).collect()
        };
        let arrays = Arrays::default();
        arrays.of(&known[0]);
        assert_eq!(counted(&arrays), [("known".into(), 2, 20), ("unknown".into(), 3, 21)]);
        for at in 1..ARRAYS_MAX {
            arrays.of(&Key::new(format!("a{at}/zarr.json")).unwrap());
        }
        assert_eq!(counted(&arrays), [(String::new(), 3, 21), ("known".into(), 2, 20)]);
    }
}
