//! The names of a document with every place where they stand.
//!
//! The typed tree says what each expression means; it is held against the text, so that only a use
//! that is written by its name (or a short form of it) counts.

use std::collections::HashMap;

use flux_fluxc::Sources;
use flux_fluxc::diag::Sink;
use flux_fluxc::lang::sema::tree::{Agent, ExprKind, Local, LocalId, Program};
use flux_fluxc::lang::syntax::ast::Document;
use flux_fluxc::span::{SourceId, Span};

/// What a name stands for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SymbolKind {
    /// A value of one section or function.
    Local,
    /// A variable of `## State`.
    State,
    /// A parameter: of `## Config`, or one that the document leaves open.
    Parameter,
    /// A `const`.
    Constant,
    /// A function.
    Function,
    /// A `## On request(…)`.
    Request,
    /// An agent.
    Agent,
    /// A struct or enum.
    Type,
}

impl SymbolKind {
    /// The kind in words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Local => "local of this section",
            Self::State => "state",
            Self::Parameter => "parameter",
            Self::Constant => "constant",
            Self::Function => "function",
            Self::Request => "request",
            Self::Agent => "agent",
            Self::Type => "type",
        }
    }

    /// Tells whether all uses are in the document and known.
    #[must_use]
    pub const fn can_be_renamed(self) -> bool {
        matches!(self, Self::Local | Self::State | Self::Constant | Self::Function)
    }
}

/// A name that the document gives a meaning.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// What it stands for.
    pub kind: SymbolKind,
    /// The name.
    pub name: String,
    /// Where it is introduced: the name alone.
    pub place: Span,
    /// Name and type as the language writes them.
    pub signature: String,
    /// What the document says of it.
    pub help: String,
    /// The agent that answers, of a request.
    owner: String,
    /// The part of the document that it belongs to.
    scope: Span,
}

/// A place where a name stands.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// The name.
    pub span: Span,
    symbol: usize,
}

/// Names and uses, uses in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Index {
    symbols: Vec<Symbol>,
    uses: Vec<Use>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key<'a> {
    Local(usize, u32),
    State(usize, u32),
    Param(usize, u32),
    Const(u32),
    Function(u32),
    Request(&'a str, &'a str),
    Agent(&'a str),
}

/// A function or section: where it begins and what is known of its locals.
struct Body<'p, 's> {
    scope: Span,
    locals: &'p [Local<'s>],
    agent: Option<usize>,
}

impl Index {
    /// Reads the names of a document.
    #[must_use]
    pub fn new(text: &str, name: &str) -> Self {
        Self::with_libraries(text, text.as_bytes(), name)
    }

    /// The same for a document with its libraries: `all` is what the compiler takes. Only names of the
    /// document itself are in the index.
    pub(super) fn with_libraries(text: &str, all: &[u8], name: &str) -> Self {
        let Ok(sources) = Sources::new(all, name) else { return Self::default() };
        let mut sink = Sink::new(SourceId(0));
        match flux_fluxc::analyse(&sources, &mut sink) {
            Some(analysis) => Builder::new(text, &analysis.document, &analysis.program).build(),
            None => Self::default(),
        }
    }

