//! Documents whose agents a document starts by `Spawn`: finding them, compiling them before it.
//!
//! A child is compiled to modules of its own, which stand in the module of whoever starts it; so its
//! errors are seen when the parent is checked, and one file holds all that an agent may start.
//!
//! # Invariants
//! 1. A child comes before its parent; a document that would start itself, over others or not, is an
//!    error that shows the circle.
//! 2. A document is compiled once as a child, however many start it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::MODULE_BYTES;
use flux_isa::{Child, LinkKind, Module};

use crate::compile::{Compiled, Options, Output, Tests, compile_file};
use crate::dependencies::find;
use crate::diag::{Diagnostic, Severity, Sink, codes};
use crate::lang::syntax::ast::{AgentDoc, Block, Document, Ident, StepKind, Topic};
use crate::sources::Sources;

/// Documents that start each other in a chain.
const MOST_NESTED: usize = 8;

/// A step `Spawn agent from "path"`.
#[derive(Clone, Debug)]
pub(crate) struct Site<'s> {
    pub(crate) agent: Ident<'s>,
    pub(crate) path: Topic<'s>,
}

/// The steps of an agent that start others from documents.
pub(crate) fn sites<'s>(agent: &AgentDoc<'s>) -> Vec<Site<'s>> {
    let mut found = Vec::new();
    let sections = agent.init.iter().chain(&agent.main_loop).map(|section| &section.body);
    let timers = agent.timers.iter().map(|timer| &timer.body);
    let handlers = agent.handlers.iter().map(|handler| &handler.body);
    let topics = agent.topics.iter().map(|topic| &topic.body);
    for block in sections.chain(timers).chain(handlers).chain(topics) {
        look(block, &mut found);
    }
    found
}

/// Steps nest at most as deep as the reader of lists lets them, so that recursion is bounded.
fn look<'s>(block: &Block<'s>, found: &mut Vec<Site<'s>>) {
    for step in &block.steps {
        match &step.kind {
            StepKind::Spawn { agent, path: Some(path), .. } => {
                found.push(Site { agent: *agent, path: path.clone() });
            }
            StepKind::If { arms } => arms.iter().for_each(|arm| look(&arm.body, found)),
            StepKind::Repeat { body, .. }
            | StepKind::While { body, .. }
            | StepKind::ForEach { body, .. }
            | StepKind::Every { body, .. } => look(body, found),
            _ => {}
        }
        if let Some(otherwise) = &step.otherwise {
            look(&otherwise.body, found);
        }
    }
}

/// A document that was compiled as a child.
#[derive(Debug)]
pub(crate) struct ChildDocument {
    /// Its path, relative to the folder of the first document.
    pub(crate) path: String,
    /// One module for each of its agents.
    pub(crate) modules: Vec<Module>,
}

impl ChildDocument {
    /// The module of an agent.
    pub(crate) fn module(&self, agent: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.meta.name == agent)
    }
}

/// The children of a document by the place where a step names the path.
pub(crate) type Children = BTreeMap<u32, Rc<ChildDocument>>;

/// What all documents of a compilation share that are compiled for it.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// Files under way, from the first document to the one that is compiled.
    open: Vec<usize>,
    /// Files that were compiled; `None` for one with errors.
    done: BTreeMap<usize, Option<Rc<ChildDocument>>>,
    /// What there is to say of them, with spans of the whole text.
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) errors: u32,
    pub(crate) dropped: u32,
}

impl Family {
    /// Compiles what the document in file `root` starts.
    pub(crate) fn children(
        &mut self,
        sources: &Sources<'_>,
        root: usize,
        document: &Document<'_>,
        options: &Options,
        sink: &mut Sink,
    ) -> Children {
        let mut children = Children::new();
        self.open.push(root);
        let from = sources.files().get(root).filter(|_| root > 0).map_or("", |file| file.path.as_str());
        for site in document.agents.iter().flat_map(sites) {
            let named = Ident { text: &site.path.name, span: site.path.span };
            let Some(file) = find(sources, from, named, sink) else { continue };
            if let Some(child) = self.child(sources, file, named, options, sink) {
                children.insert(site.path.span.start, child);
            }
        }
        self.open.pop();
        children
    }

