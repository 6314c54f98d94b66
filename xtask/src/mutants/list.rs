//! The mutants that `cargo mutants` would try, as it lists them.

use std::collections::HashMap;
use std::process::Command;

use serde_json::Value;

use crate::error::{Error, stdout_of};

/// A place in a file: line and column, both from 1, the column in characters.
pub(crate) type Place = (usize, usize);

/// What a mutant changes, by the name that `cargo mutants` gives it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Genre {
    /// A function returns a fixed value at once.
    FnValue,
    /// One binary operator in place of another.
    BinaryOperator,
    /// A negation that is left out.
    UnaryOperator,
    /// An arm of a match that is left out.
    MatchArm,
    /// The guard of an arm is always true or always false.
    MatchArmGuard,
    /// A field of a struct expression takes its value from the base.
    StructField,
}

impl Genre {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "FnValue" => Self::FnValue,
            "BinaryOperator" => Self::BinaryOperator,
            "UnaryOperator" => Self::UnaryOperator,
            "MatchArm" => Self::MatchArm,
            "MatchArmGuard" => Self::MatchArmGuard,
            "StructField" => Self::StructField,
            _ => return None,
        })
    }
}

/// One change to the code.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// Its position in the list; the number that switches it on.
    pub(crate) id: u32,
    /// What people read: place, change and function.
    pub(crate) name: String,
    /// The function that it changes.
    pub(crate) function: String,
    /// The file, from the root of the workspace.
    pub(crate) file: String,
    /// What it changes; `None` for what this program does not know.
    pub(crate) genre: Option<Genre>,
    /// What stands there instead.
    pub(crate) replacement: String,
    /// Where what it changes begins and ends.
    pub(crate) span: (Place, Place),
}

impl Mutant {
    /// The name without line and column, which stays when code moves.
    pub(crate) fn lasting_name(&self) -> String {
        let change = self.name.split_once(": ").map_or("", |(_, change)| change);
        format!("{}: {change}", self.file)
    }
}

/// Mutants by what and where they change.
pub(crate) type ByPlace<'m> = HashMap<(Genre, Place, Place), Vec<&'m Mutant>>;

/// The mutants of `package` in files that match one of `paths` (all without any), in shard `k/n`.
///
/// # Errors
/// [`Error::Missing`] without `cargo mutants`, [`Error::Check`] if its list can't be read.
pub(crate) fn list(package: &str, paths: &[String], shard: Option<&str>) -> Result<Vec<Mutant>, Error> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--json", "--package", package]);
    command.args(paths.iter().flat_map(|path| ["--file", path]));
    command.args(shard.iter().flat_map(|shard| ["--shard", shard]));
    let text = stdout_of(&mut command).map_err(|error| {
        Error::Missing(format!("{error}; is it installed? `cargo install --locked cargo-mutants`"))
    })?;
    let rows: Vec<Value> =
        serde_json::from_str(&text).map_err(|error| Error::Check(format!("list of mutants: {error}")))?;
    Ok((0u32..).zip(&rows).map(|(id, row)| mutant(id, row)).collect())
}

fn mutant(id: u32, row: &Value) -> Mutant {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
    let place = |value: &Value| (number(&value["line"]), number(&value["column"]));
    Mutant {
        id,
        name: text(&row["name"]),
        function: text(&row["function"]["function_name"]),
        file: text(&row["file"]),
        genre: row["genre"].as_str().and_then(Genre::named),
        replacement: text(&row["replacement"]),
        span: (place(&row["span"]["start"]), place(&row["span"]["end"])),
    }
}

/// Sorts the mutants of one file by their places.
pub(crate) fn by_place<'m>(mutants: impl IntoIterator<Item = &'m Mutant>) -> ByPlace<'m> {
    let mut places = ByPlace::new();
    for mutant in mutants {
        if let Some(genre) = mutant.genre {
            places.entry((genre, mutant.span.0, mutant.span.1)).or_default().push(mutant);
        }
    }
    places
}
