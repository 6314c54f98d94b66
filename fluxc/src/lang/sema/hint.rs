//! What to write so that a value fits its place: advice for messages about types.
//!
//! An edit that is offered compiles with the meaning that its words say; where several are
//! possible there are words alone.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::tree::ExprId;
use super::types::{Open, Type, TypeId};
use super::{Checker, Mode};
use crate::diag::{Hint, Replacement, Severity};
use crate::fir::{FloatKind, IntKind};
use crate::span::Span;

/// Advice with an edit.
fn edit(words: &str, span: Span, text: String) -> Option<Hint> {
    Some(Hint { text: words.to_string(), replacement: Some(Replacement { span, text }) })
}

impl Checker<'_, '_> {
    /// Tells whether an error was reported inside `span` already, so that what follows from it is silent.
    pub(super) fn has_error_in(&self, span: Span) -> bool {
        self.sink.diagnostics().iter().any(|row| {
            row.severity() == Severity::Error && row.span.start >= span.start && row.span.end <= span.end
        })
    }

    /// Tells whether a part of the text in `span` was not understood, so that it is not known whole.
    pub(super) fn is_misread(&self, span: Span) -> bool {
        self.sink.diagnostics().iter().any(|row| {
            row.severity() == Severity::Error
                && (..500).contains(&row.code.number())
                && row.span.start >= span.start
                && row.span.end <= span.end
        })
    }

    /// Tells whether an error was reported for what `span` is a part of.
    pub(super) fn is_in_error(&self, span: Span) -> bool {
        self.sink.diagnostics().iter().any(|row| {
            row.severity() == Severity::Error && row.span.start <= span.start && row.span.end >= span.end
        })
    }

    /// What makes a value of type `want` of the expression.
    pub(super) fn fitting(&self, id: ExprId, want: TypeId) -> Option<Hint> {
        let (from, to) = (self.ty(id), self.program.types.resolve(want));
        let span = self.span(id);
        if let Some(hint) = self.time_hint(id, to) {
            return Some(hint);
        }
        let (text, raw) = (self.as_operand(span), self.source_text(span));
        let literal = raw.starts_with(|ch: char| ch.is_ascii_digit());
        match (self.get(from), self.get(to)) {
            (Err(Open::Float), Ok(Type::Int(_))) if literal && !self.mode.is_foreign() => {
                let text = "an integer has no fraction: leave it out, or make the type `f64`".to_string();
                Some(Hint { text, replacement: None })
            }
            (Ok(Type::Optional(_)), Ok(Type::Bool)) => {
                let asks = if self.mode == Mode::Step { "is not none" } else { "!= none" };
                edit("to ask whether there is a value write", span, format!("{text} {asks}"))
            }
            (Ok(Type::Int(_) | Type::Float(_)) | Err(Open::Integer | Open::Float), Ok(Type::Bool))
                if !self.mode.is_foreign() && !literal =>
            {
                let asks = if self.mode == Mode::Step { "is not 0" } else { "!= 0" };
                edit("to ask whether it is not zero write", span, format!("{text} {asks}"))
            }
            (Ok(Type::Bool), Ok(Type::Float(_))) if !matches!(raw, "true" | "false" | "on" | "off") => {
                let to = self.type_name(to);
                edit("convert it", span, format!("{text} as int as {to}"))
            }
            (
                Ok(Type::Int(_) | Type::Float(_) | Type::Bool | Type::Duration)
                | Err(Open::Integer | Open::Float),
                Ok(Type::Str),
            ) if !raw.contains('"') && self.mode != Mode::C && self.mode != Mode::Python => {
                let shown = if literal { format!("\"{raw}\"") } else { format!("\"{{{raw}}}\"") };
                edit(
                    if literal { "a text stands in quotes" } else { "a text shows a value in braces" },
                    span,
                    shown,
                )
            }
            (_, Ok(Type::Enum(_) | Type::Union(_))) => self.variant_hint(raw, span, to),
            _ => None,
        }
    }

    /// What reads the number that a text is.
    pub(super) fn number_of_text(&self, id: ExprId, to: TypeId) -> Option<Hint> {
        if self.mode.is_foreign() || self.get(self.ty(id)) != Ok(Type::Str) {
            return None;
        }
        let span = self.span(id);
        let raw = self.source_text(span);
        let text = if raw.starts_with('"') { raw.to_string() } else { self.as_operand(span) };
        let parsed = match self.get(to) {
            Ok(Type::Int(IntKind::I64)) => format!("{text}.parse_int() ?? 0"),
            Ok(Type::Int(_)) => format!("({text}.parse_int() ?? 0) as {}", self.type_name(to)),
            Ok(Type::Float(FloatKind::F64)) => format!("{text}.parse_float() ?? 0.0"),
            Ok(Type::Float(_)) => format!("({text}.parse_float() ?? 0.0) as f32"),
            _ => return None,
        };
        edit("a text may be no number: say what it is then", span, parsed)
    }

