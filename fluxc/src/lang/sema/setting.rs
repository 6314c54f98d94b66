//! Values of parameters: which types they may have, and their text as `--set` takes it.
//!
//! # Invariants
//! 1. The text of a value reads back as that value: [`flux_isa::shape`] and the agent's reader of
//!    parameters hold the other end.
//! 2. A text has at most [`SETTING_BYTES`] bytes, whatever the expression.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::Checker;
use super::consts::duration_text;
use super::tree::{CollectionOp, ExprId, ExprKind, Program, Value};
use super::types::{Open, Type, TypeId};
use crate::diag::{Diagnostic, codes};
use crate::fir::{FloatKind, IntKind};
use flux_abi::select::TextOp;

/// Longest text of a value, in bytes.
pub(super) const SETTING_BYTES: usize = 64 << 10;

/// Whether a parameter can have a type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Settable {
    /// It can, named in `## Config` or not.
    Plain,
    /// It can if `## Config` names it.
    Declared,
    /// Nothing tells what it is in full.
    Unknown,
    /// It cannot.
    No,
}

/// Where a value stands in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// It is the whole text.
    Alone,
    /// Inside of another one.
    Inside,
}

/// Why a value has no text.
enum Textless {
    /// This part is not known when compiling.
    Part(ExprId),
    /// It is too long.
    Long,
}

impl Checker<'_, '_> {
    /// Whether a parameter can have a type.
    pub(super) fn settable(&self, ty: TypeId) -> Settable {
        let types = &self.program.types;
        match self.get(ty) {
            Ok(
                Type::Bool
                | Type::Int(IntKind::I64)
                | Type::Float(FloatKind::F64)
                | Type::Str
                | Type::Duration
                | Type::Error,
            )
            | Err(Open::Integer | Open::Float) => Settable::Plain,
            Err(Open::Any) => Settable::Unknown,
            Ok(
                Type::Unit | Type::Ticket | Type::Agent | Type::Capability | Type::Region | Type::Function(_),
            ) => Settable::No,
            Ok(Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner)) => {
                self.settable_part(inner)
            }
            Ok(Type::Map(key, value)) => match self.settable_part(key) {
                Settable::Declared => self.settable_part(value),
                other => other,
            },
            Ok(Type::Struct(_) | Type::Union(_)) => {
                let handles = types.holds_function(ty) || types.holds_handle(ty, &mut Vec::new());
                if handles || types.holds_itself(ty) { Settable::No } else { Settable::Declared }
            }
            Ok(Type::Int(_) | Type::Float(_) | Type::Bytes | Type::Enum(_)) => Settable::Declared,
        }
    }

    fn settable_part(&self, ty: TypeId) -> Settable {
        match self.settable(ty) {
            Settable::Plain => Settable::Declared,
            other => other,
        }
    }

    /// The text of an expression that must be known when compiling, as `--set` takes it.
    pub(super) fn setting_of(&mut self, id: ExprId, what: &str) -> Option<String> {
        if self.get(self.ty(id)) == Ok(Type::Error) {
            return None;
        }
        let room = self.sink.memory_left();
        let mut text = Text { program: &self.program, out: String::new(), room };
        match text.expr(id, Standing::Alone) {
            Ok(()) => return Some(text.out),
            Err(Textless::Part(part)) => self.not_constant(part, what),
            Err(Textless::Long) => {
                let span = self.span(id);
                self.report(
                    Diagnostic::new(
                        codes::LIMIT_PASSED,
                        span,
                        format!("{what} takes more than {SETTING_BYTES} bytes of text"),
                    )
                    .label("too long")
                    .hint("keep large tables in a data fence, and in Config what differs between devices"),
                );
            }
        }
        None
    }
}

/// A text under construction.
struct Text<'p, 's> {
    program: &'p Program<'s>,
    out: String,
    /// Bytes that a constant may take.
    room: usize,
}

impl Text<'_, '_> {
    fn bounded(&self) -> Result<(), Textless> {
        if self.out.len() > SETTING_BYTES { Err(Textless::Long) } else { Ok(()) }
    }

