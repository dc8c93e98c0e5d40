//! Nodes of Zarr as their metadata describe them, whatever codecs they have: they are told of, not decoded.

use serde::Serialize;
use serde_json::{Map, Value};
use zstore_core::{Prefix, ReadStore, ReadStoreExt};

use crate::{
    problem::Problem,
    size::{counted, show},
};

/// What metadata make of a path.
#[derive(Debug)]
pub(super) enum Node {
    Array(Box<Array>),
    Group(Group),
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Group {
    pub(super) zarr_format: u64,
    pub(super) attributes: Map<String, Value>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Array {
    pub(super) zarr_format: u64,
    shape: Vec<u64>,
    dimension_names: Option<Vec<Option<String>>>,
    data_type: String,
    /// What is compressed together; none if the grid is not a regular one.
    chunk_shape: Option<Vec<u64>>,
    /// What is one value of the store, if it holds several chunks.
    shard_shape: Option<Vec<u64>>,
    fill_value: Value,
    /// What is done to a chunk when it is written, by name, in this order.
    codecs: Vec<String>,
    pub(super) attributes: Map<String, Value>,
}

/// Reads the metadata at a path; none if there are none.
///
/// # Errors
/// If the store fails, or they make no sense.
pub(super) async fn read(store: &dyn ReadStore, path: &Prefix) -> Result<Option<Node>, Problem> {
    if let Some(json) = json(store, path, "zarr.json").await? {
        return match json["node_type"].as_str() {
            Some("array") => Array::of_v3(&json).map(|array| Some(Node::Array(Box::new(array)))),
            Some("group") => Ok(Some(Node::Group(Group { zarr_format: 3, attributes: object(&json["attributes"]) }))),
            _ => Err(senseless("zarr.json says neither array nor group")),
        };
    }
    let attributes = || async { Ok::<_, Problem>(object(&json(store, path, ".zattrs").await?.unwrap_or_default())) };
    if let Some(json) = json(store, path, ".zarray").await? {
        let array = Array::of_v2(&json, attributes().await?)?;
        return Ok(Some(Node::Array(Box::new(array))));
    }
    if json(store, path, ".zgroup").await?.is_some() {
        return Ok(Some(Node::Group(Group { zarr_format: 2, attributes: attributes().await? })));
    }
    Ok(None)
}

async fn json(store: &dyn ReadStore, path: &Prefix, name: &str) -> Result<Option<Value>, Problem> {
    let key = path.key(name).map_err(|error| senseless(&error.to_string()))?;
    let Some(bytes) = store.get_bytes(&key).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| senseless(&format!("{key} is not JSON: {error}")))
}

fn senseless(reason: &str) -> Problem {
    Problem::new(format!("the metadata make no sense: {reason}"), "restore them from a backup, or write them again")
}

fn object(json: &Value) -> Map<String, Value> {
    json.as_object().cloned().unwrap_or_default()
}

fn numbers(json: &Value) -> Option<Vec<u64>> {
    json.as_array()?.iter().map(Value::as_u64).collect()
}

/// A name that may stand alone or in an object under one of two words.
fn name(json: &Value) -> String {
    let name = json.as_str().or_else(|| json["name"].as_str()).or_else(|| json["id"].as_str());
    name.map_or_else(|| json.to_string(), str::to_owned)
}

fn names(json: &Value) -> Vec<String> {
    json.as_array().into_iter().flatten().map(name).collect()
}

impl Array {
    fn of_v3(json: &Value) -> Result<Self, Problem> {
        let shape = numbers(&json["shape"]).ok_or_else(|| senseless("they tell no shape"))?;
        let of_dimension = |name: &Value| name.as_str().map(str::to_owned);
        let dimension_names = json["dimension_names"].as_array().map(|names| names.iter().map(of_dimension).collect());
        let outer = numbers(&json["chunk_grid"]["configuration"]["chunk_shape"]);
        let codecs = json["codecs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sharding =
            codecs.iter().find(|codec| name(codec) == "sharding_indexed").map(|codec| &codec["configuration"]);
        let (chunk_shape, shard_shape, codecs) = match sharding {
            Some(sharding) => (numbers(&sharding["chunk_shape"]), outer, names(&sharding["codecs"])),
            None => (outer, None, codecs.iter().map(name).collect()),
        };
        Ok(Self {
            zarr_format: 3,
            shape,
            dimension_names,
            data_type: name(&json["data_type"]),
            chunk_shape,
            shard_shape,
            fill_value: json["fill_value"].clone(),
            codecs,
            attributes: object(&json["attributes"]),
        })
    }

    fn of_v2(json: &Value, attributes: Map<String, Value>) -> Result<Self, Problem> {
        let mut codecs = names(&json["filters"]);
        codecs.extend((!json["compressor"].is_null()).then(|| name(&json["compressor"])));
        Ok(Self {
            zarr_format: 2,
            shape: numbers(&json["shape"]).ok_or_else(|| senseless("they tell no shape"))?,
            dimension_names: None,
            data_type: name(&json["dtype"]),
            chunk_shape: numbers(&json["chunks"]),
            shard_shape: None,
            fill_value: json["fill_value"].clone(),
            codecs,
            attributes,
        })
    }

    /// All but the attributes, for people.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("shape", by(&self.shape))];
        if let Some(names) = &self.dimension_names {
            let names: Vec<&str> = names.iter().map(|name| name.as_deref().unwrap_or("-")).collect();
            lines.push(("dimensions", names.join(", ")));
        }
        lines.push(("data type", self.data_type.clone()));
        if let Some(shards) = &self.shard_shape {
            lines.push(("shards", format!("{}, {}", by(shards), self.counted(shards, "shard"))));
        }
        if let Some(chunks) = &self.chunk_shape {
            lines.push(("chunks", format!("{}, {}", by(chunks), self.counted(chunks, "chunk"))));
        }
        let codecs = if self.codecs.is_empty() { "none".to_owned() } else { self.codecs.join(", ") };
        lines.extend([("codecs", codecs), ("fill value", self.fill_value.to_string())]);
        lines.extend(self.decoded_bytes().map(|bytes| ("decoded", show(bytes))));
        lines
    }

