//! A crate depends only on crates of strictly lower layers.
//!
//! So crates of one layer never see each other, core and policy among them. Dependencies of tests are free, and
//! shown. The tools (xtask, benches) are outside of all layers, and nothing may depend on them.

use super::{
    Finding,
    project::{Package, Project},
};

/// Every crate and its layer.
const LAYERS: [(&str, u8); 13] = [
    ("zstore-core", 0),
    ("zstore-policy", 0),
    ("zstore-memory", 1),
    ("zstore-local", 1),
    ("zstore-directory", 1),
    ("zstore-format", 1),
    ("zstore-remote", 1),
    ("zstore-origin", 1),
    ("zstore-testkit", 1),
    ("zstore-cache", 2),
    ("zstore-zarrs", 3),
    ("zstore-object-store", 3),
    ("zstore-cli", 4),
];
/// Crates that see less than their layer would let them: all they may depend on, and why.
const CLOSER: [(&str, &[&str], &str); 3] = [
    (
        "zstore-cache",
        &["zstore-core", "zstore-directory", "zstore-format", "zstore-policy"],
        "a cache does not know which stores it holds",
    ),
    ("zstore-zarrs", &["zstore-core"], "it adapts any store"),
    ("zstore-object-store", &["zstore-core"], "it adapts any store"),
];
/// For tests only.
const TESTKIT: &str = "zstore-testkit";

pub(super) fn check(project: &Project) -> Vec<Finding> {
    let own = |name: &str| project.packages.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    let missing = LAYERS.iter().filter(|(name, _)| !own(name));
    findings.extend(missing.map(|(name, _)| Finding::new(name, "has a layer in xtask and does not exist")));
    for package in project.packages.iter().filter(|package| package.is_crate()) {
        let place = format!("{}/Cargo.toml", package.folder);
        let Some(layer) = layer(&package.name) else {
            findings.push(Finding::new(place, format!("{} has no layer: give it one in xtask", package.name)));
            continue;
        };
        if package.folder != format!("crates/{}", package.name) {
            findings.push(Finding::new(&place, format!("{} is not in the folder of its name", package.name)));
        }
        let normal = package.dependencies.iter().filter(|dependency| !dependency.dev && own(&dependency.name));
        for seen in normal.map(|dependency| dependency.name.as_str()) {
            findings.extend(breach(&package.name, layer, seen).map(|what| Finding::new(&place, what)));
        }
    }
    findings
}

/// What is wrong with a crate of that layer seeing another package of ours.
fn breach(name: &str, layer: u8, seen: &str) -> Option<String> {
    if seen == TESTKIT {
        return Some(format!("{name} depends on {seen}, which is for tests only"));
    }
    let Some(below) = self::layer(seen) else {
        return Some(format!("{name} depends on {seen}, which is outside of all layers"));
    };
    if below >= layer {
        return Some(format!("{name} (L{layer}) depends on {seen} (L{below}), which is not below it"));
    }
    let (_, _, why) = CLOSER.iter().find(|(closer, may, _)| *closer == name && !may.contains(&seen))?;
    Some(format!("{name} depends on {seen}: {why}"))
}

/// The layer of a crate, if it has one.
pub(super) fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(own, _)| *own == name).map(|(_, layer)| *layer)
}

/// What crates see of each other in tests that they may not see otherwise.
pub(super) fn dev_only(packages: &[Package]) -> Vec<String> {
    let of_package = |package: &Package| {
        let layer = layer(&package.name)?;
        let seen: Vec<&str> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.dev && self::layer(&dependency.name).is_some())
            .filter(|dependency| breach(&package.name, layer, &dependency.name).is_some())
            .map(|dependency| dependency.name.as_str())
            .collect();
        (!seen.is_empty()).then(|| format!("{} -> {}", package.name, seen.join(", ")))
    };
    packages.iter().filter_map(of_package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when one crate is not what it should be.
    fn found(package: Package) -> Vec<String> {
        let mut packages: Vec<_> = LAYERS.iter().map(|(name, _)| Package::planted(name, &[], &[])).collect();
        packages.retain(|other| other.name != package.name);
        packages.push(package);
        packages.push(Package { folder: "xtask".into(), ..Package::planted("xtask", &["zstore-cli"], &[]) });
        check(&Project { packages, ..Project::default() }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dependency_that_is_not_below_is_found() {
        for (name, seen, told) in [
            ("zstore-core", "zstore-policy", "not below"),
            ("zstore-policy", "zstore-core", "not below"),
            ("zstore-core", "zstore-cache", "not below"),
            ("zstore-local", "zstore-memory", "not below"),
            ("zstore-cache", "zstore-local", "which stores"),
            ("zstore-cache", "zstore-testkit", "tests only"),
            ("zstore-zarrs", "zstore-cache", "any store"),
            ("zstore-object-store", "zstore-cache", "any store"),
            ("zstore-cli", "xtask", "outside"),
        ] {
            let found = found(Package::planted(name, &[seen], &[]));
            assert!(matches!(&found[..], [one] if one.contains(told)), "{name} -> {seen}: {found:?}");
        }
    }

    #[test]
    fn what_is_below_may_be_seen_and_so_may_all_in_tests() {
        let normal = ["zstore-core", "zstore-format", "zstore-policy", "hashlink"];
        assert_eq!(found(Package::planted("zstore-cache", &normal, &["zstore-local", "zstore-testkit"])), [""; 0]);
        assert_eq!(found(Package::planted("zstore-cli", &["zstore-zarrs", "zstore-cache"], &[])), [""; 0]);
    }

    #[test]
    fn crates_without_a_layer_and_layers_without_a_crate_are_found() {
        assert_eq!(found(Package::planted("zstore-new", &[], &[])).len(), 1);
        let folder = "crates/other".into();
        assert_eq!(found(Package { folder, ..Package::planted("zstore-core", &[], &[]) }).len(), 1);
        assert_eq!(check(&Project::default()).len(), LAYERS.len());
    }

    #[test]
    fn what_tests_see_is_recorded() {
        let packages =
            [Package::planted("zstore-cache", &["zstore-core"], &["zstore-local", "zstore-core", "proptest"])];
        assert_eq!(dev_only(&packages), ["zstore-cache -> zstore-local"]);
    }
}
