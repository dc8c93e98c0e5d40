//! Where the chunks of an array are: its shape, its grid and the names of its chunks.
//!
//! That is in its metadata, whatever its elements are and whatever codecs they go through: who warms an array need not
//! be able to decode it. Of a sharded array a chunk of the grid is a shard, which is one value of the store.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_json::Value;
use zarrs::{
    array::{
        ArraySubset, ChunkGrid, ChunkKeyEncoding, ChunkKeySeparator, chunk_grid::RegularChunkGrid,
        chunk_key_encoding::V2ChunkKeyEncoding,
    },
    metadata::v3::MetadataV3,
};
use zstore_core::{Error, Key, Prefix, ReadStore, ReadStoreExt};

use crate::{fault, problem::Problem, region::Region};

/// A gigabyte of keys, about: more is no warm-up but a copy.
const KEYS_MAX: u64 = 10_000_000;

/// Which metadata an array has, or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V2,
    V3,
}

/// The chunks of an array that are meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    pub(super) version: Version,
    pub(super) keys: Vec<Key>,
}

/// Why it is not known where the chunks of an array are.
#[derive(Debug)]
pub(super) enum Unknown {
    /// The store failed.
    Store(Error),
    /// There is no such array or region, or its metadata do not tell.
    Untold(Problem),
}

impl From<Error> for Unknown {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Unknown> for Problem {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Store(error) => error.into(),
            Unknown::Untold(problem) => problem,
        }
    }
}

impl Chunks {
    /// Finds the chunks, or shards, of an array that a region touches; all without one.
    ///
    /// # Errors
    /// If the store fails, there is no such array or region, or the metadata do not tell.
    pub(super) async fn find(store: &dyn ReadStore, path: &Prefix, region: Option<&Region>) -> Result<Self, Unknown> {
        let (version, json) = match read(store, path, "zarr.json").await? {
            Some(json) => (Version::V3, json),
            None => match read(store, path, ".zarray").await? {
                Some(json) => (Version::V2, json),
                None => return Err(absent(path)),
            },
        };
        // In a task of its own: metadata from anywhere may be such that zarrs panics at them.
        let (at, region) = (path.clone(), region.cloned());
        let finding = tokio::spawn(fault::expected(async move {
            let layout = Layout::of(version, &json).map_err(|reason| untold(&at, &reason))?;
            Ok(Self { version, keys: layout.keys(&at, region.as_ref())? })
        }));
        finding.await.unwrap_or_else(|error| Err(untold(path, &fault::reason(error))))
    }
}

async fn read(store: &dyn ReadStore, path: &Prefix, name: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(store.get_bytes(&path.key(name)?).await?.map(Into::into))
}

fn absent(path: &Prefix) -> Unknown {
    refuse(format!("/{path} is no array: it has neither zarr.json nor .zarray"))
}

fn untold(path: &Prefix, reason: &str) -> Unknown {
    refuse(format!("/{path} is no array whose chunks are known: {reason}"))
}

fn refuse(message: String) -> Unknown {
    Unknown::Untold(Problem::new(message, "`zstore info` tells what there is; see that it is an array"))
}

/// What tells where chunks are.
#[derive(Debug)]
struct Layout {
    shape: Vec<u64>,
    grid: ChunkGrid,
    names: ChunkKeyEncoding,
}

/// As much of `zarr.json` as is needed.
#[derive(Deserialize)]
struct MetadataOfV3 {
    shape: Vec<u64>,
    chunk_grid: MetadataV3,
    chunk_key_encoding: MetadataV3,
    #[serde(default)]
    storage_transformers: Vec<MetadataV3>,
}

/// As much of `.zarray` as is needed.
#[derive(Deserialize)]
struct MetadataOfV2 {
    shape: Vec<u64>,
    chunks: Vec<NonZeroU64>,
    #[serde(default = "dot")]
    dimension_separator: ChunkKeySeparator,
}

