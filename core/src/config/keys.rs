//! The table of configuration keys: one row feeds `get`, `set`, `list`, checks and help.

use flux_hal::DeviceAddress;
use flux_hal::arch::native::DeviceConfig;

use crate::error::Error;

/// What a key's value may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number from 0 to 2^63 - 1.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A table of device addresses and their drivers; a key of it is `devices.i2c:0x48`.
    Devices,
    /// A table of names and texts; a key of it is `parameters.threshold`.
    Parameters,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it; empty if nothing.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// Every key, by name.
pub const KEYS: &[Key] = &[
    Key {
        name: "color",
        kind: Kind::Choice(&["auto", "always", "never"]),
        default: "auto",
        help: "when to use colours; --color goes before",
    },
    Key {
        name: "device_id",
        kind: Kind::Text,
        default: "",
        help: "name of this device, the built-in parameter device_id",
    },
    Key {
        name: "devices",
        kind: Kind::Devices,
        default: "",
        help: "driver of each I2C device, as in devices.i2c:0x48 tmp102",
    },
    Key {
        name: "files",
        kind: Kind::Text,
        default: "",
        help: "folder whose files agents with FILESYSTEM may open; --files goes before",
    },
    Key {
        name: "format",
        kind: Kind::Choice(&["table", "json", "ndjson", "tsv", "quiet"]),
        default: "table",
        help: "shape of the output; --format goes before",
    },
    Key {
        name: "location",
        kind: Kind::Text,
        default: "",
        help: "place of this device, the built-in parameter location",
    },
    Key {
        name: "parameters",
        kind: Kind::Parameters,
        default: "",
        help: "values of parameters, as in parameters.threshold 30; --set goes before",
    },
    Key {
        name: "seed",
        kind: Kind::Number,
        default: "1",
        help: "seed of every random choice; --seed goes before",
    },
];

/// A key as typed: a row of the table, and the entry if the row is a table itself.
#[derive(Clone, Debug)]
pub struct Named {
    /// The row.
    pub key: &'static Key,
    /// The entry, such as `i2c:0x48`.
    pub entry: Option<String>,
}

impl Named {
    /// Finds what `text` names.
    ///
    /// # Errors
    /// [`Error::Option`] with the nearest key, or that an entry is needed.
    pub fn find(text: &str) -> Result<Self, Error> {
        let (name, entry) = match text.split_once('.') {
            Some((name, entry)) => (name, Some(entry.to_owned())),
            None => (text, None),
        };
        let fail = |why: String| Error::Option { option: text.to_owned(), why };
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let near = KEYS
                .iter()
                .map(|key| (strsim::damerau_levenshtein(key.name, name), key.name))
                .min()
                .filter(|(distance, _)| *distance <= 3);
            return Err(fail(match near {
                Some((_, near)) => {
                    format!("there is no such key; did you mean {near}? `flux config list` shows all")
                }
                None => "there is no such key; `flux config list` shows all".into(),
            }));
        };
        match (key.kind, &entry) {
            (Kind::Devices | Kind::Parameters, Some(entry)) if !entry.is_empty() => {}
            (Kind::Devices | Kind::Parameters, None) => {}
            (_, None) => {}
            _ => return Err(fail(format!("`{name}` has no entries; {}", key.help))),
        }
        Ok(Self { key, entry })
    }

    /// The key as it is typed.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.entry {
            Some(entry) => format!("{}.{entry}", self.key.name),
            None => self.key.name.to_owned(),
        }
    }

    /// Checks that the key takes `value`.
    ///
    /// # Errors
    /// [`Error::Option`] that says what it takes.
    pub fn check(&self, value: &str) -> Result<(), Error> {
        let fail = |why: String| Err(Error::Option { option: format!("{} {value}", self.text()), why });
        match (self.key.kind, &self.entry) {
            (Kind::Text, _) | (Kind::Parameters, Some(_)) => Ok(()),
            (Kind::Number, _) => match value.parse::<i64>() {
                Ok(0..) => Ok(()),
                _ => fail("a whole number from 0 is needed, as in 42".into()),
            },
            (Kind::Choice(words), _) if words.contains(&value) => Ok(()),
            (Kind::Choice(words), _) => fail(format!("it takes {}", words.join(", "))),
            (Kind::Devices, Some(address)) => match address.parse::<DeviceAddress>() {
                Ok(parsed) => match DeviceConfig::default().set_driver(parsed, value) {
                    Ok(()) => Ok(()),
                    Err(error) => fail(error.to_string()),
                },
                Err(error) => fail(error.to_string()),
            },
            (Kind::Devices | Kind::Parameters, None) => fail(format!("name the entry: {}", self.key.help)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_order_and_each_default_is_a_value_it_takes() {
        assert!(KEYS.is_sorted_by_key(|key| key.name));
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            Named::find(key.name).unwrap().check(key.default).unwrap();
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_what_would_be_right() {
        let why = |key: &str, value: &str| Named::find(key).unwrap().check(value).unwrap_err().to_string();
        assert!(why("color", "blue").contains("auto, always, never"));
        assert!(why("seed", "-1").contains("whole number"));
        assert!(why("devices.i2c:0x48", "tmp999").contains("tmp102"));
        assert!(why("devices.i2c:0x200", "tmp102").contains("0x"));
        assert!(why("devices", "tmp102").contains("name the entry"));
        let error = Named::find("colour").unwrap_err().to_string();
        assert!(error.contains("did you mean color?"), "{error}");
        assert!(Named::find("seed.x").is_err());
    }
}
