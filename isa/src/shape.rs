//! Types of parameters with the names that people write: fields, variants, structs and enums.
//!
//! A [`Desc`] says how a value lies in memory and leaves names out. Values of parameters are written by
//! people, who say `{ low: 1, high: 3 }` and `Level.High(2)`, so that a parameter's names stand beside its
//! descriptor: for each struct or enum in the order of the descriptor its own name and those of its fields
//! or variants.
//!
//! ```
//! use flux_isa::Parameter;
//! use flux_isa::shape::Shape;
//! let names = ["Span", "low", "high"].map(String::from).to_vec();
//! let parameter = Parameter { name: "spans".into(), desc: "[{dd}".into(), names, ..Parameter::default() };
//! let shape = Shape::of(&parameter).unwrap();
//! assert_eq!(shape.to_string(), "[Span]");
//! assert_eq!(shape.literal(), "[Span { low: 30.5, high: 30.5 }]");
//! ```

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use crate::Parameter;
use crate::desc::Desc;

/// The type of a parameter with its names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shape {
    /// A bool, number, duration, text or bytes.
    Plain(Desc),
    /// A growable array.
    List(Box<Self>),
    /// An array of so many elements.
    Fixed(u32, Box<Self>),
    /// An optional.
    Optional(Box<Self>),
    /// A map of keys to values.
    Map(Box<Self>, Box<Self>),
    /// A struct: its name, its fields with theirs.
    Struct(String, Vec<(String, Self)>),
    /// An enum: its name, its variants with theirs and their payloads.
    Enum(String, Vec<(String, Vec<Self>)>),
}

impl Shape {
    /// The type of a parameter; `None` if a parameter can't have it, or if its names do not fit it.
    #[must_use]
    pub fn of(parameter: &Parameter) -> Option<Self> {
        let desc = Desc::parse(&parameter.desc).ok()?;
        desc.layout()?;
        let mut names = parameter.names.iter();
        let shape = named(&desc, &mut names)?;
        names.next().is_none().then_some(shape)
    }

    /// Its name with an article, as `an int`; of a compound type `[int]`.
    #[must_use]
    pub fn described(&self) -> String {
        let name = self.to_string();
        match self {
            Self::Plain(Desc::Bytes) => name,
            Self::Plain(Desc::I64 | Desc::I32 | Desc::I16 | Desc::I8 | Desc::F64 | Desc::F32) => {
                format!("an {name}")
            }
            Self::Plain(_) => format!("a {name}"),
            _ => name,
        }
    }

    /// A value of it, as `flux` code writes it.
    #[must_use]
    pub fn literal(&self) -> String {
        match self {
            Self::Plain(Desc::Bool) => "true".into(),
            Self::Plain(Desc::F64 | Desc::F32) => "30.5".into(),
            Self::Plain(Desc::Duration) => "30s".into(),
            Self::Plain(Desc::Str) => "\"text\"".into(),
            Self::Plain(Desc::Bytes) => "[1, 2, 0x48]".into(),
            Self::Plain(_) => "30".into(),
            Self::List(element) => format!("[{}]", element.literal()),
            Self::Fixed(count, element) => {
                let element = element.literal();
                let shown = (*count).min(SHOWN);
                let more = if *count > shown { ", …" } else { "" };
                let elements: Vec<&str> = (0..shown).map(|_| element.as_str()).collect();
                format!("[{}{more}]", elements.join(", "))
            }
            Self::Optional(value) => value.literal(),
            Self::Map(key, value) => format!("{{{}: {}}}", key.literal(), value.literal()),
            Self::Struct(own, fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, field)| format!("{name}: {}", field.literal())).collect();
                format!("{own} {{ {} }}", fields.join(", "))
            }
            Self::Enum(own, variants) => variants.first().map_or_else(String::new, |(name, payload)| {
                if payload.is_empty() {
                    return format!("{own}.{name}");
                }
                let values: Vec<String> = payload.iter().map(Self::literal).collect();
                format!("{own}.{name}({})", values.join(", "))
            }),
        }
    }
}

/// Elements of a fixed array that an example shows.
const SHOWN: u32 = 4;

