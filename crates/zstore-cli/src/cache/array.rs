//! Which array a key belongs to, as far as keys tell.

use std::collections::HashSet;

use zstore_core::Key;

/// Arrays and groups by where their metadata are.
#[derive(Debug, Default)]
pub(super) struct Nodes(HashSet<String>);

impl Nodes {
    /// Those whose metadata are among these keys.
    pub(super) fn among<'a>(keys: impl Iterator<Item = &'a Key>) -> Self {
        let is_metadata = |key: &&Key| matches!(key.name(), "zarr.json" | ".zarray");
        Self(keys.filter(is_metadata).map(|key| parent(key.as_str()).to_owned()).collect())
    }

    /// The path of the array or group that a key belongs to; empty for the root.
    ///
    /// An array whose metadata are known is believed first. Else the shape of the key tells.
    pub(super) fn array_of<'a>(&self, key: &'a Key) -> &'a str {
        let path = key.as_str();
        let mut above = path;
        while !above.is_empty() {
            above = parent(above);
            let rest = path[above.len()..].trim_start_matches('/');
            if self.0.contains(above) && are_coordinates(rest) {
                return above;
            }
        }
        zstore_cache::array_of(key)
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether this may follow the path of an array in the key of a chunk.
fn are_coordinates(rest: &str) -> bool {
    let numbers = if rest == "c" { "" } else { rest.strip_prefix("c/").unwrap_or(rest) };
    numbers.is_empty() || numbers.split(['/', '.']).all(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array_of(key: &str, metadata: &[&str]) -> String {
        let metadata: Vec<Key> = metadata.iter().map(|key| Key::new(key).unwrap()).collect();
        Nodes::among(metadata.iter()).array_of(&Key::new(key).unwrap()).to_owned()
    }

    #[test]
    fn metadata_tell_an_array_whose_name_is_a_number() {
        assert_eq!(array_of("image/0/1/2", &[]), "image");
        assert_eq!(array_of("image/0/1/2", &["image/0/.zarray"]), "image/0");
        assert_eq!(array_of("image/0/.zattrs", &["image/0/.zarray", "image/.zarray"]), "image/0");
        assert_eq!(array_of("a/c/0", &["zarr.json"]), "a");
        assert_eq!(array_of("c/0", &["zarr.json"]), "");
    }
}