    /// All names.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter()
    }

    /// The name at an offset, and where it stands there.
    #[must_use]
    pub fn at(&self, offset: u32) -> Option<(&Symbol, Span)> {
        let end = self.uses.partition_point(|row| row.span.start <= offset);
        let row = self.uses.get(..end)?.last().filter(|row| offset <= row.span.end)?;
        Some((self.symbols.get(row.symbol)?, row.span))
    }

    /// Every place where a name of this index stands.
    pub fn uses_of<'i>(&'i self, symbol: &Symbol) -> impl Iterator<Item = Span> + 'i {
        let place = symbol.place;
        let number = self.symbols.iter().position(|row| row.place == place);
        self.uses.iter().filter(move |row| Some(row.symbol) == number).map(|row| row.span)
    }

    /// The name that is introduced under `name` and is no local.
    #[must_use]
    pub fn global(&self, kind: SymbolKind, name: &str) -> Option<&Symbol> {
        self.symbols.iter().find(|row| row.kind == kind && row.name == name)
    }

    /// The requests of an agent of this document.
    pub fn requests_of(&self, agent: &str) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(move |row| row.kind == SymbolKind::Request && row.owner == agent)
    }

    /// Names that may stand at an offset.
    pub fn in_scope(&self, offset: u32) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(move |row| row.scope.start <= offset && offset <= row.scope.end)
    }

    pub(super) fn share_scope(&self, a: &Symbol, b: &Symbol) -> bool {
        a.scope.start < b.scope.end && b.scope.start < a.scope.end
    }
}

struct Builder<'p, 's> {
    text: &'s str,
    document: &'p Document<'s>,
    program: &'p Program<'s>,
    bodies: Vec<Body<'p, 's>>,
    numbers: HashMap<Key<'p>, usize>,
    index: Index,
}

impl<'p, 's> Builder<'p, 's> {
    fn new(text: &'s str, document: &'p Document<'s>, program: &'p Program<'s>) -> Self {
        let own = program.functions.iter().filter(|function| function.unit == 0);
        let functions = own.map(|function| (function.span, &function.body, None));
        let sections = program.agents.iter().enumerate().flat_map(|(number, agent)| {
            agent.sections.iter().map(move |section| (section.span, &section.body, Some(number)))
        });
        let mut bodies: Vec<Body<'p, 's>> = functions
            .chain(sections)
            .map(|(span, body, agent)| Body { scope: span, locals: &body.locals, agent })
            .collect();
        bodies.sort_by_key(|body| body.scope.start);
        let ends: Vec<u32> = bodies.iter().skip(1).map(|body| body.scope.start).collect();
        let last = u32::try_from(text.len()).unwrap_or(u32::MAX);
        for (body, end) in bodies.iter_mut().zip(ends.into_iter().chain([last])) {
            body.scope.end = end.max(body.scope.end);
        }
        Self { text, document, program, bodies, numbers: HashMap::new(), index: Index::default() }
    }

    fn build(mut self) -> Index {
        self.declare_document();
        for number in 0..self.program.agents.len() {
            self.declare_agent(number);
        }
        self.declare_locals();
        self.expressions();
        self.messages();
        self.index.uses.sort_by_key(|row| (row.span.start, row.span.end));
        self.index.uses.dedup_by_key(|row| row.span);
        self.index
    }

    fn whole(&self) -> Span {
        Span::from_usize(0, self.text.len())
    }

    fn declare(&mut self, key: Option<Key<'p>>, symbol: Symbol) {
        let number = self.index.symbols.len();
        if let Some(key) = key {
            self.numbers.entry(key).or_insert(number);
        }
        self.index.uses.push(Use { span: symbol.place, symbol: number });
        self.index.symbols.push(symbol);
    }

    fn refer(&mut self, key: Key<'p>, span: Span) {
        if let Some(symbol) = self.numbers.get(&key) {
            self.index.uses.push(Use { span, symbol: *symbol });
        }
    }

    /// The first place in `span` where `name` stands as a word.
    fn find(&self, span: Span, name: &str) -> Option<Span> {
        let text = span.text(self.text);
        let word = |ch: Option<char>| ch.is_some_and(|ch| ch.is_alphanumeric() || ch == '_');
        let (at, _) = text.match_indices(name).find(|(at, found)| {
            let before = text.get(..*at).and_then(|before| before.chars().next_back());
            let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
            !word(before) && !word(after)
        })?;
        let start = span.start as usize + at;
        Some(Span::from_usize(start, start + name.len()))
    }

