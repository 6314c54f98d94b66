//! Whether one module can take the place of another: the message forms it answers, and the way of the state.
//!
//! # Invariants
//! 1. A successor answers every request and topic that its predecessor answered, with values of the same types, unless
//!    [`FormRule::MayGo`] is asked for.
//! 2. A way of the state names all that it needs: where there is one, each field of the new state has a source.

use alloc::string::String;
use core::fmt;

use crate::module::{Export, ExportKind, MigrationWay, Module, StateField, schema};

/// How the state of one module becomes that of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StateWay {
    /// Both have the same variables.
    Same,
    /// Each variable of the smaller state is in the larger one; what the old one has not begins with its initial
    /// value.
    Shared,
    /// By the migration of this number of the newer module.
    Migration(usize),
}

/// Which message forms of the old module the new one has to answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FormRule {
    /// All, with the same values.
    #[default]
    All,
    /// None: whoever sends what it no longer answers hears of that.
    MayGo,
}

/// Why a module cannot take the place of another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Misfit {
    /// A message form or topic of the old one that the new one does not answer.
    Form {
        /// Handler or topic.
        kind: ExportKind,
        /// Its name.
        name: String,
        /// Whether the new one has it with other values.
        other_values: bool,
    },
    /// No way leads from the old state to the new one.
    State {
        /// The version of the old module.
        from: String,
        /// A variable of the old state that the new one does not have as it was.
        variable: String,
    },
    /// The table of supervision differs, which a swap does not change.
    Supervision,
    /// The name differs.
    Name {
        /// The new name.
        new: String,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form { kind, name, other_values } => {
                let what = if *kind == ExportKind::Topic { "events of the topic" } else { "requests" };
                let how = if *other_values { "with other values" } else { "no more" };
                write!(f, "the new version answers {what} `{name}` {how}; keep the handler as it was")
            }
            Self::State { from, variable } => {
                let version = if from.is_empty() { "another version" } else { from.as_str() };
                write!(
                    f,
                    "`{variable}` is not in the new state as it was; say in `## Migrate from {version} (…)` what becomes of it"
                )
            }
            Self::Supervision => f.write_str("a swap cannot change `## Supervise`; start the agent anew"),
            Self::Name { new } => write!(f, "the new version is called `{new}`; an agent keeps its name"),
        }
    }
}

/// Checks that `new` can take the place of `old`; the way of the state.
///
/// # Errors
/// The first [`Misfit`].
pub fn succeeds(new: &Module, old: &Module, forms: FormRule) -> Result<StateWay, Misfit> {
    let answers = |export: &&Export| {
        forms == FormRule::All && matches!(export.kind, ExportKind::Handler | ExportKind::Topic)
    };
    for export in old.exports.iter().filter(answers) {
        let same = |other: &&Export| other.kind == export.kind && other.name == export.name;
        let other = new.exports.iter().find(same);
        let fits = |other: &Export| other.arguments == export.arguments && other.result == export.result;
        if !other.is_some_and(fits) {
            return Err(Misfit::Form {
                kind: export.kind,
                name: export.name.clone(),
                other_values: other.is_some(),
            });
        }
    }
    if new.supervise != old.supervise {
        return Err(Misfit::Supervision);
    }
    forward(new, old).ok_or_else(|| Misfit::State {
        from: old.meta.version.clone(),
        variable: lost(&old.state.fields, &new.state.fields).unwrap_or_default(),
    })
}

/// How the state of `old` becomes that of `new`; `None` if no way is known.
pub fn forward(new: &Module, old: &Module) -> Option<StateWay> {
    way(new, MigrationWay::From, &old.state.fields, &new.state.fields)
}

/// How the state of `new` becomes that of `old` again; `None` if no way is known.
pub fn back(new: &Module, old: &Module) -> Option<StateWay> {
    // What was added is left out; without it the old state is whole.
    way(new, MigrationWay::BackTo, &old.state.fields, &new.state.fields)
}

