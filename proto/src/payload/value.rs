//! A payload as a tree, for tools and tests; the message path uses reader and writer.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::PAYLOAD_BYTES;

use super::{PayloadError, Reader, Token, Writer};

/// One value of a payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A bool.
    Bool(bool),
    /// An int.
    Int(i64),
    /// An f64.
    Float(f64),
    /// A text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An array.
    Array(Vec<Self>),
    /// A map in the order of insertion.
    Map(Vec<(Self, Self)>),
    /// A struct by the order of its fields.
    Struct(Vec<Self>),
    /// An empty optional.
    None,
    /// A filled optional.
    Some(Box<Self>),
    /// The number of an agent.
    Agent(u64),
    /// A capability handle.
    Capability(u64),
}

/// Handler name and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Name of the handler; empty in an answer.
    pub handler: String,
    /// The values.
    pub values: Vec<Value>,
}

impl Message {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`PayloadError::Overflow`] above 4,096 bytes or 255 values, [`PayloadError::TextTooLong`],
    /// [`PayloadError::Nesting`], [`PayloadError::DuplicateKey`].
    pub fn encode(&self) -> Result<Vec<u8>, PayloadError> {
        let mut buffer = alloc::vec![0; PAYLOAD_BYTES];
        let count = u8::try_from(self.values.len())
            .map_err(|_| PayloadError::Overflow { needed: self.values.len(), room: 255 })?;
        let mut writer = Writer::new(&mut buffer, &self.handler, count)?;
        for value in &self.values {
            value.write(&mut writer)?;
        }
        let len = writer.finish()?.len();
        buffer.truncate(len);
        Ok(buffer)
    }

    /// The message that `bytes` hold.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(bytes)?;
        let handler = String::from(reader.handler());
        let mut values = Vec::new();
        for _ in 0..reader.values() {
            values.push(Value::read(&mut reader)?);
        }
        Ok(Self { handler, values })
    }
}

impl Value {
    /// Writes the value; recursion is bounded because the writer refuses what nests too deep.
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), PayloadError> {
        match self {
            Self::Bool(value) => writer.bool(*value),
            Self::Int(value) => writer.int(*value),
            Self::Float(value) => writer.float(*value),
            Self::Str(value) => writer.str(value),
            Self::Bytes(value) => writer.bytes(value),
            Self::Array(values) => {
                writer.array(count(values.len())?)?;
                values.iter().try_for_each(|value| value.write(writer))
            }
            Self::Map(pairs) => {
                writer.map(count(pairs.len())?)?;
                pairs.iter().try_for_each(|(key, value)| {
                    key.write(writer)?;
                    value.write(writer)
                })
            }
            Self::Struct(values) => {
                writer.structure(count(values.len())?)?;
                values.iter().try_for_each(|value| value.write(writer))
            }
            Self::None => writer.none(),
            Self::Some(value) => {
                writer.some()?;
                value.write(writer)
            }
            Self::Agent(word) => writer.agent(*word),
            Self::Capability(word) => writer.capability(*word),
        }
    }

    /// Reads the next value; recursion is bounded because the reader was checked.
    fn read(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let found = reader.next().ok_or(PayloadError::Missing)?;
        let list = |count: u16, reader: &mut Reader<'_>| {
            (0..count).map(|_| Self::read(reader)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match found {
            Token::Bool(value) => Self::Bool(value),
            Token::Int(value) => Self::Int(value),
            Token::Float(value) => Self::Float(value),
            Token::Str(value) => Self::Str(value.into()),
            Token::Bytes(value) => Self::Bytes(value.into()),
            Token::Array(count) => Self::Array(list(count, reader)?),
            Token::Struct(count) => Self::Struct(list(count, reader)?),
            Token::Map(count) => Self::Map(
                (0..count)
                    .map(|_| Ok((Self::read(reader)?, Self::read(reader)?)))
                    .collect::<Result<_, PayloadError>>()?,
            ),
            Token::None => Self::None,
            Token::Some => Self::Some(Box::new(Self::read(reader)?)),
            Token::Agent(word) => Self::Agent(word),
            Token::Capability(word) => Self::Capability(word),
        })
    }
}

fn count(len: usize) -> Result<u16, PayloadError> {
    u16::try_from(len).map_err(|_| PayloadError::Overflow { needed: len, room: PAYLOAD_BYTES })
}
