//! Which values the arms of a match leave out, and arms that no value reaches.
//!
//! The values that are left out are found as in Maranget, "Warnings for pattern matching"
//! (Journal of Functional Programming 17, 2007): a matrix of patterns is taken apart by the
//! tags of its first column. That can take time in powers of the number of columns, so that the
//! work is bounded; a match that passes the bound needs an arm for every value.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Checker;
use super::tree::{Arm, ExprId, ExprKind, Pattern, Value};
use super::types::{Type, TypeId};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast::Bound;
use crate::span::Span;

/// Patterns that may be looked at to find out what the matches of a document leave out.
pub(super) const DOCUMENT_STEPS: u32 = 20_000_000;
/// As [`DOCUMENT_STEPS`], for one match.
const MATCH_STEPS: u32 = 1_000_000;
/// Values left out that a diagnostic shows.
const SHOWN_MISSING: usize = 8;

impl Checker<'_, '_> {
    /// Reports values of type `ty` that no arm takes, and arms that no value reaches.
    pub(super) fn check_arms(&mut self, arms: &[Arm], spans: &[Span], ty: TypeId, span: Span) {
        if self.get(ty) == Ok(Type::Error) {
            return;
        }
        let allowed = MATCH_STEPS.min(self.match_steps);
        let mut search = Search { checker: self, left: allowed };
        let mut rows: Vec<Vec<&Pattern>> = Vec::new();
        let mut useless: Vec<(Span, bool)> = Vec::new();
        for (arm, place) in arms.iter().zip(spans) {
            let mut useful = arm.patterns.is_empty();
            for pattern in &arm.patterns {
                useful |= search.useful(&rows, &[pattern], &[ty]);
                if arm.guard.is_none() {
                    rows.push([pattern].into());
                }
            }
            if !useful {
                let empty = arm.patterns.iter().all(|pattern| search.is_empty_range(pattern));
                useless.push((*place, empty));
            }
        }
        let everything = rows.iter().any(|row| matches!(row.first(), Some(Pattern::All | Pattern::Bind(_))));
        let missing = if everything { Vec::new() } else { search.missing(&rows, &[ty]) };
        let left = search.left;
        self.match_steps = self.match_steps.saturating_sub(allowed.saturating_sub(left));
        for (place, empty) in useless {
            let (label, hint) = if empty {
                (
                    "no value is in this range",
                    "write the smaller value first; `..` leaves out its end, `..=` takes it",
                )
            } else {
                (
                    "the arms above take all of its values",
                    "take it out, or put it before the arm that takes its values",
                )
            };
            self.report(
                Diagnostic::new(codes::ARM_UNREACHABLE, place, "no value reaches this arm")
                    .label(label)
                    .hint(hint),
            );
        }
        if self.is_misread(span) {
            return;
        }
        if left == 0 && !everything {
            self.report(
                Diagnostic::new(
                    codes::MATCH_NOT_COMPLETE,
                    span,
                    "the match is too large to find out whether it takes every value",
                )
                .label("too many patterns in each other")
                .hint("add an arm `_ => { … }`"),
            );
            return;
        }
        let shown: Vec<String> = missing
            .iter()
            .filter_map(|row| row.first())
            .map(|value| value.text())
            .take(SHOWN_MISSING)
            .collect();
        let Some(first) = shown.first() else { return };
        let of = self.type_name(ty);
        let what = if first == "_" { format!("a value of type {of}") } else { join(&shown, "`", ", ") };
        let verb = if shown.len() == 1 { "is" } else { "are" };
        let arms: Vec<String> = shown.iter().map(|value| format!("{value} => {{ … }}")).collect();
        let noun = if shown.len() == 1 { "an arm" } else { "arms" };
        self.report(
            Diagnostic::new(codes::MATCH_NOT_COMPLETE, span, "the match does not take every value")
                .label(format!("{what} {verb} not taken"))
                .expected("an arm for every value")
                .hint(format!("add {noun} {}", join(&arms, "`", ", "))),
        );
    }
}

fn join(parts: &[String], quote: &str, between: &str) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(quote);
        text.push_str(part);
        text.push_str(quote);
    }
    text
}

/// A value that no row takes, as a pattern.
#[derive(Clone, Debug)]
enum Witness {
    Any,
    Named(String, Vec<Self>),
}