    fn declare_document(&mut self) {
        let program = self.program;
        let scope = self.whole();
        for (number, row) in (0u32..).zip(&program.consts) {
            // The texts of libraries follow the document's own.
            if row.span.start > scope.end {
                continue;
            }
            let place = self.find(row.span, row.name).unwrap_or(row.span);
            let signature = format!("const {}: {}", row.name, program.types.name(row.ty));
            let symbol = Symbol {
                kind: SymbolKind::Constant,
                name: row.name.to_owned(),
                place,
                signature,
                help: String::new(),
                owner: String::new(),
                scope,
            };
            self.declare(Some(Key::Const(number)), symbol);
        }
        for (number, row) in (0u32..).zip(&program.functions) {
            if row.unit != 0 {
                continue;
            }
            let place = self.find(row.span, row.name).unwrap_or(row.span);
            let symbol = Symbol {
                kind: SymbolKind::Function,
                name: row.name.to_owned(),
                place,
                signature: self.function_signature(row),
                help: String::new(),
                owner: String::new(),
                scope,
            };
            self.declare(Some(Key::Function(number)), symbol);
        }
        for (name, span, word) in self.types() {
            let place = self.find(span, name).unwrap_or(span);
            let symbol = Symbol {
                kind: SymbolKind::Type,
                name: name.to_owned(),
                place,
                signature: format!("{word} {name}"),
                help: String::new(),
                owner: String::new(),
                scope,
            };
            self.declare(None, symbol);
        }
    }

