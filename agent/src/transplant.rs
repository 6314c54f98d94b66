//! Values of a state from one memory to another, guided by type descriptors.
//!
//! # Invariants
//! 1. Lengths in a memory are claims: what is read lies inside that memory, whatever they say.
//! 2. What a value points to is copied into state allocations of the other memory; nothing is shared.
//! 3. Recursion is bounded by [`DEEPEST`].

use flux_abi::select::AllocKind;
use flux_isa::desc::{Desc, Layout};
use flux_vm::{ENTRIES, Memory, index_table, table_slots};

use crate::marshal::{self, MarshalError};

/// Values inside one another that are copied: types nest 32 deep, and a type that holds itself goes on.
const DEEPEST: usize = 128;

/// The structs and enums around a type, the innermost first.
#[derive(Clone, Copy)]
struct Around<'a> {
    desc: &'a Desc,
    outer: Option<&'a Self>,
}

/// Copies the value of type `desc` at `at` of `from` to `place` of `to`, which is zeroed.
///
/// # Errors
/// [`MarshalError`]: a value that is none of its type, or no memory.
pub(crate) fn copy(
    (from, at): (&Memory, u64),
    (to, place): (&mut Memory, u64),
    desc: &Desc,
) -> Result<(), MarshalError> {
    Copier { from, to }.value(at, place, desc, None, 0)
}

struct Copier<'m> {
    from: &'m Memory,
    to: &'m mut Memory,
}

