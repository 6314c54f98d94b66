//! Maps: literals, entries, keys and values.
//!
//! A map is the address of a table as the machine's text operations know it (`find_entry`,
//! `index`), or 0. Its entries lie in the order in which their keys came, each key before its value.

use alloc::format;
use alloc::string::String;

use super::function::Lowering;
use super::glue::Glue;
use super::list::Holder;
use super::memory::{Address, Element, HEAD};
use super::own::{Home, Item, Origin};
use crate::fir::{Access, IntCompare, IntKind, IntOp, Intrinsic, Type as FirType, ValueId};
use crate::lang::sema::tree::ExprId;
use crate::lang::sema::types::{Owns, StructId, Type, TypeId};
use crate::lang::syntax::ast::BinaryOp;
use flux_abi::select::TextOp;
use flux_abi::table;
use flux_abi::trap::TrapKind;

/// Bytes of the head of a table.
const TABLE_HEAD: u32 = 16;
const _: () = assert!(TABLE_HEAD as u64 == table::ENTRIES);
/// Entries of capacity up to which a table has no slots.
const FEW: i64 = table::FEW.cast_signed();

/// What an entry of a map looks like.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: TypeId,
    value: TypeId,
    /// Offset of the value.
    offset: u32,
    /// Bytes from one entry to the next.
    stride: u32,
}

impl Entry {
    fn key_at(self, entry: Address) -> Element {
        Element::at(self.key, entry)
    }

    fn value_at(self, entry: Address) -> Element {
        Element::at(self.value, entry.plus(self.offset))
    }
}

/// What is found at a key.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// The place of its value.
    There(Element),
    /// Nothing in this table.
    Missing(ValueId),
}

/// A part of all entries of a map.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Column {
    Keys,
    Values,
}