    /// Between durations and numbers: a number counts seconds, which no conversion says.
    fn time_hint(&self, id: ExprId, to: TypeId) -> Option<Hint> {
        let from = self.get(self.ty(id));
        let span = self.span(id);
        let (text, raw) = (self.as_operand(span), self.source_text(span));
        let literal = raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'_');
        match (from, self.get(to)) {
            (Ok(Type::Int(_) | Type::Float(_)) | Err(Open::Integer | Open::Float), Ok(Type::Duration))
                if literal =>
            {
                edit("seconds?", span, format!("{raw}s"))
            }
            (Ok(Type::Int(IntKind::I64)) | Err(Open::Integer), Ok(Type::Duration)) => {
                edit("if it counts seconds", span, format!("({text} * 1_000_000_000) as duration"))
            }
            (Ok(Type::Float(_)) | Err(Open::Float), Ok(Type::Duration)) => {
                edit("if it counts seconds", span, format!("({text} * 1e9) as int as duration"))
            }
            (Ok(Type::Duration), Ok(Type::Int(IntKind::I64)) | Err(Open::Integer)) => {
                edit("for whole seconds write", span, format!("{text} as int / 1_000_000_000"))
            }
            (Ok(Type::Duration), Ok(Type::Float(_)) | Err(Open::Float)) => {
                edit("for seconds write", span, format!("{text} as int as f64 / 1e9"))
            }
            _ => None,
        }
    }

    /// Where a value of an enum should stand: the variant of that name, or all that there are.
    pub(super) fn variant_hint(&self, raw: &str, span: Span, to: TypeId) -> Option<Hint> {
        let (_, row) = self.program.types.enum_of(to)?;
        if matches!(self.get(to), Ok(Type::Union(_))) && row.variants.is_empty() {
            return None;
        }
        let word = raw.trim_matches('"');
        let same =
            row.variants.iter().map(|variant| variant.name).find(|name| name.eq_ignore_ascii_case(word));
        if let Some(meant) =
            same.or_else(|| self.nearest(word, row.variants.iter().map(|variant| variant.name)))
        {
            return edit(&format!("did you mean `{meant}`?"), span, format!("{}.{meant}", row.name));
        }
        let all: Vec<String> =
            row.variants.iter().take(6).map(|variant| format!("`{}.{}`", row.name, variant.name)).collect();
        let text = format!("write one of its variants: {}", all.join(", "));
        Some(Hint { text, replacement: None })
    }

    /// What to write for an operator between two types.
    pub(super) fn operand_hint(&self, op: &str, left: ExprId, right: ExprId) -> Option<Hint> {
        let (l, r) = (self.ty(left), self.ty(right));
        let number = |ty| matches!(self.get(ty), Ok(Type::Int(_)) | Err(Open::Integer));
        let time = |ty| self.get(ty) == Ok(Type::Duration);
        let whole = self.span(left).to(self.span(right));
        if matches!(op, "*" | "/" | "%") && time(l) && number(r) {
            let (l, r) = (self.as_operand(self.span(left)), self.as_operand(self.span(right)));
            return edit(
                "calculate with its nanoseconds",
                whole,
                format!("({l} as int {op} {r}) as duration"),
            );
        }
        if op == "*" && number(l) && time(r) {
            let (l, r) = (self.as_operand(self.span(left)), self.as_operand(self.span(right)));
            return edit("calculate with its nanoseconds", whole, format!("({l} * {r} as int) as duration"));
        }
        let float = |ty| matches!(self.get(ty), Ok(Type::Float(_)) | Err(Open::Float));
        if (matches!(op, "*" | "/") && time(l) && float(r)) || (op == "*" && float(l) && time(r)) {
            let number = |id, is_time| {
                let text = self.as_operand(self.span(id));
                if is_time { format!("{text} as int as f64") } else { text }
            };
            let (l, r) = (number(left, time(l)), number(right, time(r)));
            return edit(
                "calculate with its nanoseconds",
                whole,
                format!("({l} {op} {r}) as int as duration"),
            );
        }
        // A number that stands for seconds can be added and compared, not multiplied.
        if !matches!(op, "*" | "/" | "%") && time(l) {
            return self.time_hint(right, l);
        }
        if !matches!(op, "*" | "/" | "%") && time(r) {
            return self.time_hint(left, r);
        }
        let text = |ty| self.get(ty) == Ok(Type::Str);
        if op == "+" && (text(l) != text(r)) && !self.mode.is_foreign() {
            let other = if text(l) { right } else { left };
            return self.fitting(other, TypeId::STR);
        }
        if op == "+" && (text(l) != text(r)) && self.mode == Mode::Python {
            let span = self.span(if text(l) { right } else { left });
            return edit("convert it", span, format!("str({})", self.source_text(span)));
        }
        if op == "%" && text(l) {
            let words = "a text shows a value in braces: `\"n is {n}\"`";
            return Some(Hint { text: words.to_string(), replacement: None });
        }
        let an_enum = |ty| matches!(self.get(ty), Ok(Type::Enum(_)));
        match (an_enum(l), an_enum(r)) {
            (true, false) => self.variant_hint(self.source_text(self.span(right)), self.span(right), l),
            (false, true) => self.variant_hint(self.source_text(self.span(left)), self.span(left), r),
            _ => None,
        }
    }
}
