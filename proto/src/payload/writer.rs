//! Writing a payload value by value, within its bounds.

use flux_abi::limits::PAYLOAD_BYTES;

use super::{CANONICAL_NAN, PayloadError, Pending, Reader, Tag};

/// Writes a payload into a buffer of the caller.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    pending: Pending,
    has_map: bool,
}

impl<'b> Writer<'b> {
    /// Begins a payload for `handler` with `count` values; at most 4,096 bytes of `buffer` are used.
    ///
    /// # Errors
    /// [`PayloadError::TextTooLong`] for a name above 255 bytes, [`PayloadError::Overflow`].
    pub fn new(buffer: &'b mut [u8], handler: &str, count: u8) -> Result<Self, PayloadError> {
        let usable = buffer.len().min(PAYLOAD_BYTES);
        let buffer = buffer.get_mut(..usable).unwrap_or_default();
        let mut writer = Self { buffer, at: 0, pending: Pending::new(count), has_map: false };
        let len = handler.len();
        let short = u8::try_from(len).map_err(|_| PayloadError::TextTooLong { len, limit: 255 })?;
        writer.put(&[short])?;
        writer.put(handler.as_bytes())?;
        writer.put(&[count])?;
        Ok(writer)
    }

    /// A bool.
    ///
    /// # Errors
    /// [`PayloadError::Overflow`], [`PayloadError::TooMany`]; so for every value.
    pub fn bool(&mut self, value: bool) -> Result<(), PayloadError> {
        self.value(Tag::Bool, &[u8::from(value)])
    }

    /// An int.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn int(&mut self, value: i64) -> Result<(), PayloadError> {
        self.value(Tag::Int, &value.to_le_bytes())
    }

    /// An f64; a NaN becomes the canonical one.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn float(&mut self, value: f64) -> Result<(), PayloadError> {
        let bits = if value.is_nan() { CANONICAL_NAN } else { value.to_bits() };
        self.value(Tag::Float, &bits.to_le_bytes())
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn str(&mut self, value: &str) -> Result<(), PayloadError> {
        self.text(Tag::Str, value.as_bytes())
    }

    /// Bytes.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn bytes(&mut self, value: &[u8]) -> Result<(), PayloadError> {
        self.text(Tag::Bytes, value)
    }

    /// An array: `count` elements follow.
    ///
    /// # Errors
    /// As [`Writer::bool`], and [`PayloadError::Nesting`].
    pub fn array(&mut self, count: u16) -> Result<(), PayloadError> {
        self.container(Tag::Array, count, u32::from(count))
    }

    /// A map: `count` pairs of key and value follow.
    ///
    /// # Errors
    /// As [`Writer::array`].
    pub fn map(&mut self, count: u16) -> Result<(), PayloadError> {
        self.has_map = true;
        self.container(Tag::Map, count, u32::from(count).saturating_mul(2))
    }

    /// A struct: `count` fields follow in their order.
    ///
    /// # Errors
    /// As [`Writer::array`].
    pub fn structure(&mut self, count: u16) -> Result<(), PayloadError> {
        self.container(Tag::Struct, count, u32::from(count))
    }

    /// An empty optional.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn none(&mut self) -> Result<(), PayloadError> {
        self.value(Tag::None, &[])
    }

    /// A filled optional: its value follows.
    ///
    /// # Errors
    /// As [`Writer::array`].
    pub fn some(&mut self) -> Result<(), PayloadError> {
        let at = self.at;
        self.value(Tag::Some, &[])?;
        self.pending.open(1).ok_or(PayloadError::Nesting { at })
    }

    /// The number of an agent.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn agent(&mut self, word: u64) -> Result<(), PayloadError> {
        self.value(Tag::Agent, &word.to_le_bytes())
    }

    /// A capability handle.
    ///
    /// # Errors
    /// As [`Writer::bool`].
    pub fn capability(&mut self, word: u64) -> Result<(), PayloadError> {
        self.value(Tag::Capability, &word.to_le_bytes())
    }

    /// The finished payload.
    ///
    /// # Errors
    /// [`PayloadError::Missing`] if announced values were not written,
    /// [`PayloadError::DuplicateKey`], [`PayloadError::NoMemory`].
    pub fn finish(mut self) -> Result<&'b [u8], PayloadError> {
        if self.pending.left() != 0 {
            return Err(PayloadError::Missing);
        }
        let Self { buffer, at, has_map, .. } = self;
        let bytes = buffer.get(..at).unwrap_or_default();
        if has_map {
            Reader::new(bytes)?;
        }
        Ok(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), PayloadError> {
        let room = self.buffer.len();
        let end = self.at.saturating_add(bytes.len());
        let place = self.buffer.get_mut(self.at..end).ok_or(PayloadError::Overflow { needed: end, room })?;
        place.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    fn value(&mut self, tag: Tag, content: &[u8]) -> Result<(), PayloadError> {
        if !self.pending.begin() {
            return Err(PayloadError::TooMany);
        }
        self.put(&[tag as u8])?;
        self.put(content)
    }

    fn text(&mut self, tag: Tag, content: &[u8]) -> Result<(), PayloadError> {
        let len = content.len();
        let short =
            u16::try_from(len).map_err(|_| PayloadError::Overflow { needed: len, room: PAYLOAD_BYTES })?;
        self.value(tag, &short.to_le_bytes())?;
        self.put(content)
    }

    fn container(&mut self, tag: Tag, count: u16, values: u32) -> Result<(), PayloadError> {
        let at = self.at;
        self.value(tag, &count.to_le_bytes())?;
        self.pending.open(values).ok_or(PayloadError::Nesting { at })
    }
}
