//! Compiles documents, FIR text, assembly and modules, stage by stage.

use flux_fluxc::diag::{Diagnostic, Severity, Sink};
use flux_fluxc::fir;
use flux_fluxc::lang::syntax::ast::Optimize;
pub use flux_fluxc::lang::syntax::ast::Target;
use flux_fluxc::span::SourceId;
use flux_fluxc::{Compiled, Level, Options, Outline};
use flux_isa::Module;

use crate::error::Error;
use crate::source::Source;

pub use flux_fluxc::{Stats, Symbols};

/// What came of one document.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A module for each agent; empty after an error.
    pub modules: Vec<Module>,
    /// What there is to say, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Errors in all, also those over the limit of diagnostics.
    pub errors: usize,
    /// Diagnostics that were only counted.
    pub dropped: usize,
    /// Figures.
    pub stats: Stats,
    /// Agents, their requests, and what they send.
    outline: Outline,
}

impl Outcome {
    /// Names of the agents of the document in its order; none of a library.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.outline.agents()
    }

    /// Number of diagnostics of one severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count()
    }
}

/// Optimisation levels as options write them: `0`, `1`, `2`, `3`, `s`, `z`.
///
/// # Errors
/// [`Error::Option`] that lists the levels.
pub fn level(option: &str, text: &str) -> Result<Level, Error> {
    match text {
        "0" => Ok(Level::None),
        "1" => Ok(Level::Basic),
        "2" | "3" => Ok(Level::Full),
        "s" | "z" => Ok(Level::Small),
        _ => Err(Error::Option {
            option: format!("{option} {text}"),
            why: "there is no such level; the levels are 0, 1, 2, 3, s and z".into(),
        }),
    }
}

/// What the `## Compile` section of a document asks of a build.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BuildKeys {
    /// `target`.
    pub target: Option<Target>,
    /// `optimize`.
    pub level: Option<Level>,
    /// `board`.
    pub board: Option<String>,
}

/// Reads the build defaults of a document; errors in it are left to [`document`].
#[must_use]
pub fn build_keys(source: &Source) -> BuildKeys {
    let mut sink = Sink::new(SourceId(0));
    let Some(parsed) = flux_fluxc::lang::syntax::parse(&source.bytes, &mut sink) else {
        return BuildKeys::default();
    };
    let keys = &parsed.compile;
    BuildKeys {
        target: keys.target.as_ref().map(|target| target.value),
        level: keys.optimize.as_ref().map(|optimize| match optimize.value {
            Optimize::O0 => Level::None,
            Optimize::O1 => Level::Basic,
            Optimize::O2 | Optimize::O3 => Level::Full,
            Optimize::Os | Optimize::Oz => Level::Small,
        }),
        board: keys.board.as_ref().map(|board| board.text.to_owned()),
    }
}

/// Compiles a document to modules.
#[must_use]
pub fn document(source: &Source, level: Level) -> Outcome {
    document_with(source, level, Symbols::Leave)
}

/// As [`document`]; the modules may name the locals of the document.
#[must_use]
pub fn document_with(source: &Source, level: Level, symbols: Symbols) -> Outcome {
    let options = Options { level, symbols, ..Options::default() };
    outcome(flux_fluxc::compile(source.compiled(), &source.name, &options))
}

/// Looks a document over; there are no modules then.
#[must_use]
pub fn check(source: &Source) -> Outcome {
    outcome(flux_fluxc::check(source.compiled(), &source.name, &Options::default()))
}

fn outcome(compiled: Compiled) -> Outcome {
    Outcome {
        modules: compiled.modules,
        diagnostics: compiled.diagnostics,
        errors: compiled.errors as usize,
        dropped: compiled.dropped as usize,
        stats: compiled.stats,
        outline: compiled.outline,
    }
}

/// Compiles the documents of one run, and warns of messages to agents that none of them defines.
#[must_use]
pub fn documents(sources: &[Source], level: Level) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = sources.iter().map(|source| document(source, level)).collect();
    warn_of_targets(&mut outcomes);
    outcomes
}

/// Warns in the documents of one run of messages to agents that none of them defines.
pub fn warn_of_targets(outcomes: &mut [Outcome]) {
    let outlines: Vec<&Outline> = outcomes.iter().map(|outcome| &outcome.outline).collect();
    let warnings = flux_fluxc::check_targets(&outlines);
    for (outcome, rows) in outcomes.iter_mut().zip(warnings) {
        outcome.diagnostics.extend(rows);
        outcome.diagnostics.sort_by_key(|row| (row.source, row.span.start));
    }
}

/// Text of one stage of the compiler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The syntax tree.
    Syntax,
    /// FIR before the passes of the level, which is then what `0` makes.
    Fir,
}

/// The text of a stage for each agent of a document, or the diagnostics that stand in the way.
///
/// # Errors
/// As [`Source::sources`].
pub fn stage(
    source: &Source,
    stage: Stage,
    level: Level,
) -> Result<(Option<String>, Vec<Diagnostic>), Error> {
    let mut sink = Sink::new(SourceId(0));
    let sources = source.sources()?;
    let text = match flux_fluxc::analyse(&sources, &mut sink) {
        Some(analysis) if stage == Stage::Syntax => Some(format!("{:#?}\n", analysis.document)),
        Some(analysis) if !sink.has_errors() => {
            let lowered = analysis.lower(&mut sink);
            let texts: Vec<String> = lowered
                .into_iter()
                .map(|mut lowered| {
                    fir::passes::optimize(&mut lowered.fir, level);
                    lowered.fir.to_string()
                })
                .collect();
            Some(texts.join("\n"))
        }
        _ => None,
    };
    Ok((text, flux_fluxc::diagnostics(sink, &sources)))
}

/// Reads, verifies and optimises FIR text.
fn fir_module(source: &Source, level: Level) -> Result<fir::Module, Error> {
    let fail = |why: String| Error::Module { name: source.name.clone(), why };
    let text = std::str::from_utf8(&source.bytes)
        .map_err(|error| fail(format!("byte {} is not UTF-8; FIR text is text", error.valid_up_to())))?;
    let mut module = fir::parse(text).map_err(|error| fail(error.to_string()))?;
    fir::verify::verify(&module).map_err(|error| fail(error.to_string()))?;
    fir::passes::optimize(&mut module, level);
    Ok(module)
}

/// FIR text after the passes of a level.
///
/// # Errors
/// [`Error::Module`] with line and column of what is wrong.
pub fn fir_passes(source: &Source, level: Level) -> Result<String, Error> {
    fir_module(source, level).map(|module| module.to_string())
}

/// FIR text to a module without agent: its functions, exported by nobody.
///
/// # Errors
/// [`Error::Module`] with line and column of what is wrong.
pub fn fir_text(source: &Source, level: Level) -> Result<Module, Error> {
    let mut module = fir_module(source, level)?;
    let code = flux_fluxc::backend::bytecode::generate(&mut module)
        .map_err(|error| Error::Module { name: source.name.clone(), why: error.to_string() })?;
    Ok(Module {
        constants: module.data,
        signatures: code.signatures,
        functions: code.functions,
        code: code.code,
        entries: code.entries,
        lines: code.lines,
        ..Module::default()
    })
}
