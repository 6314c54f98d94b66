//! From a document to modules, in one call or stage by stage.
//!
//! # Invariants
//! 1. The result depends on the bytes, the name and the options alone: no clock, no
//!    environment, no hash order.
//! 2. There is a module for each agent (or one for a library) if and only if no diagnostic
//!    is an error.
//!
//! ```
//! use flux_fluxc::{compile, Options};
//! let source = b"## Agent\nname: hello\n## Loop\n1. Log \"hello\"\n2. YIELD\n";
//! let compiled = compile(source, "hello.flux.md", &Options::default());
//! assert!(compiled.diagnostics.is_empty());
//! assert_eq!(compiled.modules[0].meta.name, "hello");
//! ```

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::backend::bytecode;
use crate::dependencies::{Units, link, stem};
use crate::diag::{Diagnostic, Severity, Sink, codes};
use crate::fir::passes::{self, Level, Workspace};
use crate::lang::sema;
use crate::lang::sema::tree::{Agent, Program};
use crate::lang::syntax::ast::Document;
use crate::lower::{Lowered, Scarce, lower};
use crate::sources::Sources;
use crate::span::{SourceId, SourceLines, Span};
use crate::targets::Outline;
use flux_isa::Module;

/// How a document is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How hard FIR is optimised.
    pub level: Level,
    /// Number of the document, for diagnostics.
    pub source: SourceId,
}

/// What one compilation did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Lines of the document.
    pub lines: u32,
    /// Agents of the document.
    pub agents: u32,
    /// Functions and sections in all modules.
    pub functions: u32,
    /// FIR instructions before the passes.
    pub instructions: u64,
    /// FIR instructions after the passes.
    pub optimized: u64,
    /// Words of code in all modules.
    pub words: u64,
}

/// A document, compiled.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// One module for each agent in the order of the document, or one for a library; none
    /// after an error.
    pub modules: Vec<Module>,
    /// What there is to say, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Errors in all, those over the limit of diagnostics included.
    pub errors: u32,
    /// Diagnostics that were only counted.
    pub dropped: u32,
    /// Figures.
    pub stats: Stats,
    /// Agents, their requests, and what they send.
    pub outline: Outline,
}

impl Compiled {
    /// Tells whether the document has errors.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }
}

/// What the tables of a module take beside what is counted: the module itself, the maps of the
/// lowering.
const MODULE_BYTES: usize = 2_048;

/// What is known of a function while the functions of a module are lowered.
const UNIT_BYTES: usize = 512;

/// What an instruction takes that inlining adds, in FIR, in the passes and in the back end.
const GROWTH_BYTES: usize = 256;

/// A document whose names and types are known.
#[derive(Debug)]
pub struct Analysis<'s> {
    /// The text of the document itself.
    pub source: &'s str,
    /// The syntax tree of the document itself.
    pub document: Document<'s>,
    /// The text of the document and its libraries.
    text: &'s str,
    /// Where in it the documents begin, with their numbers.
    starts: Vec<(u32, u8)>,
    /// The typed tree; may be lowered if there are no errors.
    pub program: Program<'s>,
    /// Name of the document without its endings.
    pub stem: String,
    /// Bytes that the syntax tree takes.
    syntax_bytes: usize,
    /// Bytes that both trees take.
    bytes: usize,
}

/// Reads a document with its libraries and finds out what it means. `None` if its bytes are no text
/// within the limits; what is wrong goes to `sink`, with spans of the whole text.
#[must_use]
pub fn analyse<'s>(sources: &'s Sources<'s>, sink: &mut Sink) -> Option<Analysis<'s>> {
    let mut units = link(sources, sink)?;
    let syntax_bytes = sink.memory_used();
    let name = sources.files().first().map_or("", |file| file.path.as_str());
    let stem = stem(name).to_string();
    let program = sema::analyse(sources.text(), &units, &stem, sink);
    units.report_faulty(sink);
    let starts = starts(&units);
    let document = core::mem::take(&mut units.units.first_mut()?.document);
    let (source, _) = sources.up_to(0);
    let bytes = sink.memory_used();
    Some(Analysis { source, document, text: sources.text(), starts, program, stem, syntax_bytes, bytes })
}

