//! Type descriptors: the short text of a type in exports, parameters and state fields.
//!
//! | Text | Type | Text | Type |
//! | --- | --- | --- | --- |
//! | `b` | bool | `y` | bytes |
//! | `l` `w` `h` `c` | i64 i32 i16 i8 | `[T` | growable array |
//! | `L` `W` `H` `C` | u64 u32 u16 u8 | `(N)T` | array of N (decimal) |
//! | `f` `d` | f32 f64 | `{T…}` | struct |
//! | `t` | duration (i64 nanoseconds) | `?T` | optional |
//! | `s` | str | `<T…\|T…>` | enum, payloads by variant |
//! | `a` | agent handle | `mKV` | map |
//! | `k` | capability handle | `^N;` | the struct or enum around it, N further out (decimal) |
//! | `r` | region handle | | |
//!
//! # Invariants
//! 1. `Desc::parse(&desc.to_string()) == Ok(desc)` for every descriptor that parses, and the text is
//!    the same again.
//! 2. Nesting is at most [`TYPE_NESTING`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use flux_abi::limits::TYPE_NESTING;

/// A type as descriptors write it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Desc {
    /// bool.
    Bool,
    /// i64 or int.
    I64,
    /// i32.
    I32,
    /// i16.
    I16,
    /// i8.
    I8,
    /// u64.
    U64,
    /// u32.
    U32,
    /// u16.
    U16,
    /// u8.
    U8,
    /// f32.
    F32,
    /// f64.
    F64,
    /// duration, i64 nanoseconds.
    Duration,
    /// str.
    Str,
    /// bytes.
    Bytes,
    /// Growable array.
    Array(Box<Self>),
    /// Array of a fixed number of elements.
    Fixed(u32, Box<Self>),
    /// Struct, by field order.
    Struct(Vec<Self>),
    /// Optional.
    Optional(Box<Self>),
    /// Enum: the payload of each variant, at least one variant.
    Enum(Vec<Vec<Self>>),
    /// Map of keys to values.
    Map(Box<Self>, Box<Self>),
    /// Agent handle.
    Agent,
    /// Capability handle.
    Capability,
    /// Handle of a memory region.
    Region,
    /// A struct or enum that the type stands in: 0 is the innermost one.
    Outer(u32),
}

/// Why a text is no descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DescError {
    /// The text ends inside a type.
    #[error("the type descriptor ends at byte {at} inside a type")]
    Truncated {
        /// Byte offset.
        at: usize,
    },
    /// No type starts with this character.
    #[error("no type starts with byte {byte:#04x} at byte {at} of the descriptor")]
    Unknown {
        /// Byte offset.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// The length of a fixed array is not a decimal number of at most 32 bits without leading zero.
    #[error("the array length at byte {at} of the descriptor is not a number up to 4294967295")]
    Length {
        /// Byte offset.
        at: usize,
    },
    /// The type stands in no such struct, or its values would hold themselves.
    #[error("the type at byte {at} of the descriptor names nothing around it that may come again there")]
    Outer {
        /// Byte offset.
        at: usize,
    },
    /// Types are nested too deeply.
    #[error("types nest deeper than {TYPE_NESTING} at byte {at} of the descriptor")]
    Nesting {
        /// Byte offset.
        at: usize,
    },
    /// More text follows the type.
    #[error("more text follows the type at byte {at} of the descriptor")]
    Trailing {
        /// Byte offset.
        at: usize,
    },
}

/// Place that a value takes in memory, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Bytes, a multiple of the alignment.
    pub size: u32,
    /// 1, 2, 4 or 8.
    pub align: u32,
}

impl Layout {
    /// Nothing yet.
    pub const EMPTY: Self = Self { size: 0, align: 1 };

    const fn scalar(size: u32) -> Self {
        Self { size, align: size }
    }

    /// Appends a field at its natural alignment; returns the field's offset and the layout that
    /// holds it, its size not yet rounded. `None` if it passes 32 bits.
    pub fn append(self, field: Self) -> Option<(u32, Self)> {
        let offset = self.size.checked_next_multiple_of(field.align)?;
        let size = offset.checked_add(field.size)?;
        Some((offset, Self { size, align: self.align.max(field.align) }))
    }

