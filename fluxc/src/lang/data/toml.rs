//! TOML, from the events of `toml_parser`.
//!
//! The parser knows the grammar; which tables a header or a dotted key may define is decided here, by
//! the rules of <https://toml.io/en/v1.1.0#table>.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use hashbrown::HashMap;
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::lexer::Token;
use toml_parser::parser::{EventReceiver, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, ParseError, Raw, Source, Span as Range};

use super::{Context, Entry, Failed, Key, Kind, Node, Read, Sign};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

pub(super) fn read<'s>(context: &mut Context<'s, '_>) -> Read<Node<'s>> {
    let whole = context.span(0, context.text.len());
    let source = Source::new(context.text);
    // The parser wants all tokens at once: they are counted before they are made.
    let count = source.lex().count();
    let bytes = count.saturating_mul(size_of::<Token>());
    context.charge(bytes, whole)?;
    let mut tokens: Vec<Token> = Vec::with_capacity(count);
    tokens.extend(source.lex());
    let mut error = None;
    let root = Table::new(How::Header, whole);
    let mut reader = Toml {
        context,
        root,
        header: Vec::new(),
        opening: None,
        keys: Vec::new(),
        frames: Vec::new(),
        failed: false,
    };
    let errors = reader.context.sink.errors();
    parse_document(&tokens, &mut ValidateWhitespace::new(&mut reader, source), &mut error);
    let Toml { context, root, failed, .. } = reader;
    context.sink.release(bytes);
    match error {
        Some(error) if context.sink.errors() == errors => Err(misread(context, &error)),
        None if !failed => root.into_node(context),
        None if context.sink.errors() == errors => Err(context.syntax(whole, "the TOML is not understood")),
        _ => Err(Failed),
    }
}

/// Reports the first error of the parser.
fn misread(context: &mut Context<'_, '_>, error: &ParseError) -> Failed {
    let range = error.unexpected().or(error.context());
    let (start, end) = range.map_or((0, 0), |range| (range.start(), range.end()));
    let line = context.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let span = context.span(start, end.min(start.saturating_add(line.len())));
    // Of a value that is missing the parser says that it is no string.
    if span.is_empty() && error.description().contains("string values must be quoted") {
        return context.syntax(span, "the TOML is not understood: a value is missing");
    }
    let row = Diagnostic::new(
        codes::DATA_SYNTAX,
        span,
        format!("the TOML is not understood: {}", error.description()),
    );
    let expected: Vec<&str> = error
        .expected()
        .unwrap_or(&[])
        .iter()
        .filter_map(|expected| match expected {
            toml_parser::Expected::Literal(text) => Some(if *text == "\n" { "a line break" } else { text }),
            toml_parser::Expected::Description(text) => Some(text),
            _ => None,
        })
        .collect();
    let row = if expected.is_empty() { row } else { row.expected(expected.join(" or ")) };
    context.fail(row)
}

/// What defined a table, and so what may add to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum How {
    /// `[table]` or `[[table]]`.
    Header,
    /// The header of a table in it: its own header may still come.
    Implicit,
    /// A dotted key.
    Dotted,
}

struct Table<'s> {
    how: How,
    span: Span,
    items: Vec<(Key<'s>, Item<'s>)>,
    places: HashMap<Cow<'s, str>, usize>,
}