/// Where the documents begin in the whole text, in ascending order.
fn starts(units: &Units<'_>) -> Vec<(u32, u8)> {
    let numbered = units.units.iter().enumerate();
    let mut starts: Vec<(u32, u8)> =
        numbered.map(|(number, unit)| (unit.span.start, u8::try_from(number).unwrap_or(u8::MAX))).collect();
    starts.sort_unstable();
    starts
}

impl Analysis<'_> {
    /// Gives back the syntax tree, which lowering does not need.
    fn drop_syntax(&mut self, sink: &mut Sink) {
        self.document = Document::default();
        sink.release(self.syntax_bytes);
        self.bytes -= self.syntax_bytes;
    }

    /// Lowers each agent, or the library, to FIR. What passes a limit goes to `sink`.
    #[must_use]
    pub fn lower(&self, sink: &mut Sink) -> Vec<Lowered> {
        let lines = SourceLines::new(self.text, &self.starts);
        let agents: Vec<Option<usize>> = match self.program.agents.len() {
            0 => alloc::vec![None],
            count => (0..count).map(Some).collect(),
        };
        if !sink.charge(self.text.len() / 8, Span::empty(0)) {
            return Vec::new();
        }
        let mut all = Vec::with_capacity(agents.len());
        for agent in agents {
            let span = agent
                .and_then(|agent| self.program.agents.get(agent))
                .map_or(Span::empty(0), |agent| agent.span);
            // Numbers of functions and constants, and what lowering knows of each function.
            let maps = UNIT_BYTES * self.program.functions.len() + 8 * self.program.consts.len();
            if !sink.charge(MODULE_BYTES + maps, span) {
                break;
            }
            match lower(&self.program, agent, &lines, &self.stem, sink.memory_left()) {
                Ok(lowered) => {
                    if !sink.charge(lowered.bytes(), span) {
                        break;
                    }
                    sink.release(maps);
                    if let Some(agent) = agent.and_then(|agent| self.program.agents.get(agent)) {
                        check_quota(agent, &lowered, sink);
                    }
                    all.push(lowered);
                }
                Err(error) => {
                    if error.scarce == Scarce::Memory {
                        sink.spend(error.span);
                        break;
                    }
                    sink.release(maps);
                    sink.push(Diagnostic::new(codes::LIMIT_PASSED, error.span, error.message).label("here"));
                }
            }
        }
        all
    }
}

/// Reports the state variable that passes the agent's quota.
fn check_quota(agent: &Agent<'_>, lowered: &Lowered, sink: &mut Sink) {
    let layout = &lowered.shell.state;
    let needed = u64::from(layout.size) + u64::from(layout.scratch);
    if needed <= agent.memory {
        return;
    }
    // The variable that ends above the quota; without one it is what the functions need.
    let ends = layout.fields.iter().skip(1).map(|field| field.offset).chain([layout.size]);
    let over = ends.zip(&agent.state).find(|(end, _)| u64::from(*end) > agent.memory);
    let span = over.map_or(agent.span, |(_, variable)| variable.span);
    let wanted = needed.div_ceil(1024).saturating_mul(2);
    sink.push(
        Diagnostic::new(
            codes::LIMIT_PASSED,
            span,
            format!(
                "the agent `{}` needs {needed} bytes for its variables, its memory is {} bytes",
                agent.name, agent.memory
            ),
        )
        .label("does not fit")
        .hint(format!("write `memory: {wanted}KB` into `## Agent`, or keep less")),
    );
}

/// Makes the module of optimised FIR.
///
/// # Errors
/// A limit of the instruction set that the code passes.
pub fn emit(mut lowered: Lowered) -> Result<Module, bytecode::BackendError> {
    let code = bytecode::generate(&mut lowered.fir)?;
    Ok(assemble(lowered, code))
}

