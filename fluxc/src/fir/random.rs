//! Makes verified, terminating modules out of arbitrary bytes, for properties and fuzzing.
//!
//! Loops have a counter that ends them, and a function calls only those before it, so that
//! every program ends. Programs may trap. Every operation without a host is reached; narrow
//! values keep to one kind, as lowered documents do.

use super::op::{IntCompare, IntOp};
use super::runtime::Intrinsic;
use super::types::{Access, FloatKind, IntKind, Type};
use super::{FuncId, FunctionBuilder, Module, Signature, ValueId, Variable};
use alloc::vec::Vec;
use alloc::{format, vec};
use flux_abi::trap::TrapKind;

mod expression;

/// Writable bytes behind the module's data that the programs expect.
pub const WRITABLE: usize = 256;
/// Statements of one function.
const STATEMENTS: u32 = 40;
/// Nesting of statements.
const NESTING: u32 = 4;

/// A module made of `bytes`; the same bytes give the same module. Its last function is the
/// one to run.
#[must_use]
pub fn module(bytes: &[u8]) -> Module {
    let mut source = Source { bytes, at: 0 };
    let mut module = Module::new("random");
    let mut data = vec![0u8; 16];
    data.extend((0..16u8).map(|n| n.wrapping_mul(37)));
    module.add_data(&data, 16);
    let count = 1 + source.below(4);
    let mut made: Vec<(FuncId, Vec<Kind>, Option<Kind>)> = Vec::new();
    for n in 0..count {
        let params: Vec<Kind> = (0..source.below(7)).map(|_| source.kind()).collect();
        let result = if source.below(4) == 0 { None } else { Some(source.kind()) };
        let signature = Signature {
            params: params.iter().map(|kind| kind.ty()).collect(),
            result: result.map_or(Type::Void, Kind::ty),
        };
        let id = module.declare(&format!("f{n}"), signature, 0, n + 1);
        let Some(builder) = module.build(id) else { continue };
        let generator = Generator {
            source: &mut source,
            builder,
            variables: Vec::new(),
            callees: &made,
            left: STATEMENTS,
            line: n + 1,
        };
        if let Some(function) = generator.function(&params, result) {
            module.define(id, function);
        }
        made.push((id, params, result));
    }
    module
}

/// What a value of the random program is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Int(IntKind),
    Float(FloatKind),
    Bool,
    Ptr,
}

impl Kind {
    fn ty(self) -> Type {
        match self {
            Self::Int(kind) => kind.ty(),
            Self::Float(kind) => kind.ty(),
            Self::Bool => Type::Bool,
            Self::Ptr => Type::Ptr,
        }
    }
}

struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::from(self.byte()) % limit
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::from(self.byte()) % items.len()]
    }

    fn kind(&mut self) -> Kind {
        match self.below(12) {
            0 => Kind::Bool,
            1 => Kind::Ptr,
            2 => Kind::Float(FloatKind::F32),
            3 | 4 => Kind::Float(FloatKind::F64),
            5..=7 => Kind::Int(IntKind::I64),
            _ => Kind::Int(self.one_of(&IntKind::ALL)),
        }
    }

    /// A number that often lies at a border.
    fn number(&mut self, kind: IntKind) -> u64 {
        let word = match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (kind.bits() - 1),
            3 => (1 << (kind.bits() - 1)) - 1,
            4 => u64::from(self.byte()),
            _ => self.word(),
        };
        kind.wrap(word)
    }
}

struct Generator<'a, 'b> {
    source: &'a mut Source<'b>,
    builder: FunctionBuilder,
    variables: Vec<(Variable, Kind)>,
    callees: &'a [(FuncId, Vec<Kind>, Option<Kind>)],
    left: u32,
    line: u32,
}