const fn dot() -> ChunkKeySeparator {
    ChunkKeySeparator::Dot
}

impl Layout {
    fn of(version: Version, json: &[u8]) -> Result<Self, String> {
        match version {
            Version::V2 => Self::of_v2(json),
            Version::V3 => Self::of_v3(json),
        }
    }

    fn of_v3(json: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if json["node_type"] == "group" {
            return Err("it is a group".to_owned());
        }
        let metadata: MetadataOfV3 = serde_json::from_value(json).map_err(|error| error.to_string())?;
        if let Some(transformer) = metadata.storage_transformers.first() {
            return Err(format!("they are where the storage transformer {} puts them", transformer.name()));
        }
        let grid =
            ChunkGrid::from_metadata(&metadata.chunk_grid, &metadata.shape).map_err(|error| error.to_string())?;
        if grid.dimensionality() != metadata.shape.len() {
            let (dimensions, length) = (grid.dimensionality(), metadata.shape.len());
            return Err(format!("the chunk grid has {dimensions} dimensions and the array has {length}"));
        }
        let names = ChunkKeyEncoding::from_metadata(&metadata.chunk_key_encoding).map_err(|error| error.to_string())?;
        Ok(Self { shape: metadata.shape, grid, names })
    }

    fn of_v2(json: &[u8]) -> Result<Self, String> {
        let MetadataOfV2 { shape, chunks, dimension_separator } =
            serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let grid = RegularChunkGrid::new(shape.clone(), chunks).map_err(|error| error.to_string())?;
        let names = V2ChunkKeyEncoding::new(dimension_separator);
        Ok(Self { shape, grid: ChunkGrid::new(grid), names: ChunkKeyEncoding::new(names) })
    }

