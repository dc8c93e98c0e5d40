//! ARCHITECTURE.md is a true map: its crates are those there are, in the layers they are in, and its files exist.

use std::collections::BTreeSet;

use super::{Finding, layers, project::Project};

const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let Some(text) = project.documents.get(MAP) else { return vec![Finding::new(MAP, "does not exist")] };
    let crates: BTreeSet<&str> =
        project.packages.iter().filter(|package| package.is_crate()).map(|package| package.name.as_str()).collect();
    let named = crate_names(text);
    let mut findings = Vec::new();
    let unknown = named.difference(&crates);
    findings.extend(unknown.map(|name| Finding::new(MAP, format!("names {name}, and there is no such crate"))));
    let unnamed = crates.iter().filter(|name| !has_row(text, name));
    findings
        .extend(unnamed.map(|name| Finding::new(MAP, format!("has no row `| L? | [`{name}`](...) |` in its layer"))));
    let gone = file_names(text).filter(|name| !project.sources.iter().any(|source| is_called(&source.path, name)));
    findings.extend(gone.map(|name| Finding::new(MAP, format!("names {name}, and there is no such file"))));
    findings
}

/// Everything in the text that is a name of a crate of ours.
fn crate_names(text: &str) -> BTreeSet<&str> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let words = text.split(|letter| !is_name(letter)).map(|word| word.trim_end_matches('-'));
    words.filter(|word| word.starts_with("zstore-")).collect()
}

/// Whether a row of the map tells of the crate, in the layer that is checked.
fn has_row(text: &str, name: &str) -> bool {
    let Some(layer) = layers::layer(name) else { return false };
    let start = format!("| L{layer} | [`{name}`]");
    text.lines().any(|line| line.starts_with(&start))
}

/// The Rust files named in code quotes.
fn file_names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|quoted| quoted.ends_with(".rs") && !quoted.contains(char::is_whitespace))
}

fn is_called(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{super::project::Package, *};

    fn found(architecture: &str) -> Vec<String> {
        let mut project = Project::planted(&[("crates/zstore-core/src/clock.rs", "")], architecture);
        project.packages = vec![Package::planted("zstore-core", &[], &[]), Package::planted("zstore-cache", &[], &[])];
        check(&project).iter().map(ToString::to_string).collect()
    }

    const TRUE: &str = "| L0 | [`zstore-core`](a) | `clock.rs` |\n| L2 | [`zstore-cache`](b) | |\n";

    #[test]
    fn a_true_map_passes() {
        assert_eq!(found(TRUE), [""; 0]);
    }

    #[test]
    fn a_map_that_is_not_true_is_found() {
        for (wrong, told) in [
            (format!("{TRUE}`zstore-gone`"), "zstore-gone"),
            (TRUE.replace("| L2", "| L1"), "zstore-cache"),
            (TRUE.replace("[`zstore-cache`]", "zstore-cache"), "zstore-cache"),
            (TRUE.replace("clock.rs", "clocks.rs"), "clocks.rs"),
            (TRUE.replace("clock.rs", "lock.rs"), "lock.rs"),
        ] {
            let found = found(&wrong);
            assert!(matches!(&found[..], [one] if one.contains(told)), "{wrong}: {found:?}");
        }
        assert_eq!(check(&Project::default()).len(), 1);
    }
}
