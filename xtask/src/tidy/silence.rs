//! Libraries are silent: nothing below the command line prints or reads the environment.

use super::{Finding, project::Project, words::banned};

const WORDS: [&str; 11] = [
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "io::stdout",
    "io::stderr",
    "stdout()",
    "stderr()",
    "env::var",
    "env::args",
];
/// The command line itself.
const CRATES: [&str; 1] = ["zstore-cli"];

pub(super) fn check(project: &Project) -> Vec<Finding> {
    banned(project, &WORDS, &CRATES, &[], "a library neither prints nor reads the environment: answer, or trace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_talks_is_found() {
        for text in ["println!()", "std::eprintln!()", "dbg!(1)", "std::env::var(\"HOME\")", "env::var_os(\"HOME\")"] {
            let code = format!("fn f() {{ {text}; }}");
            let project = Project::planted(&[("crates/zstore-local/src/a.rs", &code)], "");
            assert_eq!(check(&project).len(), 1, "{text}");
            let project = Project::planted(&[("crates/zstore-cli/src/a.rs", &code)], "");
            assert_eq!(check(&project), [], "{text}");
        }
    }
}
