//! `cargo xtask test`: everything that tells whether the project works.
//!
//! The rules of [`tidy`](crate::tidy) come first, then every test of the workspace: unit tests, properties,
//! integration, conformance, and the examples in the docs, README included. What the tests need besides cargo is
//! found or made here, the latter below `target/provisioned`: [servers](crate::servers) to test remotes against. What
//! is skipped is said, with the reason. Where the variable `CI` is `true`, a skip is a failure.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{
    process::{Outcome, cargo},
    repository,
    servers::{self, Absent, Variable},
    tidy,
};

/// Names the folder of Zarr data sets written by other programs, for the tests that read them.
const FIXTURES: &str = "ZSTORE_FIXTURES";
/// Where that folder is, from the root of the repository, unless the variable says otherwise.
const FIXTURES_BESIDE: &str = "../shared/data/zarrita-fixtures";

/// Where tests against servers are.
const AGAINST_SERVERS: &str = "real::";

pub(crate) fn run() -> Outcome {
    tidy::run()?;
    let strict = env::var_os("CI").is_some_and(|value| value == "true");
    let found = fixtures(env::var_os(FIXTURES), &repository::root().join(FIXTURES_BESIDE));
    let folder = match found {
        Fixtures::At(folder) => Some(folder),
        Fixtures::Absent(why) => {
            let skip = format!("the test on all fixtures of other programs is skipped: {why}");
            if strict {
                return Err(format!("{skip}; with CI=true that is a failure"));
            }
            println!("note: {skip}");
            None
        }
        Fixtures::Wrong(why) => return Err(why),
    };
    // Built first, so that servers do not wait for compilers.
    cargo(&["test", "--workspace", "--no-run"], &[])?;
    // With all features of the workspace every cloud is built in; what is said of one that is not takes a build without.
    cargo(&["test", "-p", "zstore-remote", "--test", "it", "opening::"], &[])?;
    let servers = servers::start();
    for absent in &servers.absent {
        if strict {
            return Err(format!("{absent}\nwith CI=true that is a failure"));
        }
        println!("note: the tests against it are skipped: {absent}");
    }
    let mut variables = servers.variables.clone();
    cargo(&["test", "--workspace", "--no-fail-fast"], &borrowed(&variables))?;
    // Tests that need fixtures or servers are ignored unless asked for, so that one that did not run never shows as
    // passed.
    let mut arguments = vec!["test", "--workspace", "--test", "it", "--", "--ignored"];
    match folder {
        Some(folder) => variables.push((FIXTURES, folder.into_os_string())),
        None => arguments.push(AGAINST_SERVERS),
    }
    let skipped: Vec<String> = servers.absent.iter().map(Absent::tests).collect();
    arguments.extend(skipped.iter().flat_map(|tests| ["--skip", tests]));
    cargo(&arguments, &borrowed(&variables))
}

fn borrowed(variables: &[Variable]) -> Vec<(&'static str, &OsStr)> {
    variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect()
}

/// What takes too long for every day: a hundred thousand schedules of a cache, each in an order of its own.
pub(crate) fn nightly() -> Outcome {
    cargo(
        &["test", "--release", "-p", "zstore-cache", "--test", "it", "schedules"],
        &[("ZSTORE_SCHEDULES", OsStr::new("100000"))],
    )
}

/// Whether there are fixtures.
#[derive(Debug, PartialEq, Eq)]
enum Fixtures {
    /// In this folder.
    At(PathBuf),
    /// Nobody gave any, and there are none where they are looked for.
    Absent(String),
    /// Somebody named a folder that is none.
    Wrong(String),
}

fn fixtures(named: Option<OsString>, beside: &Path) -> Fixtures {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        let folder = PathBuf::from(named);
        return if folder.is_dir() {
            // Tests run in the folders of their crates: only an absolute path means the same there.
            Fixtures::At(folder.canonicalize().unwrap_or(folder))
        } else {
            Fixtures::Wrong(format!("{FIXTURES} is {}, which is not a folder", folder.display()))
        };
    }
    match beside.canonicalize() {
        Ok(folder) if folder.is_dir() => Fixtures::At(folder),
        _ => {
            let shown = OsStr::new(FIXTURES_BESIDE).display();
            Fixtures::Absent(format!("{FIXTURES} is not set and there is no folder {shown} beside the repository"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixtures_beside_the_repository_are_found() {
        let here = repository::root().join("xtask");
        assert_eq!(fixtures(None, &here.join("../xtask/src")), Fixtures::At(here.join("src").canonicalize().unwrap()));
    }

    #[test]
    fn a_named_folder_goes_before_the_one_beside() {
        let here = repository::root().join("xtask");
        let named = here.join("src").into_os_string();
        assert_eq!(fixtures(Some(named), &here), Fixtures::At(here.join("src").canonicalize().unwrap()));
    }

    #[test]
    fn a_named_folder_that_is_none_is_wrong_and_not_merely_absent() {
        let here = repository::root().join("xtask");
        assert!(matches!(fixtures(Some("no/such/folder".into()), &here), Fixtures::Wrong(_)));
        assert!(matches!(fixtures(Some(here.join("Cargo.toml").into_os_string()), &here), Fixtures::Wrong(_)));
    }

    #[test]
    fn absence_says_what_was_looked_for() {
        let nowhere = repository::root().join("no/such/folder");
        for named in [None, Some(OsString::new())] {
            let Fixtures::Absent(why) = fixtures(named, &nowhere) else { panic!("found what is not there") };
            assert!(why.contains(FIXTURES) && why.contains(FIXTURES_BESIDE), "{why}");
        }
    }
}
