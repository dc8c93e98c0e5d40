//! Variables that a program hands on: no one here looks at the environment itself.

/// Variables and their values. One that is empty counts as not set.
#[derive(Clone, Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    pub(crate) fn extend<K: Into<String>, V: Into<String>>(&mut self, variables: impl IntoIterator<Item = (K, V)>) {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.0.extend(variables.filter(|(_, value)| !value.is_empty()));
    }

    /// What a variable says; of several of that name the last.
    #[cfg(any(feature = "aws", feature = "azure"))]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().filter(|(known, _)| *known == name).last().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
