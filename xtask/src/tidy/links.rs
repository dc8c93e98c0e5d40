//! No document of ours points to a file that does not exist.

use super::{Finding, project::Project};

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let broken = |(path, text): (&String, &String)| {
        let gone = targets(text).filter_map(|target| {
            let meant = resolve(path, target);
            let there = project.paths.contains(&meant) || project.documents.contains_key(&meant);
            (!there).then(|| Finding::new(path, format!("points to {target}, which does not exist")))
        });
        gone.collect::<Vec<_>>()
    };
    project.documents.iter().flat_map(broken).collect()
}

/// What the links of the text point to, inside the repository.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let (target, _) = rest.split_once(')')?;
        let file = target.split(['#', ' ']).next()?;
        (!file.is_empty() && !file.contains("://") && !file.starts_with("mailto:")).then_some(file)
    })
}

/// The path a link means that stands in the document at `from`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nowhere_is_found() {
        let project =
            Project::planted(&[("crates/a/src/lib.rs", "")], "[a](crates/a/src/lib.rs) [b](crates/b.rs#part)");
        let found = check(&project);
        assert!(matches!(&found[..], [one] if one.what.contains("crates/b.rs")), "{found:?}");
    }

    #[test]
    fn links_are_read_from_where_they_stand() {
        assert_eq!(resolve("docs/DESIGN.md", "../README.md"), "README.md");
        assert_eq!(resolve("README.md", "./docs/"), "docs");
        let text = "[a](https://example.org) [b](#part) [c](a/b.md#part) [d](x";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["a/b.md"]);
    }
}
