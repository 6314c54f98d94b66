//! Values of payloads as tests compare them.
//!
//! # Invariants
//! 1. An int beside a float is compared as a float, as a handler would take it.
//! 2. Values of different kinds are not equal, and neither is the smaller one.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cmp::Ordering;

use flux_fluxc::plan::Compare;
use flux_hal::Reading;
use flux_proto::payload::{Reader, Token};

/// A value, or the head of one and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    None,
    /// A container: its kind, and what it holds.
    Many(&'static str, Vec<Self>),
    /// What tests can't look into.
    Opaque,
}

/// The values of a payload in order; none of one that is damaged.
pub(super) fn values(payload: &[u8]) -> Vec<Value> {
    let Ok(mut reader) = Reader::new(payload) else { return Vec::new() };
    let mut list = Vec::new();
    for _ in 0..reader.values() {
        let Some(value) = value(&mut reader) else { break };
        list.push(value);
    }
    list
}

/// Payloads nest 32 deep at most, so this ends soon.
fn value(reader: &mut Reader<'_>) -> Option<Value> {
    let token = reader.next()?;
    Some(match token {
        Token::Bool(value) => Value::Bool(value),
        Token::Int(value) => Value::Int(value),
        Token::Float(value) => Value::Float(value),
        Token::Str(text) => Value::Text(text.to_string()),
        Token::None => Value::None,
        Token::Array(_) | Token::Struct(_) | Token::Map(_) | Token::Some => {
            let mut inner = Vec::new();
            for _ in 0..token.inner() {
                inner.push(value(reader)?);
            }
            Value::Many(token.kind(), inner)
        }
        Token::Bytes(_) | Token::Agent(_) | Token::Capability(_) => Value::Opaque,
    })
}

impl From<Reading> for Value {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Bool(value) => Self::Bool(value),
            Reading::F64(value) => Self::Float(value),
        }
    }
}

impl Value {
    /// As a device takes it.
    pub(super) const fn reading(&self) -> Option<Reading> {
        match self {
            Self::Bool(value) => Some(Reading::Bool(*value)),
            Self::Float(value) => Some(Reading::F64(*value)),
            _ => None,
        }
    }

    /// Whether `compare` holds between this value and the one that is wanted.
    pub(super) fn compares(&self, compare: Compare, wanted: &Self) -> bool {
        let order = self.order(wanted);
        match compare {
            Compare::Equal => self.equals(wanted),
            Compare::NotEqual => !self.equals(wanted),
            Compare::Less => order == Some(Ordering::Less),
            Compare::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Compare::Greater => order == Some(Ordering::Greater),
            Compare::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Many(kind, left), Self::Many(other, right)) => {
                kind == other
                    && left.len() == right.len()
                    && left.iter().zip(right).all(|(left, right)| left.equals(right))
            }
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::None, Self::None) => true,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an int that is taken as f64 is rounded to nearest even")]
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(right),
            (Self::Int(left), Self::Float(right)) => (*left as f64).partial_cmp(right),
            (Self::Float(left), Self::Int(right)) => left.partial_cmp(&(*right as f64)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

/// A reading as a test says it.
pub(super) fn shown(reading: Reading) -> String {
    match reading {
        Reading::Bool(true) => String::from("on"),
        Reading::Bool(false) => String::from("off"),
        Reading::F64(value) => alloc::format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_kinds_compare_and_other_kinds_do_not() {
        assert!(Value::Int(2).compares(Compare::Equal, &Value::Float(2.0)));
        assert!(Value::Float(2.5).compares(Compare::Greater, &Value::Int(2)));
        assert!(!Value::Int(2).compares(Compare::Equal, &Value::Text("2".into())));
        assert!(Value::Int(2).compares(Compare::NotEqual, &Value::Bool(true)));
        assert!(!Value::Bool(true).compares(Compare::GreaterOrEqual, &Value::Bool(true)));
        assert!(!Value::Float(f64::NAN).compares(Compare::Equal, &Value::Float(f64::NAN)));
    }

    #[test]
    fn containers_are_equal_when_all_they_hold_is() {
        let list = |values: &[i64]| Value::Many("array", values.iter().map(|v| Value::Int(*v)).collect());
        assert!(list(&[1, 2]).compares(Compare::Equal, &list(&[1, 2])));
        assert!(!list(&[1, 2]).compares(Compare::Equal, &list(&[1])));
        assert!(!list(&[1]).compares(Compare::Less, &list(&[2])));
        assert!(values(b"\xff\xff").is_empty());
    }
}
