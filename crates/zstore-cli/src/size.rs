//! Sizes and counts as people write them.

use bytesize::ByteSize;

/// Reads a size in bytes: `512MiB`, `2GB`, `1_000_000`.
///
/// # Errors
/// What is wrong with the text, and what would be right, in a few words.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let refuse = || format!("{text:?} is not a size; write 512MiB, 2GB or a number of bytes such as 1_000_000");
    let too_many = || format!("{text:?} is more bytes than there can be");
    let plain = text.replace('_', "");
    let is_number = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        return plain.parse().map_err(|_| too_many());
    }
    let size: ByteSize = plain.parse().map_err(|_| refuse())?;
    // The parser stops at the most there can be instead of refusing more.
    if size.as_u64() == u64::MAX { Err(too_many()) } else { Ok(size.as_u64()) }
}

/// A size for a person to read: `1.5 GiB`.
pub(crate) fn show(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// So many of what the noun names: `1 array`, `2 arrays`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    counted_as(number, noun, &format!("{noun}s"))
}

/// So many of what a noun names whose plural is not made by an `s`: `1 directory`, `2 directories`.
pub(crate) fn counted_as(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("1_000_000", 1_000_000),
            ("512MiB", 512 << 20),
            ("512 MiB", 512 << 20),
            ("2GB", 2_000_000_000),
            ("2gb", 2_000_000_000),
            ("1.5KiB", 1536),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "chunk")), ["0 chunks", "1 chunk", "2 chunks"]);
        let words = [0, 1, 2].map(|number| counted_as(number, "prefix", "prefixes"));
        assert_eq!(words, ["0 prefixes", "1 prefix", "2 prefixes"]);
    }

    #[test]
    fn what_is_no_size_is_refused_with_what_would_be_one() {
        for text in ["", "12 parsecs", "-1", "MiB", "1.2.3", "NaN", "inf", "1e3", "_", ".", "1,000"] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("512MiB"), "{text}: {error}");
        }
        for text in ["99999999999999999999", "99999EiB"] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("more bytes"), "{text}: {error}");
        }
    }
}