    /// Structs and enums: name, place, keyword.
    fn types(&self) -> Vec<(&'s str, Span, &'static str)> {
        use flux_fluxc::lang::syntax::ast::ItemKind;
        self.document
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Struct { name, .. } => Some((name.text, name.span, "struct")),
                ItemKind::Enum { name, .. } => Some((name.text, name.span, "enum")),
                _ => None,
            })
            .collect()
    }

    fn function_signature(&self, function: &flux_fluxc::lang::sema::tree::Function<'_>) -> String {
        let types = &self.program.types;
        let params: Vec<String> = function
            .body
            .locals
            .iter()
            .take(function.body.params as usize)
            .map(|local| format!("{}: {}", local.name, types.name(local.ty)))
            .collect();
        let ret = match types.name(function.ret).as_str() {
            "nothing" => String::new(),
            name => format!(" -> {name}"),
        };
        format!("fn {}({}){ret}", function.name, params.join(", "))
    }

    fn declare_agent(&mut self, number: usize) {
        let (program, document) = (self.program, self.document);
        let (Some(agent), Some(written)) = (program.agents.get(number), document.agents.get(number)) else {
            return;
        };
        let scope = self.agent_scope(number, agent);
        if let Some(name) = written.keys.name {
            let symbol = Symbol {
                kind: SymbolKind::Agent,
                name: name.text.to_owned(),
                place: name.span,
                signature: format!("agent {}", name.text),
                help: String::new(),
                owner: String::new(),
                scope: self.whole(),
            };
            self.declare(Some(Key::Agent(name.text)), symbol);
        }
        for (id, row) in (0u32..).zip(&agent.state) {
            let help = written.state.iter().find(|entry| entry.name.text == row.name);
            let place = help.map_or_else(|| self.find(row.span, row.name), |entry| Some(entry.name.span));
            let symbol = Symbol {
                kind: SymbolKind::State,
                name: row.name.to_owned(),
                place: place.unwrap_or(row.span),
                signature: format!("{}: {}", row.name, program.types.name(row.ty)),
                help: help.and_then(|entry| entry.help).map_or("", |help| help.text).trim().to_owned(),
                owner: String::new(),
                scope,
            };
            self.declare(Some(Key::State(number, id)), symbol);
        }
        for (id, row) in (0u32..).zip(&agent.params) {
            let entry = written.config.iter().find(|entry| entry.name.text == row.name);
            let place = entry.map_or_else(|| self.find(row.span, row.name), |entry| Some(entry.name.span));
            let default = row.default.as_ref().map(|text| format!(" = {text}")).unwrap_or_default();
            let symbol = Symbol {
                kind: SymbolKind::Parameter,
                name: row.name.to_owned(),
                place: place.unwrap_or(row.span),
                signature: format!("{}: {}{default}", row.name, program.types.name(row.ty)),
                help: row.help.clone(),
                owner: String::new(),
                scope,
            };
            self.declare(Some(Key::Param(number, id)), symbol);
        }
        for handler in &written.handlers {
            let symbol = Symbol {
                kind: SymbolKind::Request,
                name: handler.name.text.to_owned(),
                place: handler.name.span,
                signature: handler.heading.text(self.text).trim_start_matches(['#', ' ']).to_owned(),
                help: String::new(),
                owner: agent.name.clone(),
                scope: self.whole(),
            };
            self.declare(Some(Key::Request(&agent.name, handler.name.text)), symbol);
        }
    }

    /// The sections of an agent as one stretch of text; the first agent's may lie anywhere.
    fn agent_scope(&self, number: usize, agent: &Agent<'_>) -> Span {
        if self.document.agents.get(number).is_none_or(|written| written.heading.is_none()) {
            return self.whole();
        }
        let bodies = self.bodies.iter().filter(|body| body.agent == Some(number));
        bodies.fold(agent.span, |span, body| span.to(body.scope))
    }

    fn declare_locals(&mut self) {
        let program = self.program;
        for number in 0..self.bodies.len() {
            let Some(body) = self.bodies.get(number) else { return };
            let (scope, locals) = (body.scope, body.locals);
            for (id, local) in (0u32..).zip(locals) {
                // What the compiler introduces itself has no name in the text.
                let Some(place) = self.find(local.span, local.name).filter(|_| !local.name.is_empty()) else {
                    continue;
                };
                let symbol = Symbol {
                    kind: SymbolKind::Local,
                    name: local.name.to_owned(),
                    place,
                    signature: format!("{}: {}", local.name, program.types.name(local.ty)),
                    help: String::new(),
                    owner: String::new(),
                    scope,
                };
                self.declare(Some(Key::Local(number, id)), symbol);
            }
        }
    }

    /// The body round an offset.
    fn body_at(&self, offset: u32) -> Option<usize> {
        let end = self.bodies.partition_point(|body| body.scope.start <= offset);
        end.checked_sub(1)
    }

    fn expressions(&mut self) {
        let program = self.program;
        for expr in &program.exprs {
            match expr.kind {
                ExprKind::Local(id) => self.local_use(id, expr.span),
                ExprKind::State(id) => self.agent_use(expr.span, |agent| Key::State(agent, id.0)),
                ExprKind::Param(id) => self.agent_use(expr.span, |agent| Key::Param(agent, id.0)),
                ExprKind::Const(id) => {
                    if let Some(row) = program.consts.get(id.index())
                        && expr.span.text(self.text) == row.name
                    {
                        self.refer(Key::Const(id.0), expr.span);
                    }
                }
                ExprKind::Call(id, _) => {
                    let name = program.functions.get(id.index()).map_or("", |row| row.name);
                    if let Some(span) = self.find(expr.span, name).filter(|_| !name.is_empty()) {
                        self.refer(Key::Function(id.0), span);
                    }
                }
                _ => {}
            }
        }
    }

    fn local_use(&mut self, id: LocalId, span: Span) {
        let Some(number) = self.body_at(span.start) else { return };
        let named = self.bodies.get(number).and_then(|body| body.locals.get(id.index()));
        if named.is_some_and(|local| short_form(span.text(self.text), local.name)) {
            self.refer(Key::Local(number, id.0), span);
        }
    }

    fn agent_use(&mut self, span: Span, key: impl Fn(usize) -> Key<'p>) {
        let written = span.text(self.text);
        let nearest = self.body_at(span.start).and_then(|body| self.bodies.get(body)?.agent);
        let all = nearest.into_iter().chain(0..self.program.agents.len());
        for agent in all {
            let key = key(agent);
            let Some(symbol) = self.numbers.get(&key).and_then(|number| self.index.symbols.get(*number))
            else {
                continue;
            };
            if short_form(written, &symbol.name) {
                self.refer(key, span);
                return;
            }
        }
    }

    fn messages(&mut self) {
        let program = self.program;
        for send in &program.sends {
            self.refer(Key::Agent(send.target.text), send.target.span);
            self.refer(Key::Request(send.target.text, send.request.text), send.request.span);
        }
    }
}

