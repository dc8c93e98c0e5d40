//! `docs/remotes.md`: no setting, and no exception that a server gets from the contract, is left out of it. Its blocks
//! are run by the tests of the docs.

const PAGE: &str = include_str!("../../../../docs/remotes.md");
const BUILDER: &str = include_str!("../../src/builder.rs");
const SERVERS: [(&str, &str); 4] = [
    ("SeaweedFS", include_str!("../conformance_seaweedfs.rs")),
    ("moto", include_str!("../conformance_moto.rs")),
    ("Azurite", include_str!("../conformance_azurite.rs")),
    ("nginx", include_str!("../conformance_nginx.rs")),
];

#[test]
fn the_page_has_every_setting() {
    let methods = BUILDER.lines().filter_map(|line| {
        let line = line.strip_prefix("    pub ")?;
        line.strip_prefix("const ").unwrap_or(line).strip_prefix("fn ")?.split(['(', '<']).next()
    });
    let settings: Vec<&str> = methods.filter(|name| !["new", "open_reader", "open_store"].contains(name)).collect();
    assert!(settings.contains(&"environment") && settings.contains(&"max_retries"), "{settings:?}");
    let untold: Vec<_> = settings.iter().filter(|name| !PAGE.contains(&format!("\n| `{name}` |"))).collect();
    assert!(untold.is_empty(), "docs/remotes.md has no row for {untold:?}");
}

#[test]
fn the_page_tells_of_every_exception_of_each_server_and_of_no_other() {
    for (server, suite) in SERVERS {
        let names = suite.split(".except(").skip(1).map(|rest| rest.split('"').nth(1).unwrap());
        let mut excepted: Vec<&str> = names.map(|name| name.split_once("::").unwrap().1).collect();
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| {server}"))).unwrap();
        // Names of cases are the words in code quotes that are joined by many underscores.
        let mut told: Vec<&str> =
            row.split('`').skip(1).step_by(2).filter(|quoted| quoted.matches('_').count() > 3).collect();
        excepted.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, excepted, "{server}");
    }
}
