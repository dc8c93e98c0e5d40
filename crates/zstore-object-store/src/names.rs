//! Names: `object_store`'s paths, and the contract's keys and prefixes.
//!
//! Both are segments parted by slashes, and nothing is encoded or decoded between them. A path may be empty or, joined
//! with an empty part, end in a slash; a key may hold control characters. Neither can be said in the other's words.

use object_store::{
    Result,
    path::{Error as PathError, Path},
};
use zstore_core::{Key, Prefix};

pub(crate) fn key(path: &Path) -> Result<Key> {
    // No path breaks another rule of keys than that.
    Key::new(path).map_err(|_| PathError::EmptySegment { path: path.to_string() }.into())
}

pub(crate) fn prefix(path: Option<&Path>) -> Result<Prefix> {
    let Some(path) = path else { return Ok(Prefix::root()) };
    Prefix::new(path).map_err(|_| PathError::EmptySegment { path: path.to_string() }.into())
}

pub(crate) fn path(key: &Key) -> Result<Path> {
    Ok(Path::parse(key.as_str())?)
}

pub(crate) fn path_of_prefix(prefix: &Prefix) -> Result<Path> {
    Ok(Path::parse(prefix.as_str())?)
}

#[cfg(test)]
mod tests {
    use object_store::Error;

    use super::*;

    #[test]
    fn names_survive_there_and_back_byte_for_byte() {
        for name in ["a", "a/b c", "ü/.zarray", "a%2Fb/c", "%Q", "a\\b", "...", "c/0.0", "a:b?c#d", "[x]{y}|~^`\""] {
            let ours = Key::new(name).unwrap();
            let theirs = path(&ours).unwrap();
            assert_eq!(theirs.as_ref(), name);
            assert_eq!(key(&theirs).unwrap(), ours);
            assert_eq!(path_of_prefix(&prefix(Some(&theirs)).unwrap()).unwrap(), theirs);
        }
        assert!(prefix(None).unwrap().is_root());
        assert!(prefix(Some(&Path::ROOT)).unwrap().is_root());
    }

    #[test]
    fn what_object_store_encodes_is_another_name() {
        assert_eq!(key(&Path::from("a%b/..")).unwrap().as_str(), "a%25b/%2E%2E");
        assert_eq!(key(&Path::from_iter(["a/b", "c"])).unwrap().as_str(), "a%2Fb/c");
    }

    #[test]
    fn paths_that_are_no_key_are_refused_in_one_line() {
        for path in [Path::ROOT, Path::from("a").join("")] {
            let error = key(&path).unwrap_err();
            assert!(matches!(error, Error::InvalidPath { .. }), "{error:?}");
            let expected =
                format!("Encountered object with invalid path: Path \"{path}\" contained empty path segment");
            assert_eq!(error.to_string(), expected);
        }
        let twice = Path::from("a").join("").join("b");
        assert!(matches!(prefix(Some(&twice)), Err(Error::InvalidPath { .. })));
    }

    #[test]
    fn keys_that_are_no_path_are_refused() {
        let error = path(&Key::new("a\nb").unwrap()).unwrap_err();
        assert!(matches!(error, Error::InvalidPath { .. }), "{error:?}");
    }
}