impl Copier<'_> {
    fn value(
        &mut self,
        at: u64,
        place: u64,
        desc: &Desc,
        around: Option<&Around<'_>>,
        depth: usize,
    ) -> Result<(), MarshalError> {
        let depth =
            depth.checked_add(1).filter(|depth| *depth <= DEEPEST).ok_or(MarshalError::Unsupported)?;
        match desc {
            Desc::Outer(further) => {
                let found = named(*further, around)?;
                self.value(at, place, found.desc, found.outer, depth)
            }
            Desc::Str | Desc::Bytes => {
                let text = self.from.str(u64::from(self.from.read_u32(at)?))?;
                let ptr = self.to.alloc_str(AllocKind::State, text)?;
                Ok(self.to.write_u32(place, ptr)?)
            }
            Desc::Array(element) => self.list(at, place, element, around, depth),
            Desc::Map(key, value) => self.map(at, place, (key, value), around, depth),
            Desc::Fixed(count, element) => {
                self.elements(at, place, (u64::from(*count), element), around, depth)
            }
            Desc::Struct(fields) => {
                let here = Around { desc, outer: around };
                self.sequence(at, place, fields, Some(&here), depth)
            }
            Desc::Optional(value) => {
                let tag = self.from.read_u32(at)?;
                self.to.write_u32(place, tag)?;
                if tag == 0 {
                    return Ok(());
                }
                let (offset, _) = marshal::place(marshal::TAG, value)?;
                let offset = u64::from(offset);
                self.value(at.wrapping_add(offset), place.wrapping_add(offset), value, around, depth)
            }
            Desc::Enum(variants) if !marshal::is_plain(variants) => {
                let here = Around { desc, outer: around };
                let tag = self.from.read_u32(at)?;
                self.to.write_u32(place, tag)?;
                let payload = marshal::variant(variants, u64::from(tag))?;
                for (value, offset) in marshal::payload_places(variants, payload)? {
                    let offset = u64::from(offset);
                    self.value(
                        at.wrapping_add(offset),
                        place.wrapping_add(offset),
                        value,
                        Some(&here),
                        depth,
                    )?;
                }
                Ok(())
            }
            _ => {
                let size = u64::from(desc.layout().ok_or(MarshalError::Unsupported)?.size);
                Ok(self.to.write(place, self.from.bytes(at, size)?)?)
            }
        }
    }

    /// Values one after the other, as the fields of a struct.
    fn sequence(
        &mut self,
        at: u64,
        place: u64,
        fields: &[Desc],
        around: Option<&Around<'_>>,
        depth: usize,
    ) -> Result<(), MarshalError> {
        let mut layout = Layout::EMPTY;
        for field in fields {
            let (offset, next) = marshal::place(layout, field)?;
            layout = next;
            let offset = u64::from(offset);
            self.value(at.wrapping_add(offset), place.wrapping_add(offset), field, around, depth)?;
        }
        Ok(())
    }

    fn elements(
        &mut self,
        at: u64,
        place: u64,
        (count, element): (u64, &Desc),
        around: Option<&Around<'_>>,
        depth: usize,
    ) -> Result<(), MarshalError> {
        let size = u64::from(layout_of(element, around)?.size);
        for index in 0..count {
            let offset = index.wrapping_mul(size);
            self.value(at.wrapping_add(offset), place.wrapping_add(offset), element, around, depth)?;
        }
        Ok(())
    }

    /// Where a list or map lies and how many elements it has; `None` for an empty one.
    fn filled(&self, at: u64) -> Result<Option<(u64, u32)>, MarshalError> {
        let source = u64::from(self.from.read_u32(at)?);
        let count = if source == 0 { 0 } else { self.from.read_u32(source)? };
        Ok((count > 0).then_some((source, count)))
    }

    fn list(
        &mut self,
        at: u64,
        place: u64,
        element: &Desc,
        around: Option<&Around<'_>>,
        depth: usize,
    ) -> Result<(), MarshalError> {
        let Some((source, count)) = self.filled(at)? else { return Ok(self.to.write_u32(place, 0)?) };
        let size = u64::from(layout_of(element, around)?.size).saturating_mul(u64::from(count));
        self.from.bytes(source.wrapping_add(8), size)?;
        let ptr = self.to.alloc(AllocKind::State, size.saturating_add(8))?;
        self.to.write_u32(place, ptr)?;
        let ptr = u64::from(ptr);
        self.to.write_u32(ptr, count)?;
        self.to.write_u32(ptr.wrapping_add(4), count)?;
        let from = source.wrapping_add(8);
        self.elements(from, ptr.wrapping_add(8), (u64::from(count), element), around, depth)
    }

    fn map(
        &mut self,
        at: u64,
        place: u64,
        (key, value): (&Desc, &Desc),
        around: Option<&Around<'_>>,
        depth: usize,
    ) -> Result<(), MarshalError> {
        let Some((source, count)) = self.filled(at)? else { return Ok(self.to.write_u32(place, 0)?) };
        let (_, layout) = append(Layout::EMPTY, layout_of(key, around)?)?;
        let (offset, layout) = append(layout, layout_of(value, around)?)?;
        let stride = u64::from(layout.rounded().ok_or(MarshalError::Unsupported)?.size);
        self.from.bytes(source.wrapping_add(ENTRIES), stride.saturating_mul(u64::from(count)))?;
        let capacity = u64::from(count).max(4).next_power_of_two();
        let slots = table_slots(capacity).saturating_mul(4);
        let bytes = capacity.saturating_mul(stride).saturating_add(ENTRIES).saturating_add(slots);
        let ptr = self.to.alloc(AllocKind::State, bytes)?;
        self.to.write_u32(place, ptr)?;
        let ptr = u64::from(ptr);
        let width = if *key == Desc::Str { 0 } else { u64::from(layout_of(key, around)?.size) };
        for (at, word) in (0u64..).step_by(4).zip([u64::from(count), capacity, stride, width]) {
            let word = u32::try_from(word).map_err(|_| MarshalError::Quota)?;
            self.to.write_u32(ptr.wrapping_add(at), word)?;
        }
        for index in 0..u64::from(count) {
            let entry = ENTRIES.wrapping_add(index.wrapping_mul(stride));
            let (at, place) = (source.wrapping_add(entry), ptr.wrapping_add(entry));
            self.value(at, place, key, around, depth)?;
            let offset = u64::from(offset);
            self.value(at.wrapping_add(offset), place.wrapping_add(offset), value, around, depth)?;
        }
        index_table(ptr, 0, u64::MAX, self.to)?;
        Ok(())
    }
}

fn append(layout: Layout, field: Layout) -> Result<(u32, Layout), MarshalError> {
    layout.append(field).ok_or(MarshalError::Unsupported)
}

/// Size and alignment of a type, that of what it names if it names something around it.
fn layout_of(desc: &Desc, around: Option<&Around<'_>>) -> Result<Layout, MarshalError> {
    let found = match desc {
        Desc::Outer(further) => named(*further, around)?.desc,
        desc => desc,
    };
    found.layout().ok_or(MarshalError::Unsupported)
}

/// The struct or enum that stands so many further out.
fn named<'a>(further: u32, around: Option<&Around<'a>>) -> Result<Around<'a>, MarshalError> {
    let mut found = *around.ok_or(MarshalError::Mismatch)?;
    for _ in 0..further {
        found = *found.outer.ok_or(MarshalError::Mismatch)?;
    }
    Ok(found)
}
