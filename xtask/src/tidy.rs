//! `cargo xtask tidy`: the rules of the project that no compiler knows.
//!
//! In reading order: `project` is what the rules look at, `source` and `blank` are how they read Rust; then one file
//! for each rule:
//!
//! - `layers`: who may depend on whom;
//! - `trees`: what the crates at the bottom bring with them;
//! - `map`: ARCHITECTURE.md names the crates there are, and files that exist;
//! - `links`: no document points to nowhere;
//! - `book`: the pages of docs/ are in its summary, and the examples in its guide;
//! - `module_docs`: every file says what it is;
//! - `size`: no file is too long to read;
//! - `names`: files are nouns of the domain;
//! - `clocks`: time is an argument;
//! - `silence`: libraries neither print nor read the environment;
//! - `bare_matches`: no test drops its answer.
//!
//! They run as a test too, so that `cargo test` knows them.

mod bare_matches;
mod blank;
mod book;
mod clocks;
mod layers;
mod links;
mod map;
mod module_docs;
mod names;
mod project;
mod silence;
mod size;
mod source;
mod trees;
mod words;

use std::fmt;

use crate::process::Outcome;
use project::Project;

/// A breach of a rule: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    place: String,
    what: String,
}

impl Finding {
    fn new(place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self { place: place.to_string(), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

type Rule = fn(&Project) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("layers", layers::check),
    ("trees", trees::check),
    ("map", map::check),
    ("links", links::check),
    ("book", book::check),
    ("module docs", module_docs::check),
    ("size", size::check),
    ("names", names::check),
    ("clocks", clocks::check),
    ("silence", silence::check),
    ("bare matches", bare_matches::check),
];

pub(crate) fn run() -> Outcome {
    let project = Project::read()?;
    println!("$ cargo xtask tidy ({} rules on {} files)", RULES.len(), project.sources.len());
    for edge in layers::dev_only(&project.packages) {
        println!("note: for tests only: {edge}");
    }
    let findings = findings(&project);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("tidy: {} findings", findings.len())) }
}

fn findings(project: &Project) -> Vec<String> {
    let of_rule = |(name, rule): &(&str, Rule)| {
        rule(project).into_iter().map(|finding| format!("{finding} [{name}]")).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of_rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let findings = findings(&Project::read().unwrap());
        assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    }

    #[test]
    fn every_rule_has_a_word_to_say_on_a_project_full_of_faults() {
        let faults = "fn f() { println!(\"{:?}\", Instant::now()); matches!(1, 1); }\n";
        let long = "fn f() {}\n".repeat(600);
        let sources = [("crates/zstore-core/src/util.rs", faults), ("crates/zstore-core/src/long.rs", &long)];
        let project = Project::planted(&sources, "`zstore-gone` is [nowhere](no/such/file)");
        for (name, rule) in RULES {
            assert!(!rule(&project).is_empty(), "{name} finds nothing");
        }
    }
}
