//! Shapes of declared types: sizes, offsets and what their values own, found once for each.
//!
//! # Invariants
//! 1. A type gets its shape when all that it holds in place has one; what never gets ready holds itself.

use alloc::vec::Vec;

use super::{
    AGGREGATE_BYTES, Declared, EnumId, Layout, Owns, Problem, Shape, StructId, TAG_BYTES, Type, TypeId,
    Types, number,
};
use crate::span::Span;

impl<'s> Types<'s> {
    /// Finds out the layouts of all structs and enums; those that cannot be lose their fields.
    ///
    /// Each is looked at once, after those that it holds. Gives where the impossible ones are declared.
    pub fn settle_declared(&mut self) -> Vec<(Span, Problem)> {
        let count = self.structs.len().saturating_add(self.enums.len());
        let mut missing = alloc::vec![0u32; count];
        let mut users: Vec<(Declared, Declared)> = Vec::new();
        for index in 0..number(count) {
            let user = Declared(index);
            let before = users.len();
            let groups = self.members(user);
            let held = groups.iter().flatten().filter_map(|ty| self.declared_in(*ty));
            users.extend(held.map(|held| (held, user)));
            if let Some(slot) = missing.get_mut(index as usize) {
                *slot = u32::try_from(users.len().saturating_sub(before)).unwrap_or(u32::MAX);
            }
        }
        users.sort_unstable();
        let mut ready: Vec<Declared> = Vec::new();
        let mut problems = Vec::new();
        for first in (0..number(count)).map(Declared) {
            // What still waits when nothing is ready holds itself, or waits for what does.
            if missing.get(first.0 as usize) != Some(&0) {
                continue;
            }
            ready.push(first);
            self.settle_ready(&mut ready, &mut missing, &users, &mut problems);
        }
        for first in (0..number(count)).map(Declared) {
            if self.shape_slot(first).is_some_and(|(shape, _)| shape.is_none()) {
                ready.push(first);
                self.settle_ready(&mut ready, &mut missing, &users, &mut problems);
            }
        }
        self.spread_functions(number(count));
        problems.sort_unstable_by_key(|(id, _)| id.0);
        let place = |id| self.shape_slot_span(id);
        problems.into_iter().map(|(id, problem)| (place(id), problem)).collect()
    }

    /// As [`Self::settle_declared`] of the struct that was added last, all whose fields are settled.
    pub fn settle_last_struct(&mut self) -> Option<Problem> {
        let last = Declared(number(self.structs.len().checked_sub(1)?));
        let mut problems = Vec::new();
        self.settle_ready(&mut [last].into(), &mut [], &[], &mut problems);
        problems.pop().map(|(_, problem)| problem)
    }

    /// Marks what holds a function value behind a growable array or a map, where shapes do not look.
    fn spread_functions(&mut self, count: u32) {
        let mut users: Vec<(Declared, Declared)> = Vec::new();
        for user in (0..count).map(Declared) {
            let groups = self.members(user);
            users.extend(groups.iter().flatten().filter_map(|ty| Some((self.declared_behind(*ty)?, user))));
        }
        users.sort_unstable();
        let holds = |types: &Self, id| {
            types
                .shape_slot(id)
                .is_some_and(|(shape, _)| shape.as_ref().is_some_and(|row| row.holds_function))
        };
        let mut open: Vec<Declared> = (0..count).map(Declared).filter(|id| holds(self, *id)).collect();
        while let Some(id) = open.pop() {
            let from = users.partition_point(|(held, _)| held.0 < id.0);
            for (_, user) in users.iter().skip(from).take_while(|(held, _)| *held == id) {
                if holds(self, *user) {
                    continue;
                }
                let shape = match (user.0 as usize).checked_sub(self.structs.len()) {
                    None => self.structs.get_mut(user.0 as usize).and_then(|row| row.shape.as_mut()),
                    Some(index) => self.enums.get_mut(index).and_then(|row| row.shape.as_mut()),
                };
                if let Some(shape) = shape {
                    shape.holds_function = true;
                    open.push(*user);
                }
            }
        }
    }

    /// Types of the fields of a struct, or of the payload of each variant.
    fn members(&self, id: Declared) -> Vec<Vec<TypeId>> {
        match (id.0 as usize).checked_sub(self.structs.len()) {
            None => {
                let fields = self.structs.get(id.0 as usize).map_or(&[][..], |row| &row.fields);
                [fields.iter().map(|field| field.ty).collect()].into()
            }
            Some(index) => {
                let variants = self.enums.get(index).map_or(&[][..], |row| &row.variants);
                variants.iter().map(|variant| variant.payload.clone()).collect()
            }
        }
    }

    /// The shape of a declared type, and whether it has a tag.
    fn shape_slot(&self, id: Declared) -> Option<(&Option<Shape>, bool)> {
        match (id.0 as usize).checked_sub(self.structs.len()) {
            None => self.structs.get(id.0 as usize).map(|row| (&row.shape, false)),
            Some(index) => self.enums.get(index).map(|row| (&row.shape, true)),
        }
    }

    fn shape_slot_span(&self, id: Declared) -> Span {
        match (id.0 as usize).checked_sub(self.structs.len()) {
            None => self.structs.get(id.0 as usize).map_or_else(Span::default, |row| row.span),
            Some(index) => self.enums.get(index).map_or_else(Span::default, |row| row.span),
        }
    }

