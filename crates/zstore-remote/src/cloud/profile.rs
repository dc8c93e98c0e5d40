//! Profiles of AWS: what the files of its command line say, for programs that were not told otherwise.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use object_store::aws::AmazonS3ConfigKey;
use zstore_core::Result;

use crate::{environment::Environment, place::refuse};

/// Settings of a profile that give credentials in ways that need AWS's own tools.
const BY_OTHER_TOOLS: [&str; 6] =
    ["sso_session", "sso_start_url", "role_arn", "credential_process", "credential_source", "login_session"];

/// The settings of a profile, of both files together.
#[derive(Debug)]
pub(super) struct Profile {
    /// If somebody chose it; otherwise it is the one called `default`, which need not exist.
    chosen: Option<String>,
    settings: BTreeMap<String, String>,
}

impl Profile {
    /// The profile that an environment names, read from the files that it names.
    ///
    /// # Errors
    /// If a file is there and cannot be read, or the profile that was chosen is in neither.
    pub(super) fn read(environment: &Environment) -> Result<Self> {
        let chosen = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].iter().find_map(|name| environment.get(name));
        let name = chosen.unwrap_or("default");
        let home = environment.get("HOME").or_else(|| environment.get("USERPROFILE")).map(Path::new);
        let file = |variable: &str, usual: &str| {
            environment.get(variable).map(PathBuf::from).or_else(|| Some(home?.join(".aws").join(usual)))
        };
        let config = file("AWS_CONFIG_FILE", "config");
        let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
        let read = |path: Option<PathBuf>, section: &str| -> Result<Option<BTreeMap<String, String>>> {
            path.map_or(Ok(None), |path| Ok(section_of(&text(&path)?, section)))
        };
        let (config, credentials) = (read(config, &in_config)?, read(credentials, name)?);
        if let (Some(name), None, None) = (chosen, &config, &credentials) {
            return Err(refuse(format!(
                "there is no profile {name:?} in the config and credentials files of AWS; see AWS_PROFILE"
            )));
        }
        // What both say is taken from the credentials.
        let settings = config.into_iter().chain(credentials).flatten().collect();
        Ok(Self { chosen: chosen.map(str::to_owned), settings })
    }

    /// Where its buckets are.
    pub(super) fn region(&self) -> Option<&str> {
        self.settings.get("region").map(String::as_str)
    }

    /// Who is asked for them.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.settings.get("endpoint_url").map(String::as_str)
    }

    /// Its credentials, if it has some.
    ///
    /// # Errors
    /// If somebody chose it and it has them of tools that are not here.
    pub(super) fn credentials(&self) -> Result<Vec<(AmazonS3ConfigKey, String)>> {
        let known = [
            ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
            ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
            ("aws_session_token", AmazonS3ConfigKey::Token),
        ];
        let found = known.into_iter().filter_map(|(name, key)| Some((key, self.settings.get(name)?.clone())));
        let found: Vec<_> = found.collect();
        let other = BY_OTHER_TOOLS.iter().find(|setting| self.settings.contains_key(**setting));
        if let (Some(name), Some(setting), true) = (&self.chosen, other, found.is_empty()) {
            return Err(refuse(format!(
                "the profile {name:?} has its credentials by {setting}, which needs AWS's own command line; run \
                 eval \"$(aws configure export-credentials --profile {name} --format env)\""
            )));
        }
        Ok(found)
    }
}

/// The text of a file; nothing if there is none.
fn text(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(String::new()),
        Err(error) => Err(refuse(format!("{} cannot be read: {error}", path.display())).with_source(error)),
        Ok(text) => Ok(text),
    }
}

/// The settings in a section; none if there is no such section. Settings of settings, which are indented, are no
/// settings of it.
fn section_of(text: &str, wanted: &str) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut is_in = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|line| line.split_once(']')).map(|(name, _)| name) {
            is_in = name.split_whitespace().eq(wanted.split_whitespace());
            if is_in {
                found.get_or_insert_default();
            }
        } else if let (true, Some((name, value)), Some(settings)) = (is_in, line.split_once('='), &mut found)
            && !line.starts_with([' ', '\t'])
            && !value.trim().is_empty()
        {
            settings.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_another_begins_and_what_is_indented_belongs_to_a_setting() {
        let text = "region = nowhere\n[default]\n# region = none\nRegion=us-east-1 \ns3 =\n  endpoint_url = http://inner\n\
                    [profile  a b]\nregion = eu-west-1\n[default]\noutput = json\n";
        let section = section_of(text, "default").unwrap();
        assert_eq!(
            section.into_iter().collect::<Vec<_>>(),
            [("output".to_owned(), "json".to_owned()), ("region".to_owned(), "us-east-1".to_owned()),]
        );
        assert_eq!(section_of(text, "profile a b").unwrap()["region"], "eu-west-1");
        assert_eq!(section_of(text, "a b"), None);
    }
}
