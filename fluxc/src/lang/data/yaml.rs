//! YAML 1.2 with the core schema, from the events of `saphyr-parser`.
//!
//! Aliases are refused: what they stand for could be as large as a power of two of the text.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use saphyr_parser::{Event, Input, Marker, Parser, ScalarStyle, ScanError, Span as Range};

mod input;

use input::{Ahead, Bounded};

use super::{Context, Entry, Failed, Key, Kind, Node, Read, Sign};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// So many characters are between two known places.
const EVERY: usize = 64;

pub(super) fn read<'s>(context: &mut Context<'s, '_>) -> Read<Node<'s>> {
    let whole = context.span(0, context.text.len());
    let places = Places::new(context.text);
    context.charge(places.bytes(), whole)?;
    let text = context.text;
    let bytes = places.bytes();
    let ahead = Ahead::default();
    let mut reader = Yaml { context, places, frames: Vec::new(), root: None, queue: 0 };
    let result = reader.run(Parser::new(Bounded::new(text, &ahead)), &ahead);
    let root = reader.root.take();
    let queue = reader.queue;
    context.sink.release(bytes.saturating_add(queue));
    result?;
    match root {
        Some(node) => Ok(node),
        None => Err(context.syntax(whole, "there is no data in the fence")),
    }
}

/// Where characters are in a text, whose numbers the parser gives.
struct Places {
    /// Offset of every character whose number is a multiple of [`EVERY`].
    known: Vec<u32>,
    ascii: bool,
    length: usize,
}

impl Places {
    fn new(text: &str) -> Self {
        let ascii = text.is_ascii();
        let known = if ascii {
            Vec::new()
        } else {
            text.char_indices().step_by(EVERY).map(|(at, _)| crate::span::clamp(at)).collect()
        };
        Self { known, ascii, length: text.len() }
    }

    fn bytes(&self) -> usize {
        self.known.capacity().saturating_mul(size_of::<u32>())
    }

    /// Offset in bytes of a place of the parser.
    fn offset(&self, text: &str, mark: Marker) -> usize {
        let index = mark.index();
        if self.ascii {
            return index.min(self.length);
        }
        let start =
            self.known.get(index.checked_div(EVERY).unwrap_or(0)).map_or(self.length, |at| *at as usize);
        let rest = text.get(start..).unwrap_or("");
        let further = rest.char_indices().nth(index.checked_rem(EVERY).unwrap_or(0)).map(|(at, _)| at);
        start.saturating_add(further.unwrap_or(rest.len()))
    }
}

/// An array or object that is not complete.
enum Frame<'s> {
    Array(usize, Vec<Node<'s>>),
    /// With the key whose value comes next.
    Object(usize, Vec<Entry<'s>>, Option<Key<'s>>),
}

struct Yaml<'c, 's, 'k> {
    context: &'c mut Context<'s, 'k>,
    places: Places,
    frames: Vec<Frame<'s>>,
    root: Option<Node<'s>>,
    /// Bytes that the queue of the parser has taken.
    queue: usize,
}