/// Tells whether a name is written so: in full, or by a beginning of three letters or more.
fn short_form(written: &str, name: &str) -> bool {
    written == name || (written.len() >= 3 && name.starts_with(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# T\n## Agent\nname: a\ncapabilities: IO_READ, COMMUNICATE\n## Config\n- limit: f64 = 30 — °C\n\
        ## State\n- count: int = 0\n## fn: double(x: int) -> int\n```flux\nreturn x * 2\n```\n\
        ## Loop\n1. Read temperature from I2C sensor (addr 0x48)\n2. If temp > limit: Add 1 to count\n\
        3. Set count to double(count)\n4. TELL b: note(count)\n## agent: b\n### On note(n: int)\n1. Log \"{n}\"\n";

    fn at(word: &str, nth: usize) -> u32 {
        let (at, _) = TEXT.match_indices(word).nth(nth).unwrap();
        u32::try_from(at).unwrap()
    }

    #[test]
    fn every_kind_of_name_leads_to_where_it_is_introduced() {
        let index = Index::new(TEXT, "t.flux.md");
        let place = |word: &str, nth: usize| {
            let (symbol, _) = index.at(at(word, nth)).unwrap_or_else(|| panic!("{word} {nth}"));
            (symbol.kind, symbol.place.start)
        };
        assert_eq!(place("temp >", 0), (SymbolKind::Local, at("temperature", 0)));
        assert_eq!(place("limit", 1), (SymbolKind::Parameter, at("limit", 0)));
        assert_eq!(place("count", 2), (SymbolKind::State, at("count", 0)));
        assert_eq!(place("double", 1), (SymbolKind::Function, at("double", 0)));
        assert_eq!(place("note", 0), (SymbolKind::Request, at("note", 1)));
        assert_eq!(place("b: note", 0), (SymbolKind::Agent, at("b\n###", 0)));
        assert_eq!(place("x * 2", 0), (SymbolKind::Local, at("x: int", 0)));
    }

    #[test]
    fn all_uses_of_a_state_variable_are_found() {
        let index = Index::new(TEXT, "t.flux.md");
        let (symbol, _) = index.at(at("count", 0)).unwrap();
        assert_eq!(index.uses_of(symbol).count(), TEXT.matches("count").count());
    }

    #[test]
    fn the_text_of_a_parameter_shows_its_type_and_help() {
        let index = Index::new(TEXT, "t.flux.md");
        let (shown, span) = super::super::hover(TEXT, &index, at("limit", 1)).unwrap();
        assert!(shown.contains("limit: f64 = 30") && shown.contains("°C"), "{shown}");
        assert_eq!(span.text(TEXT), "limit");
    }

    #[test]
    fn no_cut_of_a_document_panics() {
        for end in (0..TEXT.len()).filter(|end| TEXT.is_char_boundary(*end)) {
            let cut = &TEXT[..end];
            let index = Index::new(cut, "t.flux.md");
            for offset in [0, end / 2, end] {
                let offset = u32::try_from(offset).unwrap();
                let shown = super::super::hover(cut, &index, offset);
                assert!(shown.is_none_or(|(_, span)| span.end as usize <= end));
                let offered = super::super::complete(cut, &index, offset);
                assert!(offered.iter().all(|item| item.replace.end as usize <= end));
            }
        }
    }
}
