//! Parameter values: the text of `--set` or of a default, read as the type the document gives it.
//!
//! | type | texts |
//! | --- | --- |
//! | bool | `true`, `false`, `on`, `off` |
//! | int, u8 … | `30`, `-4`, `0x48`, `1_000`, `512KB`, `2MB` |
//! | f64, f32 | `30`, `-0.5`, `1e-3`, `10%` |
//! | str | any text; one pair of double quotes round it is dropped |
//! | duration | `500ms`, `30s`, `5m`, `2h`, `1d`, also `1m30s` |
//! | `[T]`, `[T; N]` | `[1, 2, 3]` |
//! | bytes | `[1, 0x48]` |
//! | `map[K]V` | `{"lab": 20.5}` |
//! | struct | `Span { low: 1, high: 3 }`, `{low: 1, high: 3}`, `{"low": 1, "high": 3}` |
//! | enum | `Low`, `Level.High(2)` |
//! | `T?` | `none`, `null`, or a value |
//!
//! Inside of others a str stands in quotes, and any other plain value may.
//!
//! # Invariants
//! 1. A value that was read has its type: the number of elements, the fields, the range.
//! 2. Values nest as deep as their types do, whatever the text.
//!
//! ```
//! use flux_agent::parameters::{ParameterValue, bind};
//! use flux_isa::Parameter;
//! let spans = Parameter { name: "limits".into(), desc: "[d".into(), ..Parameter::default() };
//! let two = [20.0, 30.5].map(ParameterValue::Float).to_vec();
//! assert_eq!(bind("pump", &spans, Some("[20, 30.5]"), None), Ok(ParameterValue::List(two)));
//! assert!(bind("pump", &spans, Some("[20, warm]"), None).is_err());
//! ```

mod scalar;
mod store;
mod text;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_isa::Parameter;
use flux_isa::shape::Shape;

pub(crate) use store::store;
use text::Fault;

/// Value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// A bool.
    Bool(bool),
    /// A whole number, in the range of its type.
    Int(i128),
    /// An f64 or f32, never NaN or infinite.
    Float(f64),
    /// A str.
    Text(String),
    /// A duration in nanoseconds.
    Duration(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// The elements of an array, growable or not.
    List(Vec<Self>),
    /// The entries of a map in the order of the text, each key once.
    Map(Vec<(Self, Self)>),
    /// The fields of a struct in the order of its declaration.
    Fields(Vec<Self>),
    /// An optional.
    Optional(Option<Box<Self>>),
    /// A variant of an enum by its place, with its payload.
    Variant(u32, Vec<Self>),
}

