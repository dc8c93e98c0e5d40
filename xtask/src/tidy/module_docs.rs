//! Every file begins by saying what it is.

use super::{Finding, project::Project};

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let says = |text: &str| {
        let first = text.lines().find(|line| !line.trim().is_empty());
        first.and_then(|line| line.strip_prefix("//!")).is_some_and(|words| !words.trim().is_empty())
    };
    let silent = project.sources.iter().filter(|source| !says(&source.text));
    silent.map(|source| Finding::new(&source.path, "does not begin with `//!` and what the file is")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_nothing_is_found() {
        for text in ["", "fn f() {}\n//! Late.", "//!\n//! Late.\n", "// No docs.\n", "/// Of an item.\nfn f() {}\n"] {
            assert_eq!(check(&Project::planted(&[("crates/a/src/a.rs", text)], "")).len(), 1, "{text:?}");
        }
        assert_eq!(check(&Project::planted(&[("crates/a/src/a.rs", "//! What it is.\nfn f() {}")], "")), []);
    }
}