impl Generator<'_, '_> {
    fn function(mut self, params: &[Kind], result: Option<Kind>) -> Option<super::Function> {
        for (n, &kind) in params.iter().enumerate() {
            let variable = self.builder.declare(kind.ty());
            let value = self.builder.param(n);
            self.builder.assign(variable, value);
            self.variables.push((variable, kind));
        }
        for _ in 0..2 + self.source.below(6) {
            let kind = self.source.kind();
            let variable = self.builder.declare(kind.ty());
            let value = self.constant(kind);
            self.builder.assign(variable, value);
            self.variables.push((variable, kind));
        }
        self.statements(0);
        let value = result.map(|kind| self.value(kind));
        self.builder.ret(value);
        self.builder.finish().ok()
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..1 + self.source.below(8) {
            if self.left == 0 || self.builder.is_filled() {
                return;
            }
            self.left -= 1;
            self.line += 1;
            self.builder.set_line(self.line);
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        match self.source.below(if depth < NESTING { 16 } else { 11 }) {
            0 => self.store(),
            1 => self.call(),
            2 => self.check(),
            3 => self.bulk(),
            4..=10 => {
                let place = usize::from(self.source.byte()) % self.variables.len().max(1);
                if let Some(&(variable, kind)) = self.variables.get(place) {
                    let value = self.expression(kind);
                    self.builder.assign(variable, value);
                }
            }
            11 | 12 => self.choose(depth),
            13 | 14 => self.repeat(depth),
            _ => self.switch(depth),
        }
    }

    fn choose(&mut self, depth: u32) {
        let condition = self.expression(Kind::Bool);
        let (then, otherwise, after) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        self.builder.branch(condition, then, otherwise);
        for block in [then, otherwise] {
            self.builder.seal_block(block);
            self.builder.switch_to(block);
            if self.source.below(4) > 0 {
                self.statements(depth + 1);
            }
            if self.source.below(24) == 0 {
                let kind = self.source.one_of(&[TrapKind::User, TrapKind::Assertion, TrapKind::Invalid]);
                self.builder.trap(kind);
            } else {
                self.builder.jump(after, &[]);
            }
        }
        self.builder.seal_block(after);
        self.builder.switch_to(after);
    }

    fn repeat(&mut self, depth: u32) {
        let counter = self.builder.declare(Type::I64);
        let start = self.builder.i64(0);
        self.builder.assign(counter, start);
        let times = i64::from(self.source.below(5));
        let (head, body, after) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        self.builder.jump(head, &[]);
        self.builder.switch_to(head);
        let (count, limit) = (self.builder.read(counter), self.builder.i64(times));
        let condition = self.builder.compare(IntCompare::Slt, count, limit);
        self.builder.branch(condition, body, after);
        self.builder.seal_block(body);
        self.builder.switch_to(body);
        self.statements(depth + 1);
        if self.source.below(4) == 0 {
            let (stop, go_on) = (self.expression(Kind::Bool), self.builder.create_block());
            self.builder.branch(stop, after, go_on);
            self.builder.seal_block(go_on);
            self.builder.switch_to(go_on);
        }
        let (count, one) = (self.builder.read(counter), self.builder.i64(1));
        let next = self.builder.int_op(IntOp::Add, IntKind::I64, count, one);
        self.builder.assign(counter, next);
        self.builder.jump(head, &[]);
        self.builder.seal_block(head);
        self.builder.seal_block(after);
        self.builder.switch_to(after);
    }

    fn switch(&mut self, depth: u32) {
        let kind = self.source.one_of(&IntKind::ALL);
        let value = self.expression(Kind::Int(kind));
        let after = self.builder.create_block();
        let mut cases: Vec<(i64, super::BlockId)> = Vec::new();
        for n in 0..self.source.below(8) {
            let number = self.source.number(kind).cast_signed().wrapping_add(i64::from(n));
            if cases.iter().all(|case| case.0 != number) {
                cases.push((number, self.builder.create_block()));
            }
        }
        let default = self.builder.create_block();
        self.builder.switch(value, &cases, default);
        for block in cases.iter().map(|case| case.1).chain([default]) {
            self.builder.seal_block(block);
            self.builder.switch_to(block);
            if self.source.below(2) == 0 {
                self.statements(depth + 1);
            }
            self.builder.jump(after, &[]);
        }
        self.builder.seal_block(after);
        self.builder.switch_to(after);
    }

    fn store(&mut self) {
        let kind = self.source.kind();
        let value = self.value(kind);
        let access = match kind {
            Kind::Int(kind) => int_access(kind),
            Kind::Float(FloatKind::F64) => Access::W64,
            Kind::Float(FloatKind::F32) | Kind::Ptr => Access::Z32,
            Kind::Bool => Access::Z8,
        };
        let base = self.address();
        let offset = i32::from(self.source.byte() % 16);
        if self.source.below(3) == 0 {
            let index = self.index();
            self.builder.store_indexed(access, value, base, index, offset);
        } else {
            self.builder.store(access, value, base, offset);
        }
    }

    fn call(&mut self) {
        let callees = self.callees;
        if callees.is_empty() {
            return;
        }
        let (func, params, result) = &callees[usize::from(self.source.byte()) % callees.len()];
        let args: Vec<ValueId> = params.iter().map(|&kind| self.value(kind)).collect();
        let ty = result.map_or(Type::Void, Kind::ty);
        let value = if self.source.below(3) == 0 {
            let callee = self.builder.func_addr(*func);
            self.builder.call_indirect(callee, ty, &args)
        } else {
            self.builder.call(*func, ty, &args)
        };
        if let (Some(value), &Some(kind)) = (value, result) {
            self.assign_some(kind, value);
        }
    }

    /// Gives the value to a variable of its kind, a new one if there is none.
    fn assign_some(&mut self, kind: Kind, value: ValueId) {
        match self.variables.iter().rev().find(|variable| variable.1 == kind) {
            Some(&(variable, _)) => self.builder.assign(variable, value),
            None => {
                let variable = self.builder.declare(kind.ty());
                self.builder.assign(variable, value);
            }
        }
    }

    fn check(&mut self) {
        if self.source.below(2) == 0 {
            let (index, length) = (self.index(), self.builder.i64(8));
            self.builder.index_check(index, length);
        } else {
            let (a, b) = (self.expression(Kind::Bool), self.expression(Kind::Bool));
            // Mostly true.
            let either = self.builder.select(a, a, b);
            self.builder.expect_true(either);
        }
    }

    fn bulk(&mut self) {
        let (to, bytes) = (self.address(), i64::from(self.source.below(24)));
        let bytes = self.builder.i64(bytes);
        match self.source.below(3) {
            0 => {
                let byte = self.value(Kind::Int(IntKind::I64));
                self.builder.intrinsic(Intrinsic::MemSet, 0, &[to, byte, bytes]);
            }
            1 => {
                let from = self.address();
                self.builder.intrinsic(Intrinsic::MemCopy, 0, &[to, from, bytes]);
            }
            _ => {
                let other = self.address();
                if let Some(order) = self.builder.intrinsic(Intrinsic::MemCompare, 0, &[to, other, bytes]) {
                    self.assign_some(Kind::Int(IntKind::I64), order);
                }
            }
        }
    }
}

fn int_access(kind: IntKind) -> Access {
    match kind {
        IntKind::I8 => Access::S8,
        IntKind::U8 => Access::Z8,
        IntKind::I16 => Access::S16,
        IntKind::U16 => Access::Z16,
        IntKind::I32 => Access::S32,
        IntKind::U32 => Access::Z32,
        IntKind::I64 | IntKind::U64 => Access::W64,
    }
}