impl ParameterValue {
    /// The value as people write it.
    pub(crate) fn shown(&self, shape: &Shape) -> String {
        let all = |values: &[Self], shape: &Shape| {
            let values: Vec<String> = values.iter().map(|value| value.shown(shape)).collect();
            values.join(", ")
        };
        match (self, shape) {
            (Self::Bool(value), _) => value.to_string(),
            (Self::Int(value), _) => value.to_string(),
            (Self::Float(value), _) => value.to_string(),
            (Self::Duration(value), _) => crate::value::duration(*value),
            (Self::Text(text), _) => format!("{text:?}"),
            (Self::Bytes(bytes), _) => format!("{} bytes", bytes.len()),
            (Self::List(values), Shape::List(element) | Shape::Fixed(_, element)) => {
                format!("[{}]", all(values, element))
            }
            (Self::Map(entries), Shape::Map(key, value)) => {
                let entries =
                    entries.iter().map(|row| format!("{}: {}", row.0.shown(key), row.1.shown(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            (Self::Fields(values), Shape::Struct(name, fields)) => {
                let fields = fields.iter().zip(values);
                let fields = fields.map(|((name, shape), value)| format!("{name}: {}", value.shown(shape)));
                format!("{name} {{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            (Self::Optional(Some(value)), Shape::Optional(inner)) => value.shown(inner),
            (Self::Variant(tag, values), Shape::Enum(name, variants)) => {
                let row = usize::try_from(*tag).ok().and_then(|tag| variants.get(tag));
                let (own, payload) = row.map_or(("?", &[][..]), |row| (row.0.as_str(), row.1.as_slice()));
                if payload.is_empty() {
                    return format!("{name}.{own}");
                }
                let values = values.iter().zip(payload).map(|(value, shape)| value.shown(shape));
                format!("{name}.{own}({})", values.collect::<Vec<_>>().join(", "))
            }
            _ => "none".into(),
        }
    }
}

/// Why an agent can't start with the parameters it was given.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// Nothing gives it a value.
    #[error("parameter `{name}` of {agent} has no value; give it one with --set {setting} ({kind})")]
    Missing {
        /// The agent.
        agent: String,
        /// The parameter.
        name: String,
        /// Name and value as the shell takes them.
        setting: String,
        /// A value of its type, as code writes it.
        literal: String,
        /// Its type.
        kind: String,
    },
    /// The text is no value of its type.
    #[error("parameter `{name}` of {agent} is {kind}, and `{text}` is none; write it as {example}")]
    Value {
        /// The agent.
        agent: String,
        /// The parameter.
        name: String,
        /// What was given, shortened.
        text: String,
        /// A value of its type.
        example: String,
        /// Its type, with article.
        kind: String,
    },
    /// A part of the text is no value of what its type wants there.
    #[error(transparent)]
    Part(Box<WrongPart>),
    /// The module names a type that parameters can't have.
    #[error(
        "parameter `{name}` of {agent} has the type `{desc}`, which parameters can't have; compile the document again"
    )]
    Type {
        /// The agent.
        agent: String,
        /// The parameter.
        name: String,
        /// The descriptor.
        desc: String,
    },
}

/// A part of a text that is no value of what its type wants there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "parameter `{name}` of {agent} is of type {kind}; in `{text}` stands {found} at character {at}, where {expected} is expected; write it as {example}"
)]
pub struct WrongPart {
    /// The agent.
    pub agent: String,
    /// The parameter.
    pub name: String,
    /// What was given, shortened.
    pub text: String,
    /// The piece that is wrong, in quotes, or `the end`.
    pub found: String,
    /// Where it stands, counted in characters from 1.
    pub at: usize,
    /// What would be right there.
    pub expected: String,
    /// A value of the parameter's type.
    pub example: String,
    /// The type.
    pub kind: String,
}

/// Longest text repeated in an error message, in characters.
const SHOWN: usize = 40;

/// The value of `parameter` from `given` (the `--set` text), else from its default, else from
/// `fallback` (what the device's configuration says).
///
/// # Errors
/// [`ParameterError`], which names agent and parameter.
pub fn bind(
    agent: &str,
    parameter: &Parameter,
    given: Option<&str>,
    fallback: Option<&str>,
) -> Result<ParameterValue, ParameterError> {
    let (agent, name) = (agent.to_string(), parameter.name.clone());
    let Some(shape) = Shape::of(parameter) else {
        return Err(ParameterError::Type { agent, name, desc: parameter.desc.clone() });
    };
    let default = parameter.default.as_deref().and_then(|bytes| core::str::from_utf8(bytes).ok());
    let Some(text) = given.or(default).or(fallback) else {
        let (example, kind) = (example(&shape), shape.described());
        // The shell would read brackets and braces itself.
        let setting = match &shape {
            Shape::Plain(_) => format!("{name}={example}"),
            _ => format!("'{name}={example}'"),
        };
        return Err(ParameterError::Missing { agent, name, setting, literal: shape.literal(), kind });
    };
    text::read(&shape, text).map_err(|fault| {
        let (example, kind) = (example(&shape), shape.described());
        match (&shape, fault) {
            (Shape::Plain(_), None) | (_, None) => {
                let text = text.chars().take(SHOWN).collect();
                ParameterError::Value { agent, name, text, example, kind }
            }
            (_, Some(Fault { found, at, expected })) => {
                let text = around(text, at);
                ParameterError::Part(Box::new(WrongPart {
                    agent,
                    name,
                    text,
                    found,
                    at,
                    expected,
                    example,
                    kind,
                }))
            }
        }
    })
}

/// A value as `--set` takes it.
fn example(shape: &Shape) -> String {
    match shape {
        Shape::Plain(flux_isa::desc::Desc::Str) => "text".into(),
        shape => shape.literal(),
    }
}

/// The part of a text round a character of it, as long as an error message shows.
fn around(text: &str, at: usize) -> String {
    let start = at.saturating_sub(SHOWN / 2 + 1);
    let before = if start > 0 { "…" } else { "" };
    let shown: String = text.chars().skip(start).take(SHOWN).collect();
    let after = if text.chars().nth(start.saturating_add(SHOWN)).is_some() { "…" } else { "" };
    format!("{before}{shown}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(desc: &str, default: Option<&str>) -> Parameter {
        Parameter {
            name: "threshold".into(),
            desc: desc.into(),
            default: default.map(|text| text.as_bytes().to_vec()),
            ..Parameter::default()
        }
    }

    fn named(desc: &str, names: &[&str]) -> Parameter {
        Parameter { names: names.iter().map(|name| (*name).into()).collect(), ..parameter(desc, None) }
    }

    fn level() -> Parameter {
        named("<|ds>", &["Level", "Low", "High"])
    }

    #[test]
    fn each_type_reads_its_texts_and_refuses_others() {
        use ParameterValue as V;
        for (desc, text, wanted) in [
            ("d", "30", Some(V::Float(30.0))),
            ("d", " -0.5 ", Some(V::Float(-0.5))),
            ("d", "10%", Some(V::Float(0.1))),
            ("d", "nan", None),
            ("d", "inf", None),
            ("d", "1e999", None),
            ("d", "", None),
            ("f", "0.1", Some(V::Float(f64::from(0.1f32)))),
            ("f", "1e60", None),
            ("l", "-4", Some(V::Int(-4))),
            ("l", "0x48", Some(V::Int(0x48))),
            ("l", "1_000", Some(V::Int(1000))),
            ("l", "512KB", Some(V::Int(524_288))),
            ("l", "-9223372036854775808", Some(V::Int(i64::MIN.into()))),
            ("l", "9223372036854775808", None),
            ("l", "3.5", None),
            ("l", "--4", None),
            ("l", "_1", None),
            ("l", "9223372036854775807GB", None),
            ("L", "18446744073709551615", Some(V::Int(u64::MAX.into()))),
            ("L", "-1", None),
            ("C", "255", Some(V::Int(255))),
            ("C", "256", None),
            ("c", "-128", Some(V::Int(-128))),
            ("c", "-129", None),
            ("b", "on", Some(V::Bool(true))),
            ("b", "false", Some(V::Bool(false))),
            ("b", "2", None),
            ("s", "two words", Some(V::Text("two words".into()))),
            ("s", "\"lab\"", Some(V::Text("lab".into()))),
            ("s", "\"", Some(V::Text("\"".into()))),
            ("s", "", Some(V::Text("".into()))),
            ("t", "500ms", Some(V::Duration(500_000_000))),
            ("t", "1m30s", Some(V::Duration(90_000_000_000))),
            ("t", "30", None),
            ("t", "s", None),
            ("t", "99999999999999d", None),
        ] {
            assert_eq!(bind("a", &parameter(desc, None), Some(text), None).ok(), wanted, "{desc} {text}");
        }
    }

    #[test]
    fn compound_values_are_read_as_code_and_as_json_write_them() {
        use ParameterValue as V;
        let ints = |list: &[i128]| V::List(list.iter().copied().map(V::Int).collect());
        let text = |text: &str| V::Text(text.into());
        let some = |value| V::Optional(Some(Box::new(value)));
        for (desc, set, wanted) in [
            ("[l", "[1, 2,3,]", ints(&[1, 2, 3])),
            ("[l", " [ ] ", ints(&[])),
            ("(2)C", "[0x48, \"7\"]", ints(&[0x48, 7])),
            (
                "[s",
                r#"["a, b]", "\"\\\n\u{e9}\u00e9"]"#,
                V::List([text("a, b]"), text("\"\\\n\u{e9}\u{e9}")].into()),
            ),
            (
                "[[t",
                "[[1s], []]",
                V::List([V::List([V::Duration(1_000_000_000)].into()), V::List([].into())].into()),
            ),
            ("y", "[1, 255]", V::Bytes([1, 255].into())),
            ("msl", r#"{"a": 1, "b": 2}"#, V::Map([(text("a"), V::Int(1)), (text("b"), V::Int(2))].into())),
            (
                "mlb",
                r#"{1: true, "2": off}"#,
                V::Map([(V::Int(1), V::Bool(true)), (V::Int(2), V::Bool(false))].into()),
            ),
            ("?l", "none", V::Optional(None)),
            ("?l", "null", V::Optional(None)),
            ("?l", "4", some(V::Int(4))),
            ("?s", "two words", some(text("two words"))),
            ("?s", "\"none\"", some(text("none"))),
            ("[?d", "[none, 1]", V::List([V::Optional(None), some(V::Float(1.0))].into())),
        ] {
            assert_eq!(bind("a", &parameter(desc, None), Some(set), None), Ok(wanted), "{desc} {set}");
        }
        let span = named("{dd}", &["Span", "low", "high"]);
        let one = V::Fields([V::Float(1.0), V::Float(3.0)].into());
        for set in [
            "Span { low: 1, high: 3 }",
            "{high: 3, low: 1}",
            r#"{"low":1,"high":3}"#,
            "u.Span{low:1,high:3,}",
        ] {
            assert_eq!(bind("a", &span, Some(set), None), Ok(one.clone()), "{set}");
        }
        let high = V::Variant(1, [V::Float(2.0), text("x")].into());
        for (set, wanted) in [
            ("Low", V::Variant(0, [].into())),
            ("Level.Low", V::Variant(0, [].into())),
            ("High(2, \"x\")", high.clone()),
            (" u.Level.High( 2 , \"x\" ) ", high),
        ] {
            assert_eq!(bind("a", &level(), Some(set), None), Ok(wanted), "{set}");
        }
    }

    #[test]
    fn a_wrong_part_is_named_with_its_place_and_what_belongs_there() {
        let span = named("[{dd}", &["Span", "low", "high"]);
        for (parameter, set, found, at, expected) in [
            (&parameter("[d", None), "[1, x]", "`x`", 5, "an f64"),
            (&parameter("[d", None), "[1, 2", "the end", 6, "`,` or `]`"),
            (&parameter("[d", None), "[1] 2", "`2`", 5, "nothing more"),
            (&parameter("[d", None), "1", "`1`", 1, "`[`"),
            (&parameter("[s", None), "[ä, b]", "`ä`", 2, "a str in double quotes"),
            (&parameter("[s", None), "[\"a]", "the end", 5, "a closing `\"`"),
            (&parameter("[s", None), "[\"\\q\"]", "`\\q`", 3, "`\\n`, `\\t`, `\\\"`, `\\\\` or `\\u{…}`"),
            (&parameter("(2)l", None), "[1]", "`]`", 3, "2 elements in all"),
            (&parameter("(2)l", None), "[1, 2, 3]", "`3`", 8, "2 elements in all"),
            (&parameter("[C", None), "[256]", "`256`", 2, "a u8 (0 to 255)"),
            (&parameter("y", None), "[256]", "`256`", 2, "a byte (0 to 255)"),
            (&parameter("msl", None), "{\"a\": 1, \"a\": 2}", "`\"a\"`", 10, "another key, each one once"),
            (&parameter("msl", None), "{\"a\" 1}", "`1`", 6, "`:`"),
            (&span, "[{low: 1}]", "`}`", 9, "the field `high`"),
            (&span, "[{low: 1, low: 2}]", "`low`", 11, "the field `high`"),
            (&span, "[{low: 1, top: 2}]", "`top`", 11, "the field `high`"),
            (&span, "[{lo: 1}]", "`lo`", 3, "one of the fields `low`, `high`"),
            (&span, "[Range {low: 1}]", "`Range`", 2, "a Span"),
            (&level(), "Middle", "`Middle`", 1, "one of the variants `Low`, `High`"),
            (&level(), "Size.Low", "`Size.Low`", 1, "a Level"),
            (&level(), "High", "the end", 5, "`(`"),
            (&level(), "High(1)", "`)`", 7, "`,`"),
        ] {
            let error = bind("a", parameter, Some(set), None).unwrap_err();
            let ParameterError::Part(part) = &error else { panic!("{set}: {error}") };
            let stands = (part.found.as_str(), part.at, part.expected.as_str());
            assert_eq!(stands, (found, at, expected), "{set}");
        }
        let error = bind("pump", &span, Some("[{low: 1, high: warm}]"), None).unwrap_err().to_string();
        assert_eq!(
            error,
            "parameter `threshold` of pump is of type [Span]; in `[{low: 1, high: warm}]` stands `warm` at character 17, where an f64 is expected; write it as [Span { low: 30.5, high: 30.5 }]"
        );
        let long = format!("[{}x]", "1, ".repeat(100));
        let error = bind("pump", &parameter("[d", None), Some(&long), None).unwrap_err().to_string();
        assert!(
            error.contains("in `…, 1, 1") && error.contains("1, x]` stands `x` at character 302"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_value_is_named_with_what_to_type() {
        let error = bind("temp-monitor", &parameter("d", None), None, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter `threshold` of temp-monitor has no value; give it one with --set threshold=30.5 (an f64)"
        );
        let error = bind("temp-monitor", &parameter("[d", None), None, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter `threshold` of temp-monitor has no value; give it one with --set 'threshold=[30.5]' ([f64])"
        );
        let error = bind("temp-monitor", &parameter("d", None), Some("warm"), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter `threshold` of temp-monitor is an f64, and `warm` is none; write it as 30.5"
        );
        for desc in ["a", "[k", "{d}"] {
            let error = bind("a", &parameter(desc, None), Some("1"), None);
            assert!(matches!(error, Err(ParameterError::Type { .. })), "{desc}");
        }
    }

    #[test]
    fn what_was_set_wins_over_the_default_and_that_over_the_device() {
        let with_default = parameter("l", Some("2"));
        assert_eq!(bind("a", &with_default, Some("1"), Some("3")), Ok(ParameterValue::Int(1)));
        assert_eq!(bind("a", &with_default, None, Some("3")), Ok(ParameterValue::Int(2)));
        assert_eq!(bind("a", &parameter("l", None), None, Some("3")), Ok(ParameterValue::Int(3)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}(),:\"\\\\a-c0-9 .]{0,30}|\\PC{0,30}") {
            for desc in ["b", "l", "d", "s", "t", "[s", "(2)d", "y", "msl", "mlb", "?[?d"] {
                let _ = bind("a", &parameter(desc, None), Some(&text), None);
            }
            let _ = bind("a", &level(), Some(&text), None);
            let _ = bind("a", &named("[{s?d}", &["S", "a", "b"]), Some(&text), None);
        }
    }
}