enum Item<'s> {
    Value(Node<'s>),
    Table(Table<'s>),
    /// `[[table]]`.
    Tables(Vec<Table<'s>>),
}

impl<'s> Table<'s> {
    fn new(how: How, span: Span) -> Self {
        Self { how, span, items: Vec::new(), places: HashMap::new() }
    }

    fn find(&mut self, key: &str) -> Option<&mut (Key<'s>, Item<'s>)> {
        let place = self.places.get(key).copied()?;
        self.items.get_mut(place)
    }

    fn add(&mut self, key: Key<'s>, item: Item<'s>, context: &mut Context<'s, '_>) -> Read<()> {
        let table = if matches!(item, Item::Value(_)) { 0 } else { size_of::<Self>() };
        let entry = size_of::<(Cow<'s, str>, usize)>().saturating_mul(2);
        context.charge(table.saturating_add(entry), key.span)?;
        self.places.insert(key.text.clone(), self.items.len());
        let span = key.span;
        context.keep(&mut self.items, (key, item), span)
    }

    fn into_node(self, context: &mut Context<'s, '_>) -> Read<Node<'s>> {
        let mut entries = Vec::with_capacity(self.items.len());
        for (key, item) in self.items {
            let value = match item {
                Item::Value(node) => node,
                Item::Table(table) => table.into_node(context)?,
                Item::Tables(tables) => {
                    let span = key.span;
                    let mut items = Vec::with_capacity(tables.len());
                    for table in tables {
                        items.push(table.into_node(context)?);
                    }
                    context.array(items, span)
                }
            };
            entries.push(Entry { key, value });
        }
        context.charge(entries.capacity().saturating_mul(size_of::<Entry<'s>>()), self.span)?;
        context.object(entries, self.span)
    }
}

/// A kind of header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Header {
    Table,
    Tables,
}

/// An array or inline table that is not complete.
enum Frame<'s> {
    Array(usize, Vec<Node<'s>>),
    /// With the keys that wait for the value around it.
    Inline(usize, Table<'s>, Vec<Key<'s>>),
}

struct Toml<'c, 's, 'k> {
    context: &'c mut Context<'s, 'k>,
    root: Table<'s>,
    /// Keys of the header above.
    header: Vec<Key<'s>>,
    opening: Option<(Header, usize)>,
    /// Keys read so far, of a header or before a value.
    keys: Vec<Key<'s>>,
    frames: Vec<Frame<'s>>,
    /// After the first error nothing is taken any more.
    failed: bool,
}

impl<'s> Toml<'_, 's, '_> {
    fn range(&self, range: Range) -> Span {
        self.context.span(range.start(), range.end())
    }

    fn raw(&self, range: Range, encoding: Option<Encoding>) -> Option<Raw<'s>> {
        let text = self.context.text.get(range.start()..range.end())?;
        Some(Raw::new_unchecked(text, encoding, range))
    }

    fn note(&mut self, result: Read<()>) {
        self.failed |= result.is_err();
    }

    fn begin_header(&mut self, header: Header, range: Range) {
        self.keys.clear();
        self.opening = Some((header, range.start()));
    }

    fn end_header(&mut self, range: Range) -> Read<()> {
        let Some((header, start)) = self.opening.take() else { return Ok(()) };
        if self.failed {
            return Err(Failed);
        }
        let span = self.context.span(start, range.end());
        let keys = core::mem::take(&mut self.keys);
        self.context.check_depth(keys.len(), span)?;
        let Some((last, path)) = keys.split_last() else { return Ok(()) };
        let table = walk(&mut self.root, path, How::Implicit, self.context)?;
        match (header, table.find(&last.text)) {
            (Header::Table, None) => {
                table.add(last.clone(), Item::Table(Table::new(How::Header, span)), self.context)?;
            }
            (Header::Table, Some((_, Item::Table(known)))) if known.how == How::Implicit => {
                known.how = How::Header;
                known.span = span;
            }
            (Header::Tables, None) => {
                let tables = [Table::new(How::Header, span)].into();
                table.add(last.clone(), Item::Tables(tables), self.context)?;
            }
            (Header::Tables, Some((_, Item::Tables(tables)))) => {
                self.context.keep(tables, Table::new(How::Header, span), span)?;
            }
            (_, Some((first, _))) => {
                let first = first.span;
                return Err(self.context.twice(last, first));
            }
        }
        self.header = keys;
        Ok(())
    }

    fn key(&mut self, range: Range, encoding: Option<Encoding>, error: &mut dyn ErrorSink) -> Read<()> {
        let mut text = Cow::Borrowed("");
        if let Some(raw) = self.raw(range, encoding) {
            raw.decode_key(&mut text, error);
        }
        // A key that is missing has no range, which decoding it reports.
        if range.is_empty() || self.failed {
            return Err(Failed);
        }
        let span = self.range(range);
        let text = self.context.text_of(text, span)?;
        self.context.keep(&mut self.keys, Key { text, span }, span)
    }

    fn scalar(&mut self, range: Range, encoding: Option<Encoding>, error: &mut dyn ErrorSink) -> Read<()> {
        let span = self.range(range);
        let mut text = Cow::Borrowed("");
        let Some(raw) = self.raw(range, encoding) else { return Ok(()) };
        let kind = match raw.decode_scalar(&mut text, error) {
            ScalarKind::String | ScalarKind::DateTime => Kind::Text(self.context.text_of(text, span)?),
            ScalarKind::Boolean(value) => Kind::Bool(value),
            ScalarKind::Float => {
                if text.ends_with("inf") || text.ends_with("nan") {
                    return Err(self.context.infinite(span));
                }
                self.context.float(&text, span)?
            }
            ScalarKind::Integer(radix) => {
                let (sign, digits) = Sign::split(&text);
                self.context.whole(sign, digits, radix.value(), span)?
            }
        };
        self.value(Node { kind, span })
    }

    /// A value is complete.
    fn value(&mut self, node: Node<'s>) -> Read<()> {
        if self.failed {
            return Err(Failed);
        }
        let span = node.span;
        let table = match self.frames.last_mut() {
            Some(Frame::Array(_, items)) => return self.context.keep(items, node, span),
            Some(Frame::Inline(_, table, _)) => table,
            None => walk(&mut self.root, &self.header, How::Header, self.context)?,
        };
        let keys = core::mem::take(&mut self.keys);
        let Some((last, path)) = keys.split_last() else { return Ok(()) };
        self.context.check_depth(path.len(), last.span)?;
        let table = walk(table, path, How::Dotted, self.context)?;
        if let Some((first, _)) = table.find(&last.text) {
            let first = first.span;
            return Err(self.context.twice(last, first));
        }
        table.add(last.clone(), Item::Value(node), self.context)
    }

    fn close(&mut self, range: Range) -> Read<()> {
        let node = match self.frames.pop() {
            Some(Frame::Array(start, items)) => {
                let span = self.context.span(start, range.end());
                self.context.array(items, span)
            }
            Some(Frame::Inline(start, mut table, keys)) => {
                table.span = self.context.span(start, range.end());
                self.keys = keys;
                table.into_node(self.context)?
            }
            None => return Ok(()),
        };
        self.value(node)
    }
}

/// The table that a path of keys names from `table` on; what is not there is made as `how` says.
fn walk<'t, 's>(
    mut table: &'t mut Table<'s>,
    path: &[Key<'s>],
    how: How,
    context: &mut Context<'s, '_>,
) -> Read<&'t mut Table<'s>> {
    for key in path {
        if table.find(&key.text).is_none() {
            table.add(key.clone(), Item::Table(Table::new(how, key.span)), context)?;
        }
        table = match table.find(&key.text) {
            // A dotted key adds only to what dotted keys made.
            Some((_, Item::Table(next))) if how != How::Dotted || next.how == How::Dotted => next,
            Some((_, Item::Tables(tables))) if how != How::Dotted && !tables.is_empty() => {
                tables.last_mut().ok_or(Failed)?
            }
            Some((first, _)) => {
                let first = first.span;
                return Err(context.twice(key, first));
            }
            None => return Err(Failed),
        };
    }
    Ok(table)
}

impl EventReceiver for Toml<'_, '_, '_> {
    fn std_table_open(&mut self, span: Range, _: &mut dyn ErrorSink) {
        self.begin_header(Header::Table, span);
    }

    fn std_table_close(&mut self, span: Range, _: &mut dyn ErrorSink) {
        let result = self.end_header(span);
        self.note(result);
    }

    fn array_table_open(&mut self, span: Range, _: &mut dyn ErrorSink) {
        self.begin_header(Header::Tables, span);
    }

    fn array_table_close(&mut self, span: Range, _: &mut dyn ErrorSink) {
        let result = self.end_header(span);
        self.note(result);
    }

    fn inline_table_open(&mut self, span: Range, _: &mut dyn ErrorSink) -> bool {
        let place = self.range(span);
        let result = self.context.check_depth(self.frames.len(), place);
        self.note(result);
        let keys = core::mem::take(&mut self.keys);
        self.frames.push(Frame::Inline(span.start(), Table::new(How::Header, place), keys));
        !self.failed
    }

    fn inline_table_close(&mut self, span: Range, _: &mut dyn ErrorSink) {
        let result = self.close(span);
        self.note(result);
    }

    fn array_open(&mut self, span: Range, _: &mut dyn ErrorSink) -> bool {
        let place = self.range(span);
        let result = self.context.check_depth(self.frames.len(), place);
        self.note(result);
        self.frames.push(Frame::Array(span.start(), Vec::new()));
        !self.failed
    }

    fn array_close(&mut self, span: Range, _: &mut dyn ErrorSink) {
        let result = self.close(span);
        self.note(result);
    }

    fn simple_key(&mut self, span: Range, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let result = self.key(span, encoding, error);
        self.note(result);
    }

    fn scalar(&mut self, span: Range, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let result = if self.failed { Err(Failed) } else { self.scalar(span, encoding, error) };
        self.note(result);
    }
}
