//! Files are nouns of the domain: a name that fits anything tells nothing.

use super::{Finding, project::Project};

const WORDS: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff"];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let empty_name = |path: &str| {
        let part = |part: &str| WORDS.iter().copied().find(|word| part.split(['_', '-', '.']).any(|own| own == *word));
        path.split('/').find_map(part)
    };
    let finding = |path: &str| {
        let word = empty_name(path)?;
        Some(Finding::new(path, format!("`{word}` fits anything: name the file after what it holds")))
    };
    project.sources.iter().filter_map(|source| finding(&source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_anything_are_found() {
        for path in ["crates/a/src/util.rs", "crates/a/tests/common/mod.rs", "benches/src/cache_manager.rs"] {
            assert_eq!(check(&Project::planted(&[(path, "")], "")).len(), 1, "{path}");
        }
        for path in ["crates/a/src/utility_function.rs", "crates/commons/src/lib.rs", "crates/a/src/value.rs"] {
            assert_eq!(check(&Project::planted(&[(path, "")], "")), [], "{path}");
        }
    }
}
