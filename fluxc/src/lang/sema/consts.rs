//! Values that are known when compiling: constants, defaults, lengths, intervals.

use alloc::format;
use alloc::string::String;

use super::Checker;
use super::evaluate::Reason;
use super::tree::{ExprId, Value};
use super::types::{Type, TypeId};
use crate::diag::{Diagnostic, codes};

impl Checker<'_, '_> {
    /// The value of an expression, if it is known when compiling.
    pub(super) fn constant(&self, id: ExprId) -> Option<Value> {
        self.program.constant(id, self.sink.memory_left())
    }

    /// The part of an expression without value that is why it has none.
    pub(super) fn unknown_part(&self, id: ExprId) -> (ExprId, Reason) {
        self.program.unknown_part(id, self.sink.memory_left())
    }

    /// The value of an expression that must be known when compiling.
    pub(super) fn constant_of(&mut self, id: ExprId, what: &str) -> Option<Value> {
        if self.get(self.ty(id)) == Ok(Type::Error) {
            return None;
        }
        let value = self.constant(id);
        if value.is_none() {
            self.not_constant(id, what);
        }
        value
    }

    pub(super) fn not_constant(&mut self, id: ExprId, what: &str) {
        let span = self.span(id);
        // What is not defined is not constant either; one message is enough.
        if self.has_error_in(span) {
            return;
        }
        let (part, reason) = self.unknown_part(id);
        let label = match reason {
            Reason::Reported => return,
            Reason::Memory => return self.sink.spend(span),
            Reason::Run => "known only while running",
            Reason::Code => "calculated only while running",
            Reason::Grows => "made only while running, since it can grow",
            Reason::Trap => "would trap",
        };
        self.report(
            Diagnostic::new(
                codes::NOT_CONSTANT,
                self.span(part),
                format!("{what} must be known when the document is compiled"),
            )
            .label(label)
            .expected("literals, constants, operators on them, and `if` and `match` between them"),
        );
    }

    /// A positive number of nanoseconds that must be known when compiling.
    pub(super) fn interval(&mut self, id: ExprId, what: &str) -> Option<i64> {
        let id = self.coerce(id, TypeId::DURATION);
        match self.constant_of(id, what)? {
            Value::Duration(value) if value > 0 => Some(value),
            Value::Duration(value) => {
                let span = self.span(id);
                self.report(
                    Diagnostic::new(
                        codes::NUMBER_OUT_OF_RANGE,
                        span,
                        format!("{what} must be longer than nothing, it is {value} ns"),
                    )
                    .label("too short")
                    .expected("a duration of 1 ns or more, as `60s`"),
                );
                None
            }
            _ => None,
        }
    }
}

/// Nanoseconds with the largest unit that divides them.
pub(crate) fn duration_text(value: i64) -> String {
    const UNITS: &[(i64, &str)] = &[
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    for (unit, name) in UNITS {
        if value != 0
            && let (Some(0), Some(count)) = (value.checked_rem(*unit), value.checked_div(*unit))
        {
            return format!("{count}{name}");
        }
    }
    format!("{value}ns")
}