impl<'s> Yaml<'_, 's, '_> {
    fn run<T: Input>(&mut self, mut parser: Parser<'s, T>, ahead: &Ahead) -> Read<()> {
        let mut documents = 0_u32;
        loop {
            ahead.begin(self.context.sink.memory_left().saturating_add(self.queue));
            let Some(next) = parser.next_event() else { return Ok(()) };
            self.count_queue(ahead, &next)?;
            let (event, range) = match next {
                Ok(row) => row,
                Err(error) => {
                    let at = self.places.offset(self.context.text, *error.marker());
                    let next = self.context.text.get(at..).and_then(|rest| rest.chars().next());
                    let end = at.saturating_add(next.filter(|ch| *ch != '\n').map_or(0, char::len_utf8));
                    let span = self.context.span(at, end);
                    let message = format!("the YAML is not understood: {}", error.info());
                    return Err(self.context.syntax(span, message));
                }
            };
            match event {
                Event::DocumentStart(_) => {
                    documents = documents.saturating_add(1);
                    if documents > 1 {
                        let span = self.mark(range);
                        return Err(self.refuse(
                            span,
                            "a second document",
                            "one fence holds one value: use a fence for each",
                        ));
                    }
                }
                Event::Alias(_) => {
                    let span = self.mark(range);
                    return Err(self.refuse(span, "an alias", "write out what it stands for"));
                }
                Event::Scalar(value, style, _, tag) => {
                    let span = self.span(range);
                    self.no_tag(span, tag.is_some())?;
                    self.scalar(value, style, span)?;
                }
                Event::SequenceStart(_, tag) => {
                    self.open(range, tag.is_some(), Frame::Array(0, Vec::new()))?
                }
                Event::MappingStart(_, tag) => {
                    self.open(range, tag.is_some(), Frame::Object(0, Vec::new(), None))?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(range)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
    }

    /// Counts the room that the queue of the parser grew to, and ends if it would not be enough.
    fn count_queue(&mut self, ahead: &Ahead, next: &Result<(Event<'s>, Range), ScanError>) -> Read<()> {
        let mark = match next {
            Ok((_, range)) => range.end,
            Err(error) => *error.marker(),
        };
        if ahead.is_too_far() {
            let at = self.places.offset(self.context.text, mark);
            let span = self.context.span(at.saturating_sub(1), at);
            return Err(self.context.fail(
                Diagnostic::new(codes::LIMIT_PASSED, span, "YAML in brackets that is too long to be read")
                    .label("these brackets")
                    .hint("write one element on each line behind `- `, or use a json fence"),
            ));
        }
        let more = ahead.bytes().saturating_sub(self.queue);
        if more > 0 {
            let at = self.places.offset(self.context.text, mark);
            self.context.charge(more, self.context.span(at, at))?;
            self.queue = self.queue.saturating_add(more);
        }
        Ok(())
    }

    fn span(&self, range: Range) -> Span {
        let start = self.places.offset(self.context.text, range.start);
        let end = self.places.offset(self.context.text, range.end);
        let text = self.context.text.get(start..end).unwrap_or("");
        self.context.span(start, start.saturating_add(text.trim_end().len()))
    }

    /// As [`Self::span`] of what may reach far, up to the end of its line.
    fn mark(&self, range: Range) -> Span {
        let start = self.places.offset(self.context.text, range.start);
        let rest = self.context.text.get(start..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("").trim_end();
        self.context.span(start, start.saturating_add(line.len()))
    }

    fn refuse(&mut self, span: Span, what: &str, instead: &str) -> Failed {
        self.context.fail(
            Diagnostic::new(codes::DATA_FORM, span, format!("{what} of YAML cannot be used here"))
                .label("not taken")
                .hint(instead),
        )
    }

    fn no_tag(&mut self, span: Span, there: bool) -> Read<()> {
        if !there {
            return Ok(());
        }
        Err(self.refuse(span, "a tag", "leave it out: the value tells its type; a text stands in quotes"))
    }

    fn open(&mut self, range: Range, tagged: bool, frame: Frame<'s>) -> Read<()> {
        let start = self.places.offset(self.context.text, range.start);
        if tagged {
            self.no_tag(self.mark(range), tagged)?;
        }
        if matches!(self.frames.last(), Some(Frame::Object(_, _, None))) {
            let span = self.mark(range);
            return Err(self.refuse(span, "a key that is an array or object", "use a text as the key"));
        }
        self.context.check_depth(self.frames.len(), self.context.span(start, start.saturating_add(1)))?;
        self.frames.push(match frame {
            Frame::Array(_, items) => Frame::Array(start, items),
            Frame::Object(_, entries, key) => Frame::Object(start, entries, key),
        });
        Ok(())
    }

    fn close(&mut self, range: Range) -> Read<()> {
        let end = self.places.offset(self.context.text, range.end);
        let whole = |context: &Context<'_, '_>, start: usize| {
            let text = context.text.get(start..end).unwrap_or("");
            context.span(start, start.saturating_add(text.trim_end().len()))
        };
        let node = match self.frames.pop() {
            Some(Frame::Array(start, items)) => {
                let span = whole(self.context, start);
                self.context.array(items, span)
            }
            Some(Frame::Object(start, entries, _)) => {
                let span = whole(self.context, start);
                self.context.object(entries, span)?
            }
            None => return Ok(()),
        };
        self.add(node)
    }

    /// A value is complete.
    fn add(&mut self, node: Node<'s>) -> Read<()> {
        let span = node.span;
        match self.frames.last_mut() {
            None => {
                self.root = Some(node);
                Ok(())
            }
            Some(Frame::Array(_, items)) => self.context.keep(items, node, span),
            Some(Frame::Object(_, entries, key)) => match key.take() {
                Some(key) => self.context.keep(entries, Entry { key, value: node }, span),
                None => Ok(()),
            },
        }
    }

    fn scalar(&mut self, value: Cow<'s, str>, style: ScalarStyle, span: Span) -> Read<()> {
        let value = self.borrowed(value, span);
        if let Some(Frame::Object(_, _, key @ None)) = self.frames.last_mut() {
            *key = Some(Key { text: value, span });
            return Ok(());
        }
        let kind = match style {
            ScalarStyle::Plain => self.plain(value, span)?,
            _ => Kind::Text(self.context.text_of(value, span)?),
        };
        self.add(Node { kind, span })
    }

    /// The same text as a piece of the document, if it stands there as it is.
    fn borrowed(&self, value: Cow<'s, str>, span: Span) -> Cow<'s, str> {
        let start = span.start.saturating_sub(self.context.base) as usize;
        [start, start.saturating_add(1)]
            .into_iter()
            .find_map(|at| {
                let piece = self.context.text.get(at..at.saturating_add(value.len()))?;
                (piece == value.as_ref()).then_some(Cow::Borrowed(piece))
            })
            .unwrap_or(value)
    }

    /// A scalar without quotes, by the core schema.
    fn plain(&mut self, text: Cow<'s, str>, span: Span) -> Read<Kind<'s>> {
        match text.as_ref() {
            "" | "~" | "null" | "Null" | "NULL" => return Ok(Kind::Null),
            "true" | "True" | "TRUE" => return Ok(Kind::Bool(true)),
            "false" | "False" | "FALSE" => return Ok(Kind::Bool(false)),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN" | ".NAN" => {
                return Err(self.context.infinite(span));
            }
            word if is_switch(word) => return Err(self.switch(word, span)),
            _ => {}
        }
        let (sign, digits) = Sign::split(&text);
        for (prefix, radix) in [("0x", 16), ("0o", 8)] {
            if let Some(digits) = text.strip_prefix(prefix)
                && !digits.is_empty()
                && digits.chars().all(|ch| ch.is_digit(radix))
            {
                return self.context.whole(Sign::Plus, digits, radix, span);
            }
        }
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.context.whole(sign, digits, 10, span);
        }
        if is_float(digits) {
            return self.context.float(&text, span);
        }
        Ok(Kind::Text(self.context.text_of(text, span)?))
    }

    fn switch(&mut self, word: &str, span: Span) -> Failed {
        let on = matches!(word.chars().next(), Some('y' | 'Y')) || word.eq_ignore_ascii_case("on");
        let meant = if on { "true" } else { "false" };
        self.context.fail(
            Diagnostic::new(
                codes::DATA_FORM,
                span,
                format!("`{word}` is a truth value in YAML 1.1 and a text in YAML 1.2"),
            )
            .label("not clear")
            .replace(format!("write `{meant}`, or `\"{word}\"` for the text"), span, meant),
        )
    }
}

fn is_switch(word: &str) -> bool {
    ["yes", "no", "on", "off"].iter().any(|switch| word.eq_ignore_ascii_case(switch))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, behind the sign.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()) && exponent
}
