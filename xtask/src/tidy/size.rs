//! No file is too long to read: 500 lines of code at most.
//!
//! A line of code has something on it besides a comment. Unit tests at the end of a file are not counted, so that
//! nobody is tempted to move them away from the private logic they test; a file of tests is counted in full.

use super::{Finding, project::Project};

const LINES_MAX: usize = 500;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let finding = |source: &super::source::Source| {
        let lines = source.code_lines();
        let what = || format!("{lines} lines of code; more than {LINES_MAX} are two subjects: part them");
        (lines > LINES_MAX).then(|| Finding::new(&source.path, what()))
    };
    project.sources.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(text: &str) -> bool {
        !check(&Project::planted(&[("crates/a/src/a.rs", text)], "")).is_empty()
    }

    #[test]
    fn a_file_of_too_many_lines_is_found() {
        assert!(is_found(&"fn f() {}\n".repeat(501)));
        assert!(!is_found(&"fn f() {}\n".repeat(500)));
    }

    #[test]
    fn comments_blank_lines_and_unit_tests_do_not_count() {
        let code = "fn f() {}\n".repeat(500);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let comments = "// c\n/* c\nc */\n\n".repeat(500);
        assert!(!is_found(&[comments, code.clone(), tests].concat()));
        assert!(is_found(&[code, "fn g() {}".into()].concat()));
    }
}
