//! Words that product code must not hold, but for files that say why they may.

use super::{Finding, project::Project, source::Source};

/// A file that may, and why.
pub(super) struct Exempt {
    pub(super) path: &'static str,
    pub(super) why: &'static str,
}

/// Finds these words in the product code of all crates but `crates`, outside of unit tests. An exemption that nobody
/// needs any more is a finding too.
pub(super) fn banned(
    project: &Project,
    words: &[&str],
    crates: &[&str],
    exempt: &[Exempt],
    what: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let bound =
        |source: &&Source| source.is_product() && !source.crate_name().is_some_and(|name| crates.contains(&name));
    for source in project.sources.iter().filter(bound) {
        let mut found = words.iter().flat_map(|word| uses(source, word).map(move |at| (at, word))).peekable();
        match exempt.iter().find(|exempt| exempt.path == source.path) {
            None => {
                findings.extend(found.map(|(at, word)| Finding::new(source.place(at), format!("`{word}`: {what}"))))
            }
            Some(_) if found.peek().is_some() => {}
            Some(exempt) => {
                let what = format!("is exempt from a rule that it keeps ({}): strike it off", exempt.why);
                findings.push(Finding::new(&source.path, what));
            }
        }
    }
    let gone = exempt.iter().filter(|exempt| !project.sources.iter().any(|source| source.path == exempt.path));
    findings.extend(gone.map(|exempt| Finding::new(exempt.path, "is exempt from a rule and does not exist")));
    findings
}

/// Where the word stands in code that is no unit test, not as the end of a longer one.
fn uses<'a>(source: &'a Source, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let whole = |at: &usize| {
        let before = source.code[..*at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
    };
    source.code.match_indices(word).map(|(at, _)| at).filter(whole).filter(|at| !source.is_test(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXEMPT: [Exempt; 1] = [Exempt { path: "crates/a/src/may.rs", why: "it may" }];

    fn found(sources: &[(&str, &str)]) -> Vec<String> {
        let project = Project::planted(sources, "");
        banned(&project, &["bad!("], &["free"], &EXEMPT, "not good").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_is_found_where_it_is_code_of_the_product() {
        let sources = [
            ("crates/a/src/may.rs", "fn f() { bad!(1) }"),
            ("crates/a/src/b.rs", "// bad!(0)\nfn f() {\n bad!(\"bad!(\"); not_bad!(2) }"),
            ("crates/a/src/c.rs", "#[cfg(test)]\nmod tests { fn f() { bad!(3) } }"),
            ("crates/a/tests/it/main.rs", "fn f() { bad!(4) }"),
            ("crates/free/src/lib.rs", "fn f() { bad!(5) }"),
            ("xtask/src/main.rs", "fn f() { bad!(6) }"),
        ];
        assert_eq!(found(&sources), ["crates/a/src/b.rs:3: `bad!(`: not good"]);
    }

    #[test]
    fn an_exemption_that_nobody_needs_is_found() {
        assert_eq!(found(&[("crates/a/src/may.rs", "fn f() {}")]).len(), 1);
        assert_eq!(found(&[]).len(), 1);
    }
}
