//! A Rust file as the rules read it.

use std::ops::Range;

use super::blank::blank;

/// A Rust file.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the root of the repository.
    pub(super) path: String,
    pub(super) text: String,
    /// The text byte for byte, but for what is in comments, which is blank, and in literals, which is `_`.
    pub(super) code: String,
    /// Where in the code what is compiled for unit tests only stands.
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let tests = test_items(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, tests }
    }

    /// Whether it is part of the product: of a crate, and no test or bench.
    pub(super) fn is_product(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.next() == Some("crates") && parts.next().is_some() && parts.next() == Some("src")
    }

    /// The crate it belongs to, if it belongs to one.
    pub(super) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether what stands at this byte is compiled for unit tests only.
    pub(super) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// The path and the line of this byte.
    pub(super) fn place(&self, at: usize) -> String {
        let line = self.code.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}", self.path)
    }

    /// Lines with code on them, unit tests left out.
    pub(super) fn code_lines(&self) -> usize {
        let mut at = 0;
        let is_code = |line: &&str| {
            let start = at;
            at += line.len();
            !line.trim().is_empty() && !self.is_test(start + line.len() - line.trim_start().len())
        };
        self.code.split_inclusive('\n').filter(is_code).count()
    }
}

/// The items after `#[cfg(test)]`, with that attribute.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find("#[cfg(test)]").map(|at| from + at) {
        let end = item_end(code, start);
        items.push(start..end);
        from = end;
    }
    items
}

/// Where the item ends whose attributes begin at `start`: at a semicolon or a closing brace outside of all brackets.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "\
//! A file.

fn product() {}

#[cfg(test)]
use std::fs;

#[cfg(test)]
#[expect(unused, reason = \"}\")]
mod tests {
    fn inner(a: [u8; 3]) { /* } */ }
}
fn after() {
}
";

    #[test]
    fn what_is_for_tests_is_told_from_what_is_not() {
        let source = Source::new("crates/c/src/a.rs", MIXED);
        let at = |word: &str| source.is_test(MIXED.find(word).unwrap());
        assert!(!at("product") && at("std::fs") && at("inner") && !at("after"));
        assert_eq!(source.code_lines(), 3);
        assert_eq!(source.place(MIXED.find("product").unwrap()), "crates/c/src/a.rs:3");
    }

    #[test]
    fn the_product_is_what_is_in_src_of_a_crate() {
        let is_product = |path| Source::new(path, "").is_product();
        assert!(is_product("crates/c/src/a/b.rs"));
        assert!(!is_product("crates/c/tests/it/src/b.rs") && !is_product("xtask/src/main.rs"));
        assert_eq!(Source::new("crates/c/src/a.rs", "").crate_name(), Some("c"));
        assert_eq!(Source::new("benches/src/a.rs", "").crate_name(), None);
    }
}
