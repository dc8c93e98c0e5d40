//! Which array a key belongs to, as far as keys tell.

use std::collections::HashSet;

use zstore_core::Key;

const METADATA: [&str; 5] = ["zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"];

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
    /// An array whose metadata are known is believed first. Else the shape of the key tells: chunks of version 3 are
    /// `c/0/1`, those of version 2 are `0.1` or `0/1`.
    pub(super) fn array_of<'a>(&self, key: &'a Key) -> &'a str {
        let path = key.as_str();
        if METADATA.contains(&key.name()) {
            return parent(path);
        }
        let mut above = path;
        while !above.is_empty() {
            above = parent(above);
            let rest = path[above.len()..].trim_start_matches('/');
            if self.0.contains(above) && are_coordinates(rest) {
                return above;
            }
        }
        by_shape(path)
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

fn by_shape(path: &str) -> &str {
    let mut array = path;
    loop {
        let last = array.rsplit('/').next().unwrap_or(array);
        let is_last = last == "c" || last.contains('.');
        if array.is_empty() || !(last == "c" || last.split('.').all(is_number)) {
            // What has no coordinates is a value of its group.
            return if array.len() == path.len() { parent(path) } else { array };
        }
        array = parent(array);
        // Above `c`, and above all coordinates in one segment, there are none: an array may have a number for a name.
        if is_last {
            return array;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array_of(key: &str, metadata: &[&str]) -> String {
        let metadata: Vec<Key> = metadata.iter().map(|key| Key::new(key).unwrap()).collect();
        Nodes::among(metadata.iter()).array_of(&Key::new(key).unwrap()).to_owned()
    }

    #[test]
    fn a_key_tells_its_array() {
        for (key, array) in [
            ("a/b/zarr.json", "a/b"),
            ("a/b/c/0/1", "a/b"),
            ("a/b/c", "a/b"),
            ("a/b/0.1", "a/b"),
            ("a/b/0/1", "a/b"),
            ("image/0/c/0/1", "image/0"),
            ("image/0/0.1", "image/0"),
            ("a/c/c/0", "a/c"),
            ("zarr.json", ""),
            ("c/0/0", ""),
            ("0.0", ""),
            ("0", ""),
            ("a/.zattrs", "a"),
            ("notes/readme.txt", "notes"),
            ("readme.txt", ""),
        ] {
            assert_eq!(array_of(key, &[]), array, "{key}");
        }
    }

    #[test]
    fn metadata_tell_an_array_whose_name_is_a_number() {
        assert_eq!(array_of("image/0/1/2", &[]), "image");
        assert_eq!(array_of("image/0/1/2", &["image/0/.zarray"]), "image/0");
        assert_eq!(array_of("a/c/0", &["zarr.json"]), "a");
        assert_eq!(array_of("c/0", &["zarr.json"]), "");
    }
}