fn way(newer: &Module, way: MigrationWay, old: &[StateField], new: &[StateField]) -> Option<StateWay> {
    let identity = schema(old);
    if identity == schema(new) {
        return Some(StateWay::Same);
    }
    let written = newer.migrations.iter().position(|row| row.way == way && schema(&row.fields) == identity);
    written.map(StateWay::Migration).or_else(|| lost(old, new).is_none().then_some(StateWay::Shared))
}

/// The first variable of `old` that `new` does not have with the same type.
fn lost(old: &[StateField], new: &[StateField]) -> Option<String> {
    let kept = |field: &&StateField| {
        new.iter().any(|other| (&other.name, &other.desc) == (&field.name, &field.desc))
    };
    old.iter().find(|field| !kept(field)).map(|field| field.name.clone())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::module::Migration;

    fn fields(list: &[(&str, &str)]) -> Vec<StateField> {
        let rows = (0u32..).zip(list);
        rows.map(|(at, (name, desc))| StateField {
            name: (*name).into(),
            offset: at.saturating_mul(8),
            desc: (*desc).into(),
        })
        .collect()
    }

    fn module(state: &[(&str, &str)], forms: &[(&str, &str, &str)]) -> Module {
        let mut module = Module::default();
        module.state.fields = fields(state);
        module.exports = forms
            .iter()
            .map(|(name, arguments, result)| Export {
                kind: ExportKind::Handler,
                name: (*name).into(),
                function: 0,
                arguments: (*arguments).into(),
                result: (*result).into(),
                interval_ns: 0,
            })
            .collect();
        module
    }

    #[test]
    fn every_message_form_must_stay() {
        let old = module(&[], &[("add", "ll", "l"), ("get", "", "l")]);
        assert_eq!(succeeds(&old, &old, FormRule::All), Ok(StateWay::Same));
        let more = module(&[], &[("get", "", "l"), ("add", "ll", "l"), ("reset", "", "")]);
        assert_eq!(succeeds(&more, &old, FormRule::All), Ok(StateWay::Same));
        let form = |name: &str, other_values| Misfit::Form {
            kind: ExportKind::Handler,
            name: name.into(),
            other_values,
        };
        assert_eq!(succeeds(&old, &more, FormRule::All), Err(form("reset", false)));
        assert_eq!(succeeds(&old, &more, FormRule::MayGo), Ok(StateWay::Same));
        assert_eq!(
            succeeds(&module(&[], &[("add", "ld", "l"), ("get", "", "l")]), &old, FormRule::All),
            Err(form("add", true))
        );
        assert_eq!(
            succeeds(&module(&[], &[("add", "ll", "d"), ("get", "", "l")]), &old, FormRule::All),
            Err(form("add", true))
        );
    }

    #[test]
    fn the_way_of_the_state_is_the_same_shared_or_written() {
        let one = module(&[("a", "l"), ("b", "s")], &[]);
        let two = module(&[("a", "l"), ("b", "s"), ("c", "d")], &[]);
        assert_eq!((forward(&two, &one), back(&two, &one)), (Some(StateWay::Shared), Some(StateWay::Shared)));
        let mut three = module(&[("a", "d")], &[]);
        assert_eq!((forward(&three, &one), back(&three, &one)), (None, None));
        let lost = Misfit::State { from: String::new(), variable: "a".into() };
        assert_eq!(succeeds(&three, &one, FormRule::All), Err(lost));
        let row = |way, state: &[(&str, &str)]| Migration {
            way,
            version: "1".into(),
            function: 0,
            fields: fields(state),
        };
        three.migrations.push(row(MigrationWay::From, &[("a", "l")]));
        assert_eq!(forward(&three, &one), None, "it is for another state");
        three.migrations.push(row(MigrationWay::From, &[("a", "l"), ("b", "s")]));
        assert_eq!((forward(&three, &one), back(&three, &one)), (Some(StateWay::Migration(1)), None));
        three.migrations.push(row(MigrationWay::BackTo, &[("a", "l"), ("b", "s")]));
        assert_eq!(back(&three, &one), Some(StateWay::Migration(2)));
    }
}