    /// The text of an expression; growable parts of it may be made while running, of parts that are known.
    fn expr(&mut self, id: ExprId, standing: Standing) -> Result<(), Textless> {
        self.bounded()?;
        let expr = self.program.expr(id);
        let ty = self.program.types.settled(expr.ty);
        match (ty, expr.kind) {
            (Type::List(_) | Type::Bytes | Type::Array(..), ExprKind::Array(list)) => {
                self.sequence(self.program.list(list))
            }
            (Type::Bytes, ExprKind::Collection(CollectionOp::OfText(TextOp::Copy), list)) => {
                let text =
                    self.program.list(list).first().and_then(|text| self.program.constant(*text, self.room));
                let Some(Value::Text(text)) = text else { return Err(Textless::Part(id)) };
                let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte}")).collect();
                let _ = write!(self.out, "[{}]", bytes.join(", "));
                self.bounded()
            }
            (Type::List(_) | Type::Array(..), ExprKind::Repeat(value, count)) => {
                let count = match (count, ty) {
                    (Some(count), _) => match self.program.constant(count, self.room) {
                        Some(Value::Int(count)) => count,
                        _ => return Err(Textless::Part(count)),
                    },
                    (None, Type::Array(_, count)) => i128::from(count),
                    (None, _) => 0,
                };
                self.repeat(count, |text| text.expr(value, Standing::Inside))
            }
            (Type::Map(..), ExprKind::Collection(CollectionOp::MapOf, list)) => {
                let list = self.program.list(list);
                self.out.push('{');
                for (place, id) in list.iter().enumerate() {
                    self.separate(place, if place.is_multiple_of(2) { ", " } else { ": " });
                    self.expr(*id, Standing::Inside)?;
                }
                self.out.push('}');
                Ok(())
            }
            (Type::Struct(row), ExprKind::Struct(list)) => {
                let program = self.program;
                let fields = program.types.structure(row).map_or(&[][..], |row| &row.fields);
                self.out.push('{');
                for (place, (field, id)) in fields.iter().zip(program.list(list)).enumerate() {
                    self.separate(place, ", ");
                    let _ = write!(self.out, "{}: ", field.name);
                    self.expr(*id, Standing::Inside)?;
                }
                self.out.push('}');
                Ok(())
            }
            // A text that stands for itself would be no value if it were `none`.
            (Type::Optional(_), ExprKind::Some(value)) => self.expr(value, Standing::Inside),
            (Type::Union(_), ExprKind::Tagged(tag, list)) => {
                self.push_variant(expr.ty, tag);
                let list = self.program.list(list);
                for (place, id) in list.iter().enumerate() {
                    self.out.push_str(if place > 0 { ", " } else { "(" });
                    self.expr(*id, Standing::Inside)?;
                }
                if !list.is_empty() {
                    self.out.push(')');
                }
                Ok(())
            }
            // A constant of data may hold what grows, which has no value of its own in code.
            (_, ExprKind::Const(constant)) => {
                let program = self.program;
                let value = program.consts.get(constant.index()).and_then(|row| row.value.as_ref());
                self.value(expr.ty, value.ok_or(Textless::Part(id))?, standing, id)
            }
            _ => {
                let value = self.program.constant(id, self.room).ok_or(Textless::Part(id))?;
                self.value(expr.ty, &value, standing, id)
            }
        }
    }

    fn separate(&mut self, place: usize, sign: &str) {
        if place > 0 {
            self.out.push_str(sign);
        }
    }

    fn sequence(&mut self, list: &[ExprId]) -> Result<(), Textless> {
        self.out.push('[');
        for (place, id) in list.iter().enumerate() {
            self.separate(place, ", ");
            self.expr(*id, Standing::Inside)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn repeat(
        &mut self,
        count: i128,
        mut one: impl FnMut(&mut Self) -> Result<(), Textless>,
    ) -> Result<(), Textless> {
        self.out.push('[');
        for place in 0..count {
            self.separate(usize::from(place > 0), ", ");
            one(self)?;
            self.bounded()?;
        }
        self.out.push(']');
        Ok(())
    }

    /// The text of a value; `whole` is the expression that it is of.
    fn value(
        &mut self,
        ty: TypeId,
        value: &Value,
        standing: Standing,
        whole: ExprId,
    ) -> Result<(), Textless> {
        self.bounded()?;
        let program = self.program;
        let inside = Standing::Inside;
        match (program.types.settled(ty), value) {
            (Type::Array(element, _) | Type::List(element), Value::Aggregate(values)) => {
                self.out.push('[');
                for (place, value) in values.iter().enumerate() {
                    self.separate(place, ", ");
                    self.value(element, value, inside, whole)?;
                }
                self.out.push(']');
                Ok(())
            }
            (Type::Array(element, _) | Type::List(element), Value::Repeat(value, count)) => {
                self.repeat(i128::from(*count), |text| text.value(element, value, inside, whole))
            }
            (Type::Map(_, element), Value::Map(entries)) => {
                self.out.push('{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    self.separate(place, ", ");
                    self.quoted(key);
                    self.out.push_str(": ");
                    self.value(element, value, inside, whole)?;
                }
                self.out.push('}');
                Ok(())
            }
            (Type::Struct(row), Value::Aggregate(values)) => {
                let fields = program.types.structure(row).map_or(&[][..], |row| &row.fields);
                self.out.push('{');
                for (place, (field, value)) in fields.iter().zip(values).enumerate() {
                    self.separate(place, ", ");
                    let _ = write!(self.out, "{}: ", field.name);
                    self.value(field.ty, value, inside, whole)?;
                }
                self.out.push('}');
                Ok(())
            }
            (Type::Optional(_), Value::Tagged(0, _)) => {
                self.out.push_str("none");
                Ok(())
            }
            (Type::Optional(inner), Value::Tagged(_, values)) => {
                let value = values.first().ok_or(Textless::Part(whole))?;
                self.value(inner, value, inside, whole)
            }
            (Type::Union(_), Value::Tagged(tag, values)) => {
                self.push_variant(ty, *tag);
                let payloads = program.types.payloads(ty);
                let types =
                    payloads.iter().find(|(known, _)| known == tag).map_or(&[][..], |(_, types)| types);
                for (place, ((ty, _), value)) in types.iter().zip(values).enumerate() {
                    self.out.push_str(if place > 0 { ", " } else { "(" });
                    self.value(*ty, value, inside, whole)?;
                }
                if !types.is_empty() {
                    self.out.push(')');
                }
                Ok(())
            }
            (Type::Enum(_), Value::Int(tag)) => {
                self.push_variant(ty, u32::try_from(*tag).unwrap_or(u32::MAX));
                Ok(())
            }
            (_, Value::Text(text)) => {
                // A pair of quotes round the whole text is taken away when it is read.
                let own = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
                match standing {
                    Standing::Inside => self.quoted(text),
                    Standing::Alone if own => {
                        let _ = write!(self.out, "\"{text}\"");
                    }
                    Standing::Alone => self.out.push_str(text),
                }
                Ok(())
            }
            (_, Value::Duration(value)) => {
                self.out.push_str(&duration_text(*value));
                Ok(())
            }
            (_, Value::Int(value)) => write!(self.out, "{value}").map_err(|_| Textless::Part(whole)),
            #[expect(clippy::cast_possible_truncation, reason = "the value is an f32 exactly")]
            (Type::Float(FloatKind::F32), Value::Float(value)) => {
                write!(self.out, "{:?}", *value as f32).map_err(|_| Textless::Part(whole))
            }
            (_, Value::Float(value)) => write!(self.out, "{value:?}").map_err(|_| Textless::Part(whole)),
            (_, Value::Bool(value)) => write!(self.out, "{value}").map_err(|_| Textless::Part(whole)),
            _ => Err(Textless::Part(whole)),
        }
    }

    fn push_variant(&mut self, ty: TypeId, tag: u32) {
        let program = self.program;
        let row = program.types.enum_of(ty).and_then(|(_, row)| row.variants.get(tag as usize));
        self.out.push_str(row.map_or("", |row| row.name));
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                c if c.is_control() => {
                    let _ = write!(self.out, "\\u{{{:x}}}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}