impl Witness {
    fn text(&self) -> String {
        match self {
            Self::Any => "_".to_string(),
            Self::Named(name, values) if values.is_empty() => name.clone(),
            Self::Named(name, values) => {
                let values: Vec<String> = values.iter().map(Self::text).collect();
                format!("{name}({})", join(&values, "", ", "))
            }
        }
    }
}

/// What a pattern asks of a value first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Head<'c> {
    /// Nothing.
    Any,
    /// A tag, or the position of a truth value or plain variant.
    Tag(u32),
    /// A whole number or duration in a range, both ends included.
    Range(i128, i128),
    /// A text.
    Text(&'c str),
    /// Something else, which no other pattern is known to take too.
    Other,
}

impl Head<'_> {
    /// Tells whether each value that has `other` has this too.
    fn covers(self, other: Head<'_>) -> bool {
        match (self, other) {
            (Head::Any, _) => true,
            (Head::Other, _) | (_, Head::Other) => false,
            (Head::Range(from, to), Head::Range(start, end)) => from <= start && end <= to,
            _ => self == other,
        }
    }
}

/// A row with the payload of its first pattern in place of that.
fn opened<'p>(first: &'p Pattern, rest: &[&'p Pattern], arity: usize) -> Vec<&'p Pattern> {
    const ALL: &Pattern = &Pattern::All;
    let mut row: Vec<&'p Pattern> = Vec::with_capacity(arity.saturating_add(rest.len()));
    match first {
        Pattern::Tagged(_, values) => row.extend(values.iter()),
        _ => row.extend(core::iter::repeat_n(ALL, arity)),
    }
    row.extend(rest);
    row
}

/// A search of what rows of patterns leave out, with a bound of its work.
struct Search<'c, 'a, 's> {
    checker: &'c Checker<'a, 's>,
    left: u32,
}

impl<'c> Search<'c, '_, '_> {
    fn spend(&mut self, rows: usize) -> bool {
        let steps = u32::try_from(rows).unwrap_or(u32::MAX).saturating_add(1);
        self.left = self.left.saturating_sub(steps);
        self.left > 0
    }

