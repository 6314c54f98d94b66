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
use crate::backend::bytecode::Generator;
use crate::children::{Children, Family, attach};
use crate::dependencies::{Units, link, stem};
use crate::diag::{Diagnostic, Severity, Sink, codes};
use crate::fir::pack::LARGE;
use crate::fir::passes::{CallOrder, Level, Optimizer, Workspace};
use crate::fir::{FuncId, Function};
use crate::lang::sema;
use crate::lang::sema::Bodies;
use crate::lang::sema::tree::{Agent, Program};
use crate::lang::syntax::ast::Document;
use crate::lower::{Locals, Lowered, Packed, Part, Scarce, lower};
use crate::plan::Test;
use crate::sources::Sources;
use crate::span::{LineTable, SourceId, SourceLines, Span};
use crate::targets::Outline;
use flux_isa::Module;

/// How a document is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How hard FIR is optimised.
    pub level: Level,
    /// Number of the document, for diagnostics.
    pub source: SourceId,
    /// Whether the modules hold what its tests need.
    pub tests: Tests,
    /// Whether the modules name the locals of the document.
    pub symbols: Symbols,
    /// What is made of it.
    pub output: Output,
}

/// What is made of a document.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Output {
    /// Its modules.
    #[default]
    Modules,
    /// What there is to say about it. Modules are made only where making them could find something.
    Findings,
}

/// Whether modules name the locals of their document for debuggers.
///
/// A module with names has another identity. Without optimisation it also says where the locals are,
/// and keeps their values to the ends of their blocks; with it, that they were optimised away.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Symbols {
    /// They do not.
    #[default]
    Leave,
    /// They do.
    Include,
}

impl Options {
    const fn locals(&self) -> Locals {
        match (self.symbols, self.level) {
            (Symbols::Leave, _) => Locals::Leave,
            (Symbols::Include, Level::None) => Locals::Places,
            (Symbols::Include, _) => Locals::Names,
        }
    }
}

/// Whether modules hold the probes of tests.
///
/// A module with them has another identity; tests are checked either way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tests {
    /// They do not.
    #[default]
    Leave,
    /// They do, and [`Compiled::tests`] says how they are used; a library becomes an agent that does nothing.
    Include,
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
    /// The tests of the document, if its modules hold their probes.
    pub tests: Vec<Test>,
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
    /// Whether probes are lowered.
    tests: Tests,
    /// What is said of locals.
    locals: Locals,
    /// Bytes that the syntax tree takes.
    syntax_bytes: usize,
    /// Bytes that both trees take.
    bytes: usize,
    /// What the agents of the document start.
    children: Children,
}

/// Reads a document with its libraries and finds out what it means. `None` if its bytes are no text
/// within the limits; what is wrong goes to `sink`, with spans of the whole text.
#[must_use]
pub fn analyse<'s>(sources: &'s Sources<'s>, sink: &mut Sink) -> Option<Analysis<'s>> {
    let mut family = Family::default();
    analyse_with(sources, 0, Bodies::Kept, &Options::default(), sink, &mut family)
}

