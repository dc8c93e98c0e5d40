//! The book is whole: its summary names every page once and no other, and its guide names every example.

use super::{Finding, project::Project};

const FOLDER: &str = "docs";
const SUMMARY: &str = "docs/SUMMARY.md";
const GUIDE: &str = "docs/guide.md";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let Some(summary) = project.documents.get(SUMMARY) else { return vec![Finding::new(SUMMARY, "does not exist")] };
    let is_page = |path: &&String| path.starts_with("docs/") && *path != SUMMARY;
    let pages: Vec<&str> = project.documents.keys().filter(is_page).map(String::as_str).collect();
    let named: Vec<String> = targets(summary).map(|target| format!("{FOLDER}/{target}")).collect();
    let mut findings = Vec::new();
    for page in &pages {
        match named.iter().filter(|named| named == page).count() {
            0 => findings.push(Finding::new(SUMMARY, format!("does not name {page}"))),
            1 => {}
            _ => findings.push(Finding::new(SUMMARY, format!("names {page} more than once"))),
        }
    }
    let unknown = named.iter().filter(|named| !pages.contains(&named.as_str()));
    findings.extend(unknown.map(|named| Finding::new(SUMMARY, format!("names {named}, which is no page of {FOLDER}"))));
    let shown = project.documents.get(GUIDE).map_or("", String::as_str);
    let untold = project.sources.iter().filter(|source| is_example(&source.path));
    let untold = untold.filter(|source| !shown.contains(&format!("](../{})", source.path)));
    findings.extend(untold.map(|source| Finding::new(GUIDE, format!("has no link to the example {}", source.path))));
    findings
}

/// What the links of the text point to.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// Whether it is an example of a crate, and not a module of one.
fn is_example(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], ["crates", _, "examples", _])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY_TEXT: &str = "# Summary\n- [The guide](guide.md)\n- [Why](why.md)\n";
    const GUIDE_TEXT: &str = "[one](../crates/zstore-a/examples/one.rs)";

    fn found(summary: &str, guide: &str, more: &[&str]) -> Vec<String> {
        let example = [("crates/zstore-a/examples/one.rs", "fn main() {}")];
        let mut project = Project::planted(&example, "");
        let pages = [(SUMMARY, summary), (GUIDE, guide), ("docs/why.md", "Because.")];
        let more = more.iter().map(|page| (*page, ""));
        project.documents.extend(pages.into_iter().chain(more).map(|(path, text)| (path.into(), text.into())));
        check(&project).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_whole_book_passes() {
        assert_eq!(found(SUMMARY_TEXT, GUIDE_TEXT, &["README.md"]), [""; 0]);
    }

    #[test]
    fn a_book_that_is_not_whole_is_found() {
        for (summary, guide, more, told) in [
            (SUMMARY_TEXT, GUIDE_TEXT, &["docs/new.md"][..], "does not name docs/new.md"),
            (&SUMMARY_TEXT.replace("- [Why](why.md)\n", ""), GUIDE_TEXT, &[], "does not name docs/why.md"),
            (&format!("{SUMMARY_TEXT}- [Gone](gone.md)"), GUIDE_TEXT, &[], "names docs/gone.md"),
            (&format!("{SUMMARY_TEXT}- [Again](why.md)"), GUIDE_TEXT, &[], "docs/why.md more than once"),
            (SUMMARY_TEXT, "one.rs", &[], "zstore-a/examples/one.rs"),
        ] {
            let found = found(summary, guide, more);
            assert!(matches!(&found[..], [one] if one.contains(told)), "{summary}{guide}: {found:?}");
        }
        assert_eq!(check(&Project::default()).len(), 1);
    }
}