impl Lowering<'_, '_, '_> {
    fn entry(&self, key: TypeId, value: TypeId) -> Entry {
        let layout = self.shared.program.types.entry_layout(key, value);
        let (offset, stride) = layout.map_or((0, 1), |(offset, layout)| (offset, layout.size));
        Entry { key, value, offset, stride }
    }

    fn entry_of(&self, map: TypeId) -> Entry {
        match self.settled(map) {
            Type::Map(key, value) => self.entry(key, value),
            _ => self.entry(TypeId::ERROR, TypeId::ERROR),
        }
    }

    /// Where the entry with a number is.
    fn entry_address(&mut self, entry: Entry, table: ValueId, number: ValueId) -> Address {
        let stride = self.b.i64(i64::from(entry.stride));
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, number, stride);
        let base = self.b.ptr_add(table, bytes);
        Address { base, offset: TABLE_HEAD }
    }

    /// Bytes of a table of a capacity that is a power of two from 4 on.
    fn table_bytes(&mut self, capacity: ValueId, stride: ValueId) -> ValueId {
        let entries = self.b.int_op(IntOp::WrappingMul, IntKind::I64, capacity, stride);
        let head = self.b.i64(i64::from(TABLE_HEAD));
        let bytes = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, entries, head);
        // Two slots of 4 bytes for each entry.
        let three = self.b.i64(3);
        let slots = self.b.int_op(IntOp::Shl, IntKind::I64, capacity, three);
        let few = self.b.i64(FEW);
        let many = self.b.compare(IntCompare::Sgt, capacity, few);
        let none = self.b.i64(0);
        let slots = self.b.select(many, slots, none);
        self.b.int_op(IntOp::WrappingAdd, IntKind::I64, bytes, slots)
    }

    fn capacity_of(&mut self, table: ValueId) -> ValueId {
        self.b.load(FirType::I64, Access::Z32, table, 4)
    }

    // ------------------------------------------------------------ looking up

    /// The entry of a key, and whether there is one.
    pub(super) fn find_entry(&mut self, map: ExprId, key: ExprId) -> (ValueId, ValueId) {
        let key = self.expr(key);
        let table = self.expr(map);
        self.find_in(table, key)
    }

    fn find_in(&mut self, table: ValueId, key: ValueId) -> (ValueId, ValueId) {
        let word = self.word(key);
        let at = self.b.text2(TextOp::TableFind, table, word);
        let nothing = self.b.address(0);
        let found = self.b.compare(IntCompare::Ne, at, nothing);
        (at, found)
    }

    /// The place of the value of a key, of which a part is changed; a key that is not there is a trap (INDEX).
    pub(super) fn entry_there(&mut self, map: ExprId, key: ExprId) -> Element {
        let entry = self.entry_of(self.shared.program.expr(map).ty);
        let (at, found) = self.find_entry(map, key);
        let [there, missing] = core::array::from_fn(|_| self.b.create_block());
        self.b.branch(found, there, missing);
        self.b.seal_block(there);
        self.b.seal_block(missing);
        self.b.switch_to(missing);
        self.b.trap(TrapKind::Index);
        self.b.switch_to(there);
        entry.value_at(Address { base: at, offset: 0 })
    }

    /// `map[key]`: the address of an optional.
    pub(super) fn get(&mut self, map: ExprId, key: ExprId, ty: TypeId) -> ValueId {
        let entry = self.entry_of(self.shared.program.expr(map).ty);
        let (at, found) = self.find_entry(map, key);
        self.optional_result(ty, found, &mut |lowering, to| {
            let place = entry.value_at(Address { base: at, offset: 0 });
            lowering.move_to(&place, to);
        })
    }

    /// Copies the bytes of a value.
    pub(super) fn move_to(&mut self, from: &Element, to: Address) {
        if self.shared.program.types.is_aggregate(from.ty) {
            let from_address = self.plain(from);
            self.copy(from.ty, from_address, to);
        } else {
            let value = self.load_element(from);
            self.store_scalar(from.ty, value, to);
        }
    }

    /// The keys or values as a growable array.
    pub(super) fn column(&mut self, map: ExprId, column: Column) -> ValueId {
        let entry = self.entry_of(self.shared.program.expr(map).ty);
        let origin = self.origin(map).max(Origin::Shared);
        let table = self.expr(map);
        let ty = if column == Column::Keys { entry.key } else { entry.value };
        let length = self.length_of(table);
        let block = self.new_block(self.size(ty), length);
        let first = Address { base: block, offset: HEAD };
        let zero = self.b.i64(0);
        self.count_up(zero, length, |lowering, number| {
            let at = lowering.entry_address(entry, table, number);
            let from = if column == Column::Keys { entry.key_at(at) } else { entry.value_at(at) };
            let to = lowering.indexed(ty, first, number);
            let to = lowering.plain(&to);
            lowering.move_to(&from, to);
        });
        let first = self.pointer(first);
        self.adopt_elements(ty, first, length, origin);
        block
    }

    // ------------------------------------------------------------ changing

    /// `{key: value, …}`.
    pub(super) fn map_literal(&mut self, ids: &[ExprId], ty: TypeId) -> ValueId {
        let table = self.b.declare(FirType::Ptr);
        let nothing = self.b.address(0);
        self.b.assign(table, nothing);
        for pair in ids.chunks(2) {
            let [key, value] = pair else { break };
            self.put_entry(Holder::Variable(table), Home::Arena, ty, *key, *value);
        }
        self.b.read(table)
    }

    /// `map[key] = value`.
    pub(super) fn set(&mut self, map: ExprId, key: ExprId, value: ExprId) {
        let ty = self.shared.program.expr(map).ty;
        let home = self.home(map);
        let key_value = self.steady(key, &[value]);
        let item = self.item(value, home);
        let holder = self.holder(map);
        let origin = self.origin(key);
        self.put_in(holder, home, ty, (key_value, origin), item);
    }

    fn put_entry(&mut self, holder: Holder, home: Home, ty: TypeId, key: ExprId, value: ExprId) {
        let origin = self.origin(key);
        let key = self.expr(key);
        let item = self.item(value, home);
        self.put_in(holder, home, ty, (key, origin), item);
    }

    fn put_in(&mut self, holder: Holder, home: Home, ty: TypeId, key: (ValueId, Origin), item: Item) {
        let entry = self.entry_of(ty);
        self.either_entry(holder, entry, key.0, |lowering, found| match found {
            Found::There(place) => lowering.replace(&place, item, home),
            Found::Missing(table) => {
                lowering.insert_entry(holder, home, (entry, table), key, |lowering, place| {
                    lowering.put(item, place);
                });
            }
        });
    }

    /// `map[key] op= value`. A key that is not there counts from zero or nothing up and down; where
    /// nothing can come of that it is a trap (INDEX).
    pub(super) fn update_entry(&mut self, place: (ExprId, ExprId), op: BinaryOp, value: ExprId) {
        let (map, key) = place;
        let home = self.home(map);
        let entry = self.entry_of(self.shared.program.expr(map).ty);
        let origin = self.origin(key);
        let key = self.steady(key, &[value]);
        let right = self.expr(value);
        let holder = self.holder(map);
        self.either_entry(holder, entry, key, |lowering, found| match found {
            Found::There(place) => {
                let left = lowering.load_element(&place);
                let item = lowering.updated(op, entry.value, (left, right), home);
                lowering.replace(&place, item, home);
            }
            Found::Missing(_) if !matches!(op, BinaryOp::Add | BinaryOp::Sub) => {
                lowering.b.trap(TrapKind::Index);
            }
            Found::Missing(table) => {
                let ty = lowering.shared.fir_type(entry.value);
                let nothing = lowering.b.constant(ty, 0);
                let item = lowering.updated(op, entry.value, (nothing, right), home);
                lowering.insert_entry(holder, home, (entry, table), (key, origin), |lowering, place| {
                    lowering.put(item, place);
                });
            }
        });
    }

    /// What an operator makes of the value of a place, for that place.
    pub(super) fn updated(
        &mut self,
        op: BinaryOp,
        ty: TypeId,
        (left, right): (ValueId, ValueId),
        home: Home,
    ) -> Item {
        let result = self.operate(op, ty, left, right);
        Item::Word(match home {
            Home::State if self.owns(ty) != Owns::Nothing => self.remade(ty, result, Glue::Keep),
            _ => result,
        })
    }

    /// Does one thing if the key is there, another one if not.
    fn either_entry(
        &mut self,
        holder: Holder,
        entry: Entry,
        key: ValueId,
        mut each: impl FnMut(&mut Self, Found),
    ) {
        let table = self.held(holder);
        let (at, found) = self.find_in(table, key);
        let [there, missing, end] = core::array::from_fn(|_| self.b.create_block());
        self.b.branch(found, there, missing);
        self.b.seal_block(there);
        self.b.seal_block(missing);
        for (block, found) in [
            (there, Found::There(entry.value_at(Address { base: at, offset: 0 }))),
            (missing, Found::Missing(table)),
        ] {
            self.b.switch_to(block);
            each(self, found);
            self.go_on(end);
        }
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// A further entry; its value is put in its place once there is room.
    fn insert_entry(
        &mut self,
        holder: Holder,
        home: Home,
        (entry, table): (Entry, ValueId),
        (key, origin): (ValueId, Origin),
        put: impl FnOnce(&mut Self, &Element),
    ) {
        let stride = self.b.i64(i64::from(entry.stride));
        // A text is known by its bytes, whatever the width of its address.
        let width = if self.settled(entry.key) == Type::Str { 0 } else { self.size(entry.key) };
        let width = self.b.i64(i64::from(width));
        let op = if home == Home::State { Glue::RoomState } else { Glue::Room };
        let room = self.runtime_glue(op, &[table, stride, width]);
        self.hold(holder, room);
        let number = self.length_of(room);
        let to = self.entry_address(entry, room, number);
        let key = match home {
            Home::State if self.owns(entry.key) != Owns::Nothing => self.remade(entry.key, key, Glue::Keep),
            _ => self.owned_word(entry.key, key, origin),
        };
        self.store_element(&entry.key_at(to), key);
        put(self, &entry.value_at(to));
        let longer = self.add(number, 1);
        self.set_length(room, longer);
        self.b.text2(TextOp::TableIndex, room, number);
        if home == Home::State {
            let same = self.b.compare(IntCompare::Eq, room, table);
            let nothing = self.b.address(0);
            let left = self.b.select(same, nothing, table);
            self.b.intrinsic(Intrinsic::StateFree, 0, &[left]);
        }
    }

    /// Takes a key out; gives the address of an optional.
    pub(super) fn take(&mut self, map: ExprId, key: ExprId, ty: TypeId) -> ValueId {
        let entry = self.entry_of(self.shared.program.expr(map).ty);
        let home = self.home(map);
        let key = self.expr(key);
        let holder = self.holder(map);
        let table = self.held(holder);
        let (at, found) = self.find_in(table, key);
        self.optional_result(ty, found, &mut |lowering, to| {
            let place = Address { base: at, offset: 0 };
            let value = lowering.taken_out(&entry.value_at(place), home);
            if lowering.shared.program.types.is_aggregate(entry.value) {
                lowering.copy(entry.value, Address { base: value, offset: 0 }, to);
            } else {
                lowering.store_scalar(entry.value, value, to);
            }
            if home == Home::State {
                lowering.release(&entry.key_at(place));
            }
            lowering.close_gap(entry, table, at);
        })
    }

    /// Moves the entries behind the one at an address up, and finds their slots anew.
    fn close_gap(&mut self, entry: Entry, table: ValueId, at: ValueId) {
        let length = self.length_of(table);
        let end = self.entry_address(entry, table, length);
        let end = self.pointer(end);
        let stride = self.b.i64(i64::from(entry.stride));
        let next = self.b.ptr_add(at, stride);
        let (from, to) = (self.word(next), self.word(end));
        let behind = self.b.int_op(IntOp::WrappingSub, IntKind::I64, to, from);
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[at, next, behind]);
        let shorter = self.add(length, -1);
        self.set_length(table, shorter);
        let zero = self.b.i64(0);
        self.b.text2(TextOp::TableIndex, table, zero);
    }

    // ------------------------------------------------------------ glue

    pub(super) fn room_body(&mut self, alloc: Intrinsic) {
        let (old, stride, key) = (self.b.param(0), self.b.param(1), self.b.param(2));
        let length = self.length_of(old);
        let capacity = self.capacity_of(old);
        let full = self.b.compare(IntCompare::Eq, length, capacity);
        let [grow, fits] = core::array::from_fn(|_| self.b.create_block());
        self.b.branch(full, grow, fits);
        self.b.seal_block(grow);
        self.b.seal_block(fits);
        self.b.switch_to(fits);
        self.b.ret(Some(old));
        self.b.switch_to(grow);
        let twice = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, capacity, capacity);
        let least = self.b.i64(4);
        let capacity = self.b.int_op(IntOp::Max, IntKind::I64, twice, least);
        let bytes = self.table_bytes(capacity, stride);
        let new = self.alloc(alloc, bytes);
        for (word, offset) in [(length, 0), (capacity, 4), (stride, 8), (key, 12)] {
            self.b.store(Access::Z32, word, new, offset);
        }
        let used = self.b.int_op(IntOp::WrappingMul, IntKind::I64, length, stride);
        let head = self.b.i64(i64::from(TABLE_HEAD));
        let (from, to) = (self.b.ptr_add(old, head), self.b.ptr_add(new, head));
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, used]);
        let zero = self.b.i64(0);
        self.b.text2(TextOp::TableIndex, new, zero);
        self.b.ret(Some(new));
    }

    /// A copy of a table that is not the empty one.
    pub(super) fn copied_table(&mut self, key: TypeId, value: TypeId, old: ValueId, op: Glue) -> ValueId {
        let entry = self.entry(key, value);
        let length = self.length_of(old);
        let capacity = self.capacity_of(old);
        let stride = self.b.i64(i64::from(entry.stride));
        let bytes = self.table_bytes(capacity, stride);
        let alloc = if op == Glue::Keep { Intrinsic::StateAlloc } else { Intrinsic::ArenaAlloc };
        let new = self.alloc(alloc, bytes);
        // Slots hold numbers of entries: they stay right.
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[new, old, bytes]);
        if self.needs(key, op) || self.needs(value, op) {
            let zero = self.b.i64(0);
            self.count_up(zero, length, |lowering, number| {
                let at = lowering.entry_address(entry, new, number);
                for place in [entry.key_at(at), entry.value_at(at)] {
                    if lowering.needs(place.ty, op) {
                        lowering.remake_part(&place, op);
                    }
                }
            });
        }
        new
    }

    /// Gives back what the entries of a table of the state own.
    pub(super) fn release_entries(&mut self, key: TypeId, value: TypeId, table: ValueId) {
        if !self.needs(key, Glue::Free) && !self.needs(value, Glue::Free) {
            return;
        }
        let entry = self.entry(key, value);
        let length = self.length_of(table);
        let zero = self.b.i64(0);
        self.count_up(zero, length, |lowering, number| {
            let at = lowering.entry_address(entry, table, number);
            lowering.release(&entry.key_at(at));
            lowering.release(&entry.value_at(at));
        });
    }

    /// Returns false unless two maps have the same keys with equal values, in any order.
    pub(super) fn entries_equal(&mut self, key: TypeId, value: TypeId, a: ValueId, b: ValueId) {
        let entry = self.entry(key, value);
        let (length, other) = (self.length_of(a), self.length_of(b));
        let same = self.b.compare(IntCompare::Eq, length, other);
        self.go_on_if(same);
        let zero = self.b.i64(0);
        self.count_up(zero, length, |lowering, number| {
            let at = lowering.entry_address(entry, a, number);
            let key = lowering.load_element(&entry.key_at(at));
            let (there, found) = lowering.find_in(b, key);
            lowering.go_on_if(found);
            let left = lowering.load_element(&entry.value_at(at));
            let right = lowering.load_element(&entry.value_at(Address { base: there, offset: 0 }));
            let equal = lowering.equal(value, left, right);
            lowering.go_on_if(equal);
        });
    }

    // ------------------------------------------------------------ text form

    /// The body of the function that gives the text of arrays, maps, structs, optionals and enums.
    pub(super) fn text_body(&mut self, ty: TypeId) {
        let value = self.b.param(0);
        let text = match self.settled(ty) {
            Type::Array(element, length) => {
                let count = self.b.i64(i64::from(length));
                let first = Address { base: value, offset: 0 };
                self.list_text(count, ["[", "]"], |lowering, number| {
                    let place = lowering.indexed(element, first, number);
                    let value = lowering.load_element(&place);
                    lowering.text_of(element, value)
                })
            }
            Type::List(_) | Type::Bytes => {
                let sequence = self.sequence_of_block(ty, value);
                self.list_text(sequence.length, ["[", "]"], |lowering, number| {
                    let place = lowering.indexed(sequence.element, sequence.first, number);
                    let value = lowering.load_element(&place);
                    lowering.text_of(sequence.element, value)
                })
            }
            Type::Map(key, of) => {
                let entry = self.entry(key, of);
                let count = self.length_of(value);
                self.list_text(count, ["{", "}"], |lowering, number| {
                    let at = lowering.entry_address(entry, value, number);
                    let key_value = lowering.load_element(&entry.key_at(at));
                    let key_text = lowering.text_of(key, key_value);
                    let colon = lowering.text(": ");
                    let before = lowering.b.text2(TextOp::Concat, key_text, colon);
                    let value = lowering.load_element(&entry.value_at(at));
                    let value_text = lowering.text_of(of, value);
                    lowering.b.text2(TextOp::Concat, before, value_text)
                })
            }
            Type::Struct(id) => self.struct_text(id, value),
            _ => self.tagged_text(ty, value),
        };
        self.b.ret(Some(text));
    }

    /// `Reading { at: 3, value: 1.5 }`.
    fn struct_text(&mut self, id: StructId, value: ValueId) -> ValueId {
        let types = &self.shared.program.types;
        let Some(row) = types.structure(id) else { return self.b.address(0) };
        if row.fields.is_empty() {
            return self.text(&format!("{} {{}}", row.name));
        }
        let mut before = format!("{} {{ ", row.name);
        let mut text = None;
        for (index, field) in (0..).zip(&row.fields) {
            let Some(offset) = types.field_offset(id, index) else { continue };
            before.push_str(field.name);
            before.push_str(": ");
            let name = self.text(&before);
            before = String::from(", ");
            let so_far = text.map_or(name, |text| self.b.text2(TextOp::Concat, text, name));
            let element = Element { ty: field.ty, at: Address { base: value, offset }, index: None };
            let value = self.load_element(&element);
            let value = self.text_of(field.ty, value);
            text = Some(self.b.text2(TextOp::Concat, so_far, value));
        }
        let close = self.text(" }");
        text.map_or(close, |text| self.b.text2(TextOp::Concat, text, close))
    }

    /// So many texts with a comma between each two, in brackets.
    fn list_text(
        &mut self,
        count: ValueId,
        brackets: [&str; 2],
        each: impl FnOnce(&mut Self, ValueId) -> ValueId,
    ) -> ValueId {
        let block = self.new_block(self.size(TypeId::STR), count);
        let first = Address { base: block, offset: HEAD };
        let zero = self.b.i64(0);
        self.count_up(zero, count, |lowering, number| {
            let text = each(lowering, number);
            let place = lowering.indexed(TypeId::STR, first, number);
            lowering.store_element(&place, text);
        });
        let [open, close] = brackets.map(|bracket| self.text(bracket));
        let between = self.text(", ");
        let joined = self.b.text2(TextOp::Join, block, between);
        let opened = self.b.text2(TextOp::Concat, open, joined);
        self.b.text2(TextOp::Concat, opened, close)
    }
}