fn analyse_with<'s>(
    sources: &'s Sources<'s>,
    root: usize,
    bodies: Bodies,
    options: &Options,
    sink: &mut Sink,
    family: &mut Family,
) -> Option<Analysis<'s>> {
    let mut units = link(sources, root, sink)?;
    let syntax_bytes = sink.memory_used();
    let name = sources.files().get(root).map_or("", |file| file.path.as_str());
    let stem = stem(name).to_string();
    let children = match units.units.first() {
        Some(unit) => family.children(sources, root, &unit.document, options, sink),
        None => Children::new(),
    };
    let program = sema::analyse(sources.text(), &mut units, &children, bodies, &stem, sink);
    units.report_faulty(sink);
    let starts = starts(&units);
    let document = core::mem::take(&mut units.units.first_mut()?.document);
    let (source, _) = sources.up_to(root);
    let bytes = sink.memory_used();
    let tests = Tests::Leave;
    let locals = options.locals();
    Some(Analysis {
        source,
        document,
        text: sources.text(),
        starts,
        program,
        stem,
        tests,
        locals,
        syntax_bytes,
        bytes,
        children,
    })
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

    /// Lets the modules hold the probes of the tests, and gives the plans.
    fn include_tests(&mut self, sink: &mut Sink) -> Vec<Test> {
        self.tests = Tests::Include;
        self.program.join_values(sink);
        let lines = LineTable::new(self.source);
        let mut tests = core::mem::take(&mut self.program.tests);
        if self.program.agents.is_empty() && !tests.is_empty() {
            self.program.agents.push(sema::test::bare_agent(&self.stem));
        }
        for test in &mut tests {
            test.line = lines.line(test.span.start);
            for step in &mut test.steps {
                step.line = lines.line(step.span.start);
            }
        }
        tests
    }

    /// Lowers each agent, or the library, to FIR. What passes a limit goes to `sink`.
    #[must_use]
    pub fn lower(&self, sink: &mut Sink) -> Vec<Lowered> {
        self.lower_packed(sink).into_iter().map(Packed::unpack).collect()
    }

    fn lower_packed(&self, sink: &mut Sink) -> Vec<Packed> {
        let lines = SourceLines::new(self.text, &self.starts);
        let parts: Vec<Part> = match self.program.agents.len() {
            0 => alloc::vec![Part::Library],
            count => (0..count).map(|agent| Part::Agent(agent, self.tests)).collect(),
        };
        if !sink.charge(self.text.len() / 8, Span::empty(0)) {
            return Vec::new();
        }
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            let agent = match part {
                Part::Agent(agent, _) => self.program.agents.get(agent),
                Part::Library => None,
            };
            let span = agent.map_or(Span::empty(0), |agent| agent.span);
            // Numbers of functions and constants, and what lowering knows of each function.
            let maps = UNIT_BYTES * self.program.functions.len() + 8 * self.program.consts.len();
            if !sink.charge(MODULE_BYTES + maps, span) {
                break;
            }
            match lower(&self.program, part, &lines, &self.stem, self.locals, sink.memory_left()) {
                Ok(lowered) => {
                    if !sink.charge(lowered.bytes(), span) {
                        break;
                    }
                    sink.release(maps);
                    if let Some(agent) = agent {
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
fn check_quota(agent: &Agent<'_>, lowered: &Packed, sink: &mut Sink) {
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
    Ok(assemble(lowered.shell, lowered.fir.data, code))
}

/// Puts code and constants into the module.
fn assemble(mut module: Module, constants: Vec<u8>, code: bytecode::Code) -> Module {
    module.constants = constants;
    module.signatures = code.signatures;
    module.functions = code.functions;
    module.code = code.code;
    module.entries = code.entries;
    module.lines = code.lines;
    for (row, range) in code.locals {
        if let Some(local) = usize::try_from(row).ok().and_then(|row| module.locals.get_mut(row)) {
            local.ranges.push(range);
        }
    }
    module.locals.sort_by_key(|local| local.function);
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
            return finish(sink, Compiled::default());
        }
    };
    let mut family = Family::default();
    let mut compiled = compile_file(&sources, 0, options, sink, &mut family);
    compiled.errors = compiled.errors.saturating_add(family.errors);
    compiled.dropped = compiled.dropped.saturating_add(family.dropped);
    for row in family.diagnostics {
        // What several documents use is said once.
        if !compiled.diagnostics.contains(&row) {
            compiled.diagnostics.push(row);
        }
    }
    sources.localise(&mut compiled.diagnostics);
    compiled
}

/// Compiles the document in file `root`; the spans of what is said are those of the whole text.
pub(crate) fn compile_file(
    sources: &Sources<'_>,
    root: usize,
    options: &Options,
    mut sink: Sink,
    family: &mut Family,
) -> Compiled {
    let mut compiled = Compiled::default();
    sink.allow_for(sources.text().len());
    let bodies = Bodies::Dropped;
    if let Some(mut analysis) = analyse_with(sources, root, bodies, options, &mut sink, family) {
        compiled.stats.agents = number(analysis.program.agents.len());
        compiled.outline = Outline::of(&analysis.program);
        compiled.stats.lines = number(count_lines(analysis.source));
        if !sink.has_errors() {
            analysis.drop_syntax(&mut sink);
            if options.tests == Tests::Include {
                compiled.tests = analysis.include_tests(&mut sink);
            }
            let lowered = analysis.lower_packed(&mut sink);
            sink.release(analysis.bytes);
            let children = core::mem::take(&mut analysis.children);
            drop(analysis);
            let silent = options.output == Output::Findings
                && children.is_empty()
                && lowered.iter().all(is_surely_made);
            if !sink.has_errors() && !silent {
                generate(lowered, options, &mut sink, &mut compiled);
                compiled.modules.iter_mut().for_each(|module| attach(module, &children, &mut sink));
            }
        }
    }
    finish(sink, compiled)
}

/// Looks a document over without making modules.
#[must_use]
pub fn check(source: &[u8], name: &str, options: &Options) -> Compiled {
    // Optimising finds nothing to say.
    let options = Options { level: Level::None, output: Output::Findings, ..*options };
    let mut compiled = compile(source, name, &options);
    compiled.modules = Vec::new();
    compiled
}

/// Tells whether no limit of the instruction set can stand in the way of a module: its functions have
/// together fewer instructions than a frame has slots, which is the tightest of them, and few parameters.
fn is_surely_made(lowered: &Packed) -> bool {
    /// Bytes that hold fewer instructions, each of at least 32, than a frame has slots.
    const FEW_BYTES: usize = 32 * bytecode::SLOTS;
    /// Fewer than a signature can say.
    const FEW_PARAMETERS: usize = 64;
    let narrow = |function: &Function| function.signature.params.len() <= FEW_PARAMETERS;
    lowered.bytes() <= FEW_BYTES && lowered.fir.functions.iter().all(narrow)
}

fn generate(lowered: Vec<Packed>, options: &Options, sink: &mut Sink, compiled: &mut Compiled) {
    let mut work = Workspace::default();
    for lowered in lowered {
        let before = lowered.bytes();
        let room = sink.memory_left() / GROWTH_BYTES;
        match generate_module(lowered, options.level, room, &mut work, &mut compiled.stats) {
            Ok(module) => {
                sink.release(before);
                sink.charge(module_bytes(&module), Span::empty(0));
                compiled.stats.words += module.code.len() as u64;
                compiled.modules.push(module);
            }
            Err((error, place)) => {
                sink.push(Diagnostic::new(codes::LIMIT_PASSED, place, format!("{error}")).label("here"));
            }
        }
    }
}

/// Optimises the functions of a module and makes their code one by one: all that is known of a
/// function is in the cache, and gone before the next one comes.
///
/// # Errors
/// A limit of the instruction set, with the function that passes it or else the agent.
fn generate_module(
    mut lowered: Packed,
    level: Level,
    room: usize,
    work: &mut Workspace,
    stats: &mut Stats,
) -> Result<Module, (bytecode::BackendError, Span)> {
    let mut fir = core::mem::take(&mut lowered.fir);
    let mut bodies = core::mem::take(&mut lowered.bodies);
    let whole = |error| (error, lowered.place(None));
    let own = |id: FuncId| {
        let lowered = &lowered;
        move |error| (error, lowered.place(Some(id.index())))
    };
    let order = CallOrder::new(&bodies, |body, visit| body.calls().iter().copied().for_each(visit));
    let mut optimizer = Optimizer::new(&order, level, room);
    let mut generator = Generator::new(&fir.functions).map_err(whole)?;
    let mut function = Function::default();
    stats.functions += number(bodies.len());
    for &id in order.ids() {
        let (Some(header), Some(body)) = (fir.functions.get_mut(id.index()), bodies.get_mut(id.index()))
        else {
            continue;
        };
        if header.given.is_some() {
            generator.add(id, header, None).map_err(own(id))?;
            continue;
        }
        function.take_header(header);
        core::mem::take(body).unpack(&mut function, work.spare(), lowered.addresses.of(id.index()));
        stats.instructions += function.instruction_count() as u64;
        optimizer.run(id, &mut function, work);
        stats.optimized += function.instruction_count() as u64;
        if function.values.len() > LARGE {
            *work = Workspace::default();
        }
        generator.add(id, &mut function, work.lend_graph()).map_err(own(id))?;
        header.name = core::mem::take(&mut function.name);
    }
    let code = generator.finish(fir.functions.into_iter().map(|function| function.name)).map_err(whole)?;
    Ok(assemble(lowered.shell, fir.data, code))
}

/// Bytes of what grows in a module with its code.
fn module_bytes(module: &Module) -> usize {
    module.code.len() * size_of::<u32>()
        + module.constants.len()
        + module.entries.len() * size_of::<flux_isa::Entry>()
        + module.lines.len() * size_of::<flux_isa::Line>()
        + module.functions.len() * size_of::<flux_isa::Function>()
        + module.locals.iter().map(local_bytes).sum::<usize>()
}

fn local_bytes(local: &flux_isa::Local) -> usize {
    size_of_val(local) + local.name.len() + local.desc.len() + size_of_val(local.ranges.as_slice())
}

fn finish(sink: Sink, mut compiled: Compiled) -> Compiled {
    compiled.errors = sink.errors();
    compiled.dropped = sink.dropped();
    compiled.diagnostics = sink.into_sorted();
    if compiled.errors > 0 || compiled.diagnostics.iter().any(|row| row.severity() == Severity::Error) {
        compiled.modules = Vec::new();
    }
    compiled
}

/// As many as `source.lines()` gives, which looks at each one.
fn count_lines(source: &str) -> usize {
    // Counts in bytes fit many into a vector register.
    let chunks = source.as_bytes().chunks(usize::from(u8::MAX));
    let count = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    let ends: usize = chunks.map(|chunk| usize::from(count(chunk))).sum();
    ends + usize::from(!source.is_empty() && !source.ends_with('\n'))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `look` sees of a document that was analysed.
    fn analysed<T>(text: &str, bodies: Bodies, look: impl FnOnce(&Analysis<'_>, &Sink) -> T) -> T {
        let sources = Sources::new(text.as_bytes(), "a.flux.md").expect("one document");
        let (mut sink, mut family) = (Sink::new(SourceId::default()), Family::default());
        sink.allow_for(text.len());
        let analysis = analyse_with(&sources, 0, bodies, &Options::default(), &mut sink, &mut family);
        assert!(!sink.has_errors(), "{:?}", sink.diagnostics());
        look(&analysis.expect("a text within the limits"), &sink)
    }

    const AGENT: &str = "# A\n## Agent\nname: a\n## Init\n1. Log \"a\"\n## Every 5s ##\n1. Log \"b\"\n## On ask()\n1. Log \"c\"\n";

    #[test]
    fn what_steps_say_stays_in_the_document_if_it_is_kept() {
        let steps = |bodies| {
            analysed(AGENT, bodies, |analysis, _| {
                let agent = analysis.document.agents.first().expect("an agent");
                let init = agent.init.as_ref().expect("it begins").body.steps.len();
                let timers = agent.timers.iter().map(|timer| timer.body.steps.len()).sum::<usize>();
                let handlers = agent.handlers.iter().map(|handler| handler.body.steps.len()).sum::<usize>();
                [init, timers, handlers]
            })
        };
        assert_eq!(steps(Bodies::Kept), [1, 1, 1]);
        assert_eq!(steps(Bodies::Dropped), [0, 0, 0]);
    }

    #[test]
    fn a_section_has_the_name_of_its_heading() {
        let titles = analysed(AGENT, Bodies::Kept, |analysis, _| {
            let agent = analysis.program.agents.first().expect("an agent");
            agent.sections.iter().map(|section| section.title.clone()).collect::<Vec<_>>()
        });
        assert_eq!(titles, ["Init", "Every 5s", "On ask"]);
    }

    /// The tables of names are as large as what is in them, and the memory of a compilation is bounded.
    #[test]
    fn names_take_memory_that_is_counted() {
        let used = |name: fn(usize) -> usize| {
            let lines: String = (0..3_000).map(|at| alloc::format!("  let x{} = 1\n", name(at))).collect();
            let text = alloc::format!("# A\n## Types\n```flux\nfn f() {{\n{lines}}}\n```\n");
            analysed(&text, Bodies::Dropped, |_, sink| sink.memory_used())
        };
        let (many, one) = (used(|at| 1_000 + at), used(|_| 1_000));
        assert!(many > one + 3_000 * 32, "{many} bytes with 3000 names, {one} with one");
    }
}
