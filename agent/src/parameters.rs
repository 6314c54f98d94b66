//! Parameter values: the text of `--set` or of a default, read as the type the document gives it.
//!
//! | type | texts |
//! | --- | --- |
//! | `b` bool | `true`, `false`, `on`, `off` |
//! | `l` int | `30`, `-4`, `0x48`, `1_000`, `512KB`, `2MB` |
//! | `d` f64 | `30`, `-0.5`, `1e-3`, `10%` |
//! | `s` str | any text; one pair of double quotes round it is dropped |
//! | `t` duration | `500ms`, `30s`, `5m`, `2h`, `1d`, also `1m30s` |
//!
//! ```
//! use flux_agent::parameters::{ParameterType, ParameterValue};
//! let kind = ParameterType::from_desc("d").unwrap();
//! assert_eq!(kind.parse("30"), Ok(ParameterValue::Float(30.0)));
//! assert!(kind.parse("warm").is_err());
//! ```

use alloc::string::{String, ToString as _};

use flux_isa::Parameter;

/// Type of a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParameterType {
    /// `b`.
    Bool,
    /// `l`.
    Int,
    /// `d`.
    Float,
    /// `s`.
    Text,
    /// `t`.
    Duration,
}

/// Value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// A bool.
    Bool(bool),
    /// An int.
    Int(i64),
    /// An f64, never NaN or infinite.
    Float(f64),
    /// A str.
    Text(String),
    /// A duration in nanoseconds.
    Duration(i64),
}

/// Why an agent can't start with the parameters it was given.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// Nothing gives it a value.
    #[error("parameter `{name}` of {agent} has no value; give it one with --set {name}={example} ({kind})")]
    Missing {
        /// The agent.
        agent: String,
        /// The parameter.
        name: String,
        /// A value of its type.
        example: &'static str,
        /// Its type.
        kind: &'static str,
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
        example: &'static str,
        /// Its type, with article.
        kind: &'static str,
    },
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

/// A text that is no value of the type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotOfType;

impl ParameterType {
    /// The type of descriptor `desc`, if parameters can have it.
    pub fn from_desc(desc: &str) -> Option<Self> {
        match desc {
            "b" => Some(Self::Bool),
            "l" => Some(Self::Int),
            "d" => Some(Self::Float),
            "s" => Some(Self::Text),
            "t" => Some(Self::Duration),
            _ => None,
        }
    }

    /// Its name in documents, with article.
    pub const fn described(self) -> &'static str {
        match self {
            Self::Bool => "a bool",
            Self::Int => "an int",
            Self::Float => "an f64",
            Self::Text => "a str",
            Self::Duration => "a duration",
        }
    }

    /// A value, for messages.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Bool => "true",
            Self::Int => "30",
            Self::Float => "30.5",
            Self::Text => "text",
            Self::Duration => "30s",
        }
    }

    /// Reads `text` as this type.
    ///
    /// # Errors
    /// [`NotOfType`].
    pub fn parse(self, text: &str) -> Result<ParameterValue, NotOfType> {
        if self == Self::Text {
            let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
            return Ok(ParameterValue::Text(inner.to_string()));
        }
        let text = text.trim();
        match self {
            Self::Bool => match text {
                "true" | "on" => Some(ParameterValue::Bool(true)),
                "false" | "off" => Some(ParameterValue::Bool(false)),
                _ => None,
            },
            Self::Int => int(text).map(ParameterValue::Int),
            Self::Float => float(text).map(ParameterValue::Float),
            Self::Duration => duration(text).map(ParameterValue::Duration),
            Self::Text => None,
        }
        .ok_or(NotOfType)
    }
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
    let kind = ParameterType::from_desc(&parameter.desc).ok_or_else(|| ParameterError::Type {
        agent: agent.to_string(),
        name: parameter.name.clone(),
        desc: parameter.desc.clone(),
    })?;
    let default = parameter.default.as_deref().and_then(|bytes| core::str::from_utf8(bytes).ok());
    let Some(text) = given.or(default).or(fallback) else {
        return Err(ParameterError::Missing {
            agent: agent.to_string(),
            name: parameter.name.clone(),
            example: kind.example(),
            kind: kind.described(),
        });
    };
    kind.parse(text).map_err(|NotOfType| ParameterError::Value {
        agent: agent.to_string(),
        name: parameter.name.clone(),
        text: text.chars().take(SHOWN).collect(),
        example: kind.example(),
        kind: kind.described(),
    })
}

