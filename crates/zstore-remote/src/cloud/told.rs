//! What a cloud is told by variables and by options, kept apart.

use zstore_core::Result;

use crate::builder::RemoteBuilder;

/// Settings of a cloud by their keys. Of several of one key the last counts, and options win.
pub(super) struct Told<K> {
    pub(super) variables: Vec<(K, String)>,
    pub(super) options: Vec<(K, String)>,
}

impl<K: PartialEq> Told<K> {
    /// The options, and of the variables those that begin with `prefix` and are named like one: any program may have a
    /// `TOKEN` or a `TIMEOUT` of its own.
    pub(super) fn of(
        settings: &RemoteBuilder,
        scheme: &str,
        prefix: &str,
        parse: impl Fn(&str) -> Option<K>,
    ) -> Result<Self> {
        let variables = settings.environment.iter().filter(|(name, _)| name.starts_with(prefix));
        let known = variables.filter_map(|(name, value)| Some((parse(&name.to_ascii_lowercase())?, value.to_owned())));
        Ok(Self { variables: known.collect(), options: settings.known_options(scheme, &parse)? })
    }

    /// What is said of a key.
    pub(super) fn get(&self, key: &K) -> Option<&str> {
        last(&self.options, key).or_else(|| last(&self.variables, key))
    }

    /// All of it; what wins comes last.
    pub(super) fn into_all(self) -> impl Iterator<Item = (K, String)> {
        self.variables.into_iter().chain(self.options)
    }
}

/// What one place says of a key.
pub(super) fn last<'a, K: PartialEq>(place: &'a [(K, String)], key: &K) -> Option<&'a str> {
    place.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// Whether a setting is on, in the spellings that `object_store` knows.
#[cfg(any(feature = "aws", feature = "azure"))]
pub(super) fn is_on(value: Option<&str>) -> bool {
    let value = value.map(str::to_ascii_lowercase);
    matches!(value.as_deref(), Some("1" | "true" | "on" | "yes" | "y"))
}
