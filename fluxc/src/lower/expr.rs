//! Expressions: operators, conversions, calls, choices with a value, texts.

use alloc::vec::Vec;

use super::function::{Lowering, Slot};
use super::glue::Glue;
use super::memory::Address;
use super::own::Origin;
use super::{data, fir_type};
use crate::fir::{BlockId, FloatKind, Truth, Type as FirType, ValueId};
use crate::lang::sema::tree::{
    Block, BlockId as TreeBlock, ExprId, ExprKind, FnId, List, MatchId, Pattern, Sign,
};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{BinaryOp, UnaryOp};
use flux_abi::select::TextOp;

/// What is done with the value of a branch.
type Sink<'f, 'x, 'p, 's> = &'f mut dyn FnMut(&mut Lowering<'x, 'p, 's>, ExprId);

impl<'x, 'p, 's> Lowering<'x, 'p, 's> {
    pub(super) fn settled_of(&self, id: ExprId) -> Type {
        self.shared.program.types.settled(self.shared.program.expr(id).ty)
    }

    /// An expression for what it does.
    pub(super) fn effect(&mut self, id: ExprId) {
        let expr = self.shared.program.expr(id);
        match expr.kind {
            ExprKind::Call(function, list) => {
                self.call(function, list, expr.ty);
            }
            ExprKind::CallValue(callee, list) => {
                self.call_result(callee, list, expr.ty);
            }
            ExprKind::Collection(op, list) => {
                self.collection(op, list, expr.ty);
            }
            ExprKind::If(cond, then, rest) => {
                self.if_value(cond, then, rest, &mut |lowering, value| lowering.effect(value));
            }
            ExprKind::Match(subject, arms) => {
                self.match_value(subject, arms, &mut |lowering, value| lowering.effect(value));
            }
            _ => {
                self.expr(id);
            }
        }
    }

