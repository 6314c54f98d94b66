//! From the lists of a section to its steps: which item belongs to which opener.
//!
//! Numbers mean nothing; lists of one level are joined in source order. A list or fence inside an
//! item is its body; so is a bullet list or fence directly after an ordered item that ends with `:`.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{Block, ForeignKind, Item, Step, StepKind};
use super::fence::{Fence, Language};
use super::forms::Keyword;
use super::lexer::Mode;
use super::parser::{Failed, Parser};
use super::step::{Context, Outcome, Place};
use crate::diag::{Diagnostic, Sink, codes};
use crate::md::{BlockKind, Blocks, ListStyle};
use crate::span::{Span, clamp};

/// A range of sibling blocks in the table of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Siblings {
    pub(super) from: u32,
    pub(super) to: u32,
}

/// What the reader of steps works on, and where it puts what is no step.
pub(super) struct StepReader<'s, 'k, 'b> {
    pub(super) source: &'s str,
    pub(super) blocks: &'b Blocks,
    pub(super) sink: &'k mut Sink,
    pub(super) place: Place,
    /// Declarations in `fluxfn` and `flux-type` fences among the steps.
    pub(super) items: &'b mut Vec<Item<'s>>,
    pub(super) fences: &'b mut Vec<super::ast::Foreign<'s>>,
}

