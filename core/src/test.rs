//! Runs the tests of documents and says what came of them.

mod junit;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flux_fluxc::plan::Test;
use flux_fluxc::{Level, Options, Tests};
use flux_isa::{Module, SourceLine};
use flux_system::test::{self, Settings, Subject};
pub use flux_system::test::{Coverage, Failure};

use crate::source::Source;
use crate::{Diagnostic, LogLevel};

pub use junit::junit;

/// Lines of a test's log that are kept when all of it is wanted.
const WHOLE_LOG: usize = 10_000;
/// Lines of a test's log that a failure shows.
const LAST_LINES: usize = 12;

/// How tests are run.
#[derive(Clone, Debug)]
pub struct Request {
    /// Only tests whose name contains this, letter case aside.
    pub filter: Option<String>,
    /// Seed of all randomness.
    pub seed: u64,
    /// How much of the log is kept.
    pub log: KeptLog,
    /// Whether it is counted which lines ran.
    pub coverage: Coverage,
}

/// How much of the log of a test is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeptLog {
    /// Its last lines, for failures.
    Last,
    /// All of it, with debug records.
    Whole,
}

/// A document that was compiled with its tests.
#[derive(Clone, Debug)]
pub struct Document {
    /// The document.
    pub source: Source,
    /// What the compiler says.
    pub diagnostics: Vec<Diagnostic>,
    /// Errors in all.
    pub errors: usize,
    /// Its tests, after the filter.
    pub tests: Vec<Test>,
    /// Tests that the filter left out.
    pub left_out: usize,
    modules: Vec<Module>,
}

/// What came of one test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The line of its heading.
    pub line: u32,
    /// Why it failed; `None` if it passed.
    pub failure: Option<Failure>,
    /// Lines of its log.
    pub log: Vec<String>,
    /// Simulated time that passed, in nanoseconds.
    pub simulated_ns: i64,
    /// Time that it took.
    pub elapsed: Duration,
    /// Instructions executed of each line, if they were counted.
    lines: BTreeMap<u32, u64>,
}

/// What came of the tests of one document.
#[derive(Clone, Debug)]
pub struct Report {
    /// The document.
    pub document: Document,
    /// Its tests.
    pub outcomes: Vec<Outcome>,
    /// Which lines ran, if it was counted.
    pub coverage: Option<LineCoverage>,
}

impl Report {
    /// Tests that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.failure.is_some()).count()
    }
}

/// Which lines with code ran in any test.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LineCoverage {
    /// By line, whether it ran.
    pub lines: BTreeMap<u32, bool>,
}

impl LineCoverage {
    /// Lines that ran.
    #[must_use]
    pub fn covered(&self) -> usize {
        self.lines.values().filter(|ran| **ran).count()
    }

    /// Lines that ran of a hundred; 100 if there are none with code.
    #[must_use]
    pub fn percent(&self) -> usize {
        (self.covered() * 100).checked_div(self.lines.len()).unwrap_or(100)
    }
}

/// Compiles a document with its tests.
#[must_use]
pub fn compile(source: Source, request: &Request) -> Document {
    // Without optimisation every line keeps its code.
    let level = match request.coverage {
        Coverage::On => Level::None,
        Coverage::Off => Level::default(),
    };
    let options = Options { level, tests: Tests::Include, ..Options::default() };
    let compiled = flux_fluxc::compile(source.compiled(), &source.name, &options);
    let wanted = request.filter.as_deref().unwrap_or_default().to_lowercase();
    let errors = compiled.errors as usize;
    let all = if errors > 0 { Vec::new() } else { compiled.tests };
    let (tests, others): (Vec<Test>, Vec<Test>) =
        all.into_iter().partition(|test| test.name.to_lowercase().contains(&wanted));
    Document {
        source,
        diagnostics: compiled.diagnostics,
        errors,
        tests,
        left_out: others.len(),
        modules: compiled.modules,
    }
}

/// Runs the tests of a document; `done` is told of each that has ended.
pub fn run(document: Document, request: &Request, done: &mut dyn FnMut(&Outcome)) -> Report {
    let (level, lines) = match request.log {
        KeptLog::Last => (LogLevel::Info, LAST_LINES),
        KeptLog::Whole => (LogLevel::Debug, WHOLE_LOG),
    };
    let settings = Settings { seed: request.seed, level, lines, coverage: request.coverage };
    let subject = Subject {
        document: &document.source.name,
        source: &document.source.bytes,
        modules: &document.modules,
    };
    let mut outcomes = Vec::new();
    for test in &document.tests {
        let start = Instant::now();
        let report = test::run(&subject, test, &settings);
        let outcome = Outcome {
            name: test.name.clone(),
            line: test.line,
            failure: report.failure,
            log: report.log,
            simulated_ns: report.time.ns(),
            elapsed: start.elapsed(),
            lines: report.lines,
        };
        done(&outcome);
        outcomes.push(outcome);
    }
    let coverage = (request.coverage == Coverage::On).then(|| coverage(&document, &outcomes));
    Report { document, outcomes, coverage }
}

fn coverage(document: &Document, outcomes: &[Outcome]) -> LineCoverage {
    let text = String::from_utf8_lossy(&document.source.bytes);
    let text: Vec<&str> = text.lines().collect();
    // Lines of libraries are those of other documents.
    let is_own = |line: &u32| SourceLine::from_word(*line).document == 0;
    // The code that begins a section has the line of its heading, which is no step.
    let is_heading = |line: u32| {
        let at = (line as usize).checked_sub(1).and_then(|at| text.get(at));
        at.is_some_and(|text| text.trim_start().starts_with('#'))
    };
    let lines = test::lines_with_code(&document.modules).into_iter().filter(is_own);
    let lines = lines.filter(|line| !is_heading(*line));
    let ran = |line: u32| outcomes.iter().any(|outcome| outcome.lines.contains_key(&line));
    LineCoverage { lines: lines.map(|line| (line, ran(line))).collect() }
}