    /// The layout with its size rounded up to its alignment. `None` if it passes 32 bits.
    pub fn rounded(self) -> Option<Self> {
        Some(Self { size: self.size.checked_next_multiple_of(self.align)?, align: self.align })
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Structs and enums around the type, and how many of them lie behind a growable array or
    /// map: those may come again.
    around: usize,
    behind: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, DescError> {
        let byte = self.peek().ok_or(DescError::Truncated { at: self.at })?;
        self.at = self.at.saturating_add(1);
        Ok(byte)
    }

    fn one(&mut self, depth: usize) -> Result<Desc, DescError> {
        let at = self.at;
        if depth > TYPE_NESTING {
            return Err(DescError::Nesting { at });
        }
        let deeper = depth.saturating_add(1);
        Ok(match self.next()? {
            b'b' => Desc::Bool,
            b'l' => Desc::I64,
            b'w' => Desc::I32,
            b'h' => Desc::I16,
            b'c' => Desc::I8,
            b'L' => Desc::U64,
            b'W' => Desc::U32,
            b'H' => Desc::U16,
            b'C' => Desc::U8,
            b'f' => Desc::F32,
            b'd' => Desc::F64,
            b't' => Desc::Duration,
            b's' => Desc::Str,
            b'y' => Desc::Bytes,
            b'a' => Desc::Agent,
            b'k' => Desc::Capability,
            b'r' => Desc::Region,
            b'[' => Desc::Array(Box::new(self.elsewhere(deeper)?)),
            b'?' => Desc::Optional(Box::new(self.one(deeper)?)),
            b'm' => Desc::Map(Box::new(self.one(deeper)?), Box::new(self.elsewhere(deeper)?)),
            b'(' => {
                let length = self.number(b')')?;
                Desc::Fixed(length, Box::new(self.one(deeper)?))
            }
            b'{' => {
                self.around = self.around.saturating_add(1);
                let (fields, _) = self.until(b"}", deeper)?;
                self.around = self.around.saturating_sub(1);
                Desc::Struct(fields)
            }
            b'^' => {
                let up = self.number(b';')?;
                // A struct that holds itself in place has no size.
                let within = self.around.checked_sub(usize::try_from(up).unwrap_or(usize::MAX));
                if within.is_none_or(|outer| outer == 0 || outer > self.behind) {
                    return Err(DescError::Outer { at });
                }
                Desc::Outer(up)
            }
            b'<' => {
                self.around = self.around.saturating_add(1);
                let mut variants = Vec::new();
                loop {
                    let (payload, end) = self.until(b"|>", deeper)?;
                    variants.push(payload);
                    if end == b'>' {
                        break;
                    }
                }
                self.around = self.around.saturating_sub(1);
                Desc::Enum(variants)
            }
            byte => return Err(DescError::Unknown { at, byte }),
        })
    }

    /// A type whose values lie in a block of their own.
    fn elsewhere(&mut self, depth: usize) -> Result<Desc, DescError> {
        let behind = core::mem::replace(&mut self.behind, self.around);
        let desc = self.one(depth)?;
        self.behind = behind;
        Ok(desc)
    }

    /// Types up to one of the ends, and that end.
    fn until(&mut self, ends: &[u8], depth: usize) -> Result<(Vec<Desc>, u8), DescError> {
        let mut list = Vec::new();
        loop {
            match self.peek() {
                Some(byte) if ends.contains(&byte) => {
                    self.next()?;
                    return Ok((list, byte));
                }
                _ => list.push(self.one(depth)?),
            }
        }
    }

    fn number(&mut self, end: u8) -> Result<u32, DescError> {
        let at = self.at;
        let mut value: Option<u32> = None;
        loop {
            match self.next()? {
                byte if byte == end => return value.ok_or(DescError::Length { at }),
                // A zero is the whole number or none: one length has one text.
                digit @ b'0'..=b'9' if value != Some(0) => {
                    let next = value.unwrap_or(0).checked_mul(10);
                    let next = next.and_then(|v| v.checked_add(u32::from(digit.wrapping_sub(b'0'))));
                    value = Some(next.ok_or(DescError::Length { at })?);
                }
                _ => return Err(DescError::Length { at }),
            }
        }
    }
}

impl Desc {
    /// The one type that `text` describes.
    ///
    /// # Errors
    /// See [`DescError`]; offsets count bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, DescError> {
        let mut reader = Reader { text: text.as_bytes(), at: 0, around: 0, behind: 0 };
        let desc = reader.one(1)?;
        if reader.peek().is_some() { Err(DescError::Trailing { at: reader.at }) } else { Ok(desc) }
    }

    /// The types that `text` describes one after the other.
    ///
    /// # Errors
    /// See [`DescError`]; offsets count bytes of `text`.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, DescError> {
        let mut reader = Reader { text: text.as_bytes(), at: 0, around: 0, behind: 0 };
        let mut list = Vec::new();
        while reader.peek().is_some() {
            list.push(reader.one(1)?);
        }
        Ok(list)
    }

    /// Place that a value of the type takes in a struct or array; `None` if it passes 32 bits.
    ///
    /// Texts, bytes, growable arrays and maps are 4-byte offsets; structs and fixed arrays lie
    /// inline at natural alignment; optionals and enums are a 4-byte tag and the widest payload.
    pub fn layout(&self) -> Option<Layout> {
        let tagged = |payload: Layout| Layout::scalar(4).append(payload)?.1.rounded();
        Some(match self {
            Self::Bool | Self::I8 | Self::U8 => Layout::scalar(1),
            Self::I16 | Self::U16 => Layout::scalar(2),
            Self::I32 | Self::U32 | Self::F32 => Layout::scalar(4),
            Self::Str | Self::Bytes | Self::Array(_) | Self::Map(..) => Layout::scalar(4),
            Self::I64
            | Self::U64
            | Self::F64
            | Self::Duration
            | Self::Agent
            | Self::Capability
            | Self::Region => Layout::scalar(8),
            // Its size is that of what it stands in.
            Self::Outer(_) => return None,
            Self::Fixed(length, element) => {
                let element = element.layout()?;
                Layout { size: element.size.checked_mul(*length)?, align: element.align }
            }
            Self::Struct(fields) => Self::sequence(fields)?,
            Self::Optional(value) => tagged(value.layout()?)?,
            Self::Enum(variants) => {
                let mut widest = Layout::EMPTY;
                for payload in variants {
                    let payload = Self::sequence(payload)?;
                    widest = Layout {
                        size: widest.size.max(payload.size),
                        align: widest.align.max(payload.align),
                    };
                }
                tagged(widest)?
            }
        })
    }

    /// Layout of values one after the other, as a struct's fields.
    pub fn sequence(list: &[Self]) -> Option<Layout> {
        let mut layout = Layout::EMPTY;
        for field in list {
            layout = layout.append(field.layout()?)?.1;
        }
        layout.rounded()
    }
}

