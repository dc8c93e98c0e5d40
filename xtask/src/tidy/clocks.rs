//! Time is an argument: one file of the libraries asks the system for it.

use super::{
    Finding,
    project::Project,
    words::{Exempt, banned},
};

const WORDS: [&str; 3] = ["SystemTime::now", "Instant::now", "SystemClock::new"];
/// They are programs, or servers that run on real time.
const CRATES: [&str; 2] = ["zstore-cli", "zstore-origin"];
const EXEMPT: &[Exempt] = &[
    Exempt { path: "crates/zstore-core/src/clock.rs", why: "this is the file" },
    Exempt { path: "crates/zstore-cache/src/builder.rs", why: "the clock of a cache that was given none" },
    Exempt { path: "crates/zstore-memory/src/store.rs", why: "the clock of a store that was given none" },
    Exempt {
        path: "crates/zstore-local/src/stamp.rs",
        why: "stamps a file as the kernel would; no decision rests on the age of it",
    },
    Exempt {
        path: "crates/zstore-memory/src/identity.rs",
        why: "hashes the time into a name that no other process has; nothing is measured",
    },
];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    banned(project, &WORDS, &CRATES, EXEMPT, "time is an argument: take a `Clock`, or a `Tick` in policies")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_read_on_the_side_is_found() {
        let project =
            Project::planted(&[("crates/zstore-cache/src/read.rs", "fn f() { std::time::Instant::now(); }")], "");
        assert!(check(&project).iter().any(|finding| finding.place == "crates/zstore-cache/src/read.rs:1"));
        let project =
            Project::planted(&[("crates/zstore-remote/src/client.rs", "fn f() { SystemClock::new().now(); }")], "");
        assert!(check(&project).iter().any(|finding| finding.place == "crates/zstore-remote/src/client.rs:1"));
        let project =
            Project::planted(&[("crates/zstore-cli/src/main.rs", "fn f() { std::time::Instant::now(); }")], "");
        assert!(!check(&project).iter().any(|finding| finding.place.contains("zstore-cli")));
    }

    #[test]
    fn every_exemption_has_a_reason() {
        assert!(EXEMPT.iter().all(|exempt| !exempt.why.is_empty()));
    }
}
