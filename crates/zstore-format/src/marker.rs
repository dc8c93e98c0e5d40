//! Marker files: they tell a cache from what is not ours, and which format it has.

/// Tells backup tools to pass over a directory: the standard of <https://bford.info/cachedir/>. Its name, and what is
/// in it.
pub const TAG: (&str, &str) = (
    "CACHEDIR.TAG",
    "Signature: 8a477f597d28d172789f06886806bc55\n# This is a cache of zstore: it may be deleted at any time, as a whole.\n",
);
/// Tells us that a place is ours, and how to read it. Its name, and what is in it.
pub const FORMAT: (&str, &str) = ("zstore-format", "zstore cache, format 1\n");
const FORMAT_WORDS: &str = "zstore cache, format ";

/// Bytes of the marker files.
pub const MARKERS_BYTES: u64 = (TAG.1.len() + FORMAT.1.len()) as u64;

/// What the marker files say of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// A cache of this format.
    Ours,
    /// A cache of this format whose format file is missing or damaged.
    Torn,
    /// A cache of another version of zstore.
    Other,
    /// Nothing of ours.
    Not,
}

impl Marked {
    /// What the two files say together; either may be missing. Of two marks one may be damaged.
    #[must_use]
    pub fn read(tag: Option<&[u8]>, format: Option<&[u8]>) -> Self {
        if format == Some(FORMAT.1.as_bytes()) {
            Self::Ours
        } else if format.is_some_and(is_other_format) {
            Self::Other
        } else if tag == Some(TAG.1.as_bytes()) {
            Self::Torn
        } else {
            Self::Not
        }
    }
}

/// Whether a format file is sound and tells of another format than ours.
fn is_other_format(found: &[u8]) -> bool {
    let number = found.strip_prefix(FORMAT_WORDS.as_bytes()).and_then(|rest| rest.strip_suffix(b"\n"));
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_marks_one_may_be_damaged_and_another_format_is_told() {
        let (tag, format) = (Some(TAG.1.as_bytes()), Some(FORMAT.1.as_bytes()));
        for (found, marked) in [
            ((tag, format), Marked::Ours),
            ((None, format), Marked::Ours),
            ((tag, None), Marked::Torn),
            ((tag, Some(&b"zstore cache, for"[..])), Marked::Torn),
            ((tag, Some(&b"zstore cache, format 2\n"[..])), Marked::Other),
            ((None, Some(&b"zstore cache, format 12\n"[..])), Marked::Other),
            ((None, Some(&b"zstore cache, format x\n"[..])), Marked::Not),
            ((Some(&b"Signature: 8a477f597d28d172789f06886806bc55\n"[..]), None), Marked::Not),
            ((None, None), Marked::Not),
        ] {
            assert_eq!(Marked::read(found.0, found.1), marked, "{found:?}");
        }
    }
}
