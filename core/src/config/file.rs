//! The configuration file as text: changes keep its comments and order.
//!
//! # Invariants
//! 1. A change that would leave a file that [`Config`] refuses is not written.
//! 2. The file is replaced as a whole or not at all.

use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, value};

use super::keys::{KEYS, Kind, Named};
use super::{Config, usual_places};
use crate::error::Error;

/// A key with its value and where that comes from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// Its value; empty if there is none.
    pub value: String,
    /// `file`, `default` or `unset`.
    pub from: &'static str,
    /// What the key is for.
    pub help: &'static str,
}

/// The file that is read and changed.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    document: DocumentMut,
}

impl File {
    /// Opens the named file, else the first of the usual places that is there, else a new one in
    /// the first of them.
    ///
    /// # Errors
    /// [`Error::Config`] when it can't be read or is no TOML.
    pub fn open(named: Option<&Path>) -> Result<Self, Error> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => {
                let places = usual_places();
                let there = places.iter().find(|path| path.is_file());
                there.or(places.first()).cloned().ok_or_else(|| Error::Option {
                    option: "flux config".into(),
                    why: "neither XDG_CONFIG_HOME nor HOME is set; name the file with --config FILE".into(),
                })?
            }
        };
        let fail = |why: String| Error::Config { path: path.clone(), why };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fail(error.to_string())),
        };
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            fail(format!("{error}mend it with an editor; nothing was changed"))
        })?;
        Ok(Self { path, document })
    }

    /// Where the file is, or would be made.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a key, of a whole table all its entries.
    #[must_use]
    pub fn get(&self, named: &Named) -> Vec<Setting> {
        let setting = |value: Option<String>| Setting {
            key: named.text(),
            from: match (&value, named.key.default) {
                (Some(_), _) => "file",
                (None, "") => "unset",
                (None, _) => "default",
            },
            value: value.unwrap_or_else(|| named.key.default.to_owned()),
            help: named.key.help,
        };
        let item = self.document.get(named.key.name);
        match (named.key.kind, &named.entry) {
            (Kind::Devices | Kind::Parameters, Some(entry)) => {
                vec![setting(item.and_then(|item| item.get(entry.as_str())).map(shown))]
            }
            (Kind::Devices | Kind::Parameters, None) => {
                let table = item.and_then(Item::as_table_like);
                let rows: Vec<Setting> = table
                    .into_iter()
                    .flat_map(|table| table.iter())
                    .map(|(entry, item)| Setting {
                        key: format!("{}.{entry}", named.key.name),
                        value: shown(item),
                        from: "file",
                        help: named.key.help,
                    })
                    .collect();
                if rows.is_empty() { vec![setting(None)] } else { rows }
            }
            _ => vec![setting(item.map(shown))],
        }
    }

    /// Every key with its value.
    #[must_use]
    pub fn list(&self) -> Vec<Setting> {
        KEYS.iter().flat_map(|key| self.get(&Named { key, entry: None })).collect()
    }

    /// Sets a key.
    ///
    /// # Errors
    /// [`Error::Option`] when the key does not take the value, [`Error::Config`], [`Error::Write`].
    pub fn set(&mut self, named: &Named, text: &str) -> Result<(), Error> {
        named.check(text)?;
        let new = match named.key.kind {
            Kind::Number => value(text.parse::<i64>().unwrap_or_default()),
            _ => value(text),
        };
        match &named.entry {
            None => replace(self.document.as_table_mut(), named.key.name, new),
            Some(entry) => {
                let table = self.document.entry(named.key.name).or_insert_with(|| Item::Table(Table::new()));
                match table.as_table_mut() {
                    Some(table) => replace(table, entry, new),
                    None => {
                        return Err(self.fault(&format!("`{}` is no table of its own", named.key.name)));
                    }
                }
            }
        }
        self.write()
    }

    /// Takes a key out of the file; tells whether it was there.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Write`].
    pub fn reset(&mut self, named: &Named) -> Result<bool, Error> {
        let removed = match &named.entry {
            None => self.document.remove(named.key.name),
            Some(entry) => self
                .document
                .get_mut(named.key.name)
                .and_then(Item::as_table_like_mut)
                .and_then(|table| table.remove(entry)),
        };
        if removed.is_some() {
            self.write()?;
        }
        Ok(removed.is_some())
    }

    /// Takes every key out of the file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn reset_all(&mut self) -> Result<(), Error> {
        self.document = DocumentMut::new();
        self.write()
    }

    fn fault(&self, why: &str) -> Error {
        Error::Config { path: self.path.clone(), why: format!("{why}; nothing was changed") }
    }

    fn write(&self) -> Result<(), Error> {
        let text = self.document.to_string();
        toml::from_str::<Config>(&text).map_err(|error| self.fault(&error.to_string()))?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::Write { path: folder.to_owned(), why: error.to_string() })?;
        }
        crate::module::write(&self.path, text.as_bytes())
    }
}

/// Puts a value in place of another one and keeps what stands around it.
fn replace(table: &mut Table, key: &str, mut new: Item) {
    if let (Some(old), Some(new)) = (table.get(key).and_then(Item::as_value), new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(place) => *place = new,
        None => {
            table.insert(key, new);
        }
    }
}

/// A value as it is typed.
fn shown(item: &Item) -> String {
    match (item.as_str(), item.as_integer()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => item.to_string().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("flux-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_change_keeps_comments_and_the_rest() {
        let before = "# mine\nseed = 3 # lucky\n\n[devices]\n# on the roof\n\"i2c:0x48\" = \"tmp102\"\n";
        let path = scratch("config-keeps", before);
        let mut file = File::open(Some(&path)).unwrap();
        file.set(&Named::find("seed").unwrap(), "4").unwrap();
        file.set(&Named::find("devices.i2c:0x49").unwrap(), "lm75").unwrap();
        file.set(&Named::find("color").unwrap(), "never").unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            after,
            "# mine\nseed = 4 # lucky\ncolor = \"never\"\n\n[devices]\n# on the roof\n\"i2c:0x48\" = \"tmp102\"\n\"i2c:0x49\" = \"lm75\"\n"
        );
    }

    #[test]
    fn a_file_with_another_fault_is_left_alone() {
        let path = scratch("config-fault", "sed = 3\n");
        let mut file = File::open(Some(&path)).unwrap();
        let error = file.set(&Named::find("seed").unwrap(), "4").unwrap_err().to_string();
        let after = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains("sed") && error.contains("nothing was changed"), "{error}");
        assert_eq!(after, "sed = 3\n");
    }

    #[test]
    fn what_is_not_in_the_file_is_a_default() {
        let path = scratch("config-default", "location = \"lab\"\n");
        let file = File::open(Some(&path)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let get = |key: &str| file.get(&Named::find(key).unwrap()).remove(0);
        assert_eq!((get("seed").value.as_str(), get("seed").from), ("1", "default"));
        assert_eq!((get("location").value.as_str(), get("location").from), ("lab", "file"));
        assert_eq!(get("parameters.x").from, "unset");
        assert_eq!(file.list().len(), KEYS.len());
    }
}