fn named(desc: &Desc, names: &mut core::slice::Iter<'_, String>) -> Option<Shape> {
    let boxed = |desc: &Desc, names: &mut _| named(desc, names).map(Box::new);
    Some(match desc {
        // Handles belong to the agent that holds them, and nobody writes a value of endless depth.
        Desc::Agent | Desc::Capability | Desc::Region | Desc::Outer(_) => return None,
        Desc::Array(element) => Shape::List(boxed(element, names)?),
        Desc::Fixed(count, element) => Shape::Fixed(*count, boxed(element, names)?),
        Desc::Optional(value) => Shape::Optional(boxed(value, names)?),
        Desc::Map(key, value) => {
            let key = match &**key {
                Desc::Enum(variants) if variants.iter().any(|payload| !payload.is_empty()) => return None,
                Desc::Array(_) | Desc::Fixed(..) | Desc::Struct(_) | Desc::Optional(_) | Desc::Map(..) => {
                    return None;
                }
                Desc::F64 | Desc::F32 | Desc::Bytes => return None,
                key => boxed(key, names)?,
            };
            Shape::Map(key, boxed(value, names)?)
        }
        Desc::Struct(fields) => {
            let own = names.next()?.clone();
            let fields = fields.iter().map(|field| Some((names.next()?.clone(), field)));
            let fields: Vec<(String, &Desc)> = fields.collect::<Option<_>>()?;
            let fields = fields.into_iter().map(|(name, field)| Some((name, named(field, names)?)));
            Shape::Struct(own, fields.collect::<Option<_>>()?)
        }
        Desc::Enum(variants) => {
            let own = names.next()?.clone();
            let variants = variants.iter().map(|payload| Some((names.next()?.clone(), payload)));
            let variants: Vec<(String, &Vec<Desc>)> = variants.collect::<Option<_>>()?;
            let variants = variants.into_iter().map(|(name, payload)| {
                let payload = payload.iter().map(|value| named(value, names));
                Some((name, payload.collect::<Option<_>>()?))
            });
            Shape::Enum(own, variants.collect::<Option<_>>()?)
        }
        plain => Shape::Plain(plain.clone()),
    })
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(desc) => f.write_str(match desc {
                Desc::Bool => "bool",
                Desc::I64 => "int",
                Desc::I32 => "i32",
                Desc::I16 => "i16",
                Desc::I8 => "i8",
                Desc::U64 => "u64",
                Desc::U32 => "u32",
                Desc::U16 => "u16",
                Desc::U8 => "u8",
                Desc::F64 => "f64",
                Desc::F32 => "f32",
                Desc::Duration => "duration",
                Desc::Bytes => "bytes",
                _ => "str",
            }),
            Self::List(element) => write!(f, "[{element}]"),
            Self::Fixed(count, element) => write!(f, "[{element}; {count}]"),
            Self::Optional(value) => write!(f, "{value}?"),
            Self::Map(key, value) => write!(f, "map[{key}]{value}"),
            Self::Struct(name, _) | Self::Enum(name, _) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(desc: &str, names: &[&str]) -> Option<Shape> {
        let names = names.iter().map(|name| (*name).into()).collect();
        Shape::of(&Parameter { desc: desc.into(), names, ..Parameter::default() })
    }

    #[test]
    fn types_and_examples_are_written_as_documents_write_them() {
        for (desc, names, text, example) in [
            ("d", &[][..], "f64", "30.5"),
            ("s", &[], "str", "\"text\""),
            ("[s", &[], "[str]", "[\"text\"]"),
            ("(6)C", &[], "[u8; 6]", "[30, 30, 30, 30, …]"),
            ("?t", &[], "duration?", "30s"),
            ("ms[l", &[], "map[str][int]", "{\"text\": [30]}"),
            ("{d{b}}", &["A", "x", "b", "B", "on"], "A", "A { x: 30.5, b: B { on: true } }"),
            ("<|d>", &["Level", "Low", "High"], "Level", "Level.Low"),
            ("<ds|>", &["Level", "High", "Low"], "Level", "Level.High(30.5, \"text\")"),
        ] {
            let shape = shape(desc, names).unwrap();
            assert_eq!((shape.to_string().as_str(), shape.literal().as_str()), (text, example), "{desc}");
        }
    }

    #[test]
    fn handles_endless_types_and_names_that_do_not_fit_are_no_shapes() {
        for (desc, names) in [
            ("a", &[][..]),
            ("[k", &[]),
            ("{d}", &[]),
            ("{d}", &["A"]),
            ("{d}", &["A", "x", "y"]),
            ("d", &["A"]),
            ("<|>", &["E", "A"]),
            ("{[^0;}", &["A", "x"]),
            ("mds", &[]),
            ("m?ls", &[]),
            ("q", &[]),
            ("", &[]),
        ] {
            assert_eq!(shape(desc, names), None, "{desc} {names:?}");
        }
    }
}