    fn set_shape(&mut self, id: Declared, shape: Option<Shape>) {
        let impossible = shape.is_none();
        let shape = shape.unwrap_or(Shape {
            layout: Layout { size: 0, align: 1 },
            offsets: Vec::new(),
            levels: 1,
            owns: Owns::Nothing,
            holds_function: false,
        });
        // Without fields it cannot lead anybody astray.
        match (id.0 as usize).checked_sub(self.structs.len()) {
            None => {
                if let Some(row) = self.structs.get_mut(id.0 as usize) {
                    row.shape = Some(shape);
                    if impossible {
                        row.fields = Vec::new();
                    }
                }
            }
            Some(index) => {
                if let Some(row) = self.enums.get_mut(index) {
                    row.shape = Some(shape);
                    for variant in row.variants.iter_mut().filter(|_| impossible) {
                        variant.payload = Vec::new();
                    }
                }
            }
        }
    }

    fn settle_ready(
        &mut self,
        ready: &mut Vec<Declared>,
        missing: &mut [u32],
        users: &[(Declared, Declared)],
        problems: &mut Vec<(Declared, Problem)>,
    ) {
        while let Some(id) = ready.pop() {
            let Some((None, tagged)) = self.shape_slot(id) else { continue };
            let start = if tagged { TAG_BYTES } else { 0 };
            let levels = self.declared_type(id).map_or(Ok(1), |ty| self.measured(ty));
            let shape = levels.and_then(|levels| self.shape_of(&self.members(id), start, levels));
            let shape = shape.map_err(|problem| problems.push((id, problem))).ok();
            self.set_shape(id, shape);
            let from = users.partition_point(|(held, _)| held.0 < id.0);
            for (_, user) in users.iter().skip(from).take_while(|(held, _)| *held == id) {
                if let Some(slot) = missing.get_mut(user.0 as usize) {
                    *slot = slot.saturating_sub(1);
                    if *slot == 0 {
                        ready.push(*user);
                    }
                }
            }
        }
    }

    /// The type that a declared type is, if it has a shape of its own.
    fn declared_type(&self, id: Declared) -> Option<TypeId> {
        let ty = match id.0.checked_sub(number(self.structs.len())) {
            None => Type::Struct(StructId(id.0)),
            Some(index) => Type::Union(EnumId(index)),
        };
        self.interned.get(&ty).copied()
    }

    /// The declared type that a type is, or holds in place.
    fn declared_in(&self, mut ty: TypeId) -> Option<Declared> {
        loop {
            match self.settled(ty) {
                Type::Array(inner, _) | Type::Optional(inner) => ty = inner,
                Type::Struct(id) => return Some(Declared(id.0)),
                Type::Union(id) => return Some(Declared(number(self.structs.len()).saturating_add(id.0))),
                _ => return None,
            }
        }
    }

    /// The declared type that a type is or holds, growable values included.
    fn declared_behind(&self, mut ty: TypeId) -> Option<Declared> {
        loop {
            match self.settled(ty) {
                Type::Array(inner, _) | Type::Optional(inner) | Type::List(inner) | Type::Map(_, inner) => {
                    ty = inner;
                }
                _ => return self.declared_in(ty),
            }
        }
    }

    /// Shape of a struct of one group of fields, or of an enum with a tag before one group for
    /// each variant; the declared types in them have theirs.
    fn shape_of(&self, groups: &[Vec<TypeId>], tag: u32, levels: usize) -> Result<Shape, Problem> {
        let large = Problem::TooLarge;
        let (mut widest, mut align) = (0u32, 1u32);
        let (mut owns, mut holds_function) = (Owns::Nothing, false);
        let mut offsets = Vec::with_capacity(groups.len());
        for group in groups {
            let mut size = 0u32;
            let mut row = Vec::with_capacity(group.len());
            for ty in group {
                let place = self.layout(*ty).ok_or(large)?;
                let at = size.checked_next_multiple_of(place.align).ok_or(large)?;
                row.push(at);
                size = at.checked_add(place.size).ok_or(large)?;
                align = align.max(place.align);
                owns = owns.max(self.owns(*ty));
                holds_function |= self.holds_function(*ty);
            }
            widest = widest.max(size);
            offsets.push(row);
        }
        // All payloads begin at one place.
        let start = tag.checked_next_multiple_of(align).ok_or(large)?;
        for offset in offsets.iter_mut().flatten() {
            *offset = offset.checked_add(start).ok_or(large)?;
        }
        let align = align.max(tag.max(1));
        let size = start.checked_add(widest).and_then(|size| size.checked_next_multiple_of(align));
        let size = size.filter(|size| *size <= AGGREGATE_BYTES).ok_or(large)?;
        let layout = Layout { size, align };
        Ok(Shape { layout, offsets, levels, owns, holds_function })
    }

    /// The shape of a declared type.
    pub(super) fn shape(&self, ty: TypeId) -> Option<&Shape> {
        match self.settled(ty) {
            Type::Struct(id) => self.structure(id)?.shape.as_ref(),
            Type::Enum(id) | Type::Union(id) => self.enumeration(id)?.shape.as_ref(),
            _ => None,
        }
    }
}