    /// The keys of what a region touches.
    fn keys(&self, path: &Prefix, region: Option<&Region>) -> Result<Vec<Key>, Unknown> {
        let subset = match region {
            None => ArraySubset::new_with_shape(self.shape.clone()),
            Some(region) => {
                let ranges = region.resolve(&self.shape).map_err(|reason| {
                    let message = format!("{reason}: /{path} has the shape {:?}", self.shape);
                    Unknown::Untold(Problem::of_usage(message, "name another region"))
                })?;
                ArraySubset::new_with_ranges(&ranges)
            }
        };
        let chunks = self.grid.chunks_in_array_subset(&subset).map_err(|error| untold(path, &error.to_string()))?;
        let chunks = chunks.ok_or_else(|| untold(path, "the chunk grid does not cover the array"))?;
        let count = chunks.shape().iter().try_fold(1u64, |count, length| count.checked_mul(*length));
        if count.is_none_or(|count| count > KEYS_MAX) {
            return Err(Unknown::Untold(Problem::new(
                format!("that is more than {KEYS_MAX} chunks of /{path}"),
                "name a smaller --region, or several one after the other",
            )));
        }
        let key = |indices: &[u64]| path.key(self.names.encode(indices).as_str());
        chunks.indices().iter().map(|indices| key(&indices).map_err(|error| untold(path, &error.to_string()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(version: Version, json: &Value, region: Option<&str>) -> Result<Vec<String>, String> {
        let layout = Layout::of(version, json.to_string().as_bytes())?;
        let region = region.map(|text| Region::parse(text).unwrap());
        let keys = layout.keys(&Prefix::new("a/b").unwrap(), region.as_ref());
        let keys = keys.map_err(|unknown| Problem::from(unknown).to_string())?;
        Ok(keys.iter().map(ToString::to_string).collect())
    }

    fn v3(shape: &Value, grid: &Value, names: &Value) -> Value {
        json!({"zarr_format": 3, "node_type": "array", "shape": shape, "chunk_grid": grid, "chunk_key_encoding": names,
            "data_type": {"name": "example.odd", "configuration": {}}, "fill_value": {"odd": []},
            "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1]}}, {"name": "nobodys.own"}]})
    }

    #[test]
    fn chunks_are_named_whatever_they_hold_and_however_it_is_encoded() {
        let regular = |shape: Value| json!({"name": "regular", "configuration": {"chunk_shape": shape}});
        let slash = json!({"name": "default", "configuration": {"separator": "/"}});
        let of =
            |shape: Value, grid: Value, names: &Value, region| keys(Version::V3, &v3(&shape, &grid, names), region);
        let all = of(json!([3, 2]), regular(json!([2, 2])), &slash, None);
        assert_eq!(all, Ok(vec!["a/b/c/0/0".to_owned(), "a/b/c/1/0".to_owned()]));
        let some = of(json!([3, 2]), regular(json!([2, 2])), &slash, Some("2"));
        assert_eq!(some, Ok(vec!["a/b/c/1/0".to_owned()]));
        assert_eq!(of(json!([]), regular(json!([])), &slash, None), Ok(vec!["a/b/c".to_owned()]));
        assert_eq!(of(json!([0, 2]), regular(json!([2, 2])), &slash, None), Ok(vec![]));
        let names = json!({"name": "v2", "configuration": {"separator": "."}});
        assert_eq!(of(json!([1, 1]), regular(json!([2, 2])), &names, None), Ok(vec!["a/b/0.0".to_owned()]));
        assert_eq!(
            of(json!([1, 1]), regular(json!([2, 2])), &json!("default"), None),
            Ok(vec!["a/b/c/0/0".to_owned()])
        );
        let uneven = json!({"name": "rectangular", "configuration": {"chunk_shape": [[1, 9], 2]}});
        assert_eq!(of(json!([10, 2]), uneven, &slash, Some("5")), Ok(vec!["a/b/c/1/0".to_owned()]));
    }

    #[test]
    fn chunks_of_v2_are_named_whatever_they_hold_and_however_it_is_encoded() {
        let array = |extra: Value| {
            let mut json = json!({"zarr_format": 2, "shape": [3, 1], "chunks": [2, 1], "fill_value": null, "order": "C",
                "dtype": [["a", [["b", "<f8"]]]], "compressor": {"id": "nobodys-own"}, "filters": [{"id": "odd"}]});
            json.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json
        };
        let of = |extra, region| keys(Version::V2, &array(extra), region);
        assert_eq!(of(json!({}), None), Ok(vec!["a/b/0.0".to_owned(), "a/b/1.0".to_owned()]));
        assert_eq!(of(json!({"dimension_separator": "/"}), Some("-1")), Ok(vec!["a/b/1/0".to_owned()]));
    }

    #[test]
    fn metadata_that_do_not_tell_are_refused_with_the_reason() {
        let regular = |shape: Value| json!({"name": "regular", "configuration": {"chunk_shape": shape}});
        let (slash, shape) = (json!("default"), json!([4]));
        let mut transformed = v3(&shape, &regular(json!([2])), &slash);
        transformed["storage_transformers"] = json!([{"name": "nobodys.own"}]);
        for (json, told) in [
            (json!({"node_type": "group"}), "it is a group"),
            (json!({"node_type": "array"}), "missing field `shape`"),
            (v3(&shape, &json!("hexagonal"), &slash), "hexagonal"),
            (v3(&shape, &regular(json!([2, 2])), &slash), "inconsistent dimensionality"),
            (v3(&shape, &regular(json!([0])), &slash), "zero"),
            (v3(&shape, &regular(json!([2])), &json!("nobodys.own")), "nobodys.own"),
            (v3(&json!([u64::MAX]), &regular(json!([1])), &slash), "more than 10000000 chunks"),
            (transformed, "storage transformer nobodys.own"),
        ] {
            let error = keys(Version::V3, &json, None).unwrap_err();
            assert!(error.contains(told), "{told}: {error}");
        }
        let error = keys(Version::V2, &json!({"shape": [4], "chunks": [2, 2]}), None).unwrap_err();
        assert!(error.contains("not compatible with array shape"), "{error}");
    }
}