impl fmt::Display for Desc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self {
            Self::Bool => "b",
            Self::I64 => "l",
            Self::I32 => "w",
            Self::I16 => "h",
            Self::I8 => "c",
            Self::U64 => "L",
            Self::U32 => "W",
            Self::U16 => "H",
            Self::U8 => "C",
            Self::F32 => "f",
            Self::F64 => "d",
            Self::Duration => "t",
            Self::Str => "s",
            Self::Bytes => "y",
            Self::Agent => "a",
            Self::Capability => "k",
            Self::Region => "r",
            Self::Array(element) => return write!(f, "[{element}"),
            Self::Outer(up) => return write!(f, "^{up};"),
            Self::Fixed(length, element) => return write!(f, "({length}){element}"),
            Self::Optional(value) => return write!(f, "?{value}"),
            Self::Map(key, value) => return write!(f, "m{key}{value}"),
            Self::Struct(fields) => {
                f.write_str("{")?;
                fields.iter().try_for_each(|field| write!(f, "{field}"))?;
                "}"
            }
            Self::Enum(variants) => {
                for (index, payload) in variants.iter().enumerate() {
                    f.write_str(if index == 0 { "<" } else { "|" })?;
                    payload.iter().try_for_each(|value| write!(f, "{value}"))?;
                }
                ">"
            }
        };
        f.write_str(letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_shape_prints_as_it_parses() {
        for text in [
            "b",
            "l",
            "w",
            "h",
            "c",
            "L",
            "W",
            "H",
            "C",
            "f",
            "d",
            "t",
            "s",
            "y",
            "a",
            "k",
            "[l",
            "(16)d",
            "(0)b",
            "{}",
            "{ls{b}}",
            "?s",
            "<>",
            "<|l>",
            "<ld|s|>",
            "msl",
            "[?{m(3)w[y<|k>}",
            "{l[^0;}",
            "{[{[^0;ms^1;}}",
            "<d|[^0;>",
        ] {
            assert_eq!(Desc::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Desc::parse_list("ls[d").unwrap().len(), 3);
        assert_eq!(Desc::parse_list("").unwrap(), []);
    }

    #[test]
    fn what_is_no_descriptor_is_refused_with_its_place() {
        assert_eq!(Desc::parse(""), Err(DescError::Truncated { at: 0 }));
        assert_eq!(Desc::parse("[{l"), Err(DescError::Truncated { at: 3 }));
        assert_eq!(Desc::parse("lz"), Err(DescError::Trailing { at: 1 }));
        assert_eq!(Desc::parse("[z"), Err(DescError::Unknown { at: 1, byte: b'z' }));
        for text in ["^0;", "{^0;}", "[^0;", "{[^1;}", "{[{^0;}}"] {
            assert!(matches!(Desc::parse(text), Err(DescError::Outer { .. })), "{text}");
        }
        assert!(Desc::parse("{[(2)^0;}").is_ok());
        for text in ["()l", "(00)l", "(01)l", "(4294967296)l", "(-1)l"] {
            assert_eq!(Desc::parse(text), Err(DescError::Length { at: 1 }), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let text = |depth: usize| "[".repeat(depth - 1) + "l";
        assert!(Desc::parse(&text(TYPE_NESTING)).is_ok());
        assert_eq!(Desc::parse(&text(TYPE_NESTING + 1)), Err(DescError::Nesting { at: TYPE_NESTING }));
        assert!(Desc::parse(&text(1_000_000)).is_err());
    }

    #[test]
    fn layouts_follow_natural_alignment() {
        let layout = |text: &str| Desc::parse(text).unwrap().layout().map(|l| (l.size, l.align));
        assert_eq!(layout("{blb}"), Some((24, 8)));
        assert_eq!(layout("{bhw}"), Some((8, 4)));
        assert_eq!(layout("(3)h"), Some((6, 2)));
        assert_eq!(layout("{s[lb}"), Some((12, 4)));
        assert_eq!(layout("?d"), Some((16, 8)));
        assert_eq!(layout("<|c|hh>"), Some((8, 4)));
        assert_eq!(layout("(4294967295)l"), None);
    }
}
