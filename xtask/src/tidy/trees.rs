//! The crates at the bottom bring next to nothing with them: no runtime, no HTTP, no store.

use super::{Finding, project::Project};

/// All that a crate may bring with it, directly or not.
const ALLOWED: [(&str, &[&str]); 2] = [
    (
        "zstore-core",
        &[
            "zstore-core",
            "arcstr",
            "bytes",
            // Macros, which are gone once it is built.
            "async-trait",
            "proc-macro2",
            "quote",
            "syn",
            "unicode-ident",
            // The traits and combinators of futures, without an executor.
            "futures",
            "futures-channel",
            "futures-core",
            "futures-io",
            "futures-macro",
            "futures-sink",
            "futures-task",
            "futures-util",
            "memchr",
            "pin-project-lite",
            "slab",
        ],
    ),
    ("zstore-policy", &["zstore-policy", "hashlink", "hashbrown", "foldhash"]),
];

/// The crates whose trees are looked at.
pub(super) fn roots() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(root, _)| *root)
}

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let of_root = |(root, allowed): &(&str, &[&str])| {
        let Some(tree) = project.trees.get(*root).filter(|tree| tree.contains(*root)) else {
            return vec![Finding::new(root, "`cargo tree` does not tell what it brings with it")];
        };
        let extra = tree.iter().filter(|name| !allowed.contains(&name.as_str()));
        extra.map(|name| Finding::new(root, format!("brings {name} with it, which is not on its list"))).collect()
    };
    ALLOWED.iter().flat_map(of_root).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn project(core: &[&str]) -> Project {
        let tree = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let trees = [("zstore-core".to_owned(), tree(core)), ("zstore-policy".to_owned(), tree(&["zstore-policy"]))];
        Project { trees: trees.into(), ..Project::default() }
    }

    #[test]
    fn a_runtime_or_a_client_below_is_found() {
        for extra in ["tokio", "hyper", "reqwest", "object_store", "zstore-policy"] {
            let found = check(&project(&["zstore-core", "bytes", extra]));
            assert!(matches!(&found[..], [one] if one.what.contains(extra)), "{extra}: {found:?}");
        }
        assert_eq!(check(&project(&["zstore-core", "bytes"])), []);
    }

    #[test]
    fn a_tree_that_is_not_told_is_found() {
        assert_eq!(check(&project(&[])).len(), 1);
        assert_eq!(check(&Project::default()).len(), 2);
    }
}
