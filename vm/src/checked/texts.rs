//! The model's operations on arrays of texts and on tables, by their definition.

use alloc::vec::Vec;

use flux_abi::select::AllocKind;
use flux_abi::trap::TrapKind;

use super::{Model, Trapped};

/// A table's head.
struct Table {
    at: u64,
    length: u64,
    capacity: u64,
    stride: u64,
    key: u64,
}

impl Table {
    fn slots(&self) -> u64 {
        let mut slots = 1;
        while slots < 2 * self.capacity {
            slots *= 2;
        }
        if self.capacity <= 8 { 0 } else { slots }
    }

    fn entry(&self, number: u64) -> u64 {
        self.at.wrapping_add(16 + number * self.stride)
    }

    fn slot(&self, place: u64) -> u64 {
        let entries = (self.stride * self.capacity).div_ceil(4) * 4;
        self.at.wrapping_add(16).wrapping_add(entries).wrapping_add(4 * place)
    }
}

fn hash(key: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash ^ hash >> 32
}

impl Model<'_> {
    fn half(&self, at: u64) -> Result<u64, Trapped> {
        self.memory.number(i128::from(at), 4).ok_or((TrapKind::BadAccess, at))
    }

    /// The texts of an array of texts.
    fn texts_of(&self, array: u64) -> Result<Vec<Vec<u8>>, Trapped> {
        if array == 0 {
            return Ok(Vec::new());
        }
        self.readable(array, 8)?;
        let length = self.half(array)?;
        let offsets = self.readable(array.wrapping_add(8), 4 * length)?;
        let offsets = offsets
            .chunks(4)
            .map(|four| four.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        offsets.map(|offset| self.text_bytes(offset)).collect()
    }

    pub(super) fn joined(&mut self, array: u64, between: u64) -> Result<Vec<u8>, Trapped> {
        let texts = self.texts_of(array)?;
        let between = self.text_bytes(between)?;
        let sum: usize = texts.iter().map(|text| text.len() + between.len()).sum();
        self.charge(sum as u64 / 64)?;
        Ok(texts.join(&between[..]))
    }

    pub(super) fn split(&mut self, text: u64, separator: u64) -> Result<u64, Trapped> {
        let (bytes, separator) = (self.text_bytes(text)?, self.text_bytes(separator)?);
        self.charge((bytes.len() as u64 + 1) * (separator.len() as u64 + 1) / 64)?;
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        if separator.is_empty() {
            let mut begun = false;
            for byte in bytes {
                if !(0x80..0xC0).contains(&byte) {
                    pieces.push(Vec::new());
                    begun = true;
                }
                if begun && let Some(piece) = pieces.last_mut() {
                    piece.push(byte);
                }
            }
        } else {
            pieces.push(Vec::new());
            let mut at = 0;
            while at < bytes.len() {
                if bytes[at..].starts_with(&separator) {
                    pieces.push(Vec::new());
                    at += separator.len();
                } else {
                    if let Some(piece) = pieces.last_mut() {
                        piece.push(bytes[at]);
                    }
                    at += 1;
                }
            }
        }
        let sum: usize = pieces.iter().map(|piece| piece.len() + 4).sum();
        self.charge(sum as u64 / 64)?;
        let full = (TrapKind::Quota, 0);
        let count = pieces.len() as u64;
        let array = self.memory.alloc(AllocKind::Arena, 8 + 4 * count).ok_or(full)?;
        let mut known = [0; 256];
        for (index, piece) in pieces.iter().enumerate() {
            let place = match piece[..] {
                [] => 0,
                [byte] if known[usize::from(byte)] != 0 => known[usize::from(byte)],
                _ => {
                    let length = piece.len() as u64;
                    let place = self.memory.alloc(AllocKind::Arena, 8 + length).ok_or(full)?;
                    self.store(i128::from(place), 4, length)?;
                    self.store(i128::from(place) + 4, 4, length)?;
                    if let Some(to) = self.memory.get_mut(i128::from(place) + 8, length) {
                        to.copy_from_slice(piece);
                    }
                    if let [byte] = piece[..] {
                        known[usize::from(byte)] = place;
                    }
                    place
                }
            };
            self.store(i128::from(array) + 8 + 4 * index as i128, 4, place)?;
        }
        self.store(i128::from(array), 4, count)?;
        self.store(i128::from(array) + 4, 4, count)?;
        Ok(array)
    }

    fn table(&self, at: u64) -> Result<Table, Trapped> {
        self.readable(at, 16)?;
        let word = |n: u64| self.half(at.wrapping_add(4 * n));
        Ok(Table { at, length: word(0)?, capacity: word(1)?, stride: word(2)?, key: word(3)? })
    }

    fn key_of(&self, table: &Table, number: u64) -> Result<Vec<u8>, Trapped> {
        let entry = table.entry(number);
        match table.key {
            0 => self.text_bytes(self.half(entry)?),
            width => self.readable(entry, width.min(8)),
        }
    }

    pub(super) fn find_entry(&mut self, at: u64, key: u64) -> Result<u64, Trapped> {
        if at == 0 {
            return Ok(0);
        }
        let table = self.table(at)?;
        let wanted = match table.key {
            0 => self.text_bytes(key)?,
            width => key.to_le_bytes()[..width.min(8) as usize].to_vec(),
        };
        self.charge(if table.key == 0 { wanted.len() as u64 / 64 } else { 0 })?;
        let mut looked = 0;
        let mut found = 0;
        let slots = table.slots();
        let mut place = if slots == 0 { 0 } else { hash(&wanted) % slots };
        for step in 0..(if slots == 0 { table.length.min(table.capacity) } else { slots }) {
            let number = match slots {
                0 => step,
                _ => match self.half(table.slot(place))? {
                    0 => break,
                    slot => slot - 1,
                },
            };
            looked += 1;
            if self.key_of(&table, number)? == wanted {
                found = table.entry(number);
                break;
            }
            place = if slots == 0 { 0 } else { (place + 1) % slots };
        }
        self.charge(looked * 8 / 64)?;
        Ok(found)
    }

    pub(super) fn index_entries(&mut self, at: u64, from: u64) -> Result<u64, Trapped> {
        if at == 0 {
            return Ok(0);
        }
        let table = self.table(at)?;
        let slots = table.slots();
        if slots == 0 {
            return Ok(0);
        }
        let cleared = if from == 0 { slots * 4 } else { 0 };
        self.charge((table.length.saturating_sub(from) * 16 + cleared) / 64)?;
        if from == 0 {
            let first = table.slot(0);
            let all =
                self.memory.get_mut(i128::from(first), slots * 4).ok_or((TrapKind::BadAccess, first))?;
            all.fill(0);
        }
        let mut looked = 0;
        for number in from..table.length {
            let first = hash(&self.key_of(&table, number)?) % slots;
            let mut left = slots;
            let mut place = first;
            loop {
                looked += 1;
                if looked > self.gas_left.saturating_mul(8) {
                    return Err((TrapKind::Gas, 0));
                }
                if self.half(table.slot(place))? == 0 {
                    break;
                }
                left -= 1;
                if left == 0 {
                    return Err((TrapKind::BadAccess, at));
                }
                place = (place + 1) % slots;
            }
            self.store(i128::from(table.slot(place)), 4, number + 1)?;
        }
        self.charge(looked * 8 / 64)?;
        Ok(0)
    }
}
