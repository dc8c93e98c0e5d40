//! What the rules look at, read once: the sources, the documents and the manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use super::{source::Source, trees};
use crate::{
    process::{Outcome, ask_cargo},
    repository,
};

/// The project as the rules see it. Paths are relative to the root, with `/`.
#[derive(Debug, Default)]
pub(super) struct Project {
    /// Every Rust file.
    pub(super) sources: Vec<Source>,
    /// Every Markdown file, by its path.
    pub(super) documents: BTreeMap<String, String>,
    /// Every file and folder.
    pub(super) paths: BTreeSet<String>,
    pub(super) packages: Vec<Package>,
    /// What some packages bring with them, themselves included, by their names.
    pub(super) trees: BTreeMap<String, BTreeSet<String>>,
}

/// A package of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    /// The folder of its manifest.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The name of the package, however it is called here.
    pub(super) name: String,
    /// Only tests, examples and benches see it.
    pub(super) dev: bool,
}

impl Package {
    /// Whether it is one of those that make up the product, not a tool of ours.
    pub(super) fn is_crate(&self) -> bool {
        self.folder.starts_with("crates/")
    }
}

impl Project {
    /// Reads the project this tool was built in.
    pub(super) fn read() -> Outcome<Self> {
        let mut project = Self::default();
        project.walk(repository::root(), "")?;
        project.packages = packages(&ask_cargo(&["metadata", "--no-deps", "--format-version", "1"])?)?;
        for package in trees::roots() {
            let tree = ask_cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"])?;
            let names = tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
            project.trees.insert(package.to_owned(), names.collect());
        }
        Ok(project)
    }

    fn walk(&mut self, folder: &Path, shown: &str) -> Outcome {
        let unreadable = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().into_string().map_err(|name| format!("{}: not UTF-8", name.display()))?;
            // What git does not keep and what is not ours to judge.
            if name == "target" || name == ".git" {
                continue;
            }
            let path = if shown.is_empty() { name } else { format!("{shown}/{name}") };
            let kind = entry.file_type().map_err(unreadable)?;
            self.paths.insert(path.clone());
            if kind.is_dir() {
                self.walk(&entry.path(), &path)?;
            } else if kind.is_file() {
                let text = || fs::read_to_string(entry.path()).map_err(|error| format!("{path}: {error}"));
                if path.ends_with(".rs") {
                    self.sources.push(Source::new(&path, &text()?));
                } else if path.ends_with(".md") {
                    self.documents.insert(path.clone(), text()?);
                }
            }
        }
        Ok(())
    }
}

/// The packages that `cargo metadata` tells of.
fn packages(metadata: &str) -> Outcome<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let root = text(&metadata, "workspace_root")?;
    let package = |package: &Value| {
        let manifest = text(package, "manifest_path")?;
        let folder = manifest.strip_prefix(root).and_then(|path| path.strip_suffix("Cargo.toml")).unwrap_or(manifest);
        let dependency = |dependency: &Value| {
            Ok(Dependency { name: text(dependency, "name")?.into(), dev: dependency["kind"] == "dev" })
        };
        Ok(Package {
            name: text(package, "name")?.into(),
            folder: folder.trim_matches('/').into(),
            dependencies: list(package, "dependencies")?.iter().map(dependency).collect::<Outcome<_>>()?,
        })
    };
    list(&metadata, "packages")?.iter().map(package).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> Outcome<&'a str> {
    value[field].as_str().ok_or_else(|| format!("cargo metadata: no text in {field:?}"))
}

fn list<'a>(value: &'a Value, field: &str) -> Outcome<&'a Vec<Value>> {
    value[field].as_array().ok_or_else(|| format!("cargo metadata: no list in {field:?}"))
}

#[cfg(test)]
impl Project {
    /// A project of these files, an ARCHITECTURE.md, and nothing else.
    pub(super) fn planted(sources: &[(&str, &str)], architecture: &str) -> Self {
        Self {
            sources: sources.iter().map(|(path, text)| Source::new(path, text)).collect(),
            documents: BTreeMap::from([("ARCHITECTURE.md".to_owned(), architecture.to_owned())]),
            paths: sources.iter().map(|(path, _)| (*path).to_owned()).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
impl Package {
    /// A crate that depends on some, and in its tests on others.
    pub(super) fn planted(name: &str, normal: &[&str], dev: &[&str]) -> Self {
        let all = |names: &[&str], dev| {
            names.iter().map(|name| Dependency { name: (*name).to_owned(), dev }).collect::<Vec<_>>()
        };
        let dependencies = [all(normal, false), all(dev, true)].concat();
        Self { name: name.to_owned(), folder: format!("crates/{name}"), dependencies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_through_renames_and_kinds() {
        let metadata = r#"{"workspace_root":"/w","packages":[{"name":"a","manifest_path":"/w/crates/a/Cargo.toml","dependencies":[
            {"name":"b","rename":"innocent","kind":null},{"name":"c","kind":"dev"},{"name":"d","kind":"build"}]}]}"#;
        let expected = Package::planted("a", &["b"], &[]);
        let found = packages(metadata).unwrap().remove(0);
        assert_eq!((found.name, found.folder), (expected.name, expected.folder));
        let found: Vec<_> = found.dependencies.iter().map(|found| (found.name.as_str(), found.dev)).collect();
        assert_eq!(found, [("b", false), ("c", true), ("d", false)]);
    }

    #[test]
    fn metadata_that_says_less_is_an_error() {
        assert!(packages("{}").is_err());
        assert!(packages("not json").is_err());
    }
}
