//! Whose blobs there are, and how people name them.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{Problem, place};

/// A digest of a namespace's name, as the names of blobs have it.
pub(crate) type Digest = [u8; 16];

/// The names of namespaces, as far as headers of blobs tell them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces(BTreeMap<Digest, Option<String>>);

impl Namespaces {
    /// There are blobs of a namespace, whose name one of them may have told.
    pub(super) fn note(&mut self, digest: Digest, name: Option<&str>) {
        let known = self.0.entry(digest).or_default();
        if known.is_none() {
            *known = name.map(str::to_owned);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Each namespace by its digest.
    pub(crate) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.0.keys().copied()
    }

    /// Whether a sound blob told the name.
    pub(crate) fn is_known(&self, digest: Digest) -> bool {
        self.name(digest).is_some()
    }

    fn name(&self, digest: Digest) -> Option<&str> {
        self.0.get(&digest)?.as_deref()
    }

    /// The name for people: the path or URL of the source where it has one.
    pub(crate) fn shown(&self, digest: Digest) -> String {
        self.name(digest).map_or_else(|| format!("unknown {}", hex(digest)), |name| place(name).to_owned())
    }

    /// Those that a person means by this text.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(crate) fn meant_by(&self, text: &str) -> Result<BTreeSet<Digest>, Problem> {
        let all = self.0.iter().filter(|(digest, name)| is_meant(**digest, name.as_deref(), text));
        let meant: BTreeSet<Digest> = all.map(|(digest, _)| *digest).collect();
        if !meant.is_empty() {
            return Ok(meant);
        }
        let all: Vec<String> = self.digests().map(|digest| self.shown(digest)).collect();
        let hint = match &all[..] {
            [] => "the cache holds nothing".to_owned(),
            all => format!("it holds {}", all.join(", ")),
        };
        Err(Problem::new(format!("the cache holds no namespace {text:?}"), hint))
    }
}

/// Whether a person means a namespace by this text: by its name, the path or URL in it, or its digest.
pub(crate) fn is_meant(digest: Digest, name: Option<&str>, text: &str) -> bool {
    let is_same = |name: &str| name.trim_end_matches('/') == text.trim_end_matches('/');
    name.is_some_and(|name| is_same(name) || is_same(place(name))) || hex(digest) == text
}

/// The digest as names of blobs spell it.
fn hex(digest: Digest) -> String {
    format!("{:032x}", u128::from_be_bytes(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_meant_by_its_name_its_place_or_its_digest() {
        let mut namespaces = Namespaces::default();
        namespaces.note([1; 16], None);
        namespaces.note([1; 16], Some("Remote(https://example.org/data/)"));
        namespaces.note([2; 16], Some("LocalStore(/data)"));
        namespaces.note([3; 16], None);
        for (text, digest) in [
            ("https://example.org/data", 1),
            ("https://example.org/data/", 1),
            ("Remote(https://example.org/data/)", 1),
            ("/data", 2),
            ("03030303030303030303030303030303", 3),
        ] {
            assert_eq!(namespaces.meant_by(text).unwrap(), BTreeSet::from([[digest; 16]]), "{text}");
        }
        let problem = namespaces.meant_by("/dat").unwrap_err().to_string();
        assert!(problem.contains("https://example.org/data/, /data, unknown 0303"), "{problem}");
    }
}