fn int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, factor) = match digits {
        d if d.ends_with("KB") => (d.strip_suffix("KB")?, 1i64 << 10),
        d if d.ends_with("MB") => (d.strip_suffix("MB")?, 1i64 << 20),
        d if d.ends_with("GB") => (d.strip_suffix("GB")?, 1i64 << 30),
        d => (d, 1),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(rest) => (rest, 16),
        None => (digits, 10),
    };
    if digits.starts_with('_') || digits.ends_with('_') || digits.starts_with(['+', '-']) {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let magnitude = i128::from_str_radix(&plain, radix).ok()?.checked_mul(i128::from(factor))?;
    let value = if negative { magnitude.checked_neg()? } else { magnitude };
    i64::try_from(value).ok()
}

fn float(text: &str) -> Option<f64> {
    let (digits, divisor) = match text.strip_suffix('%') {
        Some(rest) => (rest, 100.0),
        None => (text, 1.0),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E')) {
        return None;
    }
    let value = digits.parse::<f64>().ok()? / divisor;
    value.is_finite().then_some(value)
}

fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = rest.split_at_checked(digits_end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let factor = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = tail;
    }
    if negative { total.checked_neg() } else { Some(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(desc: &str, default: Option<&str>) -> Parameter {
        Parameter {
            name: "threshold".into(),
            desc: desc.into(),
            default: default.map(|text| text.as_bytes().to_vec()),
            help: String::new(),
        }
    }

    #[test]
    fn each_type_reads_its_texts_and_refuses_others() {
        use ParameterType as T;
        use ParameterValue as V;
        for (kind, text, wanted) in [
            (T::Float, "30", Some(V::Float(30.0))),
            (T::Float, " -0.5 ", Some(V::Float(-0.5))),
            (T::Float, "10%", Some(V::Float(0.1))),
            (T::Float, "nan", None),
            (T::Float, "inf", None),
            (T::Float, "1e999", None),
            (T::Float, "", None),
            (T::Int, "-4", Some(V::Int(-4))),
            (T::Int, "0x48", Some(V::Int(0x48))),
            (T::Int, "1_000", Some(V::Int(1000))),
            (T::Int, "512KB", Some(V::Int(524_288))),
            (T::Int, "-9223372036854775808", Some(V::Int(i64::MIN))),
            (T::Int, "9223372036854775808", None),
            (T::Int, "3.5", None),
            (T::Int, "--4", None),
            (T::Int, "_1", None),
            (T::Int, "9223372036854775807GB", None),
            (T::Bool, "on", Some(V::Bool(true))),
            (T::Bool, "false", Some(V::Bool(false))),
            (T::Bool, "2", None),
            (T::Text, "two words", Some(V::Text("two words".into()))),
            (T::Text, "\"lab\"", Some(V::Text("lab".into()))),
            (T::Text, "\"", Some(V::Text("\"".into()))),
            (T::Text, "", Some(V::Text("".into()))),
            (T::Duration, "500ms", Some(V::Duration(500_000_000))),
            (T::Duration, "1m30s", Some(V::Duration(90_000_000_000))),
            (T::Duration, "30", None),
            (T::Duration, "s", None),
            (T::Duration, "99999999999999d", None),
        ] {
            assert_eq!(kind.parse(text).ok(), wanted, "{kind:?} {text}");
        }
    }

    #[test]
    fn a_missing_value_is_named_with_what_to_type() {
        let error = bind("temp-monitor", &parameter("d", None), None, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter `threshold` of temp-monitor has no value; give it one with --set threshold=30.5 (an f64)"
        );
        let error = bind("temp-monitor", &parameter("d", None), Some("warm"), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter `threshold` of temp-monitor is an f64, and `warm` is none; write it as 30.5"
        );
        assert!(matches!(
            bind("a", &parameter("[d", None), Some("1"), None),
            Err(ParameterError::Type { .. })
        ));
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
        fn no_text_panics(text in "\\PC{0,30}") {
            for desc in ["b", "l", "d", "s", "t"] {
                let _ = bind("a", &parameter(desc, None), Some(&text), None);
            }
        }
    }
}