impl<'s> StepReader<'s, '_, '_> {
    /// The steps of sibling blocks.
    pub(super) fn sequence(&mut self, siblings: Siblings) -> Block<'s> {
        let mut steps: Vec<Step<'s>> = Vec::new();
        let mut at = siblings.from;
        while at < siblings.to && !self.sink.is_spent() {
            let Some(block) = self.blocks.get(at).copied() else { break };
            let index = at;
            at = block.next.max(at.saturating_add(1));
            match block.kind {
                BlockKind::List { style } => {
                    at = self.list(index, style, Siblings { from: at, to: siblings.to }, &mut steps);
                }
                BlockKind::Fence { .. } => {
                    if let Some(step) = self.fence(index) {
                        let span = step.span;
                        self.sink.keep(&mut steps, step, span);
                    }
                }
                BlockKind::Paragraph | BlockKind::Quote | BlockKind::IndentedCode => {
                    self.prose(block.span);
                }
                // Its underline is no text, though it may look like a bullet.
                BlockKind::SetextHeading { .. } => self.prose(block.content),
                BlockKind::Item | BlockKind::Heading { .. } | BlockKind::Html | BlockKind::ThematicBreak => {}
            }
        }
        self.sink.fit(&mut steps);
        let span = match (steps.first(), steps.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::empty(self.blocks.get(siblings.from).map_or(0, |block| block.span.start)),
        };
        Block { span, steps }
    }

    /// The items of a list; returns where the siblings go on, since the last item may take some.
    fn list(&mut self, list: u32, style: ListStyle, after: Siblings, steps: &mut Vec<Step<'s>>) -> u32 {
        let mut go_on = after.from;
        self.sink.reserve(steps, self.blocks.children(list).count());
        for (index, item) in self.blocks.children(list) {
            let mut extra = Siblings { from: after.from, to: after.from };
            let last = item.next >= after.from;
            if last && style == ListStyle::Ordered && self.opens_block(index) {
                extra.to = self.taken_by_opener(after);
                go_on = extra.to;
            }
            self.item(index, extra, steps);
        }
        go_on
    }

    /// End of the siblings that an ordered opener directly before them takes.
    fn taken_by_opener(&self, after: Siblings) -> u32 {
        let mut at = after.from;
        while at < after.to {
            let Some(block) = self.blocks.get(at) else { break };
            let takes = match block.kind {
                BlockKind::List { style } => style == ListStyle::Bullet,
                BlockKind::Fence { .. } => {
                    at == after.from && Fence::read(self.source, block).language == Language::Flux
                }
                _ => false,
            };
            if !takes {
                break;
            }
            at = block.next.max(at.saturating_add(1));
        }
        at
    }

    /// Tells whether an item's first paragraph ends with the colon of an opener.
    fn opens_block(&self, item: u32) -> bool {
        let first = self.blocks.children(item).next();
        let Some((_, block)) = first.filter(|(_, b)| b.kind == BlockKind::Paragraph) else {
            return false;
        };
        let text = block.content.text(self.source).trim_end();
        if text.ends_with(':') {
            return true;
        }
        // `If x: (a remark)`
        text.ends_with(')')
            && text.rfind('(').and_then(|at| text.get(..at)).is_some_and(|t| t.trim_end().ends_with(':'))
    }

    fn item(&mut self, item: u32, extra: Siblings, steps: &mut Vec<Step<'s>>) {
        let Some(block) = self.blocks.get(item).copied() else { return };
        let inside = Siblings { from: item.saturating_add(1), to: block.next };
        let first = if inside.from < inside.to { self.blocks.get(inside.from).copied() } else { None };
        match first.map(|first| (first.kind, first)) {
            Some((BlockKind::Paragraph, first)) => {
                let rest = Siblings { from: first.next, to: inside.to };
                let body = self.body(rest, extra);
                self.text_item(first.content, body, steps);
            }
            Some((BlockKind::Fence { .. }, first)) => {
                if let Some(step) = self.fence(inside.from) {
                    let span = step.span;
                    self.sink.keep(steps, step, span);
                }
                let more = self.sequence(Siblings { from: first.next, to: inside.to });
                self.append(steps, more.steps);
            }
            _ => {
                let start = block.span.start;
                let span = Span::new(start, start.saturating_add(1));
                self.sink.push(
                    Diagnostic::new(codes::UNKNOWN_STEP, span, "this list item holds no step")
                        .expected("a step, such as `Read temperature from I2C sensor (addr 0x48)`")
                        .hint("remove the item, or write a step into it"),
                );
            }
        }
    }

    /// The steps under an item: inside it, then those after it that it takes.
    fn body(&mut self, rest: Siblings, extra: Siblings) -> Option<Block<'s>> {
        let mut steps = Vec::new();
        let mut any = false;
        for part in [rest, extra] {
            if part.from >= part.to {
                continue;
            }
            let block = self.sequence(part);
            any |= !block.steps.is_empty() || self.holds_list(part);
            self.append(&mut steps, block.steps);
        }
        let span = match (steps.first(), steps.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        };
        any.then_some(Block { span, steps })
    }

    /// Moves steps to the end of others.
    fn append(&mut self, steps: &mut Vec<Step<'s>>, more: Vec<Step<'s>>) {
        if steps.is_empty() {
            *steps = more;
            return;
        }
        for step in more {
            let span = step.span;
            self.sink.keep(steps, step, span);
        }
    }

    fn holds_list(&self, part: Siblings) -> bool {
        let mut at = part.from;
        while at < part.to {
            let Some(block) = self.blocks.get(at) else { return false };
            if matches!(block.kind, BlockKind::List { .. }) {
                return true;
            }
            at = block.next.max(at.saturating_add(1));
        }
        false
    }

    fn text_item(&mut self, text: Span, body: Option<Block<'s>>, steps: &mut Vec<Step<'s>>) {
        let mut context = Context { place: self.place, body, depth: limits::LIST_NESTING };
        let mut parser = Parser::new(self.source, text, Mode::Step, self.sink);
        match parser.step(&mut context) {
            Ok(Outcome::Step(step)) => {
                self.sink.keep(steps, step, text);
            }
            Ok(Outcome::Otherwise(other)) => match steps.last_mut() {
                Some(step) if step.kind.takes_otherwise() && step.otherwise.is_none() => {
                    step.otherwise = Some(Box::new(other));
                }
                _ => {
                    parser.otherwise_alone(other.span);
                }
            },
            Ok(Outcome::OtherwiseIf(arm)) => match steps.last_mut() {
                Some(Step { kind: StepKind::If { arms }, otherwise: None, .. }) => {
                    self.sink.keep(arms, arm, text);
                }
                Some(Step { kind: StepKind::Invalid, .. }) => {}
                _ => {
                    parser.otherwise_alone(arm.span);
                }
            },
            // Its place matters to an `Otherwise` after it only while errors are still shown.
            Err(Failed) if parser.sink.is_full() => {}
            Err(Failed) => {
                let step = Step { span: text, kind: StepKind::Invalid, remark: None, otherwise: None };
                self.sink.keep(steps, step, text);
            }
        }
    }

    /// A fence among steps: `flux` is a step; others declare or mean nothing here.
    fn fence(&mut self, index: u32) -> Option<Step<'s>> {
        let block = self.blocks.get(index)?;
        let fence = Fence::read(self.source, block);
        match fence.language {
            Language::Flux => {
                let mut parser = Parser::new(self.source, fence.content, Mode::Code, self.sink);
                let code = parser.statements();
                let kind = StepKind::Code(code);
                Some(Step { span: block.span, kind, remark: None, otherwise: None })
            }
            Language::Declarations => {
                Parser::new(self.source, fence.content, Mode::Code, self.sink).items(self.items);
                None
            }
            Language::Foreign(kind) => {
                self.foreign(kind, &fence, block.span);
                None
            }
            Language::Documentation => None,
        }
    }

    fn foreign(&mut self, kind: ForeignKind, fence: &Fence<'s>, span: Span) {
        self.sink.keep(self.fences, fence.foreign(self.source, kind, span), span);
    }

    /// Text in a section of steps: reported if a line of it was meant as a step.
    fn prose(&mut self, span: Span) {
        let mut start = span.start;
        for row in span.text(self.source).split_inclusive('\n') {
            let text = row.trim_start_matches(['>', ' ', '\t']);
            let lead = row.len().saturating_sub(text.len());
            let text = text.trim_end();
            let at = start.saturating_add(clamp(lead));
            start = start.saturating_add(clamp(row.len()));
            let span = Span::new(at, at.saturating_add(clamp(text.len())));
            if self.looks_like_a_step(text, span) {
                let fix = if text.starts_with('-') || text.starts_with(|ch: char| ch.is_ascii_digit()) {
                    "\n"
                } else {
                    "- "
                };
                self.sink.push(
                    Diagnostic::new(
                        codes::STEP_OUTSIDE_LIST,
                        span,
                        "this reads like a step, but it is no list item",
                    )
                    .label("text, not a step")
                    .expected("a list item: `- …` or `1. …` at the start of a line")
                    .replace(
                        "make it a list item, with an empty line before the list",
                        Span::empty(at),
                        fix,
                    ),
                );
                return;
            }
        }
    }

    fn looks_like_a_step(&self, text: &str, span: Span) -> bool {
        if text.starts_with('-') {
            return true;
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && text.as_bytes().get(digits) == Some(&b'.') {
            return !text.as_bytes().get(digits.saturating_add(1)).is_some_and(u8::is_ascii_digit);
        }
        let word = text.split(|ch: char| !ch.is_alphanumeric()).next().unwrap_or("");
        if Keyword::of(word).is_none() {
            return false;
        }
        let mut silent = Sink::new(self.sink.source());
        let body = text.ends_with(':').then(Block::default);
        let mut context = Context { place: self.place, body, depth: limits::LIST_NESTING };
        Parser::new(self.source, span, Mode::Step, &mut silent).step(&mut context).is_ok()
    }

    /// Reports a section that needs steps and has none.
    pub(super) fn need_steps(&mut self, block: &Block<'s>, heading: Span, errors_before: u32) {
        if block.steps.is_empty() && self.sink.errors() == errors_before {
            let text = heading.text(self.source);
            self.sink.push(
                Diagnostic::new(
                    codes::NO_BODY,
                    heading,
                    format!("`{}` has no steps", text.trim_start_matches('#').trim()),
                )
                .expected("list items or a `flux` fence")
                .hint("for example `1. Log \"hello\"`"),
            );
        }
    }
}