    /// How many pieces of that shape cover the array.
    fn counted(&self, piece: &[u64], noun: &str) -> String {
        let count = |(length, piece): (&u64, &u64)| length.checked_next_multiple_of(*piece).map(|whole| whole / piece);
        let all = self.shape.iter().zip(piece).map(count).try_fold(1u64, |all, count| all.checked_mul(count?));
        all.map_or_else(|| format!("no known number of {noun}s"), |all| counted(all, noun))
    }

    /// The size of all elements, where one has a size that its name tells.
    fn decoded_bytes(&self) -> Option<u64> {
        let name = self.data_type.trim_start_matches(['<', '>', '|']);
        let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let number: u64 = digits.parse().ok()?;
        let bytes = match (self.zarr_format, &name[..name.len() - digits.len()]) {
            (3, "int" | "uint" | "float" | "bfloat" | "complex" | "r") => number / 8,
            (2, "i" | "u" | "f" | "c" | "b" | "M" | "m" | "S") => number,
            (2, "U") => 4 * number,
            _ => return None,
        };
        self.shape.iter().try_fold(bytes, |all, length| all.checked_mul(*length))
    }
}

/// A shape for people: `48 x 512 x 512`.
fn by(shape: &[u64]) -> String {
    if shape.is_empty() {
        return "a scalar".to_owned();
    }
    shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line<'a>(lines: &'a [(&str, String)], name: &str) -> &'a str {
        lines.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn a_sharded_array_tells_shards_and_chunks_and_the_codecs_of_chunks() {
        let array = Array::of_v3(&json!({
            "shape": [2048, 2000], "data_type": "int16", "fill_value": -1, "dimension_names": ["y", null],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [512, 512]}},
            "codecs": [{"name": "sharding_indexed", "configuration":
                {"chunk_shape": [128, 128], "codecs": [{"name": "bytes"}, {"name": "zstd"}]}}],
        }))
        .unwrap();
        let lines = array.lines();
        assert_eq!(line(&lines, "shards"), "512 x 512, 16 shards");
        assert_eq!(line(&lines, "chunks"), "128 x 128, 256 chunks");
        assert_eq!((line(&lines, "codecs"), line(&lines, "dimensions")), ("bytes, zstd", "y, -"));
        assert_eq!((line(&lines, "decoded"), line(&lines, "fill value")), ("7.8 MiB", "-1"));
    }

    #[test]
    fn an_array_of_v2_tells_filters_before_the_compressor() {
        let array = Array::of_v2(
            &json!({"shape": [10], "chunks": [4], "dtype": "<f8", "filters": [{"id": "delta"}],
                "compressor": {"id": "blosc", "cname": "lz4"}, "fill_value": "NaN"}),
            Map::new(),
        )
        .unwrap();
        let lines = array.lines();
        assert_eq!((line(&lines, "codecs"), line(&lines, "chunks")), ("delta, blosc", "4, 3 chunks"));
        assert_eq!((line(&lines, "data type"), line(&lines, "decoded")), ("<f8", "80 B"));
    }

    #[test]
    fn odd_metadata_are_told_of_as_far_as_they_go() {
        let array = Array::of_v3(&json!({"shape": [], "data_type": {"name": "odd", "configuration": {}}})).unwrap();
        assert_eq!((line(&array.lines(), "shape"), line(&array.lines(), "data type")), ("a scalar", "odd"));
        let huge = Array { shape: vec![u64::MAX, 3], zarr_format: 3, data_type: "int8".into(), ..Array::default() };
        assert_eq!(
            (huge.decoded_bytes(), huge.counted(&[1, 1], "chunk").as_str()),
            (None, "no known number of chunks")
        );
        assert_eq!(huge.counted(&[0, 1], "chunk"), "no known number of chunks");
        assert!(Array::of_v3(&json!({"shape": [-1]})).is_err());
    }
}
