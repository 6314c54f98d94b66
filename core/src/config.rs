//! The user's configuration file.
//!
//! ```toml
//! # ~/.config/flux/config.toml
//! device_id = "bench-1"
//! location = "lab"
//! color = "never"
//! seed = 7
//! files = "/var/lib/flux"
//!
//! [devices]
//! "i2c:0x48" = "tmp102"
//!
//! [parameters]
//! threshold = "30"
//! limits = [20.5, 30]
//! rooms = { lab = 20, hall = 18 }
//! ```
//!
//! [`keys`] is the table of what may stand in it, [`file`] changes it.

pub mod file;
pub mod keys;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;

/// What the file may hold; every key is optional.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of this device, the built-in parameter `device_id`.
    pub device_id: Option<String>,
    /// Place of this device, the built-in parameter `location`.
    pub location: Option<String>,
    /// When to use colours: `auto`, `always`, `never`.
    pub color: Option<String>,
    /// Shape of the output: `table`, `json`, `ndjson`, `tsv`, `quiet`.
    pub format: Option<String>,
    /// Seed of every random choice.
    pub seed: Option<u64>,
    /// Folder whose files agents may open; `--files` goes before.
    pub files: Option<PathBuf>,
    /// Driver of each device address.
    #[serde(default)]
    pub devices: BTreeMap<String, String>,
    /// Values of parameters, as `--set` takes them; `--set` goes before. Arrays, tables and numbers of TOML are
    /// read as such a text.
    #[serde(default, deserialize_with = "settings")]
    pub parameters: BTreeMap<String, String>,
}

/// Bytes that a configuration file may hold.
const LIMIT: u64 = 1 << 20;

impl Config {
    /// Reads the named file, else the first of the usual places that is there, else the defaults.
    ///
    /// # Errors
    /// [`Error::Config`] when a file is named and can't be read, or holds what can't be used.
    pub fn load(named: Option<&Path>) -> Result<Self, Error> {
        match named {
            Some(path) => Self::read(path),
            None => match usual_places().into_iter().find(|path| path.is_file()) {
                Some(path) => Self::read(&path),
                None => Ok(Self::default()),
            },
        }
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let fail = |why: String| Error::Config { path: path.to_owned(), why };
        let length = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
        if length > LIMIT {
            return Err(fail(format!("it holds {length} bytes; a configuration holds at most {LIMIT}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        for (key, value) in [("color", &config.color), ("format", &config.format)] {
            if let Some(value) = value {
                keys::Named::find(key)
                    .and_then(|named| named.check(value))
                    .map_err(|error| fail(error.to_string()))?;
            }
        }
        Ok(config)
    }

    /// Parameters in the order in which they hold: those given on the command line replace the file's.
    #[must_use]
    pub fn merged(&self, given: &[(String, String)]) -> Vec<(String, String)> {
        let mut all = self.parameters.clone();
        let own = [("device_id", &self.device_id), ("location", &self.location)];
        for (name, value) in own {
            if let Some(value) = value {
                all.insert(name.to_owned(), value.clone());
            }
        }
        all.extend(given.iter().cloned());
        all.into_iter().collect()
    }
}

/// Parameters whose values are texts, or other values of TOML.
fn settings<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let table = BTreeMap::<String, toml::Value>::deserialize(from)?;
    let text = |value: toml::Value| match value {
        toml::Value::String(text) => text,
        other => setting(&other),
    };
    Ok(table.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// A value of TOML inside of another, as `--set` takes it.
fn setting(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => quoted(text),
        toml::Value::Array(values) => {
            format!("[{}]", values.iter().map(setting).collect::<Vec<_>>().join(", "))
        }
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| format!("{}: {}", quoted(key), setting(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        toml::Value::Integer(value) => value.to_string(),
        toml::Value::Float(value) => format!("{value:?}"),
        toml::Value::Boolean(value) => value.to_string(),
        toml::Value::Datetime(value) => quoted(&value.to_string()),
    }
}

/// A text in quotes, with the escapes that JSON has too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The first place of the configuration file, for what is kept beside it.
pub(crate) fn path() -> Option<PathBuf> {
    usual_places().into_iter().next()
}

fn usual_places() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let xdg = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home.as_ref().map(|home| home.join(".config")));
    [xdg.map(|folder| folder.join("flux/config.toml")), home.map(|folder| folder.join(".flux/config.toml"))]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_replaces_what_the_file_says() {
        let config: Config =
            toml::from_str("location = \"lab\"\n[parameters]\nthreshold = \"20\"\nlocation = \"x\"\n")
                .unwrap();
        let merged = config.merged(&[("threshold".into(), "30".into())]);
        assert_eq!(merged, [("location".into(), "lab".into()), ("threshold".into(), "30".into())]);
    }

    #[test]
    fn arrays_tables_and_numbers_are_read_as_text_of_set() {
        let text = "[parameters]\na = 1\nb = 2.5\nc = true\nd = [1, \"x\\\"\", [0x10]]\ne = { low = 1, \"two words\" = \"30s\" }\n";
        let config: Config = toml::from_str(text).unwrap();
        let parameters: Vec<(&str, &str)> =
            config.parameters.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let wanted = [
            ("a", "1"),
            ("b", "2.5"),
            ("c", "true"),
            ("d", r#"[1, "x\"", [16]]"#),
            ("e", r#"{"low": 1, "two words": "30s"}"#),
        ];
        assert_eq!(parameters, wanted);
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_the_line() {
        let path = std::env::temp_dir().join(format!("flux-config-{}.toml", std::process::id()));
        std::fs::write(&path, "[device]\n\"i2c:0x48\" = \"tmp102\"\n").unwrap();
        let error = Config::load(Some(&path)).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains("line 1") && error.contains("device"), "{error}");
    }
}