/// Puts the code into the module.
fn assemble(lowered: Lowered, code: bytecode::Code) -> Module {
    let mut module = lowered.shell;
    module.constants = lowered.fir.data;
    module.signatures = code.signatures;
    module.functions = code.functions;
    module.code = code.code;
    module.entries = code.entries;
    module.lines = code.lines;
    module
}

/// Compiles a document, or one with its libraries as [`crate::gather`] makes it. `name` is its file
/// name; an agent without a name takes its stem.
#[must_use]
pub fn compile(source: &[u8], name: &str, options: &Options) -> Compiled {
    let mut sink = Sink::new(options.source);
    let sources = match Sources::new(source, name) {
        Ok(sources) => sources,
        Err(error) => {
            sink.push(Diagnostic::new(codes::BINARY_FILE, Span::empty(0), format!("{error}")));
            return finish(sink, None, Compiled::default());
        }
    };
    compile_sources(&sources, options, sink)
}

fn compile_sources(sources: &Sources<'_>, options: &Options, mut sink: Sink) -> Compiled {
    let mut compiled = Compiled::default();
    sink.allow_for(sources.text().len());
    if let Some(mut analysis) = analyse(sources, &mut sink) {
        compiled.stats.agents = number(analysis.program.agents.len());
        compiled.outline = Outline::of(&analysis.program);
        compiled.stats.lines = number(analysis.source.lines().count());
        if !sink.has_errors() {
            analysis.drop_syntax(&mut sink);
            let lowered = analysis.lower(&mut sink);
            sink.release(analysis.bytes);
            drop(analysis);
            if !sink.has_errors() {
                generate(lowered, options, &mut sink, &mut compiled);
            }
        }
    }
    finish(sink, Some(sources), compiled)
}

/// Looks a document over without making modules.
#[must_use]
pub fn check(source: &[u8], name: &str, options: &Options) -> Compiled {
    let mut compiled = compile(source, name, options);
    compiled.modules = Vec::new();
    compiled
}

fn generate(lowered: Vec<Lowered>, options: &Options, sink: &mut Sink, compiled: &mut Compiled) {
    let work = &mut Workspace::default();
    for mut lowered in lowered {
        let stats = &mut compiled.stats;
        stats.functions += number(lowered.fir.functions.len());
        let counts = lowered.fir.functions.iter().map(|function| function.instruction_count() as u64);
        stats.instructions += counts.sum::<u64>();
        let before = lowered.bytes();
        let room = sink.memory_left() / GROWTH_BYTES;
        passes::optimize_calls(&mut lowered.fir, options.level, room, work);
        let code = bytecode::generate_with(&mut lowered.fir, |function| {
            passes::finish_function(function, options.level, work);
            stats.optimized += function.instruction_count() as u64;
        });
        match code {
            Ok(code) => {
                let module = assemble(lowered, code);
                sink.release(before);
                sink.charge(module_bytes(&module), Span::empty(0));
                compiled.stats.words += module.code.len() as u64;
                compiled.modules.push(module);
            }
            Err(error) => {
                sink.push(Diagnostic::new(codes::LIMIT_PASSED, Span::empty(0), format!("{error}")));
            }
        }
    }
}

/// Bytes of what grows in a module with its code.
fn module_bytes(module: &Module) -> usize {
    module.code.len() * size_of::<u32>()
        + module.constants.len()
        + module.entries.len() * size_of::<flux_isa::Entry>()
        + module.lines.len() * size_of::<flux_isa::Line>()
        + module.functions.len() * size_of::<flux_isa::Function>()
}

fn finish(sink: Sink, sources: Option<&Sources<'_>>, mut compiled: Compiled) -> Compiled {
    compiled.errors = sink.errors();
    compiled.dropped = sink.dropped();
    compiled.diagnostics = sink.into_sorted();
    if let Some(sources) = sources {
        sources.localise(&mut compiled.diagnostics);
    }
    if compiled.errors > 0 || compiled.diagnostics.iter().any(|row| row.severity() == Severity::Error) {
        compiled.modules = Vec::new();
    }
    compiled
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