    /// The value of an expression: a word, or the address of an aggregate.
    pub(super) fn expr(&mut self, id: ExprId) -> ValueId {
        let expr = self.shared.program.expr(id);
        let ty = self.shared.program.types.settled(expr.ty);
        match expr.kind {
            ExprKind::Int(sign, magnitude) => match ty {
                Type::Float(kind) => {
                    #[expect(clippy::cast_precision_loss, reason = "literals are rounded to nearest")]
                    let value = magnitude as f64;
                    self.float(kind, if sign == Sign::Minus { -value } else { value })
                }
                Type::Int(kind) => {
                    let word = if sign == Sign::Minus { magnitude.wrapping_neg() } else { magnitude };
                    self.b.constant(kind.ty(), kind.wrap(word))
                }
                _ => self.b.constant(fir_type(ty), magnitude),
            },
            ExprKind::Float(value) => {
                let kind = if let Type::Float(kind) = ty { kind } else { FloatKind::F64 };
                self.float(kind, value)
            }
            ExprKind::Bool(value) => self.b.boolean(Truth::from(value)),
            ExprKind::Duration(value) => self.b.i64(value),
            ExprKind::Text(text) => {
                let program = self.shared.program;
                let offset = self.shared.data.text(&mut self.shared.module, program.text(text));
                self.b.address(offset)
            }
            ExprKind::Interpolate(list) => self.interpolate(list),
            ExprKind::Local(local) => match self.slot(local) {
                Slot::Variable(variable) => self.b.read(variable),
                Slot::Frame(offset) => {
                    let at = self.frame_address(offset);
                    self.pointer(at)
                }
                Slot::None => self.b.i64(0),
            },
            ExprKind::State(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
                if let Some(place) = self.region_place(id) {
                    return self.region_byte(place);
                }
                let element = self.part(id);
                self.load_element(&element)
            }
            ExprKind::Param(param) => self.b.deploy_param(param.0, fir_type(ty)),
            ExprKind::Const(constant) => self.const_value(constant.index(), expr.ty),
            ExprKind::Variant(_, tag) => self.b.constant(FirType::I32, u64::from(tag)),
            ExprKind::Call(function, list) => {
                self.call(function, list, expr.ty).unwrap_or_else(|| self.b.i64(0))
            }
            ExprKind::CallValue(callee, list) => {
                self.call_result(callee, list, expr.ty).unwrap_or_else(|| self.b.i64(0))
            }
            ExprKind::Function(function) => self.function_value(function),
            ExprKind::Closure(function, list) => self.closure(function, list),
            ExprKind::Builtin(builtin, list) => self.builtin(builtin, list, ty),
            ExprKind::Collection(op, list) => {
                self.collection(op, list, expr.ty).unwrap_or_else(|| self.b.i64(0))
            }
            ExprKind::Array(list) if !matches!(ty, Type::Array(..)) => self.list_literal(list, expr.ty),
            ExprKind::Repeat(value, Some(count)) => self.list_repeat(value, count, expr.ty),
            ExprKind::Unary(op, operand) => self.unary(op, operand, ty),
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, ..) => self.truth(id),
            ExprKind::Binary(op, left, right) => {
                let operand = self.shared.program.expr(left).ty;
                if self.shared.program.types.is_aggregate(operand) {
                    return self.equality(op, left, right);
                }
                let left = self.steady(left, &[right]);
                let right = self.expr(right);
                self.operate(op, operand, left, right)
            }
            ExprKind::Convert(operand) if matches!(ty, Type::Struct(_) | Type::Array(..)) => {
                // A copy that nobody else has.
                let offset = self.reserve(expr.ty);
                let from = self.address_of_value(operand);
                let to = self.frame_address(offset);
                self.copy(expr.ty, from, to);
                self.adopt(expr.ty, to, self.origin(operand).max(Origin::Shared));
                let to = self.frame_address(offset);
                self.pointer(to)
            }
            ExprKind::Convert(operand) if matches!(ty, Type::List(_) | Type::Map(..) | Type::Bytes) => {
                let value = self.expr(operand);
                self.owned_word(expr.ty, value, self.origin(operand).max(Origin::Shared))
            }
            ExprKind::Convert(operand) => {
                let from = self.settled_of(operand);
                let value = self.expr(operand);
                self.convert(value, from, ty)
            }
            ExprKind::If(cond, then, rest) if !ty.is_aggregate() => {
                let result = self.b.declare(word_type(ty));
                self.if_value(cond, then, rest, &mut |lowering, value| {
                    let value = lowering.expr(value);
                    lowering.b.assign(result, value);
                });
                self.b.read(result)
            }
            ExprKind::Match(subject, arms) if !ty.is_aggregate() => {
                let result = self.b.declare(word_type(ty));
                self.match_value(subject, arms, &mut |lowering, value| {
                    let value = lowering.expr(value);
                    lowering.b.assign(result, value);
                });
                self.b.read(result)
            }
            ExprKind::If(..)
            | ExprKind::Match(..)
            | ExprKind::Array(_)
            | ExprKind::Repeat(..)
            | ExprKind::None
            | ExprKind::Some(_)
            | ExprKind::Tagged(..)
            | ExprKind::Struct(_) => {
                let offset = self.reserve(expr.ty);
                let to = self.frame_address(offset);
                self.store_into(id, to);
                let to = self.frame_address(offset);
                self.pointer(to)
            }
            ExprKind::Invalid => self.b.i64(0),
        }
    }

    pub(super) fn float(&mut self, kind: FloatKind, value: f64) -> ValueId {
        use crate::lang::sema::tree::Value;
        let bits = data::scalar_bits(Type::Float(kind), &Value::Float(value)).unwrap_or(0);
        self.b.constant(kind.ty(), bits)
    }

    pub(super) fn const_value(&mut self, index: usize, ty: TypeId) -> ValueId {
        let program = self.shared.program;
        let Some(value) = program.consts.get(index).and_then(|row| row.value.as_ref()) else {
            return self.b.i64(0);
        };
        let settled = program.types.settled(ty);
        if let Some(bits) = data::scalar_bits(settled, value) {
            return self.b.constant(fir_type(settled), bits);
        }
        if let crate::lang::sema::tree::Value::Text(text) = value {
            let offset = self.shared.data.text(&mut self.shared.module, text);
            return self.b.address(offset);
        }
        let offset = match self.shared.constants.get(index).copied().flatten() {
            Some(offset) => offset,
            None => {
                let shared = &mut *self.shared;
                let (data, module) = (&mut shared.data, &mut shared.module);
                let offset = match settled {
                    Type::List(_) | Type::Map(..) => data.growable(module, &program.types, ty, value),
                    _ => data.aggregate(module, &program.types, ty, value),
                };
                let offset = offset.unwrap_or(0);
                if let Some(slot) = shared.constants.get_mut(index) {
                    *slot = Some(offset);
                }
                offset
            }
        };
        self.b.address(offset)
    }

    // ------------------------------------------------------------ conditions

    /// Goes to `then` if the condition holds, else to `otherwise`.
    pub(super) fn condition(&mut self, id: ExprId, then: BlockId, otherwise: BlockId) {
        match self.shared.program.expr(id).kind {
            ExprKind::Unary(UnaryOp::Not, operand) => self.condition(operand, otherwise, then),
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                let middle = self.b.create_block();
                if op == BinaryOp::And {
                    self.condition(left, middle, otherwise);
                } else {
                    self.condition(left, then, middle);
                }
                self.b.seal_block(middle);
                self.b.switch_to(middle);
                self.condition(right, then, otherwise);
            }
            _ => {
                let value = self.expr(id);
                self.b.branch(value, then, otherwise);
            }
        }
    }

    /// `&&` and `||` as a value.
    pub(super) fn truth(&mut self, id: ExprId) -> ValueId {
        let result = self.b.declare(FirType::Bool);
        let then = self.b.create_block();
        let otherwise = self.b.create_block();
        let end = self.b.create_block();
        self.condition(id, then, otherwise);
        for (block, truth) in [(then, Truth::True), (otherwise, Truth::False)] {
            self.b.seal_block(block);
            self.b.switch_to(block);
            let value = self.b.boolean(truth);
            self.b.assign(result, value);
            self.b.jump(end, &[]);
        }
        self.b.seal_block(end);
        self.b.switch_to(end);
        self.b.read(result)
    }

    pub(super) fn branch_block(&mut self, block: &'p Block, sink: Sink<'_, 'x, 'p, 's>, end: BlockId) {
        self.block(block);
        if self.b.is_filled() {
            return;
        }
        if let Some(value) = block.value {
            sink(self, value);
        }
        self.go_on(end);
    }

    pub(super) fn if_value(
        &mut self,
        cond: ExprId,
        then: TreeBlock,
        rest: TreeBlock,
        sink: Sink<'_, 'x, 'p, 's>,
    ) {
        let program = self.shared.program;
        let yes = self.b.create_block();
        let no = self.b.create_block();
        let end = self.b.create_block();
        self.condition(cond, yes, no);
        self.b.seal_block(yes);
        self.b.seal_block(no);
        self.b.switch_to(yes);
        if let Some(block) = program.blocks.get(then.index()) {
            self.branch_block(block, sink, end);
        }
        self.b.switch_to(no);
        if let Some(block) = program.blocks.get(rest.index()) {
            self.branch_block(block, sink, end);
        }
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    pub(super) fn match_value(&mut self, subject: ExprId, arms: MatchId, sink: Sink<'_, 'x, 'p, 's>) {
        let program = self.shared.program;
        let subject = self.subject(subject);
        let end = self.b.create_block();
        for arm in program.matches.get(arms.index()).map_or(&[][..], Vec::as_slice) {
            let body = self.b.create_block();
            let next = self.b.create_block();
            let guard = arm.guard.map(|guard| (guard, self.b.create_block()));
            let hit = guard.map_or(body, |(_, block)| block);
            let mut open = true;
            for pattern in &arm.patterns {
                if let Pattern::All | Pattern::Bind(_) = pattern {
                    self.pattern(pattern, &subject, next);
                    self.b.jump(hit, &[]);
                    open = false;
                    break;
                }
                let other = self.b.create_block();
                self.pattern(pattern, &subject, other);
                self.b.jump(hit, &[]);
                self.b.seal_block(other);
                self.b.switch_to(other);
            }
            if open {
                self.b.jump(next, &[]);
            }
            if let Some((guard, block)) = guard {
                self.b.seal_block(block);
                self.b.switch_to(block);
                self.condition(guard, body, next);
            }
            self.b.seal_block(body);
            self.b.seal_block(next);
            self.b.switch_to(body);
            self.branch_block(&arm.body, sink, end);
            self.b.switch_to(next);
        }
        // Every value is taken.
        if !self.b.is_filled() {
            self.b.unreachable();
        }
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    // ------------------------------------------------------------ calls

    pub(super) fn call(&mut self, function: FnId, list: List, ty: TypeId) -> Option<ValueId> {
        if !self.shared.program.types.is_aggregate(ty) {
            return self.call_function(function, list, None);
        }
        let offset = self.reserve(ty);
        let at = self.frame_address(offset);
        let address = self.pointer(at);
        self.call_function(function, list, Some(address));
        Some(address)
    }

    fn call_result(&mut self, callee: ExprId, list: List, ty: TypeId) -> Option<ValueId> {
        if !self.shared.program.types.is_aggregate(ty) {
            return self.call_closure(callee, list, ty, None);
        }
        let offset = self.reserve(ty);
        let at = self.frame_address(offset);
        let address = self.pointer(at);
        self.call_closure(callee, list, ty, Some(address));
        Some(address)
    }

    /// A value as the word that stands for it in a call.
    pub(super) fn argument(&mut self, id: ExprId) -> ValueId {
        if self.shared.program.types.is_aggregate(self.shared.program.expr(id).ty) {
            let at: Address = self.address_of_value(id);
            return self.pointer(at);
        }
        self.expr(id)
    }

    /// Calls a function; an aggregate result goes to the address.
    pub(super) fn call_function(
        &mut self,
        function: FnId,
        list: List,
        result: Option<ValueId>,
    ) -> Option<ValueId> {
        let program = self.shared.program;
        let func = self.shared.numbers.get(function.index()).copied().flatten()?;
        let ret = program.functions.get(function.index()).map_or(TypeId::UNIT, |row| row.ret);
        let mut args: Vec<ValueId> = Vec::new();
        args.extend(result);
        args.extend(self.steady_all(program.list(list)));
        let ty = if result.is_some() { FirType::Void } else { self.shared.fir_type(ret) };
        self.b.call(func, ty, &args)
    }

    // ------------------------------------------------------------ texts

    pub(super) fn interpolate(&mut self, list: List) -> ValueId {
        let program = self.shared.program;
        let mut result: Option<ValueId> = None;
        for part in program.list(list) {
            let text = self.shown(*part);
            result = Some(match result {
                None => text,
                Some(before) => self.b.text2(TextOp::Concat, before, text),
            });
        }
        result.unwrap_or_else(|| self.b.address(0))
    }

    /// A value in its text form.
    pub(super) fn shown(&mut self, id: ExprId) -> ValueId {
        let ty = self.shared.program.expr(id).ty;
        let value = self.expr(id);
        self.text_of(ty, value)
    }

    /// The text form of a value of type `ty`: a word, or the address of an aggregate.
    pub(super) fn text_of(&mut self, ty: TypeId, value: ValueId) -> ValueId {
        match self.settled(ty) {
            Type::Str => value,
            Type::Bool => self.b.text(TextOp::FromBool, value),
            Type::Float(FloatKind::F64) => self.b.text(TextOp::FromFloat, value),
            Type::Float(FloatKind::F32) => self.b.text(TextOp::FromF32, value),
            Type::Duration => self.b.text(TextOp::FromDuration, value),
            Type::Int(kind) => {
                let word = self.word(value);
                self.b.text(if kind.is_signed() { TextOp::FromInt } else { TextOp::FromUint }, word)
            }
            Type::Enum(id) => {
                let program = self.shared.program;
                let variants = program.types.enumeration(id).map_or(&[][..], |row| &row.variants);
                let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
                self.name_of(&names, value)
            }
            Type::Optional(_)
            | Type::Union(_)
            | Type::Struct(_)
            | Type::Array(..)
            | Type::List(_)
            | Type::Bytes
            | Type::Map(..) => {
                let func = self.glue(ty, Glue::Text);
                self.b.call(func, FirType::Ptr, &[value]).unwrap_or(value)
            }
            _ => self.b.address(0),
        }
    }
}

/// The FIR type of a word that holds a value; a value of no type is a word too.
fn word_type(ty: Type) -> FirType {
    match fir_type(ty) {
        FirType::Void => FirType::I64,
        ty => ty,
    }
}
