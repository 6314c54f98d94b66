//! Function values in memory.
//!
//! A function value is the address of {function number + 1, captured values}: constant if
//! nothing is captured, else in the arena. The function takes that address before its
//! arguments, behind the address for an aggregate result. A function of the document, which does
//! not take it, is reached over one that passes the rest on.

use alloc::vec::Vec;

use super::function::{Lowering, Slot};
use super::glue::Made;
use super::memory::Address;
use super::own::Origin;
use super::{LowerError, Shared, number};
use crate::fir::pack::Body;
use crate::fir::{Access, FuncId, FunctionBuilder, Intrinsic, Signature, Type as FirType, ValueId};
use crate::lang::sema::tree::{ExprId, FnId, List};
use crate::lang::sema::types::{Layout, TypeId};
use crate::span::Span;

/// Bytes of the function number, before what is captured.
const NUMBER_BYTES: u32 = 4;

/// A function that passes its arguments on, without the function value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adapter {
    pub(super) func: FuncId,
    target: FuncId,
}

/// Offsets of values that lie behind a function number, and the end of the last.
fn places(layouts: impl Iterator<Item = Option<Layout>>) -> Option<(Vec<u32>, u32)> {
    let mut end = NUMBER_BYTES;
    let mut offsets = Vec::new();
    for layout in layouts {
        let layout = layout?;
        let offset = end.checked_next_multiple_of(layout.align)?;
        offsets.push(offset);
        end = offset.checked_add(layout.size)?;
    }
    Some((offsets, end))
}

impl Shared<'_, '_> {
    /// The constant that stands for a function that captures nothing.
    fn constant_function(&mut self, function: FnId) -> u32 {
        if let Some(offset) = self.function_values.get(&function) {
            return *offset;
        }
        let target = self.numbers.get(function.index()).copied().flatten().unwrap_or(FuncId::new(0));
        let lambda = self.program.functions.get(function.index()).is_some_and(|row| row.captures.is_some());
        let func = if lambda { target } else { self.adapter(target) };
        let word = number(func.index()).saturating_add(1);
        let offset = self.module.add_data(&word.to_le_bytes(), 8);
        self.function_values.insert(function, offset);
        offset
    }

    /// Declares a function that takes a function value and passes the rest on to `target`.
    fn adapter(&mut self, target: FuncId) -> FuncId {
        let Some(callee) = self.module.function(target) else { return target };
        let (name, line) = (callee.name.clone(), callee.line);
        let mut signature: Signature = callee.signature.clone();
        // Behind the address for an aggregate result.
        let place = usize::from(self.aggregate_results.contains(&target)).min(signature.params.len());
        signature.params.insert(place, FirType::Ptr);
        let func = self.module.declare(&name, signature, 0, line);
        self.made.later(Made::Adapter(Adapter { func, target }));
        func
    }

    /// Makes the body of an adapter.
    pub(super) fn adapter_body(&mut self, Adapter { func, target }: Adapter) -> Result<Body, LowerError> {
        let place = usize::from(self.aggregate_results.contains(&target));
        let (Some(declared), Some(callee)) = (self.module.function(func), self.module.function(target))
        else {
            return Err(LowerError::limit(Span::empty(0), "a function was not declared"));
        };
        let mut b = FunctionBuilder::in_memory(declared, core::mem::take(&mut self.builder));
        let args: Vec<ValueId> = (0..callee.signature.params.len())
            .map(|index| b.param(if index < place { index } else { index + 1 }))
            .collect();
        let value = b.call(target, callee.signature.result, &args);
        b.ret(value);
        let function = b.finish_into(&mut self.builder);
        let mut function =
            function.map_err(|error| LowerError::limit(Span::empty(0), alloc::format!("{error}")))?;
        let body = Body::pack(&mut function);
        self.builder.recycle(function);
        Ok(body)
    }
}

impl<'p> Lowering<'_, 'p, '_> {
    /// The name of a function as a value.
    pub(super) fn function_value(&mut self, function: FnId) -> ValueId {
        let offset = self.shared.constant_function(function);
        self.b.address(offset)
    }

    /// A lambda with what it captures now.
    pub(super) fn closure(&mut self, function: FnId, list: List) -> ValueId {
        let program = self.shared.program;
        let values = program.list(list);
        if values.is_empty() {
            return self.function_value(function);
        }
        let layouts = values.iter().map(|value| program.types.layout(program.expr(*value).ty));
        let Some((offsets, size)) = places(layouts) else {
            self.fail("a lambda captures more than fits");
            return self.b.address(0);
        };
        // What is captured may allocate too: it comes after.
        let size = self.b.i64(i64::from(size));
        let object = self.b.intrinsic(Intrinsic::ArenaAlloc, 0, &[size]).unwrap_or_else(|| ValueId::new(0));
        let func = self.shared.numbers.get(function.index()).copied().flatten().unwrap_or(FuncId::new(0));
        let func = self.b.func_addr(func);
        self.b.store(Access::Z32, func, object, 0);
        for (value, offset) in values.iter().zip(offsets) {
            self.store_into(*value, Address { base: object, offset });
        }
        object
    }

    /// Gives the locals of a lambda what it captured; `object` is the function value.
    pub(super) fn open_closure(&mut self, object: ValueId, locals: core::ops::Range<usize>) {
        let types: Vec<TypeId> = locals
            .clone()
            .map(|index| self.local_ty(crate::lang::sema::tree::LocalId(number(index))))
            .collect();
        let program = self.shared.program;
        let Some((offsets, _)) = places(types.iter().map(|ty| program.types.layout(*ty))) else { return };
        for ((index, ty), offset) in locals.zip(types).zip(offsets) {
            let at = Address { base: object, offset };
            let value = self.load_element(&super::memory::Element { ty, at, index: None });
            let fir = self.b.value_type(value);
            let variable = self.b.declare(fir);
            if let Some(slot) = self.slots.get_mut(index) {
                *slot = Slot::Variable(variable);
            }
            self.introduce(crate::lang::sema::tree::LocalId(number(index)));
            self.b.assign(variable, value);
            // The function value keeps what it captured.
            if let Some(slot) = self.borrows.get_mut(index) {
                *slot = Some(Origin::Shared);
            }
        }
    }

    /// Calls a function value; an aggregate result goes to the address.
    pub(super) fn call_closure(
        &mut self,
        callee: ExprId,
        list: List,
        ty: TypeId,
        result: Option<ValueId>,
    ) -> Option<ValueId> {
        let program = self.shared.program;
        let object = self.expr(callee);
        let args: Vec<ValueId> = self.steady_all(program.list(list));
        self.call_object(object, &args, ty, result)
    }

    /// Calls the function value at `object` with words that are arguments.
    pub(super) fn call_object(
        &mut self,
        object: ValueId,
        args: &[ValueId],
        ty: TypeId,
        result: Option<ValueId>,
    ) -> Option<ValueId> {
        let func = self.b.load(FirType::Func, Access::Z32, object, 0);
        let words: Vec<ValueId> = result.into_iter().chain([object]).chain(args.iter().copied()).collect();
        let fir = if result.is_some() { FirType::Void } else { self.shared.fir_type(ty) };
        self.b.call_indirect(func, fir, &words)
    }
}