    fn child(
        &mut self,
        sources: &Sources<'_>,
        file: usize,
        named: Ident<'_>,
        options: &Options,
        sink: &mut Sink,
    ) -> Option<Rc<ChildDocument>> {
        let path = |file: usize| sources.files().get(file).map_or("", |file| file.path.as_str());
        if let Some(start) = self.open.iter().position(|open| *open == file) {
            let circle: Vec<&str> = self.open.iter().skip(start).copied().chain([file]).map(path).collect();
            sink.push(
                Diagnostic::new(
                    codes::DEPENDENCY_CIRCLE,
                    named.span,
                    format!("documents start each other without end: {}", circle.join(" → ")),
                )
                .label("closes the circle")
                .hint("start from here an agent of another document"),
            );
            return None;
        }
        if self.open.len() >= MOST_NESTED {
            sink.push(Diagnostic::new(
                codes::LIMIT_PASSED,
                named.span,
                format!("more than {MOST_NESTED} documents start each other in a chain"),
            ));
            return None;
        }
        if !self.done.contains_key(&file) {
            let options = Options { tests: Tests::Leave, output: Output::Modules, ..*options };
            let compiled = compile_file(sources, file, &options, Sink::new(options.source), self);
            let child = self.keep(path(file), compiled);
            self.done.insert(file, child);
        }
        let child = self.done.get(&file)?.clone();
        if child.is_none() {
            sink.push(
                Diagnostic::new(
                    codes::LIBRARY_FAULTY,
                    named.span,
                    format!("the document `{}` has errors", path(file)),
                )
                .label("started from here"),
            );
        }
        child
    }

    /// Keeps what was said of a child; the child itself if it has no errors.
    fn keep(&mut self, path: &str, compiled: Compiled) -> Option<Rc<ChildDocument>> {
        let faulty =
            compiled.has_errors() || compiled.diagnostics.iter().any(|row| row.severity() == Severity::Error);
        self.errors = self.errors.saturating_add(compiled.errors);
        self.dropped = self.dropped.saturating_add(compiled.dropped);
        self.diagnostics.extend(compiled.diagnostics);
        let document = ChildDocument { path: path.into(), modules: compiled.modules };
        (!faulty).then(|| Rc::new(document))
    }
}

/// Puts the children that a module has links to into it; what passes a limit goes to `sink`.
pub(crate) fn attach(module: &mut Module, children: &Children, sink: &mut Sink) {
    for (place, document) in children {
        for child in &document.modules {
            let key = (document.path.as_str(), child.meta.name.as_str());
            let linked = module.links.iter().any(|link| {
                link.kind == LinkKind::Module && (link.name.as_str(), link.channel.as_str()) == key
            });
            if !linked || module.children.iter().any(|known| (&*known.document, &*known.agent) == key) {
                continue;
            }
            let bytes = child.encode();
            let total = module.children.iter().map(|known| known.module.len()).sum::<usize>();
            if total.saturating_add(bytes.len()) > MODULE_BYTES / 2 {
                sink.push(Diagnostic::new(
                    codes::LIMIT_PASSED,
                    crate::span::Span::empty(*place),
                    format!(
                        "with `{}` the agents that are started have more than {} bytes",
                        key.0,
                        MODULE_BYTES / 2
                    ),
                ));
                return;
            }
            let (document, agent) = (document.path.clone(), child.meta.name.clone());
            module.children.push(Child { document, agent, module: bytes });
        }
    }
    module.children.sort_by(|a, b| (&a.document, &a.agent).cmp(&(&b.document, &b.agent)));
}
