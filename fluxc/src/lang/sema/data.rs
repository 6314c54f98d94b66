//! Data fences: constants whose type is read off their values.
//!
//! All values that stand in one place of the data, as the field `max` of each element of an array, are
//! looked at together, so that a field is `f64` if one of its numbers has a point and optional if one
//! of its values is null. An object is a struct if the keys of all objects in its place are names, else
//! a map.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::scope::Binding;
use super::tree::{Const, ConstId, Value};
use super::types::{Field, Type, TypeId};
use super::{Checker, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::data::{Entry, Format, Key, Kind, Node, read, short};
use crate::lang::syntax::ast::{Document, Foreign, ForeignKind, Ident, ItemKind};
use crate::lang::syntax::is_name;
use crate::span::Span;

/// Fields of a struct.
const MOST_FIELDS: usize = 256;

/// The type of a group of values could not be told, which was reported.
struct Untyped;

fn format_of(kind: ForeignKind) -> Option<Format> {
    match kind {
        ForeignKind::Json => Some(Format::Json),
        ForeignKind::Yaml => Some(Format::Yaml),
        ForeignKind::Toml => Some(Format::Toml),
        ForeignKind::Fir | ForeignKind::Assembly | ForeignKind::C | ForeignKind::Python => None,
    }
}

impl<'s> Checker<'_, 's> {
    /// Declares the data of a document.
    pub(super) fn declare_data(&mut self, document: &Document<'s>) {
        let mut functions: Option<HashMap<&str, Span>> = None;
        for fence in &document.fences {
            let (Some(format), Some(name)) = (format_of(fence.kind), fence.name) else { continue };
            let functions = functions.get_or_insert_with(|| {
                let items = document.items.iter();
                items
                    .filter_map(|item| match &item.kind {
                        ItemKind::Fn(function) => Some((function.name.text, function.name.span)),
                        _ => None,
                    })
                    .collect()
            });
            if self.data_name_is_good(fence, name, functions) {
                self.declare_fence(format, fence, name);
            }
        }
    }

    fn data_name_is_good(
        &mut self,
        fence: &Foreign<'s>,
        name: Ident<'s>,
        functions: &HashMap<&str, Span>,
    ) -> bool {
        if let Some(second) = fence.second_name {
            self.report(
                Diagnostic::new(codes::DUPLICATE_KEY, second.span, "`name=` is there twice")
                    .label("one too many")
                    .secondary(name.span, "first here"),
            );
            return false;
        }
        if !is_name(name.text) {
            let message = if name.text.is_empty() {
                "`name=` is not followed by a name".into()
            } else {
                format!("`{}` cannot name data", short(name.text))
            };
            self.report(
                Diagnostic::new(codes::BAD_VALUE, name.span, message)
                    .label("not a name")
                    .expected("letters, digits and `_`, no word of the language, as `name=limits`"),
            );
            return false;
        }
        let symbol = self.names.symbol(name.text);
        let first = match self.names.binding(symbol) {
            Binding::Const(id) => self.program.consts.get(id.index()).map(|row| row.span),
            _ => functions.get(name.text).copied(),
        };
        if first.is_some() {
            let what = if functions.contains_key(name.text) { "function" } else { "constant" };
            self.defined_twice(name, what, first);
        }
        first.is_none()
    }

    fn declare_fence(&mut self, format: Format, fence: &Foreign<'s>, name: Ident<'s>) {
        let before = self.sink.memory_used();
        let node = read(format, self.source, fence.content.span, self.sink);
        let read = self.sink.memory_used().saturating_sub(before);
        let (ty, value) = match node {
            Some(node) => match self.type_of_data(name.text, name.span, &[&node]) {
                Ok(ty) => {
                    let value = self.value_of_data(ty, node);
                    (ty, Some(value))
                }
                Err(Untyped) => (TypeId::ERROR, None),
            },
            None => (TypeId::ERROR, None),
        };
        self.sink.release(read);
        let id = ConstId(number(self.program.consts.len()));
        let row = Const { name: name.text, unit: self.names.unit(), span: name.span, ty, value };
        self.sink.keep(&mut self.program.consts, row, name.span);
        let symbol = self.names.symbol(name.text);
        self.names.bind(symbol, Binding::Const(id));
        self.count_tables(name.span);
    }

    // ------------------------------------------------------------ types

    /// The type of values that stand in one place, which `name` is the last word for.
    fn type_of_data(&mut self, name: &'s str, at: Span, nodes: &[&Node<'s>]) -> Result<TypeId, Untyped> {
        let mut there = nodes.iter().copied().filter(|node| node.kind != Kind::Null);
        let Some(first) = there.next() else {
            let null = nodes.first().map_or(at, |node| node.span);
            return Err(self.open(null, at, "null", "leave the key out, or give a value"));
        };
        for node in there {
            if node.kind.noun() != first.kind.noun() {
                return Err(self.mixed(name, first, node));
            }
        }
        let nulls = nodes.iter().any(|node| node.kind == Kind::Null);
        let group = || nodes.iter().copied().filter(|node| node.kind != Kind::Null);
        let ty = match &first.kind {
            Kind::Null => TypeId::ERROR,
            Kind::Bool(_) => TypeId::BOOL,
            Kind::Text(_) => TypeId::STR,
            Kind::Int(_) | Kind::Float(_) => self.type_of_numbers(group())?,
            Kind::Array(_) => {
                let elements: Vec<&Node<'s>> = group().flat_map(elements).collect();
                if elements.is_empty() {
                    return Err(self.open(
                        first.span,
                        at,
                        "an empty array",
                        "give it an element, or leave it out",
                    ));
                }
                let element = self.type_of_data(name, at, &elements)?;
                self.program.types.intern(Type::List(element))
            }
            Kind::Object(_) => {
                let objects: Vec<&Node<'s>> = group().collect();
                self.type_of_objects(name, at, &objects)?
            }
        };
        Ok(if nulls { self.program.types.intern(Type::Optional(ty)) } else { ty })
    }

    /// `int`, or `f64` if one of the numbers is one.
    fn type_of_numbers<'n>(
        &mut self,
        numbers: impl Iterator<Item = &'n Node<'s>> + Clone,
    ) -> Result<TypeId, Untyped>
    where
        's: 'n,
    {
        let Some(float) = numbers.clone().find(|node| matches!(node.kind, Kind::Float(_))) else {
            return Ok(TypeId::I64);
        };
        let place = float.span;
        for node in numbers {
            if let Kind::Int(value) = node.kind
                && exact(value).is_none()
            {
                self.report(
                    Diagnostic::new(
                        codes::NUMBER_OUT_OF_RANGE,
                        node.span,
                        format!("{value} has no f64 of exactly that value"),
                    )
                    .label("beside numbers with a point, which makes it an f64")
                    .secondary(place, "as this one"),
                );
                return Err(Untyped);
            }
        }
        Ok(TypeId::F64)
    }

    fn type_of_objects(&mut self, name: &'s str, at: Span, objects: &[&Node<'s>]) -> Result<TypeId, Untyped> {
        let Some(first) = objects.first().copied() else { return Err(Untyped) };
        let keys = || objects.iter().flat_map(|node| entries(node)).map(|entry| &entry.key);
        let Some(key) = keys().next() else {
            return Err(self.open(first.span, at, "an empty object", "give it a key, or leave it out"));
        };
        if keys().any(|key| self.field_name(key.span).is_none()) {
            let values: Vec<&Node<'s>> =
                objects.iter().flat_map(|node| entries(node)).map(|entry| &entry.value).collect();
            let value = self.type_of_data(name, key.span, &values)?;
            return Ok(self.program.types.intern(Type::Map(TypeId::STR, value)));
        }
        self.same_keys(first, objects)?;
        let mut fields: Vec<Field<'s>> = Vec::with_capacity(entries(first).len());
        for (position, entry) in entries(first).iter().enumerate() {
            let name = self.field_name(entry.key.span).unwrap_or("");
            let values: Vec<&Node<'s>> =
                objects.iter().filter_map(|node| field(node, &entry.key.text, position)).collect();
            let ty = self.type_of_data(name, entry.key.span, &values)?;
            fields.push(Field { name, ty });
        }
        let (id, ty) = self.program.types.add_struct(name, at);
        self.program.types.set_fields(id, fields);
        Ok(ty)
    }

    /// Reports the first object that has not the same keys as `first`.
    fn same_keys(&mut self, first: &Node<'s>, objects: &[&Node<'s>]) -> Result<(), Untyped> {
        let wanted = entries(first);
        if wanted.len() > MOST_FIELDS {
            let at = wanted.get(MOST_FIELDS).map_or(first.span, |entry| entry.key.span);
            self.report(
                Diagnostic::new(codes::LIMIT_PASSED, at, format!("more than {MOST_FIELDS} fields"))
                    .label("one too many")
                    .hint("an object with a key that is no name, as `\"0001\"` or `\"a b\"`, is a map, which may have any number"),
            );
            return Err(Untyped);
        }
        for object in objects.iter().copied() {
            let lacks =
                wanted.iter().enumerate().find(|(at, entry)| field(object, &entry.key.text, *at).is_none());
            if let Some((_, entry)) = lacks {
                let key = short(&entry.key.text).into_owned();
                if let Some(meant) = self.misspelt(object, wanted, &entry.key.text) {
                    let row = Diagnostic::new(
                        codes::DATA_MIXED,
                        meant.span,
                        format!("this object has no `{key}`, another one in its place has"),
                    );
                    let row = row.label("resembles it").secondary(entry.key.span, "has it");
                    self.report(row.hint(format!("did you mean `{key}`?")));
                    return Err(Untyped);
                }
                self.report(
                    Diagnostic::new(
                        codes::DATA_MIXED,
                        self.begin_of(object.span),
                        format!("this object has no `{key}`, another one in its place has"),
                    )
                    .label(format!("without `{key}`"))
                    .secondary(entry.key.span, "has it")
                    .hint(format!("give `{key}` here too; `null` says that there is none")),
                );
                return Err(Untyped);
            }
            if entries(object).len() == wanted.len() {
                continue;
            }
            let known: HashSet<&str> = wanted.iter().map(|entry| entry.key.text.as_ref()).collect();
            let more = entries(object).iter().find(|entry| !known.contains(entry.key.text.as_ref()));
            let Some(more) = more else { continue };
            let key = short(&more.key.text).into_owned();
            let row = Diagnostic::new(
                codes::DATA_MIXED,
                more.key.span,
                format!("this object has `{key}`, another one in its place has not"),
            )
            .label("only here")
            .secondary(self.begin_of(first.span), format!("without `{key}`"));
            self.report(row.hint(format!("give `{key}` there too; `null` says that there is none")));
            return Err(Untyped);
        }
        Ok(())
    }

    /// The key of an object that stands where `key` is missing and resembles it.
    fn misspelt<'n>(&self, object: &'n Node<'s>, wanted: &[Entry<'s>], key: &str) -> Option<&'n Key<'s>> {
        let known: HashSet<&str> = wanted.iter().map(|entry| entry.key.text.as_ref()).collect();
        let keys = entries(object).iter().map(|entry| &entry.key).take(MOST_FIELDS);
        let others: Vec<&Key<'s>> = keys.filter(|key| !known.contains(key.text.as_ref())).collect();
        let near = self.nearest(key, others.iter().map(|key| key.text.as_ref()))?;
        others.into_iter().find(|key| key.text == near)
    }

    /// The key at a place as the name of a field.
    fn field_name(&self, span: Span) -> Option<&'s str> {
        let text = self.source_text(span);
        let text = ['"', '\'']
            .into_iter()
            .find_map(|quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)));
        let text = text.unwrap_or(self.source_text(span));
        let good = text.starts_with(|ch: char| ch.is_alphabetic() || ch == '_')
            && text.chars().all(|ch| ch.is_alphanumeric() || ch == '_');
        good.then_some(text)
    }

    /// The part of a place that is on its first line.
    fn begin_of(&self, span: Span) -> Span {
        let line = self.source_text(span).lines().next().unwrap_or("");
        Span::new(span.start, span.start.saturating_add(number(line.len())))
    }

    fn mixed(&mut self, name: &str, first: &Node<'s>, other: &Node<'s>) -> Untyped {
        let (one, two) = (first.kind.noun(), other.kind.noun());
        self.report(
            Diagnostic::new(
                codes::DATA_MIXED,
                self.begin_of(other.span),
                format!("{two} in `{name}`, where {one} is too"),
            )
            .label(format!("this is {two}"))
            .secondary(self.begin_of(first.span), format!("this is {one}"))
            .hint("values that belong together have one type; others may be keys of an object"),
        );
        Untyped
    }

    fn open(&mut self, span: Span, at: Span, what: &str, hint: &str) -> Untyped {
        let span = if span.is_empty() { at } else { self.begin_of(span) };
        self.report(
            Diagnostic::new(codes::DATA_OPEN, span, format!("{what} alone tells no type"))
                .label("what could be here?")
                .hint(hint),
        );
        Untyped
    }

    // ------------------------------------------------------------ values

    /// The value of the type that [`Self::type_of_data`] gave for it.
    fn value_of_data(&mut self, ty: TypeId, node: Node<'s>) -> Value {
        let span = node.span;
        match (self.program.types.settled(ty), node.kind) {
            (Type::Optional(_), Kind::Null) => Value::Tagged(0, Vec::new()),
            (Type::Optional(inner), kind) => {
                self.sink.charge(size_of::<Value>(), span);
                Value::Tagged(1, [self.value_of_data(inner, Node { kind, span })].into())
            }
            (_, Kind::Bool(value)) => Value::Bool(value),
            (Type::Float(_), Kind::Int(value)) => Value::Float(exact(value).unwrap_or(f64::NAN)),
            (_, Kind::Int(value)) => Value::Int(value.into()),
            (_, Kind::Float(value)) => Value::Float(value),
            (_, Kind::Text(text)) => {
                self.sink.charge(text.len(), span);
                Value::Text(text.into_owned())
            }
            (Type::List(element), Kind::Array(items)) => {
                self.sink.charge(items.len().saturating_mul(size_of::<Value>()), span);
                Value::Aggregate(items.into_iter().map(|item| self.value_of_data(element, item)).collect())
            }
            (Type::Map(_, value), Kind::Object(entries)) => {
                self.sink.charge(entries.len().saturating_mul(size_of::<(String, Value)>()), span);
                let entries = entries.into_iter();
                Value::Map(
                    entries
                        .map(|entry| (entry.key.text.into_owned(), self.value_of_data(value, entry.value)))
                        .collect(),
                )
            }
            (Type::Struct(id), Kind::Object(entries)) => {
                self.sink.charge(entries.len().saturating_mul(size_of::<Value>()), span);
                let fields: Vec<Field<'s>> =
                    self.program.types.structure(id).map_or(Vec::new(), |row| row.fields.clone());
                let mut entries: Vec<Option<Entry<'s>>> = entries.into_iter().map(Some).collect();
                let mut values = Vec::with_capacity(fields.len());
                for (position, field) in fields.into_iter().enumerate() {
                    let is = |entry: &Option<Entry<'s>>| {
                        entry.as_ref().is_some_and(|entry| entry.key.text == field.name)
                    };
                    let there = if entries.get(position).is_some_and(is) {
                        Some(position)
                    } else {
                        entries.iter().position(is)
                    };
                    let entry = there.and_then(|at| entries.get_mut(at)).and_then(Option::take);
                    values.extend(entry.map(|entry| self.value_of_data(field.ty, entry.value)));
                }
                Value::Aggregate(values)
            }
            // What was typed is one of these.
            _ => Value::Tagged(0, Vec::new()),
        }
    }
}

/// The same number as an `f64`, if there is one.
fn exact(value: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "what is lost is seen in the next line")]
    let float = value as f64;
    #[expect(clippy::cast_possible_truncation, reason = "an f64 made of an i64 is a whole number below 2^64")]
    (float as i128 == i128::from(value)).then_some(float)
}

fn elements<'n, 's>(node: &'n Node<'s>) -> &'n [Node<'s>] {
    match &node.kind {
        Kind::Array(items) => items,
        _ => &[],
    }
}

fn entries<'n, 's>(node: &'n Node<'s>) -> &'n [Entry<'s>] {
    match &node.kind {
        Kind::Object(entries) => entries,
        _ => &[],
    }
}

/// The value of a key, which is most often at the same position in all objects.
fn field<'n, 's>(object: &'n Node<'s>, key: &str, position: usize) -> Option<&'n Node<'s>> {
    let entries = entries(object);
    let same = entries.get(position).filter(|entry| entry.key.text == key);
    same.or_else(|| entries.iter().find(|entry| entry.key.text == key)).map(|entry| &entry.value)
}
