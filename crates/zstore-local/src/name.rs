//! Which keys can be files here, and the names kept for temporary files.

use zstore_core::{Key, Prefix};

use crate::error::Fault;

/// The longest file name, in bytes: `NAME_MAX` of Linux, macOS and the BSDs.
pub(crate) const SEGMENT_BYTES_MAX: usize = 255;

/// The longest path that one call takes, in bytes: `PATH_MAX` of Linux less its closing NUL. Paths are relative to
/// the root.
pub(crate) const PATH_BYTES_MAX: usize = 4095;

const TEMPORARY_START: &str = ".zstore-";
const TEMPORARY_END: &str = ".tmp";

/// A temporary file's name, of which `unique` is the middle.
pub(crate) fn temporary(unique: &str) -> String {
    format!("{TEMPORARY_START}{unique}{TEMPORARY_END}")
}

/// Whether a file name is kept for temporary files, whoever made them.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_START) && name.ends_with(TEMPORARY_END)
}

/// Whether a key can be a file.
///
/// # Errors
/// The fault says why not.
pub(crate) fn check(key: &Key) -> Result<(), Fault> {
    check_path(key.as_str())
}

/// Whether any value can be below a prefix. None can where a key could not be: then there is nothing to list.
pub(crate) fn can_hold_values(prefix: &Prefix) -> bool {
    prefix.is_root() || check_path(prefix.as_str()).is_ok()
}

fn check_path(path: &str) -> Result<(), Fault> {
    if path.len() > PATH_BYTES_MAX {
        return Err(Fault::LongPath { bytes: path.len() });
    }
    for segment in path.split('/') {
        if segment.len() > SEGMENT_BYTES_MAX {
            return Err(Fault::LongSegment { segment: beginning_of(segment), bytes: segment.len() });
        }
        if is_temporary(segment) {
            return Err(Fault::ReservedName { segment: segment.to_owned() });
        }
    }
    Ok(())
}

/// Enough of a long segment to know it by.
fn beginning_of(segment: &str) -> String {
    segment.chars().take(20).chain(['…']).collect()
}

/// The path of the directory that holds a path, empty for the root, and the last name.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The path of `name` in the directory `parent`.
pub(crate) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str) -> Option<String> {
        check(&Key::new(name).unwrap()).err().map(|fault| fault.to_string())
    }

    #[test]
    fn a_segment_has_at_most_255_bytes() {
        assert_eq!(fault(&format!("a/{}", "x".repeat(255))), None);
        let long = fault(&format!("a/{}", "ü".repeat(128))).unwrap();
        assert!(long.contains("256 bytes long") && long.contains("at most 255") && long.contains("ü…"), "{long}");
    }

    #[test]
    fn a_path_has_at_most_4095_bytes() {
        let segments = vec!["x".repeat(127); 32].join("/");
        assert_eq!((segments.len(), fault(&segments)), (4095, None));
        assert!(fault(&format!("{segments}x")).unwrap().contains("4096 bytes long"));
    }

    #[test]
    fn names_of_temporary_files_are_no_keys_and_their_neighbours_are() {
        assert!(fault(&format!("a/{}/b", temporary("1-2-3"))).unwrap().contains(".zstore-1-2-3.tmp"));
        for name in [".zstore", "a.tmp", ".zstore-1", "x.zstore-1.tmp", ".zstore-1.tmp2"] {
            assert_eq!(fault(name), None, "{name}");
        }
    }
}
