//! A caller's memory as system calls see it: offsets are claims, checked once, copied once.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::status::Status;
use flux_vm::Memory;

/// Memory that a caller's arguments point into.
pub trait UserMemory {
    /// The `length` bytes at `offset`, if they are all readable.
    ///
    /// # Errors
    /// `INVALID`.
    fn read(&self, offset: u64, length: u64) -> Result<&[u8], Status>;

    /// Writes `bytes` at `offset`, all or none.
    ///
    /// # Errors
    /// `INVALID`.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Status>;

    /// Maps nothing by default: memory that is no machine's can't hold regions.
    ///
    /// # Errors
    /// `NOTFOUND`.
    fn machine(&mut self) -> Result<&mut Memory, Status> {
        Err(Status::NotFound)
    }
}

impl UserMemory for Memory {
    fn read(&self, offset: u64, length: u64) -> Result<&[u8], Status> {
        self.bytes(offset, length).map_err(|_| Status::Invalid)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Status> {
        Self::write(self, offset, bytes).map_err(|_| Status::Invalid)
    }

    fn machine(&mut self) -> Result<&mut Memory, Status> {
        Ok(self)
    }
}

/// Sees that the `length` bytes at `offset` can be written, and changes none.
///
/// # Errors
/// `INVALID`.
pub(crate) fn writable(memory: &mut dyn UserMemory, offset: u64, length: u64) -> Result<(), Status> {
    let mut at = offset;
    let mut left = length;
    memory.read(offset, length)?;
    while left > 0 {
        let count = left.min(64);
        let mut piece = [0; 64];
        let bytes = memory.read(at, count)?;
        let piece = piece.get_mut(..bytes.len()).ok_or(Status::Invalid)?;
        piece.copy_from_slice(bytes);
        memory.write(at, piece)?;
        at = at.checked_add(count).ok_or(Status::Invalid)?;
        left = left.saturating_sub(count);
    }
    Ok(())
}

/// A copy of bytes of a caller.
///
/// # Errors
/// `NOMEM`.
pub(crate) fn copied(bytes: &[u8]) -> Result<Vec<u8>, Status> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Status::NoMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// A copy of a text of a caller.
///
/// # Errors
/// `NOMEM`; `INVALID` for bytes that are no text.
pub(crate) fn text_of(bytes: &[u8]) -> Result<String, Status> {
    let text = core::str::from_utf8(bytes).map_err(|_| Status::Invalid)?;
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| Status::NoMemory)?;
    copy.push_str(text);
    Ok(copy)
}

/// Sees that `bytes` are to be had at this moment, for what is then made of small pieces whose
/// allocation the language gives no way to fail. The kernel runs on one thread, so they stay free.
///
/// # Errors
/// `NOMEM`.
pub(crate) fn room(bytes: usize) -> Result<(), Status> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| Status::NoMemory)
}

/// Memory of a process that is part of the kernel, such as the loader.
#[derive(Clone, Debug, Default)]
pub struct NativeMemory(Vec<u8>);

impl NativeMemory {
    /// No bytes.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends `bytes` at the next multiple of 8; returns their offset.
    ///
    /// # Errors
    /// `NOMEM`.
    pub fn place(&mut self, bytes: &[u8]) -> Result<u64, Status> {
        let at = self.reserve(bytes.len())?;
        UserMemory::write(self, at, bytes)?;
        Ok(at)
    }

    /// Appends `length` zeroed bytes at the next multiple of 8; returns their offset.
    ///
    /// # Errors
    /// `NOMEM`.
    pub fn reserve(&mut self, length: usize) -> Result<u64, Status> {
        let at = self.0.len().checked_next_multiple_of(8).ok_or(Status::NoMemory)?;
        let end = at.checked_add(length).ok_or(Status::NoMemory)?;
        self.0.try_reserve(end.saturating_sub(self.0.len())).map_err(|_| Status::NoMemory)?;
        self.0.resize(end, 0);
        u64::try_from(at).map_err(|_| Status::NoMemory)
    }

    /// Gives all bytes back.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

impl UserMemory for NativeMemory {
    fn read(&self, offset: u64, length: u64) -> Result<&[u8], Status> {
        range(offset, length).and_then(|range| self.0.get(range)).ok_or(Status::Invalid)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Status> {
        let length = u64::try_from(bytes.len()).map_err(|_| Status::Invalid)?;
        let place = range(offset, length).and_then(|range| self.0.get_mut(range)).ok_or(Status::Invalid)?;
        place.copy_from_slice(bytes);
        Ok(())
    }
}

fn range(offset: u64, length: u64) -> Option<core::ops::Range<usize>> {
    let end = offset.checked_add(length)?;
    Some(usize::try_from(offset).ok()?..usize::try_from(end).ok()?)
}

/// A bounded record of a caller, copied once: little-endian words of 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Words<const N: usize>([u64; N]);

impl<const N: usize> Words<N> {
    /// Copies the record at `offset`.
    ///
    /// # Errors
    /// `INVALID`.
    pub fn read(memory: &(impl UserMemory + ?Sized), offset: u64) -> Result<Self, Status> {
        let length = u64::try_from(N).unwrap_or(u64::MAX).saturating_mul(8);
        let bytes = memory.read(offset, length)?;
        let mut words = [0; N];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().map_err(|_| Status::Invalid)?);
        }
        Ok(Self(words))
    }

    /// Word number `index`; 0 beyond the record.
    pub fn get(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }
}

/// The bytes of a record of these words.
pub fn words(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_outside_is_refused_whatever_the_arithmetic() {
        let mut memory = NativeMemory::new();
        let at = memory.place(&words(&[7, 8])).unwrap();
        assert_eq!(Words::<2>::read(&memory, at).unwrap().get(1), 8);
        assert_eq!(Words::<2>::read(&memory, at).unwrap().get(2), 0);
        for offset in [1, 16, u64::MAX - 7, u64::MAX] {
            assert_eq!(Words::<2>::read(&memory, offset).err(), Some(Status::Invalid), "{offset}");
            assert!(memory.write(offset, &[0; 16]).is_err());
        }
        assert!(memory.read(u64::MAX, u64::MAX).is_err());
        assert_eq!(memory.read(16, 0), Ok(&[][..]));
    }
}