    /// The text that an expression is, without a copy.
    fn text(&self, id: ExprId) -> Option<&'c str> {
        let program = &self.checker.program;
        match program.expr(id).kind {
            ExprKind::Text(text) => Some(program.text(text)),
            ExprKind::Const(id) => match &program.consts.get(id.index())?.value {
                Some(Value::Text(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    fn head(&self, pattern: &Pattern) -> Head<'c> {
        let whole = |value: &Value| match value {
            Value::Int(value) => Some(*value),
            Value::Duration(value) => Some(i128::from(*value)),
            _ => None,
        };
        match pattern {
            Pattern::All | Pattern::Bind(_) => Head::Any,
            Pattern::Tagged(tag, _) => Head::Tag(*tag),
            Pattern::Equal(id) if self.text(*id).is_some() => self.text(*id).map_or(Head::Other, Head::Text),
            Pattern::Equal(id) => match (self.checker.program.expr(*id).kind, self.checker.constant(*id)) {
                (ExprKind::Variant(_, tag), _) => Head::Tag(tag),
                (_, Some(Value::Bool(value))) => Head::Tag(u32::from(value)),
                (_, value) => match value.as_ref().and_then(whole) {
                    Some(value) => Head::Range(value, value),
                    None => Head::Other,
                },
            },
            Pattern::Range(start, end, bound) => {
                let ends = (self.checker.constant(*start), self.checker.constant(*end));
                match (ends.0.as_ref().and_then(whole), ends.1.as_ref().and_then(whole)) {
                    (Some(start), Some(end)) if *bound == Bound::Inclusive => Head::Range(start, end),
                    (Some(start), Some(end)) => Head::Range(start, end.saturating_sub(1)),
                    _ => Head::Other,
                }
            }
        }
    }

    fn is_empty_range(&self, pattern: &Pattern) -> bool {
        matches!(self.head(pattern), Head::Range(from, to) if from > to)
    }

    /// Names and payload types of all tags of a type; `None` if it has more values than tags.
    fn tags(&self, ty: TypeId) -> Option<Vec<(String, Vec<TypeId>)>> {
        let plain = |name: &str| (name.to_string(), Vec::new());
        match self.checker.get(ty) {
            Ok(Type::Bool) => Some([plain("false"), plain("true")].into()),
            Ok(Type::Optional(inner)) => Some([plain("none"), ("some".to_string(), [inner].into())].into()),
            Ok(Type::Enum(_) | Type::Union(_)) => {
                let (_, row) = self.checker.program.types.enum_of(ty)?;
                let rows = row.variants.iter();
                Some(rows.map(|variant| (variant.name.to_string(), variant.payload.clone())).collect())
            }
            _ => None,
        }
    }

    /// The rows that take values with `head`, with the payload in place of the first column.
    fn specialised<'p>(
        &mut self,
        rows: &[Vec<&'p Pattern>],
        head: Head<'_>,
        arity: usize,
    ) -> Vec<Vec<&'p Pattern>> {
        let mut out = Vec::new();
        for row in rows {
            let Some((first, rest)) = row.split_first() else { continue };
            if !self.head(first).covers(head) {
                continue;
            }
            out.push(opened(first, rest, arity));
        }
        out
    }

    /// Tells whether a row asks something of the first column.
    fn look_inside(&self, rows: &[Vec<&Pattern>]) -> bool {
        rows.iter().filter_map(|row| row.first()).any(|first| self.head(first) != Head::Any)
    }

    /// Tells whether a value is taken by `row` and by none of `rows`; `true` if that is not known.
    fn useful(&mut self, rows: &[Vec<&Pattern>], row: &[&Pattern], types: &[TypeId]) -> bool {
        if !self.spend(rows.len()) {
            return true;
        }
        let (Some((first, rest)), Some((ty, other_types))) = (row.split_first(), types.split_first()) else {
            return rows.is_empty();
        };
        let tags = self.tags(*ty);
        let head = self.head(first);
        let heads: Vec<(Head<'c>, Vec<TypeId>)> = match (head, tags) {
            (Head::Any, Some(tags)) if self.look_inside(rows) => {
                let tags = (0u32..).zip(tags);
                tags.map(|(tag, (_, payload))| (Head::Tag(tag), payload)).collect()
            }
            (Head::Tag(tag), Some(tags)) => {
                let payload = tags.get(tag as usize).map_or_else(Vec::new, |(_, payload)| payload.clone());
                [(head, payload)].into()
            }
            (Head::Range(from, to), _) if from > to => return false,
            _ => [(head, Vec::new())].into(),
        };
        heads.into_iter().any(|(head, payload)| {
            let rows = self.specialised(rows, head, payload.len());
            let row = opened(first, rest, payload.len());
            let types: Vec<TypeId> = payload.iter().chain(other_types).copied().collect();
            self.useful(&rows, &row, &types)
        })
    }

    /// Values of `types` that no row takes; at least one if there is any, and one for each tag of the first.
    fn missing(&mut self, rows: &[Vec<&Pattern>], types: &[TypeId]) -> Vec<Vec<Witness>> {
        if !self.spend(rows.len()) {
            return Vec::new();
        }
        let Some((ty, rest)) = types.split_first() else {
            return if rows.is_empty() { [Vec::new()].into() } else { Vec::new() };
        };
        let tags = self.tags(*ty).filter(|_| self.look_inside(rows));
        let Some(tags) = tags else {
            let others = self.specialised_to_any(rows);
            let missing = self.missing(&others, rest);
            return missing.into_iter().map(|row| [Witness::Any].into_iter().chain(row).collect()).collect();
        };
        let mut found = Vec::new();
        for (tag, (name, payload)) in (0u32..).zip(tags) {
            let inner = self.specialised(rows, Head::Tag(tag), payload.len());
            let types: Vec<TypeId> = payload.iter().chain(rest).copied().collect();
            for mut row in self.missing(&inner, &types) {
                let others = row.split_off(payload.len().min(row.len()));
                let whole = Witness::Named(name.clone(), row);
                found.push([whole].into_iter().chain(others).collect());
                if found.len() >= SHOWN_MISSING {
                    return found;
                }
            }
        }
        found
    }

    /// The rows that take every value of the first column, without it.
    fn specialised_to_any<'p>(&mut self, rows: &[Vec<&'p Pattern>]) -> Vec<Vec<&'p Pattern>> {
        let every = rows.iter().filter(|row| row.first().is_some_and(|first| self.head(first) == Head::Any));
        every.map(|row| row.iter().skip(1).copied().collect()).collect()
    }
}
