//! Tables: what maps of the language are made of.
//!
//! [`flux_abi::table`] says how they lie in memory.
//!
//! # Invariants
//! 1. What stands in the memory of an agent is a claim: every read is checked.

use crate::memory::{Memory, MemoryError};
use flux_abi::table::hash;
pub use flux_abi::table::{ENTRIES, slots};

struct Head {
    length: u64,
    capacity: u64,
    stride: u64,
    key: u64,
}

impl Head {
    fn of(table: u64, memory: &Memory) -> Result<Self, MemoryError> {
        let words = memory.bytes(table, ENTRIES)?.as_chunks().0;
        let word = |n: usize| words.get(n).map_or(0, |word| u64::from(u32::from_le_bytes(*word)));
        Ok(Self { length: word(0), capacity: word(1), stride: word(2), key: word(3) })
    }

    fn entry(&self, table: u64, number: u64) -> u64 {
        table.wrapping_add(ENTRIES + number * self.stride)
    }

    fn slot(&self, table: u64, place: u64) -> u64 {
        let entries = (self.stride * self.capacity).next_multiple_of(4);
        table.wrapping_add(ENTRIES).wrapping_add(entries).wrapping_add(4 * place)
    }

    /// The key as bytes: of a text, or the low bytes of a word.
    fn bytes<'m>(&self, key: u64, word: &'m [u8; 8], memory: &'m Memory) -> Result<&'m [u8], MemoryError> {
        if self.key == 0 {
            return memory.str(key);
        }
        Ok(&word[..self.key.min(8) as usize])
    }

    /// The key of an entry as bytes.
    fn key_at<'m>(&self, entry: u64, memory: &'m Memory) -> Result<&'m [u8], MemoryError> {
        if self.key == 0 {
            return memory.str(u64::from(memory.read_u32(entry)?));
        }
        memory.bytes(entry, self.key.min(8))
    }
}

/// Bytes of the key that [`find`] looks for, if it is a text.
pub(crate) fn key_bytes(table: u64, key: u64, memory: &Memory) -> Result<u64, MemoryError> {
    if table == 0 || Head::of(table, memory)?.key != 0 {
        return Ok(0);
    }
    Ok(memory.str(key)?.len() as u64)
}

/// Address of the entry with this key, 0 if there is none, and how many keys were looked at.
pub(crate) fn find(table: u64, key: u64, memory: &Memory) -> Result<(u64, u64), MemoryError> {
    if table == 0 {
        return Ok((0, 0));
    }
    let head = Head::of(table, memory)?;
    let word = key.to_le_bytes();
    let wanted = head.bytes(key, &word, memory)?;
    let mut looked = 0;
    let slots = slots(head.capacity);
    if slots == 0 {
        // A length above the capacity is a claim that no table of ours makes.
        for number in 0..head.length.min(head.capacity) {
            looked += 1;
            let entry = head.entry(table, number);
            if head.key_at(entry, memory)? == wanted {
                return Ok((entry, looked));
            }
        }
        return Ok((0, looked));
    }
    let first = hash(wanted) & (slots - 1);
    for step in 0..slots {
        let place = (first + step) & (slots - 1);
        let Some(number) = u64::from(memory.read_u32(head.slot(table, place))?).checked_sub(1) else { break };
        looked += 1;
        let entry = head.entry(table, number);
        if head.key_at(entry, memory)? == wanted {
            return Ok((entry, looked));
        }
    }
    Ok((0, looked))
}

/// Bytes that [`index`] goes through.
pub(crate) fn index_bytes(table: u64, from: u64, memory: &Memory) -> Result<u64, MemoryError> {
    if table == 0 {
        return Ok(0);
    }
    let head = Head::of(table, memory)?;
    let slots = slots(head.capacity);
    if slots == 0 {
        return Ok(0);
    }
    let entries = head.length.saturating_sub(from) * 16;
    Ok(if from == 0 { entries + slots * 4 } else { entries })
}

/// Enters the entries from number `from` into the slots; all anew if that is 0. Gives how many
/// slots were looked at, at most one above `most`, where it ends without having entered all.
///
/// # Errors
/// Entries or slots do not lie in the writable memory, or there are more entries than slots.
pub fn index(table: u64, from: u64, most: u64, memory: &mut Memory) -> Result<u64, MemoryError> {
    if table == 0 {
        return Ok(0);
    }
    let head = Head::of(table, memory)?;
    let slots = slots(head.capacity);
    if slots == 0 {
        return Ok(0);
    }
    let mut looked = 0;
    if from == 0 {
        memory.bytes_mut(head.slot(table, 0), slots * 4)?.fill(0);
    }
    for number in from..head.length {
        let first = hash(head.key_at(head.entry(table, number), memory)?) & (slots - 1);
        let mut free = None;
        for step in 0..slots {
            let at = head.slot(table, (first + step) & (slots - 1));
            looked += 1;
            if looked > most {
                return Ok(looked);
            }
            if memory.read_u32(at)? == 0 {
                free = Some(at);
                break;
            }
        }
        let full = MemoryError::Access { offset: table, length: slots * 4, size: memory.size() };
        // The cast keeps the number: a length has 32 bits.
        memory.write_u32(free.ok_or(full)?, number as u32 + 1)?;
    }
    Ok(looked)
}
